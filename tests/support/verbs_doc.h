// SPDX-License-Identifier: Apache-2.0
// The generated part of docs/VERBS.md, from vmm/call/verbs.def. Shared by the tool and the test that compares.
#ifndef TESTS_SUPPORT_VERBS_DOC_H
#define TESTS_SUPPORT_VERBS_DOC_H

#include <stdio.h>

#include "vmm/call/events.h"
#include "vmm/call/verbs.h"

static inline void verbs_doc(FILE *out)
{
	static const char *const how[] = {"at once", "later", "worker"};
	static const char *const kinds[] = {"", "number", "flag", "text"};

	for (unsigned v = 0; v < VERBS; v++) {
		const struct verb_info *i = verb_info((enum verb)v);

		fprintf(out, "\n### %s\n\n%s. Answer (%s, at most %u s): %s.\n", i->name, i->does, how[i->how],
			i->ms / 1000, i->answers);
		if (i->args->kind != VERB_ARG_NONE)
			fprintf(out, "\n| argument | kind | meaning |\n|---|---|---|\n");
		for (const struct verb_arg *a = i->args; a->kind != VERB_ARG_NONE; a++)
			fprintf(out, "| `%s` | %s | %s |\n", a->key, kinds[a->kind], a->text);
	}
	fprintf(out, "\n## What hosts tell by themselves\n\n| event | when | its data |\n|---|---|---|\n");
	for (unsigned e = 0; e < HOST_EVENTS; e++) {
		const struct host_event_info *i = host_event_info((enum host_event)e);

		fprintf(out, "| `%s` | %s | %s |\n", i->name, i->when, i->data);
	}
}

#endif
