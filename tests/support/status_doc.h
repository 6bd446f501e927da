// SPDX-License-Identifier: Apache-2.0
// The generated part of docs/MONITORING.md: every number of vmm/status/status.def, by subject.
#ifndef TESTS_SUPPORT_STATUS_DOC_H
#define TESTS_SUPPORT_STATUS_DOC_H

#include <stdio.h>

#include "vmm/status/status.h"

static const char *status_doc_unit(enum status_unit u)
{
	static const char *const names[] = {
		[STATUS_UNIT_COUNT] = "",
		[STATUS_UNIT_PAGES] = "pages",
		[STATUS_UNIT_BYTES] = "bytes",
		[STATUS_UNIT_NS] = "ns",
		[STATUS_UNIT_MS] = "ms",
		[STATUS_UNIT_TICKS] = "ticks",
		[STATUS_UNIT_SIGNED_TICKS] = "ticks, +-",
		[STATUS_UNIT_KHZ] = "kHz",
		[STATUS_UNIT_FLAG] = "true or false",
		[STATUS_UNIT_NUMBER] = "which",
	};

	return names[u];
}

static void status_doc_table(FILE *f, const char *title, const struct status_line *l, unsigned n)
{
	fprintf(f, "\n%s\n\n| key | | unit | metric | |\n|---|---|---|---|---|\n", title);
	for (unsigned i = 0; i < n; i++, l++) {
		fprintf(f, "| `%s%s%s` | %s | %s | ", l->object, *l->object ? "." : "", l->key,
			l->kind == STATUS_KIND_COUNTER ? "counter" : "gauge", status_doc_unit(l->unit));
		if (l->metric)
			fprintf(f, "`%s%s%s%s`", l->metric, *l->labels ? "{" : "", l->labels, *l->labels ? "}" : "");
		fprintf(f, " | %s |\n", l->help);
	}
}

static void status_doc(FILE *f)
{
	status_doc_table(f,
			 "The guest, at the top of the document; metrics have the label `guest`:", status_guest_lines,
			 STATUS_GUEST_NUMBERS);
	status_doc_table(f, "Each host, in `hosts[]`; metrics have `guest` and `host`:", status_lines, STATUS_NUMBERS);
	status_doc_table(f, "Each host's connection to another, in `hosts[].peers[]`; `guest`, `host` and `peer`:",
			 status_peer_lines, STATUS_PEER_NUMBERS);
	status_doc_table(f, "Each vCPU, in `hosts[].machine.vcpus[]`; `guest`, `host` and `vcpu`:", status_vcpu_lines,
			 STATUS_VCPU_NUMBERS);
	status_doc_table(
		f,
		"Each PCI device of a host, in `hosts[].machine.cards[]`; `guest`, `host`, `device`, `kind` and "
		"`name` (what is behind it: a disk's path, a network's back):",
		status_card_lines, STATUS_CARD_NUMBERS);
}

#endif
