// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a call: what is split and fits the list of verbs has a known name and every argument in its kind; and it
 * says the same when it is joined again. */
#include <stdlib.h>
#include <string.h>

#include "vmm/call/call.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(enum verb v, const json_t *args)
{
	char why[160] = "";
	bool fit = verb_args_fit(v, args, why, sizeof(why));

	if (fit != !why[0])
		abort();
	for (const struct verb_arg *a = verb_info(v)->args; fit && a->kind != VERB_ARG_NONE; a++) {
		const json_t *value = json_object_get(args, a->key);

		if (a->kind == VERB_ARG_NUMBER ? !json_is_integer(value)
		    : a->kind == VERB_ARG_FLAG ? !json_is_boolean(value)
					       : !json_is_string(value))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char name[CALL_VERB_MAX];
	json_t *args = NULL, *again = NULL;
	size_t joined_n;

	if (!call_split(data, n, name, &args))
		return 0;
	enum verb v = verb_find(name);
	if (v < VERBS)
		check(v, args);
	uint8_t *joined = call_join(name, args, &joined_n);
	if (joined && (!call_split(joined, joined_n, name, &again) || !json_equal(args, again)))
		abort();
	free(joined);
	json_decref(again);
	json_decref(args);
	return 0;
}
