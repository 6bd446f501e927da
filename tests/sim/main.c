// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

bool wanted(const struct args *a, const char *name)
{
	return !a->only || strcmp(a->only, name) == 0;
}

void failed(const char *name, uint64_t seed, const char *why)
{
	printf("FAIL sim.%s: %s (seed %lu; again: tests/sim --only %s --seed %lu, see it with "
	       "--trace)\n",
	       name, why, seed, name, seed);
	fflush(stdout);
}

static int help(int rc)
{
	printf("Usage: sim [--only NAME] [--seed N] [--scale X] [--trace]\n"
	       "Runs coherence engines of 2 to 64 hosts in virtual time over links with random "
	       "delays, and checks\n"
	       "every read against the newest write, every writer to be alone, and litmus tests "
	       "for x86 order.\n"
	       "  --only NAME   one test, e.g. litmus.MP, storm, hosts_64\n"
	       "  --seed N      that seed only; a failure names it\n"
	       "  --scale X     times the rounds of the litmus tests (1: a million each)\n"
	       "  --trace       print every message and effect\n");
	return rc;
}

int main(int argc, char **argv)
{
	struct args a = {.scale = 1};

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help"))
			return help(0);
		if (!strcmp(argv[i], "--trace"))
			sim_trace = true;
		else if (!strcmp(argv[i], "--only") && i + 1 < argc)
			a.only = argv[++i];
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			a.seed = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--scale") && i + 1 < argc)
			a.scale = strtod(argv[++i], NULL);
		else
			return help(2);
	}
	bool good = storm_all(&a);
	good &= litmus_all(&a);
	return good ? 0 : 1;
}
