// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <fcntl.h>
#include <functional>
#include <grp.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "net/loop.h"
#include "net/now.h"
#include "vmm/qmp/qmp.h"
#include "vmm/qmp/schema.h"
#include "vmm/qmp/who.h"
}

namespace
{

TEST(QmpRole, OwnerAndRootDoMonitorsAsk)
{
	const gid_t in[] = {5, 77, 9}, out[] = {5, 9};

	EXPECT_EQ(QMP_OPERATOR, qmp_role(1000, out, 2, 1000, 77));
	EXPECT_EQ(QMP_OPERATOR, qmp_role(0, out, 2, 1000, 77));
	EXPECT_EQ(QMP_OPERATOR, qmp_role(1000, in, 3, 1000, 77)) << "the owner may be a monitor too";
	EXPECT_EQ(QMP_MONITOR, qmp_role(1001, in, 3, 1000, 77));
	EXPECT_EQ(QMP_NOBODY, qmp_role(1001, out, 2, 1000, 77));
	EXPECT_EQ(QMP_NOBODY, qmp_role(1001, in, 3, 1000, QMP_NO_GROUP));
	const gid_t none[] = {QMP_NO_GROUP};
	EXPECT_EQ(QMP_NOBODY, qmp_role(1001, none, 1, 1000, QMP_NO_GROUP));
	EXPECT_EQ(QMP_NOBODY, qmp_role(1001, nullptr, 0, 0, 77)) << "root's guest is root's";
}

TEST(QmpRole, EachCommandOfTheSchemaThatDoesNotAskIsAnOperators)
{
	unsigned asks = 0, does = 0;
	json_t *names = json_load_file("vmm/qmp/schema.json", 0, nullptr);
	const char *name;
	json_t *v;

	ASSERT_NE(nullptr, names) << "run from the top folder";
	json_object_foreach(json_object_get(names, "commands"), name, v)
	{
		bool returns = json_object_get(v, "returns") != nullptr;

		asks += qmp_only_asks(name);
		does += !qmp_only_asks(name);
		if (qmp_only_asks(name) && strcmp(name, "qmp_capabilities")) {
			EXPECT_TRUE(returns) << name << " returns nothing, so what is it for?";
		}
	}
	json_decref(names);
	EXPECT_GT(asks, 20u);
	EXPECT_GT(does, 20u);
	for (const char *c : {"quit", "stop", "dump-guest-memory", "x-pando-trace-start", "x-pando-move-vcpu", "query",
			      "x-pando-drain", "human-monitor-command"})
		EXPECT_FALSE(qmp_only_asks(c)) << c;
}

/* Other users connect: they are processes of their own. */
struct QmpWho : testing::Test {
	struct loop *loop = nullptr;
	struct qmp *q = nullptr;
	std::string dir, path;
	unsigned stopped = 0;
	static constexpr gid_t kMonitors = 64321;
	static constexpr uid_t kUser = 64320;

	void SetUp() override
	{
		static const struct qmp_command table[] = {{"stop",
							    [](void *ctx, struct qmp_call *c, const json_t *) {
								    ((QmpWho *)ctx)->stopped++;
								    qmp_return_empty(c);
							    }},
							   {"query-status",
							    [](void *, struct qmp_call *c, const json_t *) {
								    qmp_return(c, json_pack("{s:b,s:b,s:s}", "running",
											    1, "singlestep", 0,
											    "status", "running"));
							    }},
							   {nullptr, nullptr}};
		char name[] = "/tmp/qmp-who.XXXXXX", why[256];
		struct loop_options o = {"poll", 0};

		if (geteuid())
			GTEST_SKIP() << "SKIP: needs root, to be another user";
		dir = mkdtemp(name);
		ASSERT_EQ(0, chmod(dir.c_str(), 0711));
		path = dir + "/q";
		ASSERT_EQ(0, loop_create(&loop, &o));
		ASSERT_EQ(0, qmp_create(&q, loop, why, sizeof(why))) << why;
		ASSERT_EQ(0, qmp_add_commands(q, table, this, why, sizeof(why))) << why;
	}
	void TearDown() override
	{
		if (!q)
			return;
		qmp_destroy(q);
		loop_destroy(loop);
		rmdir(dir.c_str());
	}
	void listen(gid_t monitors, mode_t mode = 0)
	{
		char why[256];

		qmp_set_monitors(q, monitors);
		ASSERT_EQ(0, qmp_listen(q, path.c_str(), why, sizeof(why))) << why;
		if (mode) {
			ASSERT_EQ(0, chmod(path.c_str(), mode));
		}
	}
	/* All that a user gets who says text; "no connection": the file's mode forbids it. */
	std::string as(uid_t uid, gid_t gid, const std::vector<gid_t> &more, const std::string &text)
	{
		int out[2];
		EXPECT_EQ(0, pipe2(out, O_CLOEXEC | O_NONBLOCK));
		pid_t pid = fork();

		if (pid == 0) {
			struct sockaddr_un a = {};
			char b[65536];
			ssize_t n;

			alarm(30);
			a.sun_family = AF_UNIX;
			strcpy(a.sun_path, path.c_str());
			if (setgroups(more.size(), more.data()) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
				_exit(2);
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);
			if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
				_exit(write(out[1], "no connection", 13) != 13);
			if (send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0)
				_exit(0);
			shutdown(fd, SHUT_WR);
			while ((n = recv(fd, b, sizeof(b), 0)) > 0)
				if (write(out[1], b, (size_t)n) != n)
					_exit(1);
			_exit(0);
		}
		close(out[1]);
		std::string got;
		char b[65536];
		ssize_t n;
		uint64_t end = now_ns() + 30000000000ull;
		int status = -1;

		while (waitpid(pid, &status, WNOHANG) == 0 && now_ns() < end)
			EXPECT_GE(loop_run(loop, now_ns() + 5000000), 0);
		EXPECT_EQ(0, status);
		while ((n = ::read(out[0], b, sizeof(b))) > 0)
			got.append(b, (size_t)n);
		close(out[0]);
		return got;
	}
};

const std::string kCaps = "{\"execute\":\"qmp_capabilities\"}";
const std::string kAsk = kCaps + "{\"execute\":\"query-status\",\"id\":1}";
const std::string kStop = kCaps + "{\"execute\":\"stop\",\"id\":2}";

TEST_F(QmpWho, AMonitorAsksAndDoesNothing)
{
	listen(kMonitors);
	EXPECT_NE(std::string::npos, as(kUser, kUser, {kMonitors}, kAsk).find("\"status\": \"running\""));
	EXPECT_NE(std::string::npos, as(kUser, kMonitors, {}, kAsk).find("\"status\": \"running\"")) << "its own group";
	std::string said = as(kUser, kUser, {1, kMonitors}, kStop);
	EXPECT_NE(std::string::npos, said.find("The command stop is not for members of pando-monitor")) << said;
	EXPECT_NE(std::string::npos, said.find("\"id\": 2")) << said;
	EXPECT_EQ(0u, stopped);
	said = as(kUser, kUser, {kMonitors}, kCaps + "{\"execute\":\"no-such\"}");
	EXPECT_EQ(std::string::npos, said.find("not been found")) << "who may not do it is not told what there is";
}

TEST_F(QmpWho, RootDoesAll)
{
	listen(kMonitors);
	EXPECT_NE(std::string::npos, as(0, 0, {}, kAsk).find("\"status\": \"running\""));
	EXPECT_NE(std::string::npos, as(0, 0, {}, kStop).find("{\"return\": {}, \"id\": 2}"));
	EXPECT_EQ(1u, stopped);
}

TEST_F(QmpWho, NobodyElseComesToTheSocket)
{
	struct stat st;

	listen(kMonitors);
	ASSERT_EQ(0, stat(path.c_str(), &st));
	EXPECT_EQ(0660u, st.st_mode & 07777);
	EXPECT_EQ(kMonitors, st.st_gid);
	EXPECT_EQ("no connection", as(kUser, kUser, {}, kAsk));
}

TEST_F(QmpWho, WithoutMonitorsItIsTheOwnersAlone)
{
	struct stat st;

	listen(QMP_NO_GROUP);
	ASSERT_EQ(0, stat(path.c_str(), &st));
	EXPECT_EQ(0600u, st.st_mode & 07777);
	EXPECT_EQ("no connection", as(kUser, kUser, {kMonitors}, kAsk));
}

/* Whoever made the socket open to all has not let all in. */
TEST_F(QmpWho, ASocketThatIsOpenToAllLetsNobodyElseIn)
{
	listen(kMonitors, 0666);
	EXPECT_EQ("", as(kUser, kUser, {}, kAsk)) << "closed without a word";
	EXPECT_EQ("", as(kUser, kUser, {}, kStop));
	EXPECT_EQ(0u, stopped);
	EXPECT_EQ(2u, qmp_get_stats(q)->refused);
	EXPECT_NE(std::string::npos, as(kUser, kUser, {kMonitors}, kAsk).find("\"status\": \"running\""));
}

} // namespace
