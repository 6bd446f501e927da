// SPDX-License-Identifier: Apache-2.0
/*
 * Integers that do not fit in 64 bits with a sign. The parser refuses a text that holds one, and with it the command's
 * id; clients do send them, as ids too. They are marked: each becomes a text that no client's command may hold, and a
 * marked text that is sent becomes the integer again. Pure.
 */
#ifndef VMM_QMP_BIG_INT_H
#define VMM_QMP_BIG_INT_H

#include <jansson.h>
#include <stddef.h>

/*
 * The same JSON with its large integers marked. text: whole values only, as json_stream_next() gives them. Returns NULL
 * when memory runs out; the caller frees.
 */
char *big_int_mark(const char *text, size_t len, size_t *out_len);

/* Marked texts in what json_dumps() wrote become integers, in place. */
void big_int_unmark(char *json);

/*
 * What no command may hold, in names and texts at any depth: a marked integer, or the character of value 0, at which
 * a name or path would be cut. Returns NULL, or a static sentence.
 */
const char *big_int_unusable(const json_t *value);

#endif
