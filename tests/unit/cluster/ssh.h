// SPDX-License-Identifier: Apache-2.0
/* OpenSSH's programs for tests: a folder with keys, an agent that has them. Both are gone with it. */
#pragma once
#include <gtest/gtest.h>

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

extern "C" {
#include "net/id/ssh_sig.h"
}

using Bytes = std::vector<uint8_t>;

/* Runs a shell command; whether it ended with 0. */
inline bool sh(const std::string &command)
{
	return system(("(" + command + ") >/dev/null 2>&1 </dev/null").c_str()) == 0;
}

inline std::string slurp(const std::string &path)
{
	std::ifstream f(path);

	return std::string(std::istreambuf_iterator<char>(f), {});
}

struct Ssh {
	std::string dir, agent;
	pid_t pid = 0;

	Ssh()
	{
		char name[] = "/tmp/pando-ssh-XXXXXX";

		dir = mkdtemp(name);
	}
	~Ssh()
	{
		if (pid) {
			kill(pid, SIGTERM);
			waitpid(pid, nullptr, 0);
		}
		std::filesystem::remove_all(dir);
	}
	Ssh(const Ssh &) = delete;

	static bool there()
	{
		return sh("command -v ssh-keygen && command -v ssh-agent && command -v ssh-add");
	}
	std::string path(const std::string &name) const
	{
		return dir + "/" + name;
	}
	/* A key without a passphrase, of a kind of ssh-keygen's. */
	void key(const std::string &name, const std::string &kind = "ed25519")
	{
		ASSERT_TRUE(sh("ssh-keygen -q -N '' -C " + name + " -t " + kind + " -f " + path(name)));
	}
	/* Its public half as "type base64". */
	std::string public_of(const std::string &name) const
	{
		std::string line = slurp(path(name) + ".pub");

		return line.substr(0, line.find(' ', line.find(' ') + 1));
	}
	Bytes blob_of(const std::string &name) const
	{
		std::string line = public_of(name), base64 = line.substr(line.find(' ') + 1);
		Bytes b(8192);
		size_t n = 0;

		EXPECT_TRUE(ssh_unbase64(base64.data(), base64.size(), b.data(), b.size(), &n));
		b.resize(n);
		return b;
	}
	void start_agent()
	{
		agent = path("agent");
		pid = fork();
		if (pid == 0) {
			freopen("/dev/null", "w", stdout);
			execlp("ssh-agent", "ssh-agent", "-D", "-a", agent.c_str(), nullptr);
			_exit(127);
		}
		while (!listens()) { // which is some time after its socket is there
			ASSERT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << "no ssh-agent";
			usleep(1000);
		}
	}
	bool listens() const
	{
		struct sockaddr_un a = {};
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		a.sun_family = AF_UNIX;
		agent.copy(a.sun_path, sizeof(a.sun_path) - 1);
		bool there = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
		close(fd);
		return there;
	}
	void add(const std::string &name)
	{
		ASSERT_TRUE(sh("SSH_AUTH_SOCK=" + agent + " ssh-add -q " + path(name)));
	}
	/* A signature as ssh-keygen makes it. */
	Bytes keygen_signs(const std::string &name, const std::string &text, const std::string &namespace_)
	{
		std::ofstream(path("text")) << text;
		unlink(path("text.sig").c_str());
		EXPECT_TRUE(sh("ssh-keygen -Y sign -f " + path(name) + " -n " + namespace_ + " " + path("text")));
		std::string armored = slurp(path("text.sig")), base64;
		for (size_t at = 0, end; (end = armored.find('\n', at)) != std::string::npos; at = end + 1)
			if (armored[at] != '-')
				base64 += armored.substr(at, end - at);
		Bytes b(SSH_SIG_MAX);
		size_t n = 0;
		EXPECT_TRUE(ssh_unbase64(base64.data(), base64.size(), b.data(), b.size(), &n));
		b.resize(n);
		return b;
	}
};

#define SKIP_WITHOUT_SSH() \
	if (!Ssh::there()) \
	GTEST_SKIP() << "SKIP: no OpenSSH here (openssh-client)"
