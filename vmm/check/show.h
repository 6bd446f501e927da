// SPDX-License-Identifier: Apache-2.0
// Reports for people and for programs.
#ifndef VMM_CHECK_SHOW_H
#define VMM_CHECK_SHOW_H

#include <jansson.h>
#include <stdio.h>

#include "vmm/check/rules.h"

extern const char *const check_level_names[CHECK_LEVELS];

#define CHECK_COLUMNS 100u // no line is longer

/*
 * One line after the other, from level least up; each line of print begins with prefix. Returns how many judgements
 * that were.
 */
unsigned check_print(FILE *out, const struct check_report *r, enum check_level least, const char *prefix);

/*
 * {"pando", "kernel", "processor", "lines": [{"name", "level", "text", "remedy"}], "pass", "warn", "fail", "others"};
 * others: [{"address", "error"}], or with what it told and the clock's figures instead. NULL: no memory.
 */
json_t *check_json(const struct check_facts *f, const struct check_report *r);

/*
 * What another host is told of this one, and back. check_identity_parse() takes anything: false where it is no such
 * object.
 */
json_t *check_identity_json(const struct check_identity *is);
bool check_identity_parse(const json_t *o, struct check_identity *out);

#endif
