// SPDX-License-Identifier: Apache-2.0
/* The part of AML that does something (ACPI 6.4, 20.2.5). */
#include "vmm/acpi/aml_priv.h"

#include <string.h>

#include "coherence/base/check.h"

#define OP_BUFFER      0x11u
#define OP_METHOD      0x14u
#define OP_LOCAL0      0x60u
#define OP_ARG0        0x68u
#define OP_STORE       0x70u
#define OP_ADD         0x72u
#define OP_SUBTRACT    0x74u
#define OP_INCREMENT   0x75u
#define OP_SHIFT_LEFT  0x79u
#define OP_AND         0x7bu
#define OP_OR          0x7du
#define OP_NOTIFY      0x86u
#define OP_DWORD_FIELD 0x8au
#define OP_QWORD_FIELD 0x8fu
#define OP_LNOT        0x92u
#define OP_LEQUAL      0x93u
#define OP_LLESS       0x95u
#define OP_IF          0xa0u
#define OP_ELSE        0xa1u
#define OP_WHILE       0xa2u
#define OP_RETURN      0xa4u
#define OP_BREAK       0xa5u
#define EXT_MUTEX      0x01u
#define EXT_ACQUIRE    0x23u
#define EXT_RELEASE    0x27u
#define EXT_REGION     0x80u
#define EXT_FIELD      0x81u

#define METHOD_SERIALIZED 0x08u
#define SPACE_IO          1u
#define FIELD_BYTE_ZERO   0x41u // bytes, no lock, bits that are not named are written as zeroes
#define FIELD_DWORD_ZERO  0x43u // double words, the same
#define NO_TIMEOUT        0xffffu
#define UUID_BYTES        16u

static void ext(struct aml *a, uint8_t op)
{
	aml_byte(a, AML_EXT);
	aml_byte(a, op);
}

void aml_begin_method(struct aml *a, const char *name, unsigned args)
{
	PD_CHECK(args <= 7);
	aml_byte(a, OP_METHOD);
	aml_begin(a);
	aml_ref(a, name);
	aml_byte(a, (uint8_t)(args | METHOD_SERIALIZED));
}

void aml_begin_if(struct aml *a)
{
	aml_byte(a, OP_IF);
	aml_begin(a);
}

void aml_begin_else(struct aml *a)
{
	aml_byte(a, OP_ELSE);
	aml_begin(a);
}

void aml_arg(struct aml *a, unsigned n)
{
	PD_CHECK(n < 7);
	aml_byte(a, (uint8_t)(OP_ARG0 + n));
}

void aml_local(struct aml *a, unsigned n)
{
	PD_CHECK(n < 8);
	aml_byte(a, (uint8_t)(OP_LOCAL0 + n));
}

void aml_return(struct aml *a)
{
	aml_byte(a, OP_RETURN);
}

void aml_store(struct aml *a)
{
	aml_byte(a, OP_STORE);
}

void aml_and(struct aml *a)
{
	aml_byte(a, OP_AND);
}

void aml_or(struct aml *a)
{
	aml_byte(a, OP_OR);
}

void aml_not(struct aml *a)
{
	aml_byte(a, OP_LNOT);
}

void aml_equal(struct aml *a)
{
	aml_byte(a, OP_LEQUAL);
}

void aml_less(struct aml *a)
{
	aml_byte(a, OP_LLESS);
}

void aml_begin_while(struct aml *a)
{
	aml_byte(a, OP_WHILE);
	aml_begin(a);
}

void aml_break(struct aml *a)
{
	aml_byte(a, OP_BREAK);
}

void aml_add(struct aml *a)
{
	aml_byte(a, OP_ADD);
}

void aml_subtract(struct aml *a)
{
	aml_byte(a, OP_SUBTRACT);
}

void aml_shift_left(struct aml *a)
{
	aml_byte(a, OP_SHIFT_LEFT);
}

void aml_increment(struct aml *a)
{
	aml_byte(a, OP_INCREMENT);
}

void aml_notify(struct aml *a)
{
	aml_byte(a, OP_NOTIFY);
}

void aml_buffer(struct aml *a, const void *bytes, uint8_t n)
{
	aml_byte(a, OP_BUFFER);
	aml_begin(a);
	aml_integer(a, n);
	aml_bytes(a, bytes, n);
	aml_end(a);
}

static uint8_t hex(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* The first three groups are stored with their lowest byte first (19.6.142). */
void aml_uuid(struct aml *a, const char *uuid)
{
	static const uint8_t place[UUID_BYTES] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8_t bytes[UUID_BYTES];

	PD_CHECK(strlen(uuid) == 36);
	for (unsigned i = 0; i < UUID_BYTES; i++) {
		uuid += *uuid == '-';
		bytes[place[i]] = (uint8_t)(hex(uuid[0]) << 4 | hex(uuid[1]));
		uuid += 2;
	}
	aml_buffer(a, bytes, UUID_BYTES);
}

void aml_dword_field(struct aml *a, unsigned buffer_arg, unsigned offset, const char *name)
{
	aml_byte(a, OP_DWORD_FIELD);
	aml_arg(a, buffer_arg);
	aml_integer(a, offset);
	aml_ref(a, name);
}

void aml_qword_field(struct aml *a, const char *buffer, unsigned offset, const char *name)
{
	aml_byte(a, OP_QWORD_FIELD);
	aml_ref(a, buffer);
	aml_integer(a, offset);
	aml_ref(a, name);
}

void aml_mutex(struct aml *a, const char *name)
{
	ext(a, EXT_MUTEX);
	aml_ref(a, name);
	aml_byte(a, 0); // level of synchronization: it is the only one
}

void aml_acquire(struct aml *a, const char *mutex)
{
	ext(a, EXT_ACQUIRE);
	aml_ref(a, mutex);
	aml_le(a, NO_TIMEOUT, 2);
}

void aml_release(struct aml *a, const char *mutex)
{
	ext(a, EXT_RELEASE);
	aml_ref(a, mutex);
}

void aml_io_region(struct aml *a, const char *name, uint16_t port, uint8_t bytes)
{
	ext(a, EXT_REGION);
	aml_ref(a, name);
	aml_byte(a, SPACE_IO);
	aml_integer(a, port);
	aml_integer(a, bytes);
}

static void begin_field(struct aml *a, const char *region, uint8_t flags)
{
	ext(a, EXT_FIELD);
	aml_begin(a);
	aml_ref(a, region);
	aml_byte(a, flags);
}

void aml_begin_field(struct aml *a, const char *region)
{
	begin_field(a, region, FIELD_DWORD_ZERO);
}

void aml_begin_byte_field(struct aml *a, const char *region)
{
	begin_field(a, region, FIELD_BYTE_ZERO);
}

/* At most 4,095: a length of two bytes says how many follow in the first, whose lower half has the lowest bits. */
void aml_field_skip(struct aml *a, unsigned bits)
{
	PD_CHECK(bits && bits < 4096);
	aml_byte(a, 0);
	if (bits < 64) {
		aml_byte(a, (uint8_t)bits);
		return;
	}
	aml_byte(a, (uint8_t)(0x40 | (bits & 0xf)));
	aml_byte(a, (uint8_t)(bits >> 4));
}

void aml_field_unit(struct aml *a, const char *name, uint8_t bits)
{
	PD_CHECK(bits && bits < 64); // one byte of length
	aml_ref(a, name);
	aml_byte(a, bits);
}
