// SPDX-License-Identifier: Apache-2.0
#include "vmm/call/tame.h"

#include <stdlib.h>
#include <string.h>

#include "coherence/base/text.h"

/* NULL: it is fit as it is. */
static char *tamed(const char *text)
{
	char *copy = strdup(text);

	if (copy && text_tame(copy, false))
		return copy;
	free(copy);
	return NULL;
}

static void tame_string(json_t *s)
{
	char *text = tamed(json_string_value(s));

	if (text)
		json_string_set(s, text);
	free(text);
}

json_t *tame_json(json_t *o)
{
	const char *key;
	json_t *v;
	size_t i;
	void *next;

	if (json_is_string(o))
		tame_string(o);
	json_array_foreach(o, i, v) tame_json(v);
	json_object_foreach_safe(o, next, key, v)
	{
		char *bad = tamed(key);

		free(bad);
		if (bad)
			json_object_del(o, key);
		else
			tame_json(v);
	}
	return o;
}
