// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

extern "C" {
#include "vmm/status/status.h"
}

namespace
{

struct Subject {
	const char *name;
	const struct status_line *lines;
	unsigned n;
};
const Subject subjects[] = {
	{"guest", status_guest_lines, STATUS_GUEST_NUMBERS}, {"host", status_lines, STATUS_NUMBERS},
	{"peer", status_peer_lines, STATUS_PEER_NUMBERS},    {"vcpu", status_vcpu_lines, STATUS_VCPU_NUMBERS},
	{"card", status_card_lines, STATUS_CARD_NUMBERS},
};

std::vector<std::string> qmp_names(const Subject &s, unsigned type)
{
	std::vector<std::string> out;
	char name[STATUS_QMP_NAME_MAX];
	for (unsigned i = 0; i < s.n; i++)
		if (s.lines[i].qmp & type)
			out.push_back(status_qmp_name(&s.lines[i], name));
	return out;
}

} // namespace

TEST(StatusNumbers, EachHasItsOwnPlaceAndIsReadWhereItIsWritten)
{
	for (auto &s : subjects) {
		std::vector<int64_t> v(s.n), back(s.n);
		json_t *o = json_object();
		for (unsigned i = 0; i < s.n; i++)
			v[i] = s.lines[i].unit == STATUS_UNIT_FLAG           ? i % 2
			       : s.lines[i].unit == STATUS_UNIT_SIGNED_TICKS ? -100 - (int)i
			       : s.lines[i].key[0] == '*'                    ? STATUS_NONE
									     : 100 + i;
		status_write_all(o, s.lines, s.n, v.data());
		status_read_all(o, s.lines, s.n, back.data());
		for (unsigned i = 0; i < s.n; i++)
			EXPECT_EQ(v[i], back[i]) << s.name << " " << s.lines[i].name;
		json_decref(o);
	}
}

TEST(StatusNumbers, WhatIsNotKnownIsLeftOut)
{
	for (auto &s : subjects) {
		std::vector<int64_t> v(s.n);
		json_t *o = json_object();
		status_none(v.data(), s.n);
		status_write_all(o, s.lines, s.n, v.data());
		EXPECT_EQ(0u, json_object_size(o)) << s.name;
		json_decref(o);
	}
}

TEST(StatusNumbers, ASumIsOfWhatItsObjectHas)
{
	json_t *o = json_pack("{s:{s:i,s:i,s:i,s:s}}", "exits", "port", 3, "halt", 4, "odd", -5, "text", "9");
	EXPECT_EQ(7, status_read(o, &status_vcpu_lines[STATUS_VCPU_EXITS]));
	json_decref(o);
	o = json_object();
	EXPECT_EQ(STATUS_NONE, status_read(o, &status_vcpu_lines[STATUS_VCPU_EXITS]));
	json_decref(o);
}

TEST(StatusNumbers, OnlyAnOffsetMayBeNegative)
{
	json_t *o = json_pack("{s:{s:i,s:i}}", "clock", "offset_ticks", -7, "bound_ticks", -7);
	EXPECT_EQ(-7, status_read(o, &status_lines[STATUS_CLOCK_OFFSET]));
	EXPECT_EQ(STATUS_NONE, status_read(o, &status_lines[STATUS_CLOCK_BOUND]));
	json_decref(o);
}

// The rules of every line: what the tables, the metrics and QMP rely on.
TEST(StatusNumbers, LinesKeepTheRules)
{
	std::map<std::string, const struct status_line *> metrics;
	for (auto &s : subjects) {
		for (unsigned i = 0; i < s.n; i++) {
			const struct status_line &l = s.lines[i];
			std::string help = l.help, metric = l.metric ? l.metric : "";
			ASSERT_FALSE(help.empty()) << l.name << " has no help";
			EXPECT_EQ('.', help.back()) << l.name << ": help is a sentence";
			EXPECT_EQ(help.npos, help.find('|')) << l.name << " would break the table";
			if (metric.empty()) {
				EXPECT_STREQ("", l.labels) << l.name << " has labels and no metric";
				continue;
			}
			EXPECT_EQ(0u, metric.rfind("pando_", 0)) << l.name;
			bool total = metric.size() > 6 && metric.substr(metric.size() - 6) == "_total";
			EXPECT_EQ(total, l.kind == STATUS_KIND_COUNTER) << metric;
			auto other = metrics.find(metric);
			if (other == metrics.end()) {
				metrics[metric] = &l;
				continue;
			}
			EXPECT_EQ(other->second->kind, l.kind) << metric;
			EXPECT_EQ(other->second->unit, l.unit) << metric;
			EXPECT_STRNE(other->second->labels, l.labels) << metric << " twice";
		}
	}
}

// What clients of QMP know stays under its name. New members may come.
TEST(StatusNumbers, NamesInQmpStay)
{
	const struct {
		Subject s;
		unsigned type;
		std::vector<std::string> names;
	} published[] = {
		{subjects[1],
		 STATUS_QMP_COHERENCE,
		 {"faults-read", "faults-write", "faults-upgrade", "faults-local", "pages-in", "pages-out",
		  "zero-pages-in", "zero-pages-out", "upgrades", "invalidations-in", "invalidations-out", "prefetches",
		  "prefetch-hits"}},
		{subjects[1], STATUS_QMP_CLOCK, {"tsc-khz", "offset-ticks"}},
		{subjects[2], STATUS_QMP_LINK, {"rtt-ns", "bytes-in", "bytes-out", "messages-in", "messages-out"}},
		{subjects[2], STATUS_QMP_PAIR, {"bytes-in", "bytes-out", "pages-in", "pages-out", "invalidations-in"}},
	};
	for (auto &p : published) {
		auto names = qmp_names(p.s, p.type);
		std::set<std::string> there(names.begin(), names.end());
		EXPECT_EQ(names.size(), there.size()) << "a name twice";
		for (auto &n : p.names)
			EXPECT_TRUE(there.count(n)) << n;
	}
}
