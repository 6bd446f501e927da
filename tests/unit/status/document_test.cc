// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <set>
#include <string>

#include "tests/unit/status/document.h"

namespace
{

void fill(int64_t *v, const struct status_line *lines, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		v[i] = lines[i].unit == STATUS_UNIT_FLAG ? 1 : lines[i].key[0] == '*' ? STATUS_NONE : 100 + i;
}

// A host that tells all it can.
struct status_host *full()
{
	struct status_host *s = status_host_new();
	s->vcpus = (struct status_vcpu *)calloc(1, sizeof(*s->vcpus));
	fill(s->v, status_lines, STATUS_NUMBERS);
	s->v[STATUS_HOST] = 1;
	strcpy(s->address, "10.0.0.2:7411");
	s->peers_n = 1;
	fill(s->peers[0].v, status_peer_lines, STATUS_PEER_NUMBERS);
	s->peers[0].v[STATUS_PEER_HOST] = 0;
	s->peers[0].transport = "dpdk";
	s->peers[0].seal = "plain";
	s->peers[0].paging = s->paging = s->machine = true;
	for (unsigned k = 0; k < STATUS_FAULTS; k++) {
		histogram_count(&s->peers[0].latency[k], 5000);
		histogram_count(&s->latency[k], 5000);
	}
	histogram_count(&s->latency_local, 5000);
	s->metadata_bytes_per_page = 24.5;
	status_list_add(&s->messages_in, "GRANT", 3);
	status_list_add(&s->messages_out, "GRANT", 4);
	s->hot_n = 1;
	s->hot[0] = {4096, 5, 6, 1, 2, 3, 12.5, "migratory"};
	s->first_region = 2, s->regions_n = 2, s->region_pages = 64;
	s->region_owner[0] = -1, s->region_owner[1] = 1;
	s->region_faults[1] = 9;
	s->vcpus_n = 1;
	fill(s->vcpus[0].v, status_vcpu_lines, STATUS_VCPU_NUMBERS);
	s->vcpus[0].state = "running";
	status_list_add(&s->vcpus[0].exits, "halt", 7);
	s->cards_n = 1;
	fill(s->cards[0].v, status_card_lines, STATUS_CARD_NUMBERS);
	s->cards[0].kind = "virtio-blk";
	status_list_add(&s->ports, "uart", 2);
	status_list_add(&s->ports, "uart", 3);
	status_list_add(&s->mmio, "ioapic", 1);
	status_list_add(&s->ports_absent, "elsewhere", 1);
	status_list_add_address(&s->mmio_absent, 0xfed40000, 8);
	return s;
}

// Each path of a document with the type of what stands there.
void paths(const json_t *o, const std::string &at, std::set<std::string> *out)
{
	const char *key;
	json_t *v;
	size_t i;

	if (json_is_object(o)) {
		json_object_foreach((json_t *)o, key, v) paths(v, at + "." + key, out);
	} else if (json_is_array(o)) {
		json_array_foreach(o, i, v) paths(v, at + "[]", out);
	} else {
		static const char *const types[] = {"object", "array",   "text",    "integer",
						    "real",   "boolean", "boolean", "null"};
		out->insert(at + " " + types[json_typeof(o)]);
	}
}

} // namespace

// What readers of the document know stays where it is, and of its type. New numbers may come.
TEST(StatusDocument, PathsStay)
{
	struct status_host *s = full();
	json_t *o = status_host_json(s);
	std::set<std::string> there;
	paths(o, "", &there);
	std::ifstream in("tests/unit/status/golden/host_paths.txt");
	std::string line;
	unsigned n = 0;
	while (std::getline(in, line) && ++n)
		EXPECT_TRUE(there.count(line)) << "gone: " << line;
	EXPECT_GT(n, 100u) << "run this in the repository's top folder";
	json_decref(o);
	status_host_free(s);
}

TEST(StatusDocument, IsReadAsItWasWritten)
{
	struct status_host *s = full();
	struct sample *back = sample_of(json_pack("{s:[o]}", "hosts", status_host_json(s)), 1);
	ASSERT_NE(nullptr, back);
	const struct sample_host *h = sample_host(back, 1);
	ASSERT_NE(nullptr, h);
	for (unsigned i = 0; i < STATUS_NUMBERS; i++)
		EXPECT_EQ(s->v[i], h->v[i]) << status_lines[i].name;
	const struct sample_peer *p = sample_peer(h, 0);
	ASSERT_NE(nullptr, p);
	for (unsigned i = 0; i < STATUS_PEER_NUMBERS; i++)
		EXPECT_EQ(s->peers[0].v[i], p->v[i]) << status_peer_lines[i].name;
	EXPECT_EQ(1, p->latency[STATUS_WRITE].total);
	ASSERT_EQ(1u, h->vcpus_n);
	EXPECT_EQ(7, h->vcpus[0].v[STATUS_VCPU_EXITS]);
	ASSERT_EQ(1u, h->hot_n);
	EXPECT_EQ(5, h->hot[0].reads);
	EXPECT_EQ(SAMPLE_UNTOUCHED, back->map.owner[2]);
	EXPECT_EQ(1, back->map.owner[3]);
	sample_free(back);
	status_host_free(s);
}

TEST(StatusDocument, AHostThatKnowsLittleTellsLittle)
{
	struct status_host *s = status_host_new();
	json_t *o = status_host_json(s);
	EXPECT_EQ(1u, json_object_size(o)) << "but for the list of peers, which is empty";
	EXPECT_EQ(0u, json_array_size(json_object_get(o, "peers")));
	json_decref(o);
	status_host_free(s);
}

TEST(StatusDocument, NamesThatRepeatAreAddedAndAddressesStand)
{
	struct status_list l = {};
	status_list_add(&l, "uart", 2);
	status_list_add(&l, "pit", 1);
	status_list_add(&l, "uart", 3);
	status_list_add_address(&l, 0xfed40000, 1);
	status_list_add(&l, "elsewhere", 1);
	ASSERT_EQ(4u, l.n);
	EXPECT_EQ(5, l.e[0].v);
	EXPECT_EQ(nullptr, l.e[2].name);
}
