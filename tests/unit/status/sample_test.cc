// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "tests/unit/status/document.h"

extern "C" {
#include "coherence/base/sharing.h"
}

TEST(Sample, ReadsAWholeDocument)
{
	struct sample *s = sample_of(document(10), 1);
	ASSERT_NE(nullptr, s);
	EXPECT_STREQ("web", s->name);
	EXPECT_EQ(4, s->v[STATUS_GUEST_VCPUS]);
	EXPECT_EQ(64 << 20, s->v[STATUS_GUEST_MEMORY]);
	ASSERT_EQ(2u, s->hosts_n);
	const struct sample_host *h = sample_host(s, 1);
	ASSERT_NE(nullptr, h);
	EXPECT_STREQ("10.0.0.2:7411", h->address);
	EXPECT_STREQ("", h->error);
	EXPECT_EQ(12000, h->v[STATUS_FAULTS_READ]);
	EXPECT_EQ(8192, h->v[STATUS_GIVEN_PAGES]);
	EXPECT_EQ(178, h->v[STATUS_CONSOLE_BYTES]);
	EXPECT_EQ(26000, h->v[STATUS_CLOCK_BOUND]);
	ASSERT_EQ(2u, h->vcpus_n);
	EXPECT_EQ(3, h->vcpus[1].index);
	EXPECT_EQ(1000, h->vcpus[1].v[STATUS_VCPU_EXITS]);
	EXPECT_EQ(6000000000, h->vcpus[1].v[STATUS_VCPU_RUNNING_NS]);
	const struct sample_peer *p = sample_peer(h, 0);
	ASSERT_NE(nullptr, p);
	EXPECT_TRUE(p->up);
	EXPECT_EQ(41000, p->v[STATUS_PEER_RTT_NS]);
	EXPECT_EQ(2000, p->v[STATUS_PEER_INVALIDATIONS_OUT]);
	EXPECT_EQ(4u, p->latency[STATUS_READ].buckets_n);
	EXPECT_EQ(4000, p->latency[STATUS_READ].total);
	EXPECT_EQ(256u, s->map.n);
	EXPECT_EQ(1, s->map.owner[128]);
	EXPECT_EQ(SAMPLE_UNTOUCHED, s->map.owner[255]);
	EXPECT_EQ(127 * 10 * 2, s->map.faults[255]);
	EXPECT_EQ(nullptr, sample_host(s, 2));
	EXPECT_EQ(nullptr, sample_vcpu(s, 4));
	sample_free(s);
}

TEST(Sample, MissingKeysAreNone)
{
	struct sample *s = sample_of(json_pack("{s:[{}]}", "hosts"), 1);
	ASSERT_NE(nullptr, s);
	ASSERT_EQ(1u, s->hosts_n);
	for (int i = 0; i < STATUS_NUMBERS; i++)
		EXPECT_EQ(STATUS_NONE, s->hosts[0].v[i]);
	EXPECT_EQ(0u, s->map.n);
	EXPECT_TRUE(std::isnan(sample_histogram_quantile(&s->hosts[0].latency[0], 0.5)));
	sample_free(s);
}

TEST(Sample, LiesAreBounded)
{
	for (const char *text : {
		     "[]",
		     "{}",
		     "{\"hosts\":3}",
		     "{\"hosts\":[3,null,[],\"x\"]}",
		     "{\"hosts\":[{\"host\":-1,\"memory\":[],\"coherence\":{\"faults_read\":-5,\"faults_write\":\"9\"}}"
		     "]}",
		     "{\"hosts\":[{\"peers\":[{\"host\":64},{\"host\":-1},{},{\"host\":1},{\"host\":1}]}]}",
		     "{\"hosts\":[{\"heat\":{\"first_region\":511,\"region_pages\":1,\"owner\":[64,1,2,3],\"faults\":["
		     "1]}}]}",
		     "{\"hosts\":[{\"heat\":{\"first_region\":9999,\"region_pages\":1,\"owner\":[1],\"faults\":[1]}}]}",
		     "{\"hosts\":[{\"heat\":{\"first_region\":0,\"region_pages\":0,\"owner\":[1],\"faults\":[1]}}]}",
		     "{\"hosts\":[{\"latency\":{\"read\":{\"buckets\":[[5,1],[5,1]]},\"write\":{\"buckets\":[5,[]]}}}]"
		     "}",
		     "{\"hosts\":[{\"latency\":{\"read\":{\"buckets\":[[1,9223372036854775807],[2,9223372036854775807]]"
		     "}}}]}",
		     "{\"hosts\":[{\"hot_pages\":[{\"address\":-4},{\"address\":1,\"reads\":1},7]}]}",
		     "{\"hosts\":[{\"machine\":{\"vcpus\":[1,{\"exits\":[]},{\"exits\":{\"a\":9223372036854775807,"
		     "\"b\":1}}]}}]}",
	     }) {
		json_t *doc = json_loads(text, 0, nullptr);
		ASSERT_NE(nullptr, doc) << text;
		struct sample *s = sample_of(doc, 1);
		if (!s)
			continue;
		for (unsigned i = 0; i < s->hosts_n; i++) {
			EXPECT_LT(s->hosts[i].host, HOSTS_MAX) << text;
			EXPECT_LE(s->hosts[i].peers_n, 1u) << text;
			EXPECT_EQ(0u, s->hosts[i].hot_n) << text;
			EXPECT_EQ(0u, s->hosts[i].latency[STATUS_READ].buckets_n) << text;
			for (auto n : {STATUS_FAULTS_READ, STATUS_FAULTS_WRITE, STATUS_FAULTS_UPGRADE})
				EXPECT_EQ(STATUS_NONE, s->hosts[i].v[n]) << text;
		}
		for (unsigned i = 0; i < STATUS_REGIONS_MAX; i++)
			EXPECT_LT(s->map.owner[i], (int)HOSTS_MAX) << text;
		struct sample_sharing hot[4];
		EXPECT_EQ(0u, sample_hot_pages(s, hot, 4));
		sample_free(s);
	}
}

TEST(Sample, TooManyHostsAreCut)
{
	json_t *list = json_array();
	for (int i = 0; i < 100; i++)
		json_array_append_new(list, json_object());
	struct sample *s = sample_of(json_pack("{s:o}", "hosts", list), 1);
	EXPECT_EQ(HOSTS_MAX, s->hosts_n);
	sample_free(s);
}

TEST(Sample, TextsLoseControlCharactersAndAreCutBetweenCharacters)
{
	std::string wide;
	for (int i = 0; i < 100; i++)
		wide += "\xc3\xa9"; // two bytes each: 127 of them would end inside one
	struct sample *s =
		sample_of(json_pack("{s:s,s:[{s:s}]}", "name", wide.c_str(), "hosts", "address", "a\x1b[2Jb"), 1);
	EXPECT_EQ(126u, strlen(s->name));
	EXPECT_STREQ("a?[2Jb", s->hosts[0].address);
	sample_free(s);
}

TEST(Sample, TheFirstWarningIsToldAndTheirNumber)
{
	struct sample *s = sample_of(json_pack("{s:[],s:[{s:s,s:s,s:s},{s:s}]}", "hosts", "warnings", "warning", "a",
					       "text", "slow\x1b[2J", "remedy", "do this", "text", "another"),
				     1);
	EXPECT_EQ(2u, s->warnings_n);
	EXPECT_STREQ("slow?[2J", s->warning);
	EXPECT_STREQ("do this", s->remedy);
	sample_free(s);
	for (const char *lie : {"5", "{}", "[7]", "[]"}) {
		json_t *doc = json_pack("{s:[],s:o}", "hosts", "warnings", json_loads(lie, JSON_DECODE_ANY, nullptr));
		s = sample_of(doc, 1);
		EXPECT_STREQ("", s->warning) << lie;
		EXPECT_STREQ("", s->remedy) << lie;
		sample_free(s);
	}
}

TEST(Sample, Rates)
{
	EXPECT_DOUBLE_EQ(50, sample_rate(100, 200, 0, 2000000000));
	EXPECT_TRUE(std::isnan(sample_rate(STATUS_NONE, 200, 0, 1)));
	EXPECT_TRUE(std::isnan(sample_rate(100, STATUS_NONE, 0, 1)));
	EXPECT_TRUE(std::isnan(sample_rate(100, 99, 0, 1)));
	EXPECT_TRUE(std::isnan(sample_rate(100, 200, 5, 5)));
}

TEST(Sample, RatesOfHostsAndOfTheWhole)
{
	struct sample *a = sample_of(document(10), 10), *b = sample_of(document(12), 12);
	EXPECT_DOUBLE_EQ(1200, sample_host_rate(a, b, 1, STATUS_FAULTS_READ));
	EXPECT_DOUBLE_EQ(2400, sample_host_rate(a, b, -1, STATUS_FAULTS_READ));
	EXPECT_TRUE(std::isnan(sample_host_rate(nullptr, b, -1, STATUS_FAULTS_READ)));
	EXPECT_TRUE(std::isnan(sample_host_rate(a, b, 7, STATUS_FAULTS_READ)));
	struct sample_shares v = sample_vcpu_shares(a, b, 1);
	EXPECT_DOUBLE_EQ(0.6, v.running);
	EXPECT_DOUBLE_EQ(0.3, v.halted);
	EXPECT_DOUBLE_EQ(0.1, v.page_wait);
	EXPECT_TRUE(std::isnan(sample_vcpu_shares(a, b, 9).running));
	sample_free(a);
	sample_free(b);
}

TEST(Sample, HistogramsSubtractAndHaveQuantiles)
{
	struct sample *a = sample_of(document(10), 10), *b = sample_of(document(12), 12);
	struct sample_histogram d, sum = {};
	sample_histogram_delta(&a->hosts[0].latency[STATUS_READ], &b->hosts[0].latency[STATUS_READ], &d);
	EXPECT_EQ(800, d.total);
	EXPECT_EQ(400, d.count[1]);
	EXPECT_EQ(160000 * 200, d.sum_ns);
	EXPECT_DOUBLE_EQ(35000, sample_histogram_quantile(&d, 0.5)); // the middle of the second bucket
	EXPECT_DOUBLE_EQ(100000, sample_histogram_quantile(&d, 1));
	sample_histogram_delta(&b->hosts[0].latency[STATUS_READ], &a->hosts[0].latency[STATUS_READ], &d);
	EXPECT_EQ(4000, d.total) << "a restarted counter counts from 0";
	sample_histogram_add(&sum, &d);
	sample_histogram_add(&sum, &d);
	EXPECT_EQ(8000, sum.total);
	EXPECT_EQ(4000, sum.count[1]);
	struct sample_histogram other = {};
	other.buckets_n = 1;
	other.upper_ns[0] = 30000;
	other.count[0] = other.total = 5;
	sample_histogram_add(&sum, &other);
	ASSERT_EQ(5u, sum.buckets_n);
	EXPECT_EQ(30000, sum.upper_ns[1]);
	EXPECT_EQ(5, sum.count[1]);
	EXPECT_EQ(8005, sum.total);
	sample_histogram_delta(&other, &sum, &d);
	EXPECT_EQ(8000, d.total) << "buckets that were empty may be missing";
	sample_histogram_delta(&sum, &other, &d);
	EXPECT_EQ(5, d.total);
	sample_free(a);
	sample_free(b);
}

TEST(Sample, HotPagesOfAllHostsAreOneList)
{
	struct sample *s = sample_of(document(12), 12);
	struct sample_sharing v[8];
	ASSERT_EQ(3u, sample_hot_pages(s, v, 8));
	EXPECT_EQ(3309568u, v[0].address);
	EXPECT_EQ(3u, v[0].readers);
	EXPECT_EQ(3u, v[0].writers);
	EXPECT_EQ(7200, v[0].reads);
	EXPECT_DOUBLE_EQ(1000, v[0].rate);
	EXPECT_EQ(8192u, v[1].address);
	EXPECT_EQ(1u, v[1].readers);
	EXPECT_DOUBLE_EQ(40, v[1].rate);
	ASSERT_EQ(2u, sample_hot_pages(s, v, 2)) << "as many as there is room for";
	s->hosts[1].hot[0].rate = NAN;
	ASSERT_EQ(3u, sample_hot_pages(s, v, 8));
	EXPECT_DOUBLE_EQ(500, v[0].rate) << "what is told counts";
	sample_free(s);
}

TEST(Sample, WhoReadsAndWhoWritesSaysWhatKindOfSharingItIs)
{
	EXPECT_EQ(SHARING_ONE_HOST, sharing_of(0, 0));
	EXPECT_EQ(SHARING_ONE_HOST, sharing_of(2, 2));
	EXPECT_EQ(SHARING_READ, sharing_of(3, 0));
	EXPECT_EQ(SHARING_ONE_WRITER, sharing_of(1, 2));
	EXPECT_EQ(SHARING_ONE_WRITER, sharing_of(3, 2));
	EXPECT_EQ(SHARING_WRITE, sharing_of(0, 6));
	EXPECT_STREQ("write-shared", sharing_name(SHARING_WRITE));
}
