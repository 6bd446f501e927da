// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/cluster/ssh.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <thread>

extern "C" {
#include "vmm/cluster/agent.h"
}

namespace
{

/* A signature of text as `pando login` asks the agent for it. */
Bytes agent_signs(const Ssh &s, const std::string &key, const std::string &text, const char *namespace_)
{
	Bytes blob = s.blob_of(key), out(SSH_SIG_MAX);
	uint8_t data[512], sig[4096];
	size_t sig_n = 0;
	char why[256] = "";
	size_t n = ssh_sig_signed(namespace_, text.data(), text.size(), data, sizeof(data));

	EXPECT_EQ(agent_sign(s.agent.c_str(), {blob.data(), blob.size()}, {data, n}, sig, sizeof(sig), &sig_n, why,
			     sizeof(why)),
		  0)
		<< why;
	out.resize(ssh_sig_make(namespace_, {blob.data(), blob.size()}, {sig, sig_n}, out.data(), out.size()));
	return out;
}

/* An agent that answers every connection with the same bytes. */
struct Hostile {
	Ssh s;
	std::string path = s.path("hostile");
	int fd;
	std::thread t;

	explicit Hostile(const std::string &answer)
	{
		sockaddr_un a = {};

		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		a.sun_family = AF_UNIX;
		strcpy(a.sun_path, path.c_str());
		EXPECT_EQ(bind(fd, (sockaddr *)&a, sizeof(a)), 0);
		EXPECT_EQ(listen(fd, 8), 0);
		t = std::thread([this, answer] {
			for (int c; (c = accept(fd, nullptr, nullptr)) >= 0; close(c)) {
				char sink[4096];

				if (recv(c, sink, sizeof(sink), 0) > 0)
					send(c, answer.data(), answer.size(), MSG_NOSIGNAL);
			}
		});
	}
	~Hostile()
	{
		shutdown(fd, SHUT_RDWR);
		t.join();
		close(fd);
	}
	int keys(std::string *why)
	{
		struct agent_keys k;
		char text[256] = "";
		int r = ::agent_keys(path.c_str(), &k, text, sizeof(text));

		if (!r)
			agent_keys_free(&k);
		*why = text;
		return r;
	}
	int sign(std::string *why, size_t room = 512)
	{
		uint8_t out[512];
		size_t n;
		char text[256] = "";
		int r = agent_sign(path.c_str(), {(const uint8_t *)"k", 1}, {(const uint8_t *)"d", 1}, out, room, &n,
				   text, sizeof(text));

		*why = text;
		return r;
	}
};

std::string s_(const char *bytes, size_t n)
{
	return std::string(bytes, n);
}

} // namespace

TEST(Agent, ItsKeysAndASignatureThatIsGood)
{
	SKIP_WITHOUT_SSH();
	Ssh s;
	struct agent_keys k;
	char why[256] = "";

	s.key("one");
	s.key("two", "ecdsa");
	s.start_agent();
	ASSERT_EQ(agent_keys(s.agent.c_str(), &k, why, sizeof(why)), 0) << why;
	EXPECT_EQ(k.n, 0);
	agent_keys_free(&k);
	s.add("one");
	s.add("two");
	ASSERT_EQ(agent_keys(s.agent.c_str(), &k, why, sizeof(why)), 0) << why;
	ASSERT_EQ(k.n, 2);
	EXPECT_TRUE(ssh_is(k.keys[0].type, "ssh-ed25519"));
	EXPECT_TRUE(ssh_is(k.keys[0].comment, "one"));
	Bytes blob = s.blob_of("one");
	EXPECT_EQ(Bytes(k.keys[0].blob.p, k.keys[0].blob.p + k.keys[0].blob.n), blob);
	agent_keys_free(&k);

	std::string text = "a challenge";
	Bytes sig = agent_signs(s, "one", text, "pando-operator");
	ssh_sig parsed;
	ASSERT_TRUE(ssh_sig_parse(sig.data(), sig.size(), &parsed));
	EXPECT_TRUE(ssh_sig_good_ed25519(&parsed, "pando-operator", text.data(), text.size()));
	EXPECT_FALSE(ssh_sig_good_ed25519(&parsed, "pando-monitor", text.data(), text.size()));
	EXPECT_FALSE(ssh_sig_good_ed25519(&parsed, "pando-operator", text.data(), text.size() - 1));
	/* and it is what ssh-keygen makes: these signatures have no randomness in them */
	EXPECT_EQ(sig, s.keygen_signs("one", text, "pando-operator"));
}

TEST(Agent, ThatDoesNotHaveTheKey)
{
	SKIP_WITHOUT_SSH();
	Ssh s;
	uint8_t out[512];
	size_t n;
	char why[256] = "";

	s.key("one");
	s.start_agent();
	Bytes blob = s.blob_of("one");
	EXPECT_EQ(agent_sign(s.agent.c_str(), {blob.data(), blob.size()}, {(const uint8_t *)"d", 1}, out, sizeof(out),
			     &n, why, sizeof(why)),
		  -EACCES);
	EXPECT_TRUE(strstr(why, "did not sign")) << why;
}

TEST(Agent, ThatIsNotThere)
{
	struct agent_keys k;
	char why[256] = "";

	EXPECT_EQ(agent_keys("/nonexistent/agent", &k, why, sizeof(why)), -ENOENT);
	EXPECT_TRUE(strstr(why, "/nonexistent/agent")) << why;
	EXPECT_EQ(agent_keys(std::string(200, 'x').c_str(), &k, why, sizeof(why)), -ENAMETOOLONG);
	const char *old = getenv("SSH_AUTH_SOCK");
	std::string kept = old ? old : "";
	unsetenv("SSH_AUTH_SOCK");
	EXPECT_EQ(agent_keys(nullptr, &k, why, sizeof(why)), -ENOENT);
	EXPECT_TRUE(strstr(why, "SSH_AUTH_SOCK")) << why;
	if (old)
		setenv("SSH_AUTH_SOCK", kept.c_str(), 1);
}

TEST(Agent, HostileAnswersToWhichKeys)
{
	std::string why;
	const struct {
		std::string answer;
		int want;
	} cases[] = {{"", -ECONNRESET},
		     {s_("\0\0", 2), -ECONNRESET},
		     {s_("\0\0\0\0", 4), -EPROTO},
		     {s_("\xff\xff\xff\xff", 4), -EPROTO},
		     {s_("\0\4\0\1", 4), -EPROTO}, // a byte more than a message may have
		     {s_("\0\0\0\1\5", 5), -EPROTO},
		     {s_("\0\0\0\5\x0c\0\0\0\1", 9), -EPROTO},
		     {s_("\0\0\0\5\x0c\xff\xff\xff\xff", 9), -EPROTO},
		     {s_("\0\0\0\6\x0c\0\0\0\0x", 10), -EPROTO},
		     {s_("\0\0\0\xff\x0c\0\0\0\0", 9), -ECONNRESET},
		     {s_("\0\0\0\5\x0c\0\0\0\0", 9), 0}};

	for (auto &c : cases) {
		Hostile h(c.answer);

		EXPECT_EQ(h.keys(&why), c.want) << c.answer.size() << " " << why;
		EXPECT_EQ(why.empty(), c.want == 0);
	}
}

TEST(Agent, HostileAnswersToASignature)
{
	std::string why;
	const struct {
		std::string answer;
		int want;
	} cases[] = {{s_("\0\0\0\1\5", 5), -EACCES},
		     {s_("\0\0\0\2\5x", 6), -EPROTO},
		     {s_("\0\0\0\1\x0e", 5), -EPROTO},
		     {s_("\0\0\0\5\x0e\0\0\0\0", 9), -EPROTO}, // of no bytes
		     {s_("\0\0\0\5\x0e\xff\xff\xff\xff", 9), -EPROTO},
		     {s_("\0\0\0\7\x0e\0\0\0\1xy", 11), -EPROTO},
		     {s_("\0\0\0\5\x0c\0\0\0\0", 9), -EPROTO}, // what was not asked
		     {s_("\0\0\0\6\x0e\0\0\0\1x", 10), 0}};

	for (auto &c : cases) {
		Hostile h(c.answer);

		EXPECT_EQ(h.sign(&why), c.want) << c.answer.size() << " " << why;
	}
	Hostile large(s_("\0\0\0\7\x0e\0\0\0\2xy", 11));
	EXPECT_EQ(large.sign(&why, 1), -EMSGSIZE);
}
