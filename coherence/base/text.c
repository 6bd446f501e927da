// SPDX-License-Identifier: Apache-2.0
#include "coherence/base/text.h"

#include <stdint.h>

/* Bytes of the character at s, 0: none begins there. Overlong forms and halves of surrogates draw nothing bad. */
static unsigned length(const uint8_t *s)
{
	unsigned n = *s < 0x80                  ? 1
		     : *s >= 0xc2 && *s <= 0xdf ? 2
		     : (*s & 0xf0) == 0xe0      ? 3
		     : *s >= 0xf0 && *s <= 0xf4 ? 4
						: 0;

	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80) // also the end
			return 0;
	return n;
}

static bool is_control(const uint8_t *s, unsigned n)
{
	return (n == 1 && (*s < 0x20 || *s == 0x7f)) || (n == 2 && s[0] == 0xc2 && s[1] < 0xa0);
}

bool text_tame(char *text, bool lines)
{
	uint8_t *s = (uint8_t *)text;
	bool changed = false;

	while (*s) {
		unsigned n = length(s);

		if (n && (!is_control(s, n) || (lines && *s == '\n'))) {
			s += n;
			continue;
		}
		for (unsigned i = 0; i < (n ? n : 1); i++)
			*s++ = '?';
		changed = true;
	}
	return changed;
}
