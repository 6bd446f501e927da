// SPDX-License-Identifier: Apache-2.0
// Two acted hosts with room for more, and a guest whose words the test says.
#ifndef TESTS_UNIT_RUN_ACTED_GROWTH_H
#define TESTS_UNIT_RUN_ACTED_GROWTH_H

#include "tests/unit/run/acted_hosts.h"

extern "C" {
#include "vmm/run/grow.h"
}

namespace
{

constexpr uint64_t kMiB = 1ull << 20, kGiB = 1ull << 30;

machine_desc roomy(uint64_t mib = 256)
{
	machine_desc d = sample_desc(2, 1, mib);
	EXPECT_EQ("", sample_layout(&d, {1, 1}, {mib, mib}, {.vcpus_max = 8, .memory_max = 5 * kGiB, .nodes_max = 4}));
	return d;
}

struct Grow : VerbsAndMoves {
	struct growths *g = nullptr;
	char why[DESC_REPORT_MAX] = "";

	void SetUp() override
	{
		desc = roomy();
		VerbsAndMoves::SetUp();
		g = growths_create(v, &desc);
	}
	void TearDown() override
	{
		VerbsAndMoves::TearDown();
		growths_destroy(g);
	}
	int grow(host_id host, uint32_t cpus, uint64_t mib, uint32_t node = GROW_ANY_NODE,
		 uint32_t vcpu = GROW_ANY_VCPU)
	{
		grow_wish w = {.host = host,
			       .cpus = cpus,
			       .memory_bytes = mib * kMiB,
			       .node = node,
			       .vcpu = vcpu,
			       .one = false,
			       .slot = 0};
		return call([&] { return growths_grow(g, &w, Done, this, why, sizeof(why)); });
	}
	int shrink(uint32_t vcpu)
	{
		return call([&] { return growths_remove_vcpu(g, vcpu, Done, this, why, sizeof(why)); });
	}
	void tell(bool memory, int index, bool ejected, int event = 0, int status = 0, host_id from = 0)
	{
		json_t *d = json_pack("{s:b,s:i,s:b,s:i,s:i}", "memory", (int)memory, "index", index, "ejected",
				      (int)ejected, "event", event, "status", status);
		growths_on_said(g, from, d);
		json_decref(d);
		turns();
	}
	void until(size_t n, const char *verb) // looks are some milliseconds apart
	{
		for (unsigned i = 0; i < 400 && count(verb) < n; i++) {
			fake_clock_forward_ms(1);
			turns(4);
		}
		turns();
		EXPECT_LE(n, count(verb)) << verb;
	}
	size_t count(const char *verb)
	{
		return (size_t)std::count(all.begin(), all.end(), verb);
	}
};

} // namespace

#endif
