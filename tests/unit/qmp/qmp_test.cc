// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <vector>

extern "C" {
#include "net/loop.h"
#include "vmm/qmp/qmp.h"
#include "vmm/qmp/schema.h"
}

namespace
{

const std::string kCaps = "{\"execute\":\"qmp_capabilities\"}";

struct Client {
	int fd = -1;
	std::string got;
	bool closed = false;
};

// A server over a real socket, with some commands of a made-up machine.
struct Qmp : testing::Test {
	struct loop *loop = nullptr;
	struct qmp *q = nullptr;
	std::string dir, path;
	std::vector<struct qmp_call *> waiting; // "stop" is answered by the test
	std::vector<std::string> seen;

	static void Stop(void *ctx, struct qmp_call *c, const json_t *)
	{
		((Qmp *)ctx)->waiting.push_back(c);
	}
	static void Cont(void *ctx, struct qmp_call *c, const json_t *)
	{
		qmp_event(((Qmp *)ctx)->q, "RESUME", nullptr);
		qmp_return_empty(c);
	}
	static void Status(void *, struct qmp_call *c, const json_t *)
	{
		qmp_return(c, json_pack("{s:b,s:b,s:s}", "running", 1, "singlestep", 0, "status", "running"));
	}
	static void Hmp(void *ctx, struct qmp_call *c, const json_t *args)
	{
		((Qmp *)ctx)->seen.push_back(json_string_value(json_object_get(args, "command-line")));
		qmp_return(c, json_string(std::string(200000, 'r').c_str()));
	}
	static void SetLink(void *, struct qmp_call *c, const json_t *args)
	{
		qmp_error_class(c, "DeviceNotFound", "Device '%s' not found",
				json_string_value(json_object_get(args, "name")));
	}
	static void Nothing(void *, struct qmp_call *c, const json_t *)
	{
		qmp_return_empty(c);
	}
	void SetUp() override
	{
		static const struct qmp_command table[] = {{"stop", Stop},           {"cont", Cont},
							   {"query-status", Status}, {"human-monitor-command", Hmp},
							   {"set_link", SetLink},    {"dump-guest-memory", Nothing},
							   {"device_add", Nothing},  {nullptr, nullptr}};
		char name[] = "/tmp/qmp-test.XXXXXX", why[256];
		struct loop_options o = {"uring", 0};

		dir = mkdtemp(name);
		path = dir + "/q";
		ASSERT_EQ(loop_create(&loop, &o), 0);
		ASSERT_EQ(qmp_create(&q, loop, why, sizeof(why)), 0) << why;
		ASSERT_EQ(qmp_add_commands(q, table, this, why, sizeof(why)), 0) << why;
		ASSERT_EQ(qmp_listen(q, path.c_str(), why, sizeof(why)), 0) << why;
	}
	void TearDown() override
	{
		for (auto c : waiting)
			qmp_return_empty(c);
		qmp_destroy(q);
		loop_destroy(loop);
		EXPECT_NE(access(path.c_str(), F_OK), 0);
		rmdir(dir.c_str());
	}
	int dial()
	{
		struct sockaddr_un a = {};
		a.sun_family = AF_UNIX;
		strcpy(a.sun_path, path.c_str());
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT_EQ(::connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		return fd;
	}
	void turn(int n = 5)
	{
		for (int i = 0; i < n; i++)
			ASSERT_GE(loop_run(loop, 0), 0);
	}
	void read(Client &c)
	{
		char b[65536];
		ssize_t n;
		while ((n = recv(c.fd, b, sizeof(b), 0)) > 0)
			c.got.append(b, (size_t)n);
		c.closed = n == 0;
	}
	Client open(bool negotiate = true)
	{
		Client c;
		c.fd = dial();
		turn();
		read(c);
		EXPECT_NE(c.got.find("{\"QMP\": {\"version\""), std::string::npos) << c.got;
		c.got.clear();
		if (negotiate) {
			EXPECT_EQ(say(c, kCaps), "{\"return\": {}}\r\n");
			c.got.clear();
		}
		return c;
	}
	std::string say(Client &c, const std::string &text)
	{
		size_t before = c.got.size(), at = 0;
		for (int i = 0; at < text.size() && i < 100000; i++) {
			ssize_t n = send(c.fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
			at += n > 0 ? (size_t)n : 0;
			if (n < 0 && errno != EAGAIN)
				break;
			turn(1);
			read(c);
		}
		turn();
		read(c);
		return c.got.substr(before);
	}
};

TEST_F(Qmp, SocketIsForItsOwnerOnly)
{
	struct stat st;
	ASSERT_EQ(stat(path.c_str(), &st), 0);
	EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(Qmp, NothingButNegotiationBeforeNegotiation)
{
	Client c = open(false);
	EXPECT_EQ(say(c, "{\"execute\":\"query-status\",\"id\":7}"),
		  "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Expecting capabilities negotiation with "
		  "'qmp_capabilities'\"}, \"id\": 7}\r\n");
	EXPECT_EQ(say(c, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}").find("{\"error\""),
		  0u);
	EXPECT_EQ(say(c, kCaps), "{\"return\": {}}\r\n");
	EXPECT_NE(say(c, kCaps).find("already complete"), std::string::npos);
	close(c.fd);
}

TEST_F(Qmp, IdsComeBackWhateverTheyAre)
{
	Client c = open();
	EXPECT_EQ(
		say(c, "{\"id\":{\"a\":[1,null]},\"execute\":\"query-status\"}"),
		"{\"return\": {\"running\": true, \"singlestep\": false, \"status\": \"running\"}, \"id\": {\"a\": [1, "
		"null]}}\r\n");
	close(c.fd);
}

TEST_F(Qmp, WrongInputHasQemusSentences)
{
	const std::map<std::string, std::string> cases = {
		{"{\"execute\":5}", "QMP input member 'execute' must be a string"},
		{"{\"foo\":1}", "QMP input member 'foo' is unexpected"},
		{"[1]", "QMP input must be a JSON object"},
		{"\"x\"", "QMP input must be a JSON object"},
		{"{\"execute\":\"cont\",\"arguments\":[]}", "QMP input member 'arguments' must be an object"},
		{"{}", "QMP input lacks member 'execute'"},
		{"{\"execute\":\"nope\"}", "The command nope has not been found"},
		{"{\"execute\":\"cont\",\"arguments\":{\"x\":1}}", "Parameter 'x' is unexpected"},
		{"{\"execute\":\"human-monitor-command\"}", "Parameter 'command-line' is missing"},
		{"{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":5}}",
		 "Invalid parameter type for 'command-line', expected: string"},
		{"{\"execute\":\"dump-guest-memory\",\"arguments\":{\"paging\":false,\"protocol\":\"file:x\","
		 "\"format\":\"z\"}}",
		 "Parameter 'format' does not accept value 'z'"},
		{"{\"execute\":\"dump-guest-memory\",\"arguments\":{\"paging\":0,\"protocol\":\"file:x\"}}",
		 "Invalid parameter type for 'paging', expected: boolean"},
		{"{\"a\":\"\xc3(\"}", "JSON parse error"},
		{"{]", "JSON parse error"},
		{"hello\n", "JSON parse error"},
		{"{\"execute\":\"cont\",\"execute\":\"stop\"}", "JSON parse error"},
	};
	Client c = open();
	for (auto &k : cases) {
		std::string answer = say(c, k.first);
		EXPECT_NE(answer.find(k.second), std::string::npos) << k.first << " -> " << answer;
		EXPECT_EQ(answer.find("{\"error\""), 0u) << answer;
	}
	EXPECT_EQ(say(c, "{\"execute\":\"query-status\"}").find("{\"return\""), 0u);
	close(c.fd);
}

TEST_F(Qmp, AChosenPortIsKnown)
{
	char why[256];
	EXPECT_EQ(qmp_port(q), 0u); // a path
	ASSERT_EQ(qmp_listen(q, "tcp:127.0.0.1:0", why, sizeof(why)), 0) << why;
	struct sockaddr_in a = {};
	a.sin_family = AF_INET;
	a.sin_port = htons((uint16_t)qmp_port(q));
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT_EQ(::connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
}

// As QEMU does for integers that its type does not hold; the id, which may be one, comes back as it was.
TEST_F(Qmp, LargeIntegersAreRefusedWithTheirIdAndGoodAsIds)
{
	Client c = open();
	EXPECT_EQ(say(c, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"d\",\"x\":[9223372036854775808]},"
			 "\"id\":7}"),
		  "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Integer out of range: expected less than "
		  "2^63\"}, "
		  "\"id\": 7}\r\n");
	for (const char *id : {"18446744073709551615", "9223372036854775808", "9223372036854775807",
			       "-9223372036854775808", "-99999999999999999999", "{\"a\": [9999999999999999999]}"})
		EXPECT_EQ(
			say(c, std::string(
				       "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"9999999999999999999\"},"
				       "\"id\":") +
				       id + "}"),
			std::string("{\"return\": {}, \"id\": ") + id + "}\r\n");
	EXPECT_EQ(say(c, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"d\",\"x\":1e30}}"),
		  "{\"return\": {}}\r\n");
	close(c.fd);
}

// Where a name ends, another begins: what was checked would not be what is done.
TEST_F(Qmp, TheCharacterZeroIsRefusedInNamesAndTexts)
{
	Client c = open();
	for (const char *v :
	     {"{\"execute\":\"query-status\\u0000x\",\"id\":1}",
	      "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info\\u0000 x\"},\"id\":1}",
	      "{\"execute\":\"device_add\",\"arguments\":{\"driver\":{\"a\":[\"\\u0000int:5\\u0000\"]}},\"id\":1}"}) {
		std::string answer = say(c, v);
		EXPECT_EQ(answer.find("{\"error\": {\"class\": \"GenericError\""), 0u) << answer;
		EXPECT_NE(answer.find("\"id\": 1}"), std::string::npos) << answer;
	}
	EXPECT_EQ(say(c, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"d\",\"x\\u0000y\":1}}")
			  .find("{\"error\""),
		  0u);
	EXPECT_TRUE(seen.empty());
	close(c.fd);
}

// The protocol case of QEMU's own qmp-test: malformed input, byte for byte.
TEST_F(Qmp, MalformedInputIsAnsweredAndTheNextCommandHeard)
{
	Client c = open(false);
	for (bool negotiated : {false, true}) {
		for (const char *bad :
		     {"{]\n", "{\xff", "{\x01", "{'bad \xff", "{'execute': 'nonexistent', 'id':'\n", "%p", "null\n",
		      "{}\n", "{ 'execute': true }\n", "{ 'execute': 'no-such-cmd', 'arguments': [] }\n",
		      "{ 'execute': 'no-such-cmd', 'extra': true }\n"}) {
			std::string answer = say(c, bad);
			EXPECT_EQ(answer.find("{\"error\": {\"class\": \"GenericError\""), 0u) << bad << answer;
			EXPECT_EQ(answer.find("\r\n"), answer.size() - 2) << bad << answer;
			answer = say(c, "{ 'execute': 'no-such-cmd' }");
			EXPECT_EQ(answer.find("{\"error\": {\"class\": \"CommandNotFound\""), 0u) << bad << answer;
		}
		if (!negotiated) {
			EXPECT_EQ(say(c, kCaps), "{\"return\": {}}\r\n");
		}
	}
	EXPECT_EQ(say(c, "{ 'execute': 'human-monitor-command', 'id': 2 }")
			  .find("{\"error\": {\"class\": \"GenericError\""),
		  0u);
	close(c.fd);
}

// Its name is cut in the middle of a character: no text for JSON, and no reason to end the connection.
TEST_F(Qmp, AnErrorThatIsNoTextIsAnErrorStill)
{
	Client c = open();
	std::string name = "x";
	for (int i = 0; i < 60; i++)
		name += "\xc3\xa9";
	EXPECT_EQ(say(c, "{\"execute\":\"" + name + "\"}"),
		  "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"(not UTF-8)\"}}\r\n");
	EXPECT_EQ(say(c, "{\"execute\":\"query-status\"}").find("{\"return\""), 0u);
	close(c.fd);
}

TEST_F(Qmp, UnknownDeviceHasItsClass)
{
	Client c = open();
	EXPECT_EQ(say(c, "{\"execute\":\"set_link\",\"arguments\":{\"name\":\"n\",\"up\":true}}"),
		  "{\"error\": {\"class\": \"DeviceNotFound\", \"desc\": \"Device 'n' not found\"}}\r\n");
	close(c.fd);
}

TEST_F(Qmp, ACommandThatTakesAnyArgumentsTakesThem)
{
	Client c = open();
	EXPECT_EQ(say(c, "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"d\",\"addr\":\"5\",\"x\":5}}"),
		  "{\"return\": {}}\r\n");
	close(c.fd);
}

TEST_F(Qmp, OneCommandAtATimeTheOthersWait)
{
	Client c = open();
	EXPECT_EQ(say(c, "{\"execute\":\"stop\",\"id\":1}{\"execute\":\"query-status\",\"id\":2}{\"execute\":\"stop\","
			 "\"id\":3}"),
		  "");
	ASSERT_EQ(waiting.size(), 1u);
	qmp_return_empty(waiting[0]);
	turn();
	read(c);
	ASSERT_EQ(waiting.size(), 2u);
	EXPECT_EQ(c.got.find("{\"return\": {}, \"id\": 1}\r\n{\"return\": {\"running\""), 0u) << c.got;
	qmp_error(waiting[1], "no");
	waiting.clear();
	turn();
	read(c);
	EXPECT_NE(c.got.find("\"id\": 3}"), std::string::npos);
	close(c.fd);
}

TEST_F(Qmp, EventComesBeforeTheReturnAndToAllThatNegotiated)
{
	Client a = open(), b = open(), mute = open(false);
	std::string got = say(a, "{\"execute\":\"cont\"}");
	EXPECT_EQ(got.find("{\"timestamp\": {\"seconds\": "), 0u) << got;
	EXPECT_LT(got.find("\"event\": \"RESUME\""), got.find("{\"return\""));
	read(b);
	read(mute);
	EXPECT_NE(b.got.find("RESUME"), std::string::npos);
	EXPECT_EQ(mute.got, "");
	close(a.fd), close(b.fd), close(mute.fd);
}

TEST_F(Qmp, EventsThatAreNotInTheSchemaAreNotSent)
{
	Client c = open();
	testing::internal::CaptureStderr();
	qmp_event(q, "NO_SUCH", nullptr);
	qmp_event(q, "RESET", nullptr);
	testing::internal::GetCapturedStderr();
	turn();
	read(c);
	EXPECT_EQ(c.got, "");
	close(c.fd);
}

TEST_F(Qmp, AClientThatDoesNotReadLosesItsOwnEventsOnly)
{
	Client deaf, good = open();
	deaf.fd = dial();
	turn();
	ASSERT_GT(send(deaf.fd, kCaps.data(), kCaps.size(), 0), 0);
	turn();
	json_t *data = json_pack("{s:b,s:s}", "guest", 0, "reason", "none");
	for (int i = 0; i < 20000; i++) {
		qmp_event(q, "RESET", data);
		if (i % 100 == 0) {
			turn(1);
			read(good);
		}
	}
	json_decref(data);
	turn();
	read(good);
	size_t n = 0;
	for (size_t at = 0; (at = good.got.find("RESET", at)) != std::string::npos; at++)
		n++;
	EXPECT_EQ(n, 20000u);
	EXPECT_GT(qmp_get_stats(q)->events_lost, 1000u);
	/* When it reads again, it is served: replies are never dropped. */
	read(deaf);
	deaf.got.clear();
	for (int i = 0; i < 50; i++) {
		turn(1);
		read(deaf);
	}
	EXPECT_NE(say(deaf, "{\"execute\":\"query-status\",\"id\":\"z\"}").find("\"id\": \"z\""), std::string::npos);
	close(good.fd), close(deaf.fd);
}

TEST_F(Qmp, AFloodOfCommandsByAClientThatDoesNotReadIsNotRead)
{
	Client c = open();
	std::string one = "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"x\"}}", all;
	for (int i = 0; i < 2000; i++)
		all += one;
	size_t at = 0;
	for (int i = 0; i < 3000 && at < all.size(); i++) {
		ssize_t n = send(c.fd, all.data() + at, all.size() - at, MSG_NOSIGNAL);
		at += n > 0 ? (size_t)n : 0;
		turn(1);
	}
	EXPECT_LT(seen.size(), 300u); // 200 kB each: what was asked and is not read is not worked on
	for (int i = 0; i < 20000 && seen.size() < 2000; i++) {
		ssize_t n = at < all.size() ? send(c.fd, all.data() + at, all.size() - at, MSG_NOSIGNAL) : 0;
		at += n > 0 ? (size_t)n : 0;
		turn(1);
		read(c);
	}
	EXPECT_EQ(seen.size(), 2000u);
	close(c.fd);
}

TEST_F(Qmp, HostileBytesHarmNobody)
{
	Client bad = open(), good = open();
	std::string mb(1 << 20, 'a');
	say(bad, "{\"execute\":\"");
	for (int i = 0; i < 40; i++)
		say(bad, mb);
	EXPECT_NE(say(bad, "\"}").find("too long"), std::string::npos);
	EXPECT_NE(say(bad, std::string(100000, '{') + std::string(100000, '}')).find("too deep"), std::string::npos);
	EXPECT_EQ(say(bad, "{\"execute\":\"query-status\"}").find("{\"return\""), 0u);
	EXPECT_EQ(say(good, "{\"execute\":\"query-status\"}").find("{\"return\""), 0u);
	say(bad, "{\"half\":");
	close(bad.fd);
	EXPECT_EQ(say(good, "{\"execute\":\"query-status\"}").find("{\"return\""), 0u);
	close(good.fd);
}

TEST_F(Qmp, AClientThatLeavesDuringItsCommandIsForgotten)
{
	Client c = open();
	say(c, "{\"execute\":\"stop\"}");
	ASSERT_EQ(waiting.size(), 1u);
	close(c.fd);
	turn();
	qmp_return_empty(waiting[0]);
	waiting.clear();
	Client d = open();
	EXPECT_EQ(say(d, "{\"execute\":\"query-status\"}").find("{\"return\""), 0u);
	close(d.fd);
}

TEST_F(Qmp, AHalfClosedClientGetsItsAnswers)
{
	Client c = open(false);
	std::string all = kCaps + "{\"execute\":\"stop\"}{\"execute\":\"query-status\"}";
	ASSERT_GT(send(c.fd, all.data(), all.size(), 0), 0);
	shutdown(c.fd, SHUT_WR);
	turn();
	ASSERT_EQ(waiting.size(), 1u);
	qmp_return_empty(waiting[0]);
	waiting.clear();
	turn();
	read(c);
	EXPECT_NE(c.got.find("running"), std::string::npos) << c.got;
	EXPECT_TRUE(c.closed);
	close(c.fd);
}

TEST_F(Qmp, ClientsAreLimited)
{
	std::vector<Client> all;
	for (unsigned i = 0; i < QMP_CLIENTS_MAX; i++)
		all.push_back(open());
	testing::internal::CaptureStderr();
	Client more;
	more.fd = dial();
	turn();
	read(more);
	testing::internal::GetCapturedStderr();
	EXPECT_TRUE(more.closed);
	EXPECT_EQ(qmp_get_stats(q)->refused, 1u);
	close(more.fd);
	close(all[0].fd);
	turn();
	Client again = open();
	close(again.fd);
	for (size_t i = 1; i < all.size(); i++)
		close(all[i].fd);
}

TEST_F(Qmp, AsManyTablesAsThereAreAndASentenceForAnUnknownCommand)
{
	static const struct qmp_command good[] = {{"quit", Nothing}, {nullptr, nullptr}},
					bad[] = {{"no-such-thing", Nothing}, {nullptr, nullptr}};
	char why[256] = "";
	for (int i = 0; i < 20; i++)
		ASSERT_EQ(qmp_add_commands(q, good, this, why, sizeof(why)), 0) << why;
	EXPECT_EQ(qmp_add_commands(q, bad, this, why, sizeof(why)), -EINVAL);
	EXPECT_STREQ("the QMP command 'no-such-thing' is not in the schema", why);
}

TEST_F(Qmp, WhereItMayListen)
{
	char why[256];
	EXPECT_EQ(qmp_listen(q, "tcp:0.0.0.0:0", why, sizeof(why)), -EACCES);
	EXPECT_EQ(qmp_listen(q, "tcp:192.0.2.1:80", why, sizeof(why)), -EACCES);
	EXPECT_NE(std::string(why).find("192.0.2.1:80"), std::string::npos);
	EXPECT_EQ(qmp_listen(q, "tcp:localhost:80", why, sizeof(why)), -EINVAL);
	EXPECT_EQ(qmp_listen(q, std::string(200, 'x').c_str(), why, sizeof(why)), -EINVAL);
	EXPECT_EQ(qmp_listen(q, path.c_str(), why, sizeof(why)), -EADDRINUSE);
	std::string file = dir + "/file";
	close(creat(file.c_str(), 0600));
	EXPECT_EQ(qmp_listen(q, file.c_str(), why, sizeof(why)), -EEXIST);
	EXPECT_EQ(access(file.c_str(), F_OK), 0);
	unlink(file.c_str());
	EXPECT_EQ(qmp_listen(q, "tcp:127.0.0.1:0", why, sizeof(why)), 0) << why;
}

// A browser that a web page makes send commands is not obeyed; over TCP as over the file, a client that begins well is.
TEST_F(Qmp, ARequestOfABrowserIsNotObeyed)
{
	char why[256];
	struct sockaddr_in a = {};
	int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t n = sizeof(a);
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(bind(probe, (struct sockaddr *)&a, sizeof(a)), 0);
	ASSERT_EQ(getsockname(probe, (struct sockaddr *)&a, &n), 0);
	close(probe); // a port that is free
	ASSERT_EQ(qmp_listen(q, ("tcp:127.0.0.1:" + std::to_string(ntohs(a.sin_port))).c_str(), why, sizeof(why)), 0)
		<< why;
	auto over_tcp = [&](const std::string &text) {
		Client c;
		c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT_EQ(::connect(c.fd, (struct sockaddr *)&a, sizeof(a)), 0);
		fcntl(c.fd, F_SETFL, O_NONBLOCK);
		say(c, text);
		for (int i = 0; i < 200 && !c.closed && c.got.find("RESUME") == std::string::npos; i++) {
			loop_run(loop, 0);
			usleep(1000);
			read(c);
		}
		close(c.fd);
		return c;
	};
	const std::string cont = kCaps + "{\"execute\":\"cont\"}", post = "POST / HTTP/1.1\r\nHost: x\r\n\r\n";

	Client page = over_tcp(post + cont);
	EXPECT_TRUE(page.closed);
	EXPECT_EQ(page.got.find("RESUME"), std::string::npos) << page.got;
	EXPECT_NE(over_tcp(cont).got.find("RESUME"), std::string::npos);
	Client file = open(false); // only the owner gets here: what QEMU takes is taken
	EXPECT_NE(say(file, post + cont).find("RESUME"), std::string::npos);
	close(file.fd);
}

// Every command and event is introspectable, every type that is named is there, and lists have their elements.
TEST(QmpSchema, IsWholeAndTrue)
{
	struct qmp_schema *s = qmp_schema_load();
	ASSERT_NE(s, nullptr);
	json_t *all = qmp_schema_introspect(s), *item, *m;
	std::map<std::string, json_t *> by_name;
	size_t i, k;
	auto refer = [&](json_t *o, const char *key) {
		json_t *n = json_object_get(o, key);
		ASSERT_TRUE(json_is_string(n));
		EXPECT_TRUE(by_name.count(json_string_value(n))) << json_string_value(n);
	};

	json_array_foreach(all, i, item)
	{
		std::string name = json_string_value(json_object_get(item, "name"));
		EXPECT_FALSE(by_name.count(name)) << name;
		by_name[name] = item;
	}
	for (auto &e : by_name) {
		std::string meta = json_string_value(json_object_get(e.second, "meta-type"));
		if (meta == "command" || meta == "event")
			refer(e.second, "arg-type");
		if (meta == "command")
			refer(e.second, "ret-type");
		if (meta == "array")
			refer(e.second, "element-type");
		if (meta == "object")
			json_array_foreach(json_object_get(e.second, "members"), k, m) refer(m, "type");
	}
	for (const char *of : {"commands", "events"}) {
		json_t *names = qmp_schema_names(s, of);
		EXPECT_GT(json_array_size(names), 5u);
		json_array_foreach(names, i, item)
			EXPECT_TRUE(by_name.count(json_string_value(json_object_get(item, "name"))));
		json_decref(names);
	}
	json_decref(all);
	qmp_schema_free(s);
}

TEST(QmpSchema, ReturnsAreChecked)
{
	struct qmp_schema *s = qmp_schema_load();
	char why[QMP_WHY_MAX];
	auto check = [&](const char *command, const char *text) {
		json_t *v = json_loads(text, JSON_DECODE_ANY, nullptr);
		bool ok = qmp_schema_check_return(s, command, v, why);
		json_decref(v);
		return ok;
	};

	EXPECT_TRUE(check("stop", "{}"));
	EXPECT_FALSE(check("stop", "{\"a\":1}"));
	EXPECT_TRUE(check("query-status", "{\"running\":true,\"singlestep\":false,\"status\":\"paused\"}"));
	EXPECT_FALSE(check("query-status", "{\"running\":true,\"singlestep\":false,\"status\":\"odd\"}"));
	EXPECT_FALSE(check("query-status", "{\"running\":true,\"status\":\"paused\"}"));
	EXPECT_TRUE(check("query-cpus-fast", "[]"));
	EXPECT_FALSE(check("query-cpus-fast", "[{\"cpu-index\":0}]"));
	EXPECT_FALSE(check("query-cpus-fast", "{}"));
	qmp_schema_free(s);
}

} // namespace
