// SPDX-License-Identifier: Apache-2.0
// The judgements of `pando check`: one line a rule, out of facts alone. Pure.
#ifndef VMM_CHECK_RULES_H
#define VMM_CHECK_RULES_H

#include "vmm/check/facts.h"

#define CHECK_NAME_MAX   24u
#define CHECK_REMEDY_MAX 77u // with its end: a line of `pando check` has room for no more
#define CHECK_LINES_MAX  (32u + 6u * CHECK_OTHERS_MAX)

enum check_level { CHECK_PASS, CHECK_WARN, CHECK_FAIL, CHECK_LEVELS };

struct check_line {
	char name[CHECK_NAME_MAX];
	enum check_level level;
	char text[384];                // a sentence without its full stop
	char remedy[CHECK_REMEDY_MAX]; // a command that can be typed; "" where there is none
};

struct check_report {
	unsigned lines_n, count[CHECK_LEVELS];
	struct check_line lines[CHECK_LINES_MAX];
};

/* Judges this host, then the others in f. Always the same lines in the same order, but for those of other hosts. */
void check_judge(const struct check_facts *f, struct check_report *out);

/* The exit status: 0 without a FAIL, else 1. */
int check_status(const struct check_report *r);

#endif
