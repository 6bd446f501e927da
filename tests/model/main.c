// SPDX-License-Identifier: Apache-2.0
// Model checks; see --help.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/model/search.h"

static const struct model *const models[] = {&coherence_model, &queues_model,   &members_model, &sealing_model,
					     &board_model,     &entering_model, &claiming_model};
#define MODELS (sizeof(models) / sizeof(models[0]))

static void help(void)
{
	printf("Usage: model [--only NAME] [--states N] [--seconds S] [--large]\n"
	       "Visits every state that a small cluster can reach, and checks each of them: its coherence engines, by\n"
	       "every order of faults, message deliveries, expired deadlines and evictions; and a virtio device whose\n"
	       "queues move between hosts. And the order in which hosts join a guest and leave it, with any of them "
	       "lost;\nthe board that moves; and sealed sessions, with an attacker who has every message;\nand how "
	       "hosts and people are let in and shut out, and known in a session.\n"
	       "  --only NAME   one configuration of:\n");
	for (unsigned k = 0; k < MODELS; k++)
		for (unsigned i = 0; i < models[k]->n; i++)
			printf("                %s\n", models[k]->name(i));
	printf("  --states N    give up after N states (default 40000000)\n"
	       "  --seconds S   give up after S seconds of CPU for each configuration (default 200)\n"
	       "  --large       also those that take very long; their limits have to be raised\n");
}

int main(int argc, char **argv)
{
	struct search s = {.limit = 40000000, .seconds = 200};
	const char *only = NULL;
	bool good = true, any = false;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			only = argv[++i];
			s.large = true;
		} else if (!strcmp(argv[i], "--large")) {
			s.large = true;
		} else if (!strcmp(argv[i], "--states") && i + 1 < argc) {
			s.limit = strtoull(argv[++i], NULL, 0);
		} else if (!strcmp(argv[i], "--seconds") && i + 1 < argc) {
			s.seconds = strtod(argv[++i], NULL);
		} else {
			help();
			return strcmp(argv[i], "--help") ? 2 : 0;
		}
	}
	search_init(&s);
	for (unsigned k = 0; k < MODELS; k++)
		for (unsigned i = 0; i < models[k]->n; i++) {
			if (only && strcmp(only, models[k]->name(i)))
				continue;
			any = true;
			good &= models[k]->check(i, &s);
		}
	if (!any)
		printf("FAIL model: no configuration of that name\n");
	return good && any ? 0 : 1;
}
