// SPDX-License-Identifier: Apache-2.0
// Volumes of nbdkit, which delays, fails and goes away as it is told; and of qemu-nbd, which somebody else wrote.
#include "tests/unit/block/fake.h"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "vmm/block/nbd.h"
}

namespace
{

struct Nbd : ::testing::Test {
	std::string dir, socket;
	pid_t server = 0;
	loop *l = nullptr;
	block *b = nullptr;
	disk_config c = {};
	char why[512] = "";

	void SetUp() override
	{
		char name[] = "/tmp/pando-nbd-XXXXXX";
		loop_options o = {"poll", 0};

		signal(SIGPIPE, SIG_IGN); // as the programs do
		ASSERT_TRUE(mkdtemp(name));
		dir = name;
		socket = dir + "/s";
		ASSERT_EQ(loop_create(&l, &o), 0);
		snprintf(c.path, sizeof(c.path), "nbd+unix:///?socket=%s", socket.c_str());
		if (block_open(&c, &b, why, sizeof(why)) == -ENOTSUP)
			GTEST_SKIP() << why;
	}
	void TearDown() override
	{
		if (b)
			block_close(b);
		loop_destroy(l);
		Kill(SIGKILL);
		unlink(socket.c_str());
		unlink((dir + "/image").c_str());
		rmdir(dir.c_str());
	}
	void Kill(int sig)
	{
		if (!server)
			return;
		kill(server, sig);
		waitpid(server, nullptr, 0);
		server = 0;
		unlink(socket.c_str());
	}
	void Run(std::vector<std::string> args)
	{
		std::vector<char *> argv;

		for (auto &a : args)
			argv.push_back(&a[0]);
		argv.push_back(nullptr);
		server = fork();
		if (!server) {
			int null = open("/dev/null", O_RDWR);

			dup2(null, 0);
			dup2(null, 1);
			dup2(null, 2);
			execvp(argv[0], argv.data());
			_exit(127);
		}
		for (uint64_t end = now_ns() + 20000000000ull; !Listens() && now_ns() < end;)
			usleep(2000);
		ASSERT_TRUE(Listens()) << args[0] << " does not listen";
	}
	/* A socket has its name before it takes connections; and a connection to try may be the only one it takes. */
	bool Listens()
	{
		const std::string end = " " + socket;
		std::ifstream sockets("/proc/net/unix"); // Num RefCount Protocol Flags Type St Inode Path
		std::string line;

		while (std::getline(sockets, line))
			if (line.size() > end.size() && !line.compare(line.size() - end.size(), end.size(), end) &&
			    line.find(" 00010000 ") != std::string::npos) // __SO_ACCEPTCON
				return true;
		return false;
	}
	/* nbdkit with these words. */
	void Serve(std::vector<std::string> words = {"memory", "64M"})
	{
		std::vector<std::string> args = {"nbdkit", "-f", "-U", socket};

		args.insert(args.end(), words.begin(), words.end());
		Run(args);
	}
	int Open()
	{
		return block_open(&c, &b, why, sizeof(why));
	}
	void Start()
	{
		if (Open())
			throw std::runtime_error(why);
		ASSERT_EQ(block_start(b, l, nullptr), 0);
	}
	int Wait(Request &r)
	{
		return wait_for(l, r, 30);
	}
	int Do(Request &r)
	{
		block_submit(b, &r);
		return Wait(r);
	}
	void For(unsigned ms)
	{
		for (uint64_t end = now_ns() + ms * 1000000ull; now_ns() < end;)
			loop_run(l, end);
	}
};

TEST_F(Nbd, WhatIsWrittenIsRead)
{
	c.discard = true;
	Serve();
	Start();
	EXPECT_EQ(block_info(b).bytes, 64u << 20);
	EXPECT_TRUE(block_info(b).discards);
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 100; i++) {
		all.emplace_back(
			new Request(BLOCK_WRITE, (uint64_t)i * 512 * 1024, 512 * (1 + i * 37 % 900), (uint8_t)(i + 1)));
		all.back()->stable = i % 2;
		block_submit(b, all.back().get());
	}
	for (auto &w : all)
		ASSERT_EQ(Wait(*w), 0);
	Request f(BLOCK_FLUSH, 0, 0), z(BLOCK_ZEROES, 512, 4096), d(BLOCK_DISCARD, 1 << 20, 1 << 20);

	EXPECT_EQ(Do(f), 0);
	for (auto &w : all) {
		Request r(BLOCK_READ, w->offset, w->bytes);

		ASSERT_EQ(Do(r), 0);
		ASSERT_TRUE(r.data == w->data);
	}
	EXPECT_EQ(Do(z), 0);
	EXPECT_EQ(Do(d), 0);
	Request r(BLOCK_READ, 512, 4096, 0xee);

	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(r.data, std::vector<uint8_t>(4096, 0));
}

/* A server that can do less: zeroes are written, writes that must be stable are flushed, discards are ignored. */
TEST_F(Nbd, WhatTheServerCannotDoIsDoneOtherwise)
{
	Serve({"--filter=nozero", "--filter=fua", "memory", "4M", "zeromode=none"});
	Start();
	Request w(BLOCK_WRITE, 0, 1 << 20, 7), z(BLOCK_ZEROES, 4096, 8192), r(BLOCK_READ, 0, 16384);

	w.stable = z.stable = true;
	EXPECT_EQ(Do(w), 0);
	EXPECT_EQ(Do(z), 0);
	EXPECT_EQ(Do(r), 0);
	for (size_t i = 0; i < r.data.size(); i++)
		ASSERT_EQ(r.data[i], i >= 4096 && i < 12288 ? 0 : 7) << i;
	EXPECT_EQ(block_stats(b).zeroes_written, 1u);
}

TEST_F(Nbd, AnErrorOfTheServerIsTheRequests)
{
	Serve({"--filter=error", "memory", "4M", "error-pread=ENOSPC", "error-pread-rate=1"});
	Start();
	Request r(BLOCK_READ, 0, 512), w(BLOCK_WRITE, 0, 512);

	EXPECT_EQ(Do(r), -ENOSPC);
	EXPECT_EQ(Do(w), 0);
	EXPECT_EQ(block_stats(b).reconnects, 0u);
}

TEST_F(Nbd, ASlowServerIsWaitedForByNobodyElse)
{
	Serve({"--filter=delay", "memory", "16M", "delay-read=200ms"});
	Start();
	std::vector<std::unique_ptr<Request>> all;
	Request w(BLOCK_WRITE, 0, 512);

	for (unsigned i = 0; i < 16; i++) {
		all.emplace_back(new Request(BLOCK_READ, (uint64_t)i * 4096, 4096));
		block_submit(b, all.back().get());
	}
	EXPECT_EQ(Do(w), 0);
	for (auto &r : all)
		EXPECT_EQ(Wait(*r), 0);
}

/* The server is killed with requests under way, and another begins: nobody notices but the log. */
TEST_F(Nbd, AServerThatComesBackIsAskedAgain)
{
	std::string image = dir + "/image";
	int fd = creat(image.c_str(), 0600);

	ASSERT_EQ(ftruncate(fd, 16 << 20), 0);
	close(fd);
	Serve({"--filter=delay", "file", image, "delay-write=3"});
	Start();
	std::vector<std::unique_ptr<Request>> all;

	for (unsigned i = 0; i < 40; i++) {
		all.emplace_back(new Request(BLOCK_WRITE, (uint64_t)i * 65536, 65536, (uint8_t)(i + 1)));
		block_submit(b, all.back().get());
	}
	For(50);
	Kill(SIGKILL);
	For(150);
	Serve({"file", image});
	for (auto &w : all)
		ASSERT_EQ(Wait(*w), 0);
	EXPECT_EQ(block_stats(b).reconnects, 1u);
	EXPECT_GT(block_stats(b).retried, 0u);
	EXPECT_EQ(block_stats(b).errors[BLOCK_WRITE], 0u);
	for (auto &w : all) {
		Request r(BLOCK_READ, w->offset, w->bytes);

		ASSERT_EQ(Do(r), 0);
		ASSERT_TRUE(r.data == w->data);
	}
}

TEST_F(Nbd, AServerThatStaysAwayIsAnErrorUntilItIsBack)
{
	Serve();
	Start();
	nbd_block_patience(b, 300000000);
	Kill(SIGKILL);
	Request a(BLOCK_READ, 0, 4096), later(BLOCK_READ, 0, 4096), back(BLOCK_READ, 0, 4096);

	EXPECT_EQ(Do(a), -EIO);
	EXPECT_EQ(Do(later), -EIO);
	Serve();
	for (uint64_t end = now_ns() + 30000000000ull; !block_stats(b).reconnects && now_ns() < end;)
		loop_run(l, end);
	EXPECT_EQ(Do(back), 0);
}

/* A server that takes requests and never answers is as bad as one that is gone. */
TEST_F(Nbd, AServerThatAnswersNothingIsGivenUp)
{
	Serve();
	Start();
	nbd_block_patience(b, 300000000);
	kill(server, SIGSTOP);
	ASSERT_EQ(waitpid(server, nullptr, WUNTRACED), server); // it stands
	Request r(BLOCK_READ, 0, 4096);

	EXPECT_EQ(Do(r), -EIO);
	kill(server, SIGCONT);
	for (uint64_t end = now_ns() + 30000000000ull; !block_stats(b).reconnects && now_ns() < end;)
		loop_run(l, end);
	r.ended = 0;
	EXPECT_EQ(Do(r), 0);
}

/* Who is in a hurry (a reset, the end) does not wait for the server. */
TEST_F(Nbd, HurryingAndClosingDoNotWaitForAServerThatIsGone)
{
	Serve();
	Start();
	Kill(SIGKILL);
	Request a(BLOCK_READ, 0, 4096), w(BLOCK_WRITE, 0, 4096);

	block_submit(b, &a);
	For(100);
	EXPECT_EQ(a.ended, 0u);
	block_hurry(b);
	EXPECT_EQ(a.result, -EIO);
	block_submit(b, &w);
	loop_run(l, 0);
	uint64_t t = now_ns();

	block_close(b);
	b = nullptr;
	EXPECT_EQ(w.ended, 1u);
	EXPECT_LT(now_ns() - t, 5000000000ull);
}

/* A reset while the volume is lost: the guest that begins then has all the time of any other. */
TEST_F(Nbd, AfterAHurryPatienceBeginsAnew)
{
	Serve();
	Start();
	Kill(SIGKILL);
	Request a(BLOCK_READ, 0, 4096), r(BLOCK_READ, 0, 4096);

	block_submit(b, &a);
	block_hurry(b);
	EXPECT_EQ(Wait(a), -EIO);
	block_forget(b);
	block_submit(b, &r);
	For(600); // it is looked at who waits too long
	EXPECT_EQ(r.ended, 0u);
	Serve();
	EXPECT_EQ(Wait(r), 0);
}

/* A server that holds the connection and says nothing does not hold up a reset. */
TEST_F(Nbd, AHurryDoesNotWaitLongForAServerThatAnswersNothing)
{
	Serve();
	Start();
	nbd_block_patience(b, 3600000000000ull);
	kill(server, SIGSTOP);
	ASSERT_EQ(waitpid(server, nullptr, WUNTRACED), server); // it stands
	Request r(BLOCK_READ, 0, 4096), late(BLOCK_READ, 0, 4096);

	block_submit(b, &r);
	For(50);
	EXPECT_EQ(r.ended, 0u);
	block_hurry(b);
	EXPECT_EQ(Wait(r), -EIO);
	EXPECT_EQ(Do(late), -EIO); // and so is what comes after it
	block_forget(b);
	kill(server, SIGCONT);
	r.ended = 0;
	EXPECT_EQ(Do(r), 0);
}

TEST_F(Nbd, WhatIsNoVolumeForAGuestIsRefusedByName)
{
	EXPECT_LT(Open(), 0);
	EXPECT_NE(std::string(why).find(socket), std::string::npos) << why;
	Serve({"--filter=blocksize-policy", "memory", "4M", "blocksize-minimum=4096", "blocksize-preferred=4096",
	       "blocksize-maximum=32M", "blocksize-error-policy=error"});
	EXPECT_EQ(Open(), -EINVAL);
	EXPECT_NE(std::string(why).find("blocks of 4096 bytes"), std::string::npos) << why;
	Kill(SIGKILL);
	Serve({"-r", "memory", "4M"});
	EXPECT_EQ(Open(), -EINVAL);
	EXPECT_NE(std::string(why).find("may not be written"), std::string::npos) << why;
	c.read_only = true;
	Start();
	Request r(BLOCK_READ, 0, 512);

	EXPECT_EQ(Do(r), 0);
}

TEST_F(Nbd, QemuNbd)
{
	std::string image = dir + "/image";
	int fd = creat(image.c_str(), 0600);

	ASSERT_EQ(ftruncate(fd, 16 << 20), 0);
	close(fd);
	c.discard = true;
	Run({"qemu-nbd", "-f", "raw", "-k", socket, "--persistent", "--discard=unmap", image});
	Start();
	Request w(BLOCK_WRITE, 4096, 1 << 20, 0x99), f(BLOCK_FLUSH, 0, 0), z(BLOCK_ZEROES, 8192, 4096),
		d(BLOCK_DISCARD, 1 << 20, 65536), r(BLOCK_READ, 4096, 1 << 20);

	EXPECT_EQ(Do(w), 0);
	EXPECT_EQ(Do(f), 0);
	EXPECT_EQ(Do(z), 0);
	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(Do(d), 0);
	for (size_t i = 0; i < r.data.size(); i++)
		ASSERT_EQ(r.data[i], i >= 4096 && i < 8192 ? 0 : 0x99) << i;
	/* The image is locked as we lock ours: it is not to be had beside it. */
	disk_config same = {};
	block *second = nullptr;

	snprintf(same.path, sizeof(same.path), "%s", image.c_str());
	EXPECT_EQ(block_open(&same, &second, why, sizeof(why)), -EBUSY);
	EXPECT_NE(std::string(why).find("qemu-nbd"), std::string::npos) << why;
	block_close(b);
	b = nullptr;
	Kill(SIGTERM);
	ASSERT_EQ(block_open(&same, &b, why, sizeof(why)), 0) << why;
	std::string write = "qemu-io -f raw -c 'write 0 512' " + image + " >/dev/null 2>&1";

	EXPECT_NE(system(write.c_str()), 0);
	block_close(b);
	b = nullptr;
	EXPECT_EQ(system(write.c_str()), 0);
}

/* An image in QEMU's own format, by a child that is started again when it is killed. */
TEST_F(Nbd, AQcow2Image)
{
	std::string image = dir + "/image";

	ASSERT_EQ(system(("qemu-img create -q -f qcow2 " + image + " 16M").c_str()), 0);
	snprintf(c.path, sizeof(c.path), "%s", image.c_str());
	c.format = DISK_QCOW2;
	c.discard = true;
	Start();
	EXPECT_STREQ(block_name(b), image.c_str());
	EXPECT_EQ(block_info(b).bytes, 16u << 20);
	Request w(BLOCK_WRITE, 4096, 1 << 20, 0x99), f(BLOCK_FLUSH, 0, 0), r(BLOCK_READ, 4096, 1 << 20);

	EXPECT_EQ(Do(w), 0);
	EXPECT_EQ(Do(f), 0);
	ASSERT_EQ(system(("pkill -KILL -f ' " + image + "$'").c_str()), 0); // the one that has this image
	EXPECT_EQ(Do(r), 0);
	EXPECT_TRUE(r.data == w.data);
	EXPECT_EQ(block_stats(b).reconnects, 1u);
	disk_config same = c;
	block *second = nullptr;

	EXPECT_EQ(block_open(&same, &second, why, sizeof(why)), -EIO);
	EXPECT_NE(std::string(why).find("another process using"), std::string::npos) << why; // QEMU says it
	block_close(b);
	b = nullptr;
	EXPECT_NE(system(("pgrep -f ' " + image + "$' >/dev/null").c_str()), 0) << "a child is left";
	EXPECT_EQ(system(("qemu-img check -q " + image).c_str()), 0);
	Start(); // what was flushed is there
	r.ended = 0;
	EXPECT_EQ(Do(r), 0);
	EXPECT_TRUE(r.data == w.data);
}

/* What a child that was killed had answered and not flushed may be lost: no flush says that it is not. */
TEST_F(Nbd, AChildThatIsKilledWithWritesNotFlushedFailsFlushes)
{
	std::string image = dir + "/image", killed = "pkill -KILL -f ' " + image + "$'"; // the one that has it

	ASSERT_EQ(system(("qemu-img create -q -f qcow2 " + image + " 16M").c_str()), 0);
	snprintf(c.path, sizeof(c.path), "%s", image.c_str());
	c.format = DISK_QCOW2;
	Start();
	Request w(BLOCK_WRITE, 4096, 65536, 0x99), f(BLOCK_FLUSH, 0, 0), r(BLOCK_READ, 0, 4096),
		s(BLOCK_WRITE, 1 << 20, 4096, 0x77);

	EXPECT_EQ(Do(w), 0);
	ASSERT_EQ(system(killed.c_str()), 0);
	EXPECT_EQ(Do(f), -EIO);
	f.ended = 0;
	EXPECT_EQ(Do(f), -EIO); // for good
	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(block_stats(b).reconnects, 1u);
	block_forget(b); // a reset
	f.ended = 0;
	EXPECT_EQ(Do(f), 0);
	/* A write that was stable by itself is not lost. */
	s.stable = true;
	EXPECT_EQ(Do(s), 0);
	ASSERT_EQ(system(killed.c_str()), 0);
	f.ended = 0;
	EXPECT_EQ(Do(f), 0);
	r.ended = 0;
	EXPECT_EQ(Do(r), 0);
	EXPECT_EQ(block_stats(b).reconnects, 2u);
}

/* A socket has its name before it takes connections. */
TEST_F(Nbd, AChildThatListensLateIsWaitedFor)
{
	std::string program = dir + "/qemu-nbd", image = dir + "/image", path = getenv("PATH");

	std::ofstream(program) << "#!/usr/bin/env python3\n"
				  "import os, socket, sys, time\n"
				  "s = socket.socket(socket.AF_UNIX)\n"
				  "s.bind(sys.argv[sys.argv.index('--socket') + 1])\n"
				  "time.sleep(0.3)\n"
				  "s.listen(1)\n"
				  "os.dup2(s.fileno(), 3)\n"
				  "os.set_inheritable(3, True)\n"
				  "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n"
				  "os.execvp('nbdkit', ['nbdkit', '-f', 'memory', '4M'])\n";
	chmod(program.c_str(), 0700);
	close(creat(image.c_str(), 0600));
	snprintf(c.path, sizeof(c.path), "%s", image.c_str());
	c.format = DISK_QCOW2;
	setenv("PATH", (dir + ":" + path).c_str(), 1);
	int r = Open();

	setenv("PATH", path.c_str(), 1);
	unlink(program.c_str());
	ASSERT_EQ(r, 0) << why;
	EXPECT_EQ(block_info(b).bytes, 4u << 20);
	block_close(b);
	b = nullptr;
}

TEST_F(Nbd, AnImageThatIsNone)
{
	std::string image = dir + "/image";
	int fd = creat(image.c_str(), 0600);

	ASSERT_EQ(ftruncate(fd, 1 << 20), 0);
	close(fd);
	snprintf(c.path, sizeof(c.path), "%s", image.c_str());
	c.format = DISK_QCOW2;
	EXPECT_EQ(Open(), -EIO);
	EXPECT_NE(std::string(why).find("not in qcow2 format"), std::string::npos) << why;
	EXPECT_NE(std::string(why).find(image), std::string::npos) << why;
}

} // namespace
