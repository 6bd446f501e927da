// SPDX-License-Identifier: Apache-2.0
// A process a guest, with the serving acted. Each test in a process of its own: a sandbox stays.
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "net/keeper.h"
#include "net/seal/stream.h"
#include "vmm/host/boxed.h"
}

namespace
{

int out[2]; // what the processes say

void say(const std::string &text)
{
	if (write(out[1], text.data(), text.size()) != (ssize_t)text.size())
		_exit(77);
}

struct Boxed : testing::Test {
	struct host_options opt = {};

	void SetUp() override
	{
		ASSERT_EQ(0, pipe2(out, O_NONBLOCK));
		opt.seal = BOX_ERRNO;
	}
	void TearDown() override
	{
		close(out[0]);
		close(out[1]);
	}
	pid_t start(int (*serve)(const struct host_options *))
	{
		pid_t pid = fork();

		if (pid == 0) {
			alarm(60);
			_exit(boxed_serve(&opt, serve));
		}
		return pid;
	}
	int end_of(pid_t pid)
	{
		int status = -1;

		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	}
	std::string said()
	{
		std::string all;
		char b[4096];
		ssize_t n;

		while ((n = read(out[0], b, sizeof(b))) > 0)
			all.append(b, (size_t)n);
		return all;
	}
	/* Until the processes have said something that ends so. */
	std::string said_until(const std::string &end)
	{
		std::string all;

		for (int i = 0;
		     i < 3000 && (all.size() < end.size() || all.compare(all.size() - end.size(), end.size(), end));
		     i++) {
			all += said();
			usleep(10000);
		}
		return all;
	}
};

std::string what_it_is(const struct host_options *opt)
{
	return std::string(opt->once ? "once" : "again") + (keeper_here() ? " kept" : "") +
	       (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? " boxed" : "") + "\n";
}

TEST_F(Boxed, WithoutASandboxItIsTheProcessItself)
{
	opt.seal = BOX_OFF;
	EXPECT_EQ(5, end_of(start([](const struct host_options *o) {
			  say(what_it_is(o));
			  return 5;
		  })));
	EXPECT_EQ("again\n", said());
}

TEST_F(Boxed, OneGuestOnlyIsServedByTheProcessItself)
{
	opt.once = true;
	pid_t pid = start([](const struct host_options *o) {
		say(what_it_is(o) + std::to_string(getpid()));
		return 6;
	});
	EXPECT_EQ(6, end_of(pid));
	EXPECT_EQ("once kept boxed\n" + std::to_string(pid), said());
}

TEST_F(Boxed, EachGuestHasAProcessUntilOneCannotServe)
{
	EXPECT_EQ(1, end_of(start([](const struct host_options *o) {
			  char got[8];
			  say(what_it_is(o));
			  /* The third one that is made fails: what was said is in the pipe for all to count. */
			  int n = 0;
			  ssize_t r = 0;
			  std::string all;
			  while ((r = read(out[0], got, sizeof(got))) > 0)
				  all.append(got, (size_t)r);
			  for (char c : all)
				  n += c == '\n';
			  say(all);
			  return n == 3 ? 1 : 0;
		  })));
	EXPECT_EQ("once kept boxed\nonce kept boxed\nonce kept boxed\n", said());
}

TEST_F(Boxed, AProcessThatIsKilledIsFollowedByTheNext)
{
	pid_t pid = start([](const struct host_options *) {
		char b;
		if (read(out[0], &b, 1) == 1) { // the second
			say("x2\n");
			return 1;
		}
		say("x");
		raise(SIGKILL);
		return 0;
	});
	EXPECT_EQ(1, end_of(pid));
	EXPECT_EQ("x2\n", said());
}

TEST_F(Boxed, EndsWhenItIsToldTo)
{
	pid_t pid = start([](const struct host_options *) {
		sigset_t s;
		int sig = 0;
		sigemptyset(&s);
		sigaddset(&s, SIGTERM);
		sigprocmask(SIG_BLOCK, &s, nullptr);
		say("ready\n");
		sigwait(&s, &sig);
		say("told\n");
		return 0;
	});
	EXPECT_EQ("ready\n", said_until("ready\n"));
	kill(pid, SIGTERM);
	EXPECT_EQ(0, end_of(pid));
	EXPECT_EQ("told\n", said());
}

TEST_F(Boxed, ItsProcessEndsWithIt)
{
	pid_t pid = start([](const struct host_options *) {
		say(std::to_string(getpid()) + "\n");
		for (;;)
			pause();
		return 0;
	});
	std::string text = said_until("\n");
	pid_t child = atoi(text.c_str());
	ASSERT_GT(child, 1);
	kill(pid, SIGKILL);
	EXPECT_EQ(1000 + SIGKILL, end_of(pid));
	int r = 0;
	for (int i = 0; i < 3000 && r == 0; i++) {
		r = kill(child, 0);
		char state[512] = "", path[64];
		snprintf(path, sizeof(path), "/proc/%d/stat", child);
		FILE *f = fopen(path, "re");
		if (f && fgets(state, sizeof(state), f) && strstr(state, ") Z"))
			r = -1; // nobody reaps it here
		if (f)
			fclose(f);
		usleep(10000);
	}
	EXPECT_EQ(-1, r) << "process " << child << " is still there";
}

/* One end of a session whose keys are known to this test. */
seal_stream *with_keys(bool connector)
{
	const uint8_t k[2][AEAD_KEY_BYTES] = {{1}, {2}};

	return seal_stream_new(SEAL_CHACHA20, connector, k[0], k[1], 0);
}

/* A listener that was never called: with what is handed on. */
int hand_on(const struct host_options *o)
{
	struct listener l = {};
	struct listener_session s = {};
	struct sockaddr_in a = {};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 1) ||
	    listener_start(&l, fd, &o->key, nullptr, nullptr))
		return 1;
	boxed_take_over(&l);
	bool has = false;
	while (listener_take(&l, &s)) {
		has = true;
		uint8_t record[8 + SEAL_RECORD_MORE], got[8];
		std::string text = std::to_string(s.hello.epoch) + " ";
		seal_stream *caller = with_keys(true);
		uint32_t n = seal_stream_seal(caller, (const uint8_t *)"ours", 4, record, 0);
		if (!s.seal || seal_stream_open(s.seal, record, n, got, 0) != 4)
			say("without its keys ");
		seal_stream_free(caller);
		seal_stream_free(s.seal);
		if (write(s.fd, text.data(), text.size()) != (ssize_t)text.size()) // it is the pipe's
			say("dead ");
		close(s.fd);
	}
	if (has) {
		say("\n");
		listener_stop(&l);
		return 1;
	}
	/* They are taken in this order: the last one that is put back comes first. */
	for (unsigned epoch : {3, 2, 1}) {
		memset(&s, 0, sizeof(s));
		s.fd = dup(out[1]);
		s.hello.role = epoch == 2 ? SESSION_PEER : SESSION_CONTROL;
		s.hello.epoch = epoch;
		s.seal = with_keys(false);
		listener_put_back(&l, &s);
	}
	/* With this one something was said already: it cannot go on elsewhere. */
	memset(&s, 0, sizeof(s));
	s = {dup(out[1]), {SESSION_CONTROL, 0, 4}, with_keys(false)};
	uint8_t record[8 + SEAL_RECORD_MORE];
	seal_stream_seal(s.seal, (const uint8_t *)"said", 4, record, 0);
	listener_put_back(&l, &s);
	boxed_hand_on(&l);
	listener_stop(&l);
	return 0;
}

TEST_F(Boxed, RunsThatWaitAreTheNextOnes)
{
	EXPECT_EQ(1, end_of(start(hand_on)));
	EXPECT_EQ("1 3 \n", said()) << "in their order, without peers of the last guest";
}

} // namespace
