// SPDX-License-Identifier: Apache-2.0
// Reading the arguments of a verb.
#ifndef VMM_HOST_SERVE_ARGS_H
#define VMM_HOST_SERVE_ARGS_H

#include "vmm/host/serve.h"

/* A number of 64 bits (written as a signed one). Without it the call is answered with an error and false returned. */
static inline bool serve_arg_u64(struct guest *g, uint64_t call, const json_t *args, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(args, key);

	if (!json_is_integer(v)) {
		serve_return_error(g, call, "the argument '%s' is missing or no number", key);
		return false;
	}
	*out = (uint64_t)json_integer_value(v);
	return true;
}

#endif
