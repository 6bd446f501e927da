// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/run/acted_run.h"

#include <fcntl.h>
#include <unistd.h>

namespace
{

struct Consoles : ActedRun {
	char serial[32] = "/tmp/pando-serial-XXXXXX", virtio[32] = "/tmp/pando-virtio-XXXXXX";

	void SetUp() override
	{
		close(mkstemp(serial));
		close(mkstemp(virtio));
		ActedRun::SetUp();
		char why[512];
		ASSERT_LT(0, desc_add_card(&r->desc, CARD_CONSOLE, 1, 0, nullptr, why, sizeof(why))) << why;
		run_consoles_close(r.get());
		opt.console_to = {CONSOLE_FILE, serial, false};
		opt.virtio_console = true;
		opt.virtio_console_to = {CONSOLE_FILE, virtio, false};
		ASSERT_EQ(0, run_consoles_open(r.get(), why, sizeof(why))) << why;
	}
	void TearDown() override
	{
		ActedRun::TearDown();
		unlink(serial);
		unlink(virtio);
	}
	void Output(unsigned port, const char *text)
	{
		struct msg m = {};
		m.kind = MSG_CTL_CONSOLE;
		m.u.ctl_console.port = (uint8_t)port;
		m.blob = (const uint8_t *)text;
		m.blob_bytes = (uint32_t)strlen(text);
		run_consoles_on_output(r.get(), &m);
	}
	std::string Credit(host_id from, unsigned port, uint64_t total)
	{
		struct msg m = {};
		m.kind = MSG_CTL_CREDIT;
		m.u.ctl_credit.port = (uint8_t)port;
		m.u.ctl_credit.total = total;
		return Said([&] { run_consoles_on_credit(r.get(), from, &m); });
	}
	static std::string Read(const char *path)
	{
		char text[256] = "";
		int fd = open(path, O_RDONLY);
		EXPECT_LE(0, read(fd, text, sizeof(text) - 1));
		close(fd);
		return text;
	}
};

TEST_F(Consoles, EachGoesWhereItIsToGo)
{
	Output(0, "serial\n");
	Output(1, "virtio\n");
	Output(2, "nobody's\n");
	Output(255, "nobody's\n");
	EXPECT_TRUE(run_consoles_close(r.get()));
	EXPECT_EQ("serial\n", Read(serial));
	EXPECT_EQ("virtio\n", Read(virtio));
}

TEST_F(Consoles, OnlyItsHostAllowsToType)
{
	EXPECT_EQ("", Credit(0, 0, 4096));
	EXPECT_EQ("", Credit(1, 1, 4096));
	EXPECT_EQ(4096u, credit_left(&r->virtio.credit));
	for (auto &c :
	     std::vector<std::vector<uint64_t>>{{1, 0, 5000}, {0, 1, 5000}, {0, 2, 5000}, {1, 1, 1}, {1, 1, 1 << 20}})
		EXPECT_NE(
			std::string::npos,
			Credit((host_id)c[0], (unsigned)c[1], c[2]).find("a number of typed bytes that makes no sense"))
			<< c[0] << c[1] << c[2];
	EXPECT_EQ(4096u, credit_left(&r->virtio.credit));
	EXPECT_EQ(4096u, credit_left(&r->console.credit));
}

// One question at a time, however often the window changes; the last size is told.
TEST_F(Consoles, AWindowThatIsDragged)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	ASSERT_GE(master, 0);
	r->virtio.terminal.fd = master;
	for (unsigned i = 0; i < 50; i++)
		run_consoles_resized(r.get());
	turns();
	EXPECT_EQ(Words({"console-size", "console-size"}), hosts[1].verbs);
	EXPECT_EQ(Words({}), hosts[0].verbs);
	r->virtio.terminal.fd = -1;
	run_consoles_resized(r.get());
	turns();
	EXPECT_EQ(2u, hosts[1].verbs.size()) << "there is no window";
	close(master);
}

} // namespace
