// SPDX-License-Identifier: Apache-2.0
/*
 * The data types of SSH (RFC 4251, section 5) in and out of bytes that somebody else wrote: numbers are big-endian, a
 * string has its length before it. A reader that has met its end, or a length beyond it, is bad and gives nothing more;
 * a writer without room is full. Pure.
 */
#ifndef NET_ID_SSH_WIRE_H
#define NET_ID_SSH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of somebody else's memory. */
struct ssh_bytes {
	const uint8_t *p;
	size_t n;
};

struct ssh_reader {
	const uint8_t *p;
	size_t n; // left
	bool bad;
};

uint8_t ssh_read_byte(struct ssh_reader *r);
uint32_t ssh_read_u32(struct ssh_reader *r);
struct ssh_bytes ssh_read_string(struct ssh_reader *r);
/* Exactly these bytes come next. */
void ssh_read_exact(struct ssh_reader *r, const void *p, size_t n);
/* All was there, and nothing is left. */
bool ssh_read_over(const struct ssh_reader *r);
bool ssh_is(struct ssh_bytes b, const char *text);
bool ssh_same(struct ssh_bytes a, struct ssh_bytes b);

struct ssh_writer {
	uint8_t *p;
	size_t n, cap;
	bool full;
};

void ssh_write(struct ssh_writer *w, const void *p, size_t n);
void ssh_write_u32(struct ssh_writer *w, uint32_t v);
void ssh_write_string(struct ssh_writer *w, const void *p, size_t n);

/* Base64 (RFC 4648, section 4) of n characters, none other between; false: it is none, or there is no room. */
bool ssh_unbase64(const char *text, size_t n, uint8_t *out, size_t cap, size_t *out_n);

#endif
