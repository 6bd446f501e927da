// SPDX-License-Identifier: Apache-2.0
// Registers for a person, in the layout that people know from QEMU's "info registers".
#include <stdio.h>
#include <stdlib.h>

#include "vmm/monitor/monitor_priv.h"
#include "vmm/hv/show.h"

static unsigned long long number(const json_t *o, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(o, key));
}

static void put_general(FILE *f, const json_t *o)
{
	static const char *const shown[] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
					    "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
	static const enum hv_gpr order[] = {HV_RAX, HV_RBX, HV_RCX, HV_RDX, HV_RSI, HV_RDI, HV_RBP, HV_RSP,
					    HV_R8,  HV_R9,  HV_R10, HV_R11, HV_R12, HV_R13, HV_R14, HV_R15};

	for (unsigned i = 0; i < 16; i++)
		fprintf(f, "%s=%016llx%c", shown[i], number(o, hv_gpr_names[order[i]]), i % 4 == 3 ? '\n' : ' ');
}

static void put_flags(FILE *f, const json_t *o)
{
	static const struct {
		unsigned bit;
		char name;
	} flags[] = {{10, 'D'}, {11, 'O'}, {7, 'S'}, {6, 'Z'}, {4, 'A'}, {2, 'P'}, {0, 'C'}};
	unsigned long long v = number(o, "rflags");

	fprintf(f, "RIP=%016llx RFL=%08llx [", number(o, "rip"), v);
	for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		fputc(v >> flags[i].bit & 1 ? flags[i].name : '-', f);
	fprintf(f, "] CPL=%llu STATE=%s\n", number(json_object_get(o, "ss"), "flags") >> 13 & 3,
		json_string_value(json_object_get(o, "state")));
}

static void put_segments(FILE *f, const json_t *o)
{
	static const char *const shown[] = {"CS ", "DS ", "ES ", "FS ", "GS ", "SS ", "LDT", "TR ", "GDT", "IDT"};
	static const enum hv_seg order[] = {HV_ES, HV_CS, HV_SS, HV_DS, HV_FS, HV_GS, HV_LDT, HV_TR, HV_GDT, HV_IDT};

	for (unsigned i = 0; i < HV_SEGS; i++) {
		const json_t *s = json_object_get(o, hv_seg_names[order[i]]);

		fprintf(f, "%s=", shown[order[i]]);
		if (order[i] < HV_GDT)
			fprintf(f, "%04llx ", number(s, "selector"));
		else
			fputs("     ", f);
		fprintf(f, "%016llx %08llx", number(s, "base"), number(s, "limit"));
		if (order[i] < HV_GDT)
			fprintf(f, " %08llx", number(s, "flags"));
		fputc('\n', f);
	}
}

char *monitor_registers_text(const json_t *vcpu)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return NULL;
	fprintf(f, "CPU#%llu (host %llu)\n", number(vcpu, "vcpu"), number(vcpu, "host"));
	put_general(f, vcpu);
	put_flags(f, vcpu);
	put_segments(f, vcpu);
	fprintf(f, "CR0=%08llx CR2=%016llx CR3=%016llx CR4=%08llx CR8=%llx\nEFER=%016llx KERNEL_GS=%016llx\n",
		number(vcpu, "cr0"), number(vcpu, "cr2"), number(vcpu, "cr3"), number(vcpu, "cr4"), number(vcpu, "cr8"),
		number(vcpu, "efer"), number(vcpu, "kernel_gs_base"));
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}
