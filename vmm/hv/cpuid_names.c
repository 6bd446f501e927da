// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/cpuid_names.h"

#include <stdio.h>
#include <string.h>

/* Names are those of Linux's /proc/cpuinfo, which clearcpuid= takes too. -: it has none. */
static const struct word {
	uint32_t function, index;
	unsigned reg;     // 0 eax .. 3 edx
	const char *bits; // from bit 0 up
} words[CPUID_WORDS] = {
	{1, 0, 3,
	 "fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx "
	 "fxsr sse sse2 ss ht tm ia64 pbe"},
	{1, 0, 2,
	 "pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca "
	 "sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave osxsave avx f16c rdrand hypervisor"},
	{7, 0, 1,
	 "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq "
	 "rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw "
	 "avx512vl"},
	{7, 0, 2,
	 "prefetchwt1 avx512vbmi umip pku ospke waitpkg avx512_vbmi2 shstk gfni vaes vpclmulqdq avx512_vnni "
	 "avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - movdiri "
	 "movdir64b enqcmd sgx_lc pks"},
	{7, 0, 3,
	 "- - avx512_4vnniw avx512_4fmaps fsrm uintr - - avx512_vp2intersect - md_clear - - - serialize "
	 "hybrid_cpu tsxldtrk - pconfig arch_lbr ibt - amx_bf16 avx512_fp16 amx_tile amx_int8 spec_ctrl "
	 "intel_stibp flush_l1d arch_capabilities core_capabilities ssbd"},
	{7, 1, 0,
	 "sha512 sm3 sm4 rao_int avx_vnni avx512_bf16 lass cmpccxadd - - fzrm fsrs fsrc - - - - fred lkgs - - "
	 "amx_fp16 - avx_ifma - - lam"},
	{7, 1, 3, "- - - - avx_vnni_int8 avx_ne_convert - - amx_complex - avx_vnni_int16 - - - prefetchi"},
	{0xd, 1, 0, "xsaveopt xsavec xgetbv1 xsaves xfd"},
	{0x80000001, 0, 2,
	 "lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit "
	 "wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc perfctr_llc "
	 "mwaitx"},
	{0x80000001, 0, 3,
	 "- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm "
	 "3dnowext 3dnow"},
	{0x80000007, 0, 3, "- - - - - - - hw_pstate nonstop_tsc cpb"},
	{0x80000008, 0, 1,
	 "clzero irperf xsaveerptr invlpgb rdpru - - - - wbnoinvd - - ibpb - ibrs amd_stibp - stibp_always_on "
	 "- - - - - amd_ppin amd_ssbd virt_ssbd amd_ssb_no cppc amd_psfd"},
};

void cpuid_words(const struct cpuid_table *t, uint32_t out[CPUID_WORDS])
{
	for (unsigned w = 0; w < CPUID_WORDS; w++) {
		const struct cpuid_entry *e = cpuid_find(t, words[w].function, words[w].index);
		const uint32_t regs[4] = {e ? e->eax : 0, e ? e->ebx : 0, e ? e->ecx : 0, e ? e->edx : 0};

		out[w] = regs[words[w].reg];
	}
}

const char *cpuid_bit_name(unsigned word, unsigned bit, char *buf, size_t cap)
{
	static const char *const regs[] = {"eax", "ebx", "ecx", "edx"};
	const struct word *w = &words[word];
	const char *name = w->bits;

	for (unsigned i = 0; i < bit && *name; i++) {
		name += strcspn(name, " ");
		name += strspn(name, " ");
	}
	if (*name && *name != '-')
		snprintf(buf, cap, "%.*s", (int)strcspn(name, " "), name);
	else
		snprintf(buf, cap, "%#x.%u:%s[%u]", w->function, w->index, regs[w->reg], bit);
	return buf;
}

unsigned cpuid_words_beyond(const uint32_t have[CPUID_WORDS], const uint32_t want[CPUID_WORDS], const char *sep,
			    char *out, size_t cap)
{
	static const char more[] = "...";
	unsigned n = 0;
	size_t at = 0;
	bool cut = false;
	char name[32];

	out[0] = 0;
	for (unsigned w = 0; w < CPUID_WORDS; w++)
		for (uint32_t left = have[w] & ~want[w]; left; left &= left - 1) {
			size_t len = strlen(cpuid_bit_name(w, (unsigned)__builtin_ctz(left), name, sizeof(name)));

			n++;
			cut = cut || at + 2 * strlen(sep) + len + sizeof(more) > cap;
			if (!cut)
				at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? sep : "", name);
		}
	if (cut)
		snprintf(out + at, cap - at, "%s%s", at ? sep : "", more);
	return n;
}
