// SPDX-License-Identifier: Apache-2.0
// A host's part of a guest from its first session to its end, and the `pando run` of it, which is only acted.
#include "tests/unit/host/one_guest.h"

namespace
{
std::string failed(const std::string &text)
{
	return "FAILED {\"text\":\"" + text + "\"}";
}

} // namespace

TEST_F(Guest, StepsOutOfOrderAreRefusedAndHarmNothing)
{
	Call("create");
	EXPECT_EQ("1: 'create' came while the guest is not set up yet: expected a set-up", Next());
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	Call("run");
	EXPECT_EQ("2: 'run' came while the guest is set up: expected boot images, then 'connect'", Next());
	Call("connect"); // there is nobody else
	EXPECT_EQ("3: {}", Next());
	Call("connect");
	EXPECT_EQ("4: 'connect' came while the guest is connected: expected 'create'", Next());
	Call("quit");
	EXPECT_EQ("5: {}", Next());
	Call("create");
	EXPECT_EQ("6: 'create' came while the guest is halted: expected 'quit'", Next());
	HangUp();
	EXPECT_EQ(1, ended) << "the host takes another";
}

TEST_F(Guest, AMachineIsMadeAndItsKernelIsMissed)
{
	if (access("/dev/kvm", R_OK | W_OK))
		GTEST_SKIP() << "SKIP: /dev/kvm cannot be opened";
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	Image(CTL_KERNEL, 0, 9, "half");
	Until([&] { return link_drained(run, 0); }); // or the call would overtake it
	Call("connect");
	EXPECT_EQ("1: {}", Next());
	Call("create");
	EXPECT_EQ("2: {}", Next());
	Call("run");
	EXPECT_EQ("3: the kernel or initrd did not arrive whole", Next());
	HangUp();
	EXPECT_EQ(1, ended);
}

TEST_F(Guest, ASetUpThatCannotBeIsSaid)
{
	*desc = sample_desc(1, 2, 2);
	SetUpGuest();
	EXPECT_EQ(failed("host 0 offers 1 vCPUs and 2 MiB, but 2 and 2 MiB are asked"), Next());
	Call("connect");
	EXPECT_EQ("1: 'connect' came while the guest is halted: expected 'quit'", Next());
}

TEST_F(Guest, ASetUpForAHostThatIsNotThereIsSaid)
{
	SetUpGuest(1);
	EXPECT_EQ(failed("the set-up names host 1 of 1, epoch 7 (expected 7)"), Next());
}

TEST_F(Guest, TwoSetUpsBreakTheProtocol)
{
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	SetUpGuest();
	EXPECT_EQ(failed("a set-up came while the guest is set up: expected boot images, then 'connect'"), Next());
}

TEST_F(Guest, ABootImageBeforeTheSetUpBreaksTheProtocol)
{
	Image(CTL_KERNEL, 0, 4, "abcd");
	EXPECT_EQ(failed("a piece of a boot image came while the guest is not set up yet: expected a set-up"), Next());
}

TEST_F(Guest, ABootImageInDisorderIsSaidOnce)
{
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	Image(CTL_INITRD, 0, 8, "abcd");
	Image(CTL_INITRD, 5, 8, "efg");
	Image(CTL_INITRD, 0, 8, "on its way");
	EXPECT_EQ(failed("a boot image arrived in disorder"), Next());
	Call("quit");
	EXPECT_EQ("1: {}", Next());
}

TEST_F(Guest, ASignalEndsTheHostToo)
{
	signalfd_siginfo info = {};
	info.ssi_signo = SIGTERM;
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	ASSERT_EQ((ssize_t)sizeof(info), write(signals[1], &info, sizeof(info)));
	EXPECT_EQ(failed("host 0 was told to end by signal 15"), Next());
	Until([&] { return down; });
	host.join();
	EXPECT_EQ(0, ended) << "the host ends";
}

TEST_F(Guest, ARunThatHangsUpLeavesTheHostFree)
{
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	HangUp();
	EXPECT_EQ(1, ended);
}

/* Its machine has no power any more: nothing comes, and nothing is acknowledged. */
TEST_F(Guest, ARunThatHasVanishedLeavesTheHostFree)
{
	desc->peer_timeout_ms = 100;
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	answers_pings = false;
	Until([&] { return down; });
	host.join();
	EXPECT_EQ(1, ended);
	EXPECT_GE(pings, 2u);
}

TEST_F(Guest, ARunThatAnswersIsThere)
{
	desc->peer_timeout_ms = 100;
	SetUpGuest();
	EXPECT_EQ(ready, Next());
	Until([&] { return pings >= 30; }); // six times as long
	EXPECT_FALSE(down);
	Call("connect");
	EXPECT_EQ("1: {}", Next());
}
