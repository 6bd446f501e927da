// SPDX-License-Identifier: Apache-2.0
#include "tests/drive/hostile.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t values[] = {-1, INT64_MIN, INT64_MAX, INT64_C(1) << 32, (INT64_C(1) << 32) + 1, 1023, 64};

#define VALUES (sizeof(values) / sizeof(values[0]))

struct hostile {
	struct ops *v;
	ops_done done;
	void *ctx;
	unsigned verb, arg, value, calls, refused;
};

static void next(struct hostile *h);

static void end(struct hostile *h, const char *error)
{
	printf("\nhostile: %u calls, %u refused\n", h->calls, h->refused);
	h->done(h->ctx, error);
	free(h);
}

/* A host that says nothing has hung; anything else is an answer. */
static void on_answers(void *ctx, const json_t *answers, const char *error)
{
	struct hostile *h = ctx;

	(void)answers;
	h->calls++;
	h->refused += error != NULL;
	if (error && strstr(error, "no answer to"))
		end(h, error);
	else
		next(h);
}

static json_t *args_of(const struct hostile *h)
{
	json_t *args = json_object();
	unsigned i = 0;

	for (const struct verb_arg *a = verb_info(h->verb)->args; a->kind != VERB_ARG_NONE; a++, i++)
		json_object_set_new(args, a->key,
				    a->kind == VERB_ARG_FLAG   ? json_true()
				    : a->kind == VERB_ARG_TEXT ? json_string("")
							       : json_integer(i == h->arg ? values[h->value] : 0));
	return args;
}

/* The next argument that is a number, of this verb or a later one. false: there is none. */
static bool find(struct hostile *h)
{
	for (; h->verb < VERBS; h->verb++, h->arg = 0) {
		const struct verb_arg *a = verb_info(h->verb)->args;
		unsigned n = 0;

		while (a[n].kind != VERB_ARG_NONE)
			n++;
		while (h->arg < n && a[h->arg].kind != VERB_ARG_NUMBER)
			h->arg++;
		if (h->arg < n)
			return true;
	}
	return false;
}

static void next(struct hostile *h)
{
	if (!find(h)) {
		end(h, NULL);
		return;
	}
	int r = ops_ask_all(h->v, h->verb, args_of(h), OP_FREE, on_answers, h);

	if (++h->value == VALUES) {
		h->value = 0;
		h->arg++;
	}
	if (r)
		end(h, strerror(-r));
}

int hostile_begin(struct ops *v, ops_done done, void *ctx)
{
	struct hostile *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	*h = (struct hostile){.v = v, .done = done, .ctx = ctx};
	next(h);
	return 0;
}
