// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <unistd.h>

extern "C" {
#include "net/link.h"
#include "net/uring_probe.h"
}

namespace
{

void on_msg(void *, unsigned, const struct msg *)
{
}

void on_down(void *, unsigned, const char *)
{
}

/* The probe and the link itself come to the same: where one makes a ring, the other does. */
TEST(UringProbe, SaysWhatTheLinkFinds)
{
	struct link_options o = {};
	struct link_handler h = {nullptr, on_msg, on_down};
	struct uring_probe p;
	struct link *l = nullptr;

	o.transport = "uring";
	uring_probe(&p);
	int r = link_create(&l, &o, &h);
	EXPECT_EQ(p.error, r);
	if (!r) {
		link_destroy(l);
		EXPECT_EQ(p.missing, nullptr) << p.missing;
	}
}

TEST(UringProbe, LeavesNothingOpen)
{
	struct uring_probe p;
	int before = dup(0);

	close(before);
	for (int i = 0; i < 3; i++)
		uring_probe(&p);
	int after = dup(0);

	close(after);
	EXPECT_EQ(before, after);
}

} // namespace
