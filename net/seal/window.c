// SPDX-License-Identifier: Apache-2.0
#include "net/seal/window.h"

static uint64_t bit_of(uint64_t number)
{
	return 1ull << (number & 63);
}

bool window_wants(const struct window *w, uint64_t number)
{
	if (number >= w->next)
		return number != UINT64_MAX; // one more than it would be 0
	if (w->next - number > WINDOW_BITS)
		return false;
	return !(w->words[number / 64 % WINDOW_WORDS] & bit_of(number));
}

void window_take(struct window *w, uint64_t number)
{
	if (number >= w->next) {
		uint64_t from = w->next ? (w->next - 1) / 64 : 0, to = number / 64;

		if (to - from > WINDOW_WORDS)
			from = to - WINDOW_WORDS;
		while (from < to)
			w->words[++from % WINDOW_WORDS] = 0;
		w->next = number + 1;
	}
	w->words[number / 64 % WINDOW_WORDS] |= bit_of(number);
}
