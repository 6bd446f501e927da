// SPDX-License-Identifier: Apache-2.0
// Between the files of rules: how a rule says its judgement.
#ifndef VMM_CHECK_RULES_PRIV_H
#define VMM_CHECK_RULES_PRIV_H

#include "vmm/check/rules.h"

/* Each sets the line's level and text; remedy NULL: there is none. */
void check_pass(struct check_line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void check_warn(struct check_line *l, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void check_fail(struct check_line *l, const char *remedy, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

struct check_rule {
	const char *name;
	void (*judge)(const struct check_facts *f, struct check_line *out);
};

/* Of one other host: o has answered, or the rule is the first, which says that it has not. */
struct check_other_rule {
	const char *name;
	void (*judge)(const struct check_facts *f, const struct check_other *o, struct check_line *out);
};

/* Each list ends with a NULL name; check_judge() goes through them in this order. */
extern const struct check_rule check_rules_kvm[], check_rules_system[], check_rules_time[];
extern const struct check_other_rule check_rules_other[];

#endif
