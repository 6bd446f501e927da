// SPDX-License-Identifier: Apache-2.0
// What verbs.def says, for code: a number and a name for each verb, its arguments, how long an answer is waited for.
// Pure.
#ifndef VMM_CALL_VERBS_H
#define VMM_CALL_VERBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* In this process only: on the wire a verb has its name. */
enum verb {
#define VERB(NAME, ...) VERB_##NAME,
#define ARG(...)
#define END
#include "vmm/call/verbs.def"
	VERBS
};

enum verb_how { VERB_AT_ONCE, VERB_LATER, VERB_WORKER };
enum verb_arg_kind { VERB_ARG_NONE, VERB_ARG_NUMBER, VERB_ARG_FLAG, VERB_ARG_TEXT };

struct verb_arg {
	enum verb_arg_kind kind;
	const char *key, *text;
};

struct verb_info {
	const char *name; // on the wire
	enum verb_how how;
	unsigned ms; // how long a host's answer is waited for
	const char *does, *answers;
	const struct verb_arg *args; // ends with VERB_ARG_NONE
};

/* v: less than VERBS. */
const struct verb_info *verb_info(enum verb v);
const char *verb_name(enum verb v);    // "?" for what is none
enum verb verb_find(const char *name); // VERBS: nobody knows it

/*
 * Whether args is an object with each argument of v in its kind; further members are let through. If not, why gets a
 * sentence that names the argument and what was expected.
 */
bool verb_args_fit(enum verb v, const json_t *args, char *why, size_t why_cap);

#endif
