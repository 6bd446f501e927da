// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/aml_priv.h"

#include <string.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"

#define OP_ZERO       0x00u
#define OP_ONE        0x01u
#define OP_NAME       0x08u
#define OP_BYTE       0x0au
#define OP_WORD       0x0bu
#define OP_DWORD      0x0cu
#define OP_STRING     0x0du
#define OP_QWORD      0x0eu
#define OP_SCOPE      0x10u
#define OP_DUAL_NAME  0x2eu
#define OP_BUFFER     0x11u
#define OP_PACKAGE    0x12u
#define OP_EXT_DEVICE 0x82u

#define LENGTH_BYTES     4u // always the long form, so that no package has to be moved when it ends
#define LENGTH_MAX       0xfffffffu
#define RES_LENGTH_BYTES 3u // word prefix and two bytes: the size of a resource buffer

void aml_init(struct aml *a, uint8_t *buf, size_t cap)
{
	memset(a, 0, sizeof(*a));
	a->buf = buf;
	a->cap = cap;
}

bool aml_failed(const struct aml *a)
{
	return a->failed;
}

void aml_bytes(struct aml *a, const void *p, size_t n)
{
	if (a->failed || n > a->cap - a->at) {
		a->failed = true;
		return;
	}
	memcpy(a->buf + a->at, p, n);
	a->at += n;
}

void aml_byte(struct aml *a, uint8_t v)
{
	aml_bytes(a, &v, 1);
}

void aml_le(struct aml *a, uint64_t v, unsigned n)
{
	uint8_t b[8];

	put_le(b, v, n);
	aml_bytes(a, b, n);
}

/* A name: one segment of 1 to 4 characters, padded with '_'; a leading '\\' is the root. */
static void segment(struct aml *a, const char *name, size_t n)
{
	char seg[4] = {'_', '_', '_', '_'};

	PD_CHECK(n >= 1 && n <= sizeof(seg));
	memcpy(seg, name, n);
	aml_bytes(a, seg, sizeof(seg));
}

void aml_ref(struct aml *a, const char *name)
{
	if (*name == '\\' || *name == '^')
		aml_byte(a, (uint8_t)*name++);
	size_t n = strcspn(name, ".");

	if (name[n])
		aml_byte(a, OP_DUAL_NAME);
	segment(a, name, n);
	if (name[n])
		segment(a, name + n + 1, strlen(name + n + 1));
}

void aml_integer(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		aml_byte(a, v ? OP_ONE : OP_ZERO);
	} else if (v <= 0xff) {
		aml_byte(a, OP_BYTE);
		aml_le(a, v, 1);
	} else if (v <= 0xffff) {
		aml_byte(a, OP_WORD);
		aml_le(a, v, 2);
	} else if (v <= UINT32_MAX) {
		aml_byte(a, OP_DWORD);
		aml_le(a, v, 4);
	} else {
		aml_byte(a, OP_QWORD);
		aml_le(a, v, 8);
	}
}

void aml_string(struct aml *a, const char *s)
{
	aml_byte(a, OP_STRING);
	aml_bytes(a, s, strlen(s) + 1);
}

/* Three letters of 5 bits and four hex digits, stored with the most significant byte first
 * (ACPI 19.3.4). */
void aml_eisa_id(struct aml *a, const char *id)
{
	uint32_t v = 0;

	PD_CHECK(strlen(id) == 7);
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | ((unsigned)id[i] & 0x1f);
	for (unsigned i = 3; i < 7; i++)
		v = v << 4 | (unsigned)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	aml_byte(a, OP_DWORD);
	aml_le(a, __builtin_bswap32(v), 4);
}

void aml_name(struct aml *a, const char *name)
{
	aml_byte(a, OP_NAME);
	aml_ref(a, name);
}

void aml_begin(struct aml *a)
{
	static const uint8_t room[LENGTH_BYTES];

	PD_CHECK(a->depth < AML_DEPTH_MAX);
	a->open[a->depth++] = a->at;
	aml_bytes(a, room, sizeof(room));
}

void aml_end(struct aml *a)
{
	PD_CHECK(a->depth > 0);
	size_t at = a->open[--a->depth];

	if (a->failed)
		return;
	size_t n = a->at - at; // the length counts itself

	PD_CHECK(n <= LENGTH_MAX);
	a->buf[at] = (uint8_t)(0xc0 | (n & 0xf));
	put_le(a->buf + at + 1, n >> 4, 3);
}

void aml_begin_scope(struct aml *a, const char *name)
{
	aml_byte(a, OP_SCOPE);
	aml_begin(a);
	aml_ref(a, name);
}

void aml_begin_device(struct aml *a, const char *name)
{
	aml_byte(a, AML_EXT);
	aml_byte(a, OP_EXT_DEVICE);
	aml_begin(a);
	aml_ref(a, name);
}

void aml_begin_package(struct aml *a, uint8_t elements)
{
	aml_byte(a, OP_PACKAGE);
	aml_begin(a);
	aml_byte(a, elements);
}

/* A buffer whose size comes before its bytes: written when it is known. */
void aml_begin_resources(struct aml *a)
{
	static const uint8_t room[RES_LENGTH_BYTES] = {OP_WORD};

	aml_byte(a, OP_BUFFER);
	aml_begin(a);
	aml_bytes(a, room, sizeof(room));
}

void aml_end_resources(struct aml *a)
{
	aml_byte(a, 0x79); // end tag, with a checksum of 0: not checked
	aml_byte(a, 0);
	if (!a->failed) {
		size_t start = a->open[a->depth - 1] + LENGTH_BYTES;

		put_le(a->buf + start + 1, a->at - start - RES_LENGTH_BYTES, 2);
	}
	aml_end(a);
}

void aml_io(struct aml *a, uint16_t port, uint8_t ports)
{
	aml_byte(a, 0x47); // I/O port descriptor
	aml_byte(a, 1);    // decodes 16 bits
	aml_le(a, port, 2);
	aml_le(a, port, 2);
	aml_byte(a, 1);
	aml_byte(a, ports);
}

void aml_irq(struct aml *a, unsigned irq)
{
	aml_byte(a, 0x22); // IRQ descriptor without flags
	aml_le(a, 1u << irq, 2);
}

void aml_interrupt(struct aml *a, uint32_t gsi)
{
	aml_byte(a, 0x89); // extended interrupt descriptor
	aml_le(a, 6, 2);
	aml_byte(a, 1); // consumer, level, active high, exclusive
	aml_byte(a, 1);
	aml_le(a, gsi, 4);
}

void aml_memory(struct aml *a, uint32_t address, uint32_t bytes)
{
	aml_byte(a, 0x86); // 32-bit fixed memory range
	aml_le(a, 9, 2);
	aml_byte(a, 1); // writable
	aml_le(a, address, 4);
	aml_le(a, bytes, 4);
}

#define CONSUMER_FIXED 0x0du // the device's own, both ends fixed, decoded positively
#define RAM_CACHEABLE  0x03u // and written too
#define PRODUCER_FIXED 0x0cu // general flags: handed down, both ends fixed, decoded positively
#define TYPE_MEMORY    0u
#define TYPE_BUS       2u

void aml_bus_numbers(struct aml *a, uint16_t first, uint16_t last)
{
	aml_byte(a, 0x88); // word address space
	aml_le(a, 13, 2);
	aml_byte(a, TYPE_BUS);
	aml_byte(a, PRODUCER_FIXED);
	aml_byte(a, 0);
	aml_le(a, 0, 2); // granularity
	aml_le(a, first, 2);
	aml_le(a, last, 2);
	aml_le(a, 0, 2); // translation
	aml_le(a, last - first + 1u, 2);
}

void aml_memory_window(struct aml *a, uint64_t address, uint64_t bytes)
{
	aml_byte(a, 0x8a); // quad word address space
	aml_le(a, 43, 2);
	aml_byte(a, TYPE_MEMORY);
	aml_byte(a, PRODUCER_FIXED);
	aml_byte(a, 1); // read-write, not cacheable
	aml_le(a, 0, 8);
	aml_le(a, address, 8);
	aml_le(a, address + (bytes - 1), 8);
	aml_le(a, 0, 8);
	aml_le(a, bytes, 8);
}

/* One byte for now, so that what it says is no nonsense before it is filled in. */
void aml_ram(struct aml *a)
{
	aml_byte(a, 0x8a); // quad word address space
	aml_le(a, 43, 2);
	aml_byte(a, TYPE_MEMORY);
	aml_byte(a, CONSUMER_FIXED);
	aml_byte(a, RAM_CACHEABLE);
	aml_le(a, 0, 8);
	aml_le(a, 0, 8);
	aml_le(a, 0, 8);
	aml_le(a, 0, 8);
	aml_le(a, 1, 8);
}
