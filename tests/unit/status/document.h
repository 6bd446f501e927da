// SPDX-License-Identifier: Apache-2.0
// Status documents for the tests of everything that reads them: two hosts, and what changes from one to the next.
#ifndef TESTS_UNIT_STATUS_DOCUMENT_H
#define TESTS_UNIT_STATUS_DOCUMENT_H

#include <string>

extern "C" {
#include "vmm/status/sample.h"
}

inline json_t *latency_of(long long n)
{
	return json_pack("{s:[[I,I],[I,I],[I,I],[I,I]],s:I,s:I}", "buckets", 20000LL, n, 50000LL, 2 * n, 100000LL, n,
			 10000000LL, 0LL, "count", 4 * n, "sum_ns", 160000 * n);
}

inline json_t *latencies(long long n)
{
	return json_pack("{s:o,s:o,s:o}", "read", latency_of(n), "write", latency_of(n / 2), "upgrade",
			 latency_of(n / 4));
}

inline json_t *peer_of(int host, long long t)
{
	return json_pack("{s:i,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o}", "host", host, "up", 1, "rtt_ns", 41000LL,
			 "bytes_in", 5000000 * t, "bytes_out", 3000000 * t, "messages_in", 2000 * t, "messages_out",
			 1900 * t, "pages_in", 1000 * t, "pages_out", 900 * t, "invalidations_in", 300 * t,
			 "invalidations_out", 200 * t, "latency", latencies(100 * t));
}

inline json_t *vcpu_of(int index, long long t)
{
	return json_pack("{s:i,s:i,s:s,s:{s:I,s:I},s:I,s:I,s:I,s:{s:I,s:I,s:I}}", "vcpu", index, "apic_id", index,
			 "state", index ? "halted" : "running", "exits", "port", 10 * t, "halt", 90 * t, "kicks", 5 * t,
			 "injected", 7 * t, "sleeps", 3 * t, "host_ns", "running", 600000000LL * t, "halted",
			 (index ? 300000000LL : 0LL) * t, "page_wait", 100000000LL * t);
}

inline json_t *heat_of(int host, long long t)
{
	json_t *owner = json_array(), *faults = json_array();

	for (int i = 0; i < 128; i++) {
		json_array_append_new(owner, json_integer(i < 64 ? host : i < 80 ? 1 - host : -1));
		json_array_append_new(faults, json_integer(i < 16 ? 0 : i * t * (i % 16 == 3 ? 40 : i % 5)));
	}
	return json_pack("{s:i,s:i,s:o,s:o}", "first_region", 128 * host, "region_pages", 64, "owner", owner, "faults",
			 faults);
}

inline json_t *card_of(int host, long long t)
{
	return json_pack("{s:i,s:i,s:s,s:I,s:i,s:I,s:I,s:i,s:i}", "device", 8 + host, "slot", 1, "kind",
			 host ? "virtio-net" : "virtio-blk", "requests", 1500 * t, "errors", 2 * host, "bytes_in",
			 6000000 * t, "bytes_out", 2000000 * t, "under_way", 3, "broken_queues", 0);
}

inline json_t *host_of(int host, long long t)
{
	json_t *o =
		json_pack("{s:i,s:s,s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "host", host, "address",
			  host ? "10.0.0.2:7411" : "10.0.0.1:7411", "vcpus", 2, "irqs_in", (int)(50 * t), "irqs_out",
			  (int)(60 * t), "io_served", 3, "io_forwarded", 4, "bad_messages", 0, "strangers_refused", 1);
	json_object_set_new(o, "memory",
			    json_pack("{s:i,s:i,s:i,s:i,s:i,s:i}", "given_pages", 8192, "reserve_pages", 1024,
				      "resident_pages", 4096 + 512 * host, "resident_pages_max", 6000, "owned_pages",
				      4000, "homed_pages", host ? 4096 : 12288));
	json_object_set_new(o, "coherence",
			    json_pack("{s:I,s:I,s:I,s:i,s:i,s:I,s:I,s:i,s:I,s:I,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i}",
				      "faults_read", 1200 * t, "faults_write", 800 * t, "faults_upgrade", 400 * t,
				      "faults_spurious", 1, "faults_local", 20, "pages_in", 1500 * t, "pages_out",
				      1400 * t, "zero_in", 3, "invalidations_in", 700 * t, "invalidations_out", 600 * t,
				      "downgrades", 5, "prefetches", 9, "prefetch_hits", 8, "queue_full", 0, "bad_msgs",
				      0, "oldest_wait_ms", 0, "homes_in", host ? 0 : 4096, "homes_out",
				      host ? 4096 : 0));
	json_object_set_new(o, "hot_pages",
			    json_pack("[{s:I,s:I,s:I,s:i,s:f},{s:i,s:I,s:i,s:i,s:f}]", "address", 3309568LL, "reads",
				      300 * t, "writes", 200 * t, "error", 0, "rate", 500.0, "address",
				      8192 + 4096 * host, "reads", 40 * t, "writes", 0, "error", 3, "rate", 40.0));
	json_object_set_new(o, "peers", json_pack("[o]", peer_of(1 - host, t)));
	json_object_set_new(o, "clock",
			    json_pack("{s:i,s:I,s:i}", "tsc_khz", 2600000, "offset_ticks", -70052706511645LL,
				      "bound_ticks", 26000 * host));
	json_object_set_new(o, "machine",
			    json_pack("{s:[o,o],s:[o],s:i}", "vcpus", vcpu_of(2 * host, t), vcpu_of(2 * host + 1, t),
				      "cards", card_of(host, t), "console_bytes", 178));
	json_object_set_new(o, "latency", latencies(100 * t));
	json_object_set_new(o, "heat", heat_of(host, t));
	return o;
}

inline json_t *devices_of()
{
	return json_pack("[{s:i,s:s,s:i,s:i,s:{s:s}},{s:i,s:s,s:i,s:i,s:{s:s,s:s}}]", "device", 8, "kind", "virtio-blk",
			 "host", 0, "slot", 1, "config", "path", "/srv/a \"b\".img", "device", 9, "kind", "virtio-net",
			 "host", 1, "slot", 1, "config", "back", "tap", "tap", "vm0");
}

/* The document after t seconds: everything has grown evenly. */
inline json_t *document(long long t)
{
	return json_pack("{s:s,s:s,s:i,s:I,s:i,s:I,s:o,s:[o,o]}", "name", "web", "state", "running", "vcpus", 4,
			 "memory_bytes", 64LL << 20, "dilate", 1, "uptime_ms", 1000 * t, "devices", devices_of(),
			 "hosts", host_of(0, t), host_of(1, t));
}

inline struct sample *sample_of(json_t *doc, double seconds)
{
	struct sample *s = sample_parse(doc, (uint64_t)(seconds * 1e9));
	json_decref(doc);
	return s;
}

#endif
