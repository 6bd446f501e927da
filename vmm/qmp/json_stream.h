// SPDX-License-Identifier: Apache-2.0
/*
 * Cuts a stream of bytes into JSON values: clients put no newline, or several, between them. What cannot be JSON
 * wherever it stands (a stray byte, a control character in a text, an unknown word, brackets that do not pair) is an
 * error at once, as in QEMU's lexer; whether a value is good JSON is the parser's business. Memory is bounded by max:
 * of a value that is longer or nested deeper, only the end is looked for. Pure.
 */
#ifndef VMM_QMP_JSON_STREAM_H
#define VMM_QMP_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_STREAM_DEPTH_MAX 256u

enum json_stream_state { JSON_BETWEEN, JSON_TEXT, JSON_WORD, JSON_RECOVERING };

struct json_stream {
	char *buf; // the value so far
	size_t n, cap, max;
	uint64_t depth, owed; // owed: brackets that were open at the last error
	uint64_t square[JSON_STREAM_DEPTH_MAX / 64];
	enum json_stream_state state;
	char quote, first; // of the text; of the word
	bool escaped;
	size_t word_n;
	const char *skipping; // the value is refused for this reason: static text
};

enum json_stream_result {
	JSON_STREAM_MORE,  // all bytes are taken, no value has ended
	JSON_STREAM_VALUE, // *text is a value of *len bytes, valid until the next call
	JSON_STREAM_BAD,   // *text is a static sentence: what cannot be a value was dropped
};

void json_stream_init(struct json_stream *s, size_t max);
void json_stream_free(struct json_stream *s);

/*
 * Takes bytes from *in until a value has ended; *in and *n are advanced. Call again with what is left. Texts in single
 * quotes are given in double ones. After an error, bytes are skipped to the end of the line, the next opening bracket
 * or the end of the broken value. A control character or a byte 0xfe or 0xff drops what there is and is an error
 * itself: clients use it to start afresh (QMP specification, 2.6).
 */
enum json_stream_result json_stream_next(struct json_stream *s, const uint8_t **in, size_t *n, const char **text,
					 size_t *len);

#endif
