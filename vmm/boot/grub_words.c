// SPDX-License-Identifier: Apache-2.0
// /etc/default/grub is a shell script. What people write there is assignments of quoted text: these are read.
#include <stdbool.h>
#include <string.h>

#include "vmm/boot/disk.h"

static const char *skip_blanks(const char *p)
{
	return p + strspn(p, " \t");
}

/* A word of the shell, with its quotes taken away. false: something that only a shell can work out, or too long. */
static bool unquote(const char *p, char *out, size_t cap)
{
	size_t n = 0;
	char quote = 0;

	for (; *p && *p != '\n' && (quote || !strchr(" \t;#", *p)); p++) {
		if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? 0 : *p;
			continue;
		}
		if (quote != '\'' && (*p == '$' || *p == '`'))
			return false;
		if (quote != '\'' && *p == '\\' && p[1] && p[1] != '\n')
			p++;
		if (n + 1 >= cap)
			return false;
		out[n++] = *p;
	}
	out[n] = 0;
	return !quote;
}

void boot_grub_words(const char *text, char *out, size_t cap)
{
	static const char name[] = "GRUB_CMDLINE_LINUX=";

	out[0] = 0;
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p = skip_blanks(*p == '\n' ? p + 1 : p);
		if (!strncmp(p, "export ", 7))
			p = skip_blanks(p + 7);
		if (!strncmp(p, name, sizeof(name) - 1) && !unquote(p + sizeof(name) - 1, out, cap))
			out[0] = 0;
	}
}
