// SPDX-License-Identifier: Apache-2.0
/*
 * What a guest that took its process over would try. Each attempt is made in a process of its own, with the sandbox and
 * without: there it has to work, or the test says nothing.
 */
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <string>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "net/seal/stream.h"
#include "net/session.h"
#include "net/uring_limit.h"
#include "vmm/box/box.h"
}

namespace
{

#define BROKE_OUT 40 // it worked
#define HELD      41 // it failed, by errno
#define UNREADY   42 // the attempt could not be made

const unsigned long some_ioctls[] = {FIONREAD};

struct Prepared {
	char file[64], sock[80];
	int listener;
	struct io_uring ring; // made before the sandbox
} pre;

int verdict(long r)
{
	return r >= 0 ? BROKE_OUT : HELD;
}

int read_a_file()
{
	return verdict(open(pre.file, O_RDONLY));
}

int make_a_file()
{
	return verdict(open((std::string(pre.file) + ".new").c_str(), O_WRONLY | O_CREAT, 0600));
}

int open_by_how()
{
	struct {
		unsigned long long flags, mode, resolve;
	} how = {O_RDONLY, 0, 0};
	return verdict(syscall(SYS_openat2, AT_FDCWD, pre.file, &how, sizeof(how)));
}

int connect_out()
{
	struct sockaddr_un a = {};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0)
		return HELD;
	a.sun_family = AF_UNIX;
	strcpy(a.sun_path, pre.sock);
	return verdict(connect(fd, (struct sockaddr *)&a, sizeof(a)));
}

int raw_socket()
{
	return verdict(socket(AF_NETLINK, SOCK_RAW, 0));
}

int run_in_place()
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"exit 40", nullptr};

	execv("/bin/sh", argv);
	return HELD;
}

int make_a_process()
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);

	if (pid == 0)
		_exit(0);
	return verdict(pid);
}

int open_by_new_ring()
{
	struct io_uring ring;
	struct io_uring_cqe *c;

	if (io_uring_queue_init(4, &ring, 0))
		return HELD;
	io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, pre.file, O_RDONLY, 0);
	io_uring_submit_and_wait(&ring, 1);
	return io_uring_peek_cqe(&ring, &c) ? HELD : verdict(c->res);
}

int open_by_ring_of_before()
{
	struct io_uring_cqe *c;

	io_uring_prep_openat(io_uring_get_sqe(&pre.ring), AT_FDCWD, pre.file, O_RDONLY, 0);
	if (io_uring_submit_and_wait(&pre.ring, 1) < 0)
		return UNREADY;
	return io_uring_peek_cqe(&pre.ring, &c) ? UNREADY : verdict(c->res);
}

int new_userfaultfd()
{
	return verdict(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */));
}

int trace_the_parent()
{
	if (ptrace(PTRACE_SEIZE, getppid(), nullptr, nullptr))
		return HELD;
	ptrace(PTRACE_DETACH, getppid(), nullptr, nullptr);
	return BROKE_OUT;
}

int trace_me()
{
	return verdict(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr));
}

int signal_the_parent()
{
	return verdict(kill(getppid(), 0));
}

int memory_that_runs()
{
	void *p = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? HELD : BROKE_OUT;
}

int memory_made_to_run()
{
	void *p = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? UNREADY : verdict(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

int other_ioctl()
{
	struct winsize w = {};
	int fd = eventfd(0, 0);

	return ioctl(fd, TIOCGWINSZ, &w) && errno == ENOTTY ? BROKE_OUT : HELD; // ENOTTY: it came to the file
}

int longer_limits()
{
	struct rlimit l = {64, 64};

	return verdict(setrlimit(RLIMIT_NOFILE, &l));
}

int remove_a_file()
{
	return verdict(unlink(pre.file));
}

int new_namespace()
{
	return verdict(unshare(CLONE_NEWUSER));
}

struct Attempt {
	const char *name;
	int (*fn)();
};

const Attempt attempts[] = {
	{"read a file", read_a_file},
	{"make a file", make_a_file},
	{"open by openat2", open_by_how},
	{"connect", connect_out},
	{"a raw socket", raw_socket},
	{"a program", run_in_place},
	{"a process", make_a_process},
	{"io_uring of its own: openat", open_by_new_ring},
	{"a new userfaultfd", new_userfaultfd},
	{"ptrace of another process", trace_the_parent},
	{"ptrace of itself", trace_me},
	{"a signal to another process", signal_the_parent},
	{"memory that runs", memory_that_runs},
	{"memory made to run", memory_made_to_run},
	{"an ioctl that is not listed", other_ioctl},
	{"other limits", longer_limits},
	{"remove a file", remove_a_file},
	{"a new user namespace", new_namespace},
};

struct box_rules rules_of(enum box_level level)
{
	struct box_rules r = {};

	r.level = level;
	r.vm_ioctls = some_ioctls;
	r.vm_ioctls_n = 1;
	return r;
}

/*
 * How a process that did fn ended: its status, or 1000 and the signal. level OFF: no sandbox; vcpu: on such a thread;
 * before: done first, without a sandbox.
 */
int end_of(int (*fn)(), enum box_level level, bool vcpu = false, bool connects = false, bool (*before)() = nullptr)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct box_rules r = rules_of(level);
		char why[256];

		r.connects = connects;
		if (before && !before())
			_exit(UNREADY);
		alarm(30);
		if (level != BOX_OFF &&
		    (box_enter(why, sizeof(why)) || box_seal(&r, why, sizeof(why)) || (vcpu && box_seal_vcpu())))
			_exit(99);
		_exit(fn());
	}
	int status = 0;

	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

struct Box : testing::Test {
	void SetUp() override
	{
		struct sockaddr_un a = {};

		snprintf(pre.file, sizeof(pre.file), "/tmp/pando-box-%d", getpid());
		snprintf(pre.sock, sizeof(pre.sock), "%s.sock", pre.file);
		close(open(pre.file, O_RDWR | O_CREAT, 0600));
		pre.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		a.sun_family = AF_UNIX;
		strcpy(a.sun_path, pre.sock);
		ASSERT_EQ(0, bind(pre.listener, (struct sockaddr *)&a, sizeof(a)));
		ASSERT_EQ(0, listen(pre.listener, 64));
	}
	void TearDown() override
	{
		close(pre.listener);
		unlink(pre.file);
		unlink((std::string(pre.file) + ".new").c_str());
		unlink(pre.sock);
	}
};

TEST_F(Box, EveryAttemptWorksWithoutIt)
{
	for (const Attempt &a : attempts) {
		close(open(pre.file, O_RDWR | O_CREAT, 0600));
		int end = end_of(a.fn, BOX_OFF);

		if (strcmp(a.name, "a new user namespace") == 0 || strncmp(a.name, "ptrace of another", 17) == 0 ||
		    strstr(a.name, "io_uring") || strstr(a.name, "userfaultfd"))
			continue; // a container may forbid it all by itself
		EXPECT_EQ(BROKE_OUT, end) << a.name;
	}
}

TEST_F(Box, EveryAttemptFailsAndTheProcessGoesOn)
{
	for (const Attempt &a : attempts)
		EXPECT_EQ(HELD, end_of(a.fn, BOX_ERRNO)) << a.name;
}

TEST_F(Box, OrEndsTheProcess)
{
	for (const Attempt &a : attempts) {
		int end = end_of(a.fn, BOX_KILL);

		EXPECT_TRUE(end == 1000 + SIGSYS || end == HELD) << a.name << ": " << end;
	}
	for (auto fn : {run_in_place, make_a_process, new_userfaultfd, trace_me, other_ioctl, memory_that_runs})
		EXPECT_EQ(1000 + SIGSYS, end_of(fn, BOX_KILL));
}

TEST_F(Box, AVcpusThreadFailsInThemToo)
{
	for (const Attempt &a : attempts)
		EXPECT_EQ(HELD, end_of(a.fn, BOX_ERRNO, true)) << a.name;
}

TEST_F(Box, WithAVolumeOnTheNetworkItConnectsAndRunsNothing)
{
	EXPECT_EQ(BROKE_OUT, end_of(connect_out, BOX_KILL, false, true));
	EXPECT_EQ(HELD, end_of(read_a_file, BOX_KILL, false, true)) << "by landlock";
	EXPECT_EQ(1000 + SIGSYS, end_of(run_in_place, BOX_KILL, false, true));
}

bool ring_without_limit()
{
	return io_uring_queue_init(4, &pre.ring, 0) == 0;
}

bool ring_with_limit()
{
	struct uring_limit poll_only = {};
	struct io_uring_params p = {};

	poll_only.ops[poll_only.ops_n++] = IORING_OP_POLL_ADD;
	p.flags = IORING_SETUP_R_DISABLED;
	return io_uring_queue_init_params(4, &pre.ring, &p) == 0 && uring_limit(&pre.ring, &poll_only) == 0 &&
	       uring_enable(&pre.ring) == 0;
}

TEST_F(Box, RingsThatWereThereBefore)
{
	if (end_of(open_by_ring_of_before, BOX_OFF, false, false, ring_without_limit) == UNREADY)
		GTEST_SKIP() << "SKIP: there is no io_uring here";
	EXPECT_EQ(BROKE_OUT, end_of(open_by_ring_of_before, BOX_OFF, false, false, ring_without_limit));
	EXPECT_EQ(HELD, end_of(open_by_ring_of_before, BOX_OFF, false, false, ring_with_limit)) << "by its limit";
	EXPECT_EQ(HELD, end_of(open_by_ring_of_before, BOX_KILL, false, false, ring_with_limit));
	EXPECT_EQ(HELD, end_of(open_by_ring_of_before, BOX_KILL, false, false, ring_without_limit)) << "by landlock";
}

/* ---- what has to go on ---- */

void *idle(void *arg)
{
	return arg;
}

int threads()
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		if (pthread_create(&t, nullptr, idle, nullptr) || pthread_join(t, nullptr))
			return 1;
	return pthread_create(
		       &t, nullptr, [](void *) -> void * { pthread_exit(nullptr); }, nullptr) ||
	       pthread_join(t, nullptr);
}

int a_cancelled_thread()
{
	pthread_t t;

	return pthread_create(
		       &t, nullptr,
		       [](void *) -> void * {
			       for (;;)
				       poll(nullptr, 0, -1);
		       },
		       nullptr) ||
	       pthread_cancel(t) || pthread_join(t, nullptr);
}

int memory()
{
	for (size_t n = 16; n < (64u << 20); n *= 4) {
		void *p = malloc(n);
		if (!p)
			return 1;
		memset(p, 1, n);
		p = realloc(p, n * 2);
		free(p);
	}
	return 0;
}

int descriptors()
{
	uint64_t one = 1;
	int pair[2], fd = eventfd(0, EFD_CLOEXEC), n = 0;

	if (fd < 0 || write(fd, &one, 8) != 8 || read(fd, &one, 8) != 8)
		return 1;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || send(pair[0], "x", 1, 0) != 1 || ioctl(pair[1], FIONREAD, &n))
		return 2;
	return n != 1;
}

int a_time_and_a_name()
{
	char text[64];
	time_t t = time(nullptr);
	struct tm tm;

	localtime_r(&t, &tm);
	snprintf(text, sizeof(text), "%s", strerror(ENOENT));
	return prctl(PR_SET_NAME, "boxed") || sysconf(_SC_NPROCESSORS_ONLN) < 1;
}

/* A host that joins later: the libraries may be new to this process, and memory for keys is locked, guarded and wiped.
 */
int a_session_that_is_sealed()
{
	struct session_key key;
	uint8_t record[64 + SEAL_RECORD_MORE], got[64] = {0};

	session_key_random(&key);
	for (seal_suite suite : {SEAL_AES256GCM, SEAL_CHACHA20}) {
		seal_stream *c = seal_stream_new(suite, true, key.bytes, key.bytes, 0);
		seal_stream *a = seal_stream_new(suite, false, key.bytes, key.bytes, 0);
		if (!c && !aead_find(suite))
			continue;
		if (!c || !a ||
		    seal_stream_open(a, record, seal_stream_seal(c, key.bytes, 32, record, 0), got, 0) != 32)
			return 1;
		seal_stream_free(c);
		seal_stream_free(a);
		if (memcmp(got, key.bytes, 32) != 0)
			return 2;
	}
	return 0;
}

TEST_F(Box, WhatAGuestsProcessDoesGoesOn)
{
	for (auto fn : {threads, a_cancelled_thread, memory, descriptors, a_time_and_a_name, a_session_that_is_sealed})
		EXPECT_EQ(0, end_of(fn, BOX_KILL));
	EXPECT_EQ(0, end_of(memory, BOX_KILL, true));
}

int a_vcpu_that_serves()
{
	char byte = 0;
	int pair[2];

	return verdict(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ?: recv(pair[0], &byte, 1, MSG_DONTWAIT));
}

TEST_F(Box, AVcpusThreadHasLess)
{
	EXPECT_EQ(1000 + SIGSYS, end_of(a_vcpu_that_serves, BOX_KILL, true));
	EXPECT_EQ(HELD, end_of(a_vcpu_that_serves, BOX_KILL)); // EAGAIN
}

/* All threads are sealed, whoever does it. */
int seal_of_others()
{
	static int go;
	pthread_t t;
	void *ret = nullptr;
	struct box_rules r = rules_of(BOX_ERRNO);
	char why[256];

	if (pthread_create(
		    &t, nullptr,
		    [](void *) -> void * {
			    while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
				    usleep(1000);
			    return (void *)(long)make_a_process();
		    },
		    nullptr))
		return UNREADY;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (box_seal(&r, why, sizeof(why)))
		return UNREADY;
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	pthread_join(t, &ret);
	return (int)(long)ret;
}

TEST_F(Box, HoldsForThreadsThatWereThere)
{
	EXPECT_EQ(HELD, end_of(seal_of_others, BOX_OFF));
}

int capabilities_and_limits()
{
	struct rlimit core;
	char line[256];
	FILE *f = fopen("/proc/self/status", "re"); // before the filter, after landlock

	if (!f)
		return 1;
	int zero = 0;
	while (fgets(line, sizeof(line), f))
		for (const char *key : {"CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"})
			if (strncmp(line, key, 7) == 0)
				zero += strtoull(line + 7, nullptr, 16) == 0 ||
					(strcmp(key, "CapBnd:") == 0 && geteuid() != 0);
	fclose(f);
	getrlimit(RLIMIT_CORE, &core);
	return zero != 4 || core.rlim_max != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1;
}

TEST_F(Box, FirstStepLeavesNoPrivileges)
{
	pid_t pid = fork();

	if (pid == 0) {
		char why[256];

		_exit(box_enter(why, sizeof(why)) ? 99 : capabilities_and_limits());
	}
	int status = 0;

	waitpid(pid, &status, 0);
	EXPECT_EQ(0, WEXITSTATUS(status)) << status;
}

TEST(BoxLevel, IsOneOfFourWords)
{
	enum box_level l = BOX_OFF;

	for (int i = 0; i < BOX_LEVELS; i++) {
		EXPECT_TRUE(box_level_parse(box_level_names[i], &l));
		EXPECT_EQ(i, l);
	}
	for (const char *text : {"", "KILL", "kill ", "on"})
		EXPECT_FALSE(box_level_parse(text, &l)) << text;
}

} // namespace
