// SPDX-License-Identifier: Apache-2.0
// Prints the table of docs/DOMAIN-XML.md.
#include <stdio.h>

#include "vmm/bridge/domain.h"

static void row(void *ctx, const char *path, const char *how, const char *why)
{
	(void)ctx;
	printf("| `%s` | %s | %s |\n", path, how, why ? why : "");
}

int main(void)
{
	printf("\n| element or attribute | here | why |\n|---|---|---|\n");
	domain_rules_each(row, NULL);
	return 0;
}
