// SPDX-License-Identifier: Apache-2.0
/*
 * Cuts a stream of bytes into JSON values: clients put no newline, or several, between them. It looks at brackets and
 * strings only; whether a value is good JSON is the parser's business. Memory is bounded by max: of a value that is
 * longer or nested deeper, only the end is looked for. Pure.
 */
#ifndef VMM_QMP_JSON_STREAM_H
#define VMM_QMP_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_STREAM_DEPTH_MAX 256u

struct json_stream {
	char *buf; // the value so far
	size_t n, cap, max;
	uint64_t depth;
	bool in_string, escaped, in_word;
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
 * Takes bytes from *in until a value has ended; *in and *n are advanced. Call again with what is left. A byte 0xff
 * outside or inside a value drops what there is of it: clients use it to start afresh.
 */
enum json_stream_result json_stream_next(struct json_stream *s, const uint8_t **in, size_t *n, const char **text,
					 size_t *len);

#endif
