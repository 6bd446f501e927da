// SPDX-License-Identifier: Apache-2.0
// Devices that come to a host and leave it, as `pando run` asks for it, in order and out of it.
#include "tests/unit/host/one_guest.h"

#include <fcntl.h>

extern "C" {
#include "vmm/block/lock.h"
}

namespace
{
struct ServePlug : Guest {
	char path[32] = "/tmp/pando-plug-XXXXXX", why[512];
	unsigned n = 0;

	void SetUp() override
	{
		if (access("/dev/kvm", R_OK | W_OK))
			GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
		int fd = mkstemp(path);
		ASSERT_EQ(0, ftruncate(fd, 1 << 20));
		close(fd);
		ASSERT_LE(0, desc_add_card(desc.get(), CARD_RNG, 0, 1, nullptr, why, sizeof(why))) << why;
		Guest::SetUp();
		SetUpGuest();
		EXPECT_EQ(ready, Next());
	}
	void TearDown() override
	{
		unlink(path);
		Guest::TearDown();
	}
	std::string say(const char *verb, const std::string &args)
	{
		Call(verb, args.c_str());
		std::string got = Next(), mine = std::to_string(calls) + ": ";
		EXPECT_EQ(0u, got.rfind(mine, 0)) << got;
		return got.substr(std::min(got.size(), mine.size()));
	}
	void create()
	{
		EXPECT_EQ("{}", say("connect", "{}"));
		EXPECT_EQ("{}", say("create", "{}"));
	}
	std::string disk(unsigned id, unsigned slot, const std::string &more = "", const char *file = nullptr)
	{
		return "{\"device\":" + std::to_string(id) +
		       ",\"kind\":\"virtio-blk\",\"host\":0,\"slot\":" + std::to_string(slot) +
		       ",\"config\":\"{\\\"path\\\":\\\"" + (file ? file : path) + "\\\"}\"" + more + "}";
	}
	static std::string device(unsigned id, const std::string &more = "")
	{
		return "{\"device\":" + std::to_string(id) + more + "}";
	}
	bool locked()
	{
		int fd = open(path, O_RDWR);
		int r = image_lock(fd, path, true, why, sizeof(why));
		close(fd);
		return r != 0;
	}
};

TEST_F(ServePlug, OneComesAndGoes)
{
	create();
	EXPECT_EQ("{}", say("device-open", disk(100, 3)));
	EXPECT_TRUE(locked());
	EXPECT_EQ("host 0 has version 0 of the description, 7 cannot follow it",
		  say("device-plug", disk(100, 3, ",\"version\":7")));
	EXPECT_EQ("{}", say("device-plug", disk(100, 3, ",\"version\":1")));
	EXPECT_EQ("device 100 is in no slot, or another one has its number",
		  say("device-plug", disk(100, 3, ",\"version\":2")));
	EXPECT_EQ("device 99 cannot be put into its slot: there is none", say("device-show", device(99)));
	EXPECT_EQ("{}", say("device-show", device(100)));
	EXPECT_EQ("{}", say("device-ask", device(100)));
	EXPECT_EQ("the guest cannot be asked for device 99: there is none", say("device-ask", device(99)));
	EXPECT_EQ("{}", say("device-take", device(100)));
	EXPECT_FALSE(locked());
	EXPECT_EQ("{}", say("device-take", device(100))) << "who asks again has not heard of it";
	EXPECT_EQ("{}", say("device-unplug", device(100, ",\"version\":2")));
	EXPECT_EQ("there is no device 100", say("device-unplug", device(100, ",\"version\":3")));
	// ... and once more, in the place of the version before.
	EXPECT_EQ("{}", say("device-open", disk(101, 3)));
	EXPECT_EQ("{}", say("device-plug", disk(101, 3, ",\"version\":3")));
	EXPECT_TRUE(locked());
}

TEST_F(ServePlug, WhatWasOpenedForNothingIsClosed)
{
	EXPECT_EQ("host 0 runs no machine", say("device-open", disk(100, 3)));
	create();
	EXPECT_EQ(
		"device 9, a 'virtio-blk': disk: the path \"x\" must begin with / or with nbd://, nbds://, nbd+unix:// "
		"or nbds+unix://",
		say("device-open", disk(100, 3, "", "x")));
	std::string got = say("device-open", disk(100, 3, "", "/nonexistent"));
	EXPECT_NE(std::string::npos, got.find("/nonexistent")) << got;
	EXPECT_EQ("{}", say("device-open", disk(100, 3)));
	EXPECT_TRUE(locked());
	EXPECT_EQ("{}", say("device-discard", device(99)));
	EXPECT_TRUE(locked());
	EXPECT_EQ("{}", say("device-discard", device(100)));
	EXPECT_FALSE(locked());
	EXPECT_EQ("device 9: slot 1 of the PCI bus of host 0 has a 'virtio-rng' already",
		  say("device-open", disk(100, 1)));
}

// Who asked waits no longer, and only then is it opened: a qcow2 image takes a program that has to start.
TEST_F(ServePlug, WhatIsGivenUpWhileItIsOpenedIsClosed)
{
	if (system(("qemu-img create -q -f qcow2 " + std::string(path) + " 1M").c_str()))
		GTEST_SKIP() << "SKIP: qemu-img makes no image";
	create();
	Call("device-open", disk(100, 3, "", (path + std::string(R"(\",\"format\":\"qcow2)")).c_str()).c_str());
	Call("device-discard", device(100).c_str());
	std::string discard = Next(), open = Next();
	if (open.find("qemu-nbd") != std::string::npos)
		GTEST_SKIP() << "SKIP: " << open;
	EXPECT_EQ("{}", discard.substr(discard.find(' ') + 1));
	EXPECT_EQ("device 100 was given up while it was opened", open.substr(open.find(' ') + 1));
	EXPECT_EQ("{}", say("device-open", R"({"device":101,"kind":"virtio-rng","host":0,"slot":3,"config":""})"))
		<< "its slot is free";
}

// All at once, and the end while they are being opened: each call is answered or nobody is there to hear it.
TEST_F(ServePlug, TheEndWhileDevicesAreOpened)
{
	create();
	for (unsigned i = 0; i < 20; i++)
		Call("device-open", disk(100 + i, 2 + i).c_str());
	HangUp();
	EXPECT_EQ(1, ended);
	EXPECT_FALSE(locked());
}
} // namespace
