// SPDX-License-Identifier: Apache-2.0
/*
 * What a page costs: single faults timed inside the guest at CPL 3, a sequential stream, and how
 * CPU-bound work scales. Pages are visited in a scattered order, so that prefetching doesn't hide
 * the single fault.
 */
#include "guest-tools/micro/micro.h"

#define PAGES        1024u
#define STREAM_PAGES 2048u

struct fault {
	volatile uint64_t *at; // PAGES pages
	uint64_t gen, bad;
	volatile uint64_t stop;
	uint64_t sample[PAGES] __attribute__((aligned(4096))); // the measuring vCPU's
};

static struct fault f __attribute__((aligned(4096)));

void sort_words(uint64_t *v, uint32_t n)
{
	for (uint32_t gap = n / 2; gap; gap /= 2)
		for (uint32_t i = gap; i < n; i++) {
			uint64_t x = v[i];
			uint32_t j = i;

			for (; j >= gap && v[j - gap] > x; j -= gap)
				v[j] = v[j - gap];
			v[j] = x;
		}
}

uint32_t vcpu_far(void)
{
	for (uint32_t v = 1; v < mach.vcpus_n; v++)
		if (mach.node[v] != mach.node[0])
			return v;
	return 0;
}

static volatile uint64_t *scattered(uint32_t i)
{
	return f.at + (i * 389u % PAGES) * (PAGE / 8);
}

static void own_job(uint32_t me, void *arg)
{
	(void)me, (void)arg;
	for (uint32_t i = 0; i < PAGES; i++)
		f.at[i * (PAGE / 8)] = f.gen + i;
}

static void own_and_spin_job(uint32_t me, void *arg)
{
	volatile uint64_t *ready = arg;

	own_job(me, arg);
	*ready = f.gen;
	for (uint64_t x = 1, end = tsc() + us_ticks(20000000); !f.stop && tsc() < end;)
		for (int i = 0; i < 1000; i++) // its own registers only, between looks
			__asm__ volatile("imul $7, %0, %0" : "+r"(x));
}

static void touch(bool write)
{
	for (uint32_t i = 0; i < PAGES; i++) {
		volatile uint64_t *p = scattered(i);
		uint64_t t = tsc(), v = 0;

		if (write)
			*p = ~f.gen;
		else
			v = *p;
		barrier();
		f.sample[i] = tsc() - t;
		if (!write && v != f.gen + i * 389u % PAGES)
			f.bad++;
	}
}

static void report(const char *name, const char *suffix)
{
	uint64_t v[3];
	static const char *const what[3] = {"", "_p90", "_p99"};
	char text[48];

	sort_words(f.sample, PAGES);
	v[0] = f.sample[PAGES / 2], v[1] = f.sample[PAGES * 9 / 10], v[2] = f.sample[PAGES * 99 / 100];
	for (unsigned i = 0; i < 3; i++) {
		unsigned n = 0;

		for (const char *s = name; *s; s++)
			text[n++] = *s;
		for (const char *s = suffix; *s; s++)
			text[n++] = *s;
		for (const char *s = what[i]; *s; s++)
			text[n++] = *s;
		text[n] = 0;
		result(text, ticks_ns(v[i]), "us");
	}
}

static void fault_round(uint32_t far, const char *suffix, bool busy)
{
	static struct {
		volatile uint64_t word;
	} ready __attribute__((aligned(4096)));

	for (unsigned k = 0; k < 2; k++) { // k = 0: read then upgrade; 1: write
		f.gen += 0x100000;
		f.stop = 0;
		if (busy) {
			run_begin(far, own_and_spin_job, (void *)&ready.word);
			if (!wait_word(&ready.word, f.gen, 20000))
				f.bad++;
		} else {
			run_one(far, own_job, NULL);
		}
		touch(k);
		report(k ? "fault_write_guest" : "fault_read_guest", suffix);
		if (!k) {
			touch(true);
			report("fault_upgrade_guest", suffix);
		}
		f.stop = 1;
		if (busy)
			run_end(far);
	}
}

static void fault_run(const char *name)
{
	uint32_t far = vcpu_far();

	if (!far) {
		test_skip(name, "one node only");
		return;
	}
	f.bad = 0;
	f.at = page_alloc(mach.node[far], PAGES);
	fault_round(far, "", false);
	fault_round(far, "_busy", true);
	if (f.bad)
		test_fail(name, "%lu wrong values", f.bad);
	else
		test_pass(name);
}

static void stream_fill_job(uint32_t me, void *arg)
{
	volatile uint64_t *p = arg;

	(void)me;
	for (uint32_t i = 0; i < STREAM_PAGES * (PAGE / 8); i++)
		p[i] = i * 0x9e3779b97f4a7c15ull;
}

static void stream_run(const char *name)
{
	uint32_t far = vcpu_far();
	volatile uint64_t *p;
	uint64_t bad = 0, t;

	if (!far) {
		test_skip(name, "one node only");
		return;
	}
	p = page_alloc(mach.node[far], STREAM_PAGES);
	run_one(far, stream_fill_job, (void *)p);
	t = tsc();
	for (uint32_t i = 0; i < STREAM_PAGES * (PAGE / 8); i++)
		bad += p[i] != i * 0x9e3779b97f4a7c15ull;
	t = ticks_ns(tsc() - t);
	result("stream_read_guest", (uint64_t)STREAM_PAGES * PAGE * 1000000 / t, "MB/s");
	if (bad)
		test_fail(name, "%lu wrong words", bad);
	else
		test_pass(name);
}

static void cpu_job(uint32_t me, void *arg)
{
	uint64_t x = me + 1;

	for (uint64_t n = *(const uint64_t *)arg; n; n--)
		__asm__ volatile("imul $7, %0, %0; add $3, %0" : "+r"(x));
}

void cpu_scaling(void)
{
	uint64_t n = option_u64("cpu_loops", 200000000), one, all, t = tsc();
	uint32_t far = vcpu_far() ? vcpu_far() : mach.vcpus_n - 1;

	run_one(far, cpu_job, &n);
	one = tsc() - t;
	t = tsc();
	run_on(mach.vcpus_n, cpu_job, &n);
	all = tsc() - t;
	print("cpu loops %lu alone_us %lu together_us %lu vcpus %u\n", n, ticks_ns(one) / 1000, ticks_ns(all) / 1000,
	      mach.vcpus_n);
	result("guest_cpu_scaling", one * 1000 * mach.vcpus_n / all, "ratio");
}

static void cpu_run(const char *name)
{
	cpu_scaling();
	test_pass(name);
}

const struct test fault_tests[] = {{"fault", fault_run}, {"stream", stream_run}, {"cpu", cpu_run}, {NULL, NULL}};
