// SPDX-License-Identifier: Apache-2.0
#include "vmm/acpi/smbios.h"

#include <errno.h>
#include <string.h>

#include "coherence/base/bytes.h"
#include "coherence/base/check.h"
#include "vmm/acpi/aml.h"

/* Numbers in the writers below are offsets and values of DSP0134, chapters 5.2.2 and 7. */
#define ENTRY_BYTES 24u
#define TABLE_AT    32u // behind the entry point, on the next boundary of 16
#define UUID_BYTES  16u
#define SEARCH_GPA  0xf0000ull // where a search for the entry point begins

enum { TYPE_FIRMWARE = 0, TYPE_SYSTEM = 1, TYPE_CHASSIS = 3, TYPE_OEM_STRINGS = 11, TYPE_BOOT = 32, TYPE_END = 127 };

/* Linux takes PCI's windows out of ACPI, and believes MCFG, only where firmware is younger than 2008. */
#define FIRMWARE_DATE "01/01/2026"

/*
 * What has systemd bring CPUs online that come later: no kernel does it, and no rule that distributions ship. A
 * credential of two lines that systemd-tmpfiles carries out at each boot (systemd 252 or newer; tmpfiles.d(5)): a rule
 * for udev, and the same done once for those that came before the rule. Not on the kernel's command line, which
 * cannot have two lines: systemd resolves no escapes in a credential there.
 */
static const char elastic_credential[] =
	"io.systemd.credential:tmpfiles.extra="
	"f /run/udev/rules.d/99-pando-cpus.rules 0644 root root - "
	"SUBSYSTEM==\"cpu\", ACTION==\"add\", TEST==\"online\", ATTR{online}==\"0\", ATTR{online}=\"1\"\n"
	"w /sys/devices/system/cpu/cpu*/online - - - - 1\n";

/* One structure at a time: its formatted part, then its strings, by number from 1 on. */
struct writer {
	struct aml out;
	uint16_t handle;
	size_t begin;
	const char *strings[4];
	unsigned strings_n;
};

static void w(struct writer *s, uint64_t v, unsigned n)
{
	aml_le(&s->out, v, n);
}

static void begin(struct writer *s, unsigned type)
{
	s->begin = s->out.at;
	s->strings_n = 0;
	w(s, type, 1);
	w(s, 0, 1); // length
	w(s, s->handle++, 2);
}

/* Its number goes here, the text behind the structure. */
static void text(struct writer *s, const char *t)
{
	PD_CHECK(s->strings_n < sizeof(s->strings) / sizeof(s->strings[0]));
	s->strings[s->strings_n++] = t;
	w(s, s->strings_n, 1);
}

static void end(struct writer *s)
{
	if (!aml_failed(&s->out))
		s->out.buf[s->begin + 1] = (uint8_t)(s->out.at - s->begin);
	for (unsigned i = 0; i < s->strings_n; i++)
		aml_bytes(&s->out, s->strings[i], strlen(s->strings[i]) + 1);
	w(s, 0, s->strings_n ? 1 : 2);
}

static void write_firmware(struct writer *s)
{
	begin(s, TYPE_FIRMWARE);
	text(s, "Pando");
	text(s, "1");
	w(s, ACPI_GPA >> 4, 2); // where it begins, as a segment
	text(s, FIRMWARE_DATE);
	w(s, (ACPI_AREA_END - ACPI_GPA) / 0x10000 - 1, 1); // its size, in pieces of 64 KiB, less one
	w(s, 1u << 3, 8);                                  // characteristics are not told
	w(s, 1u << 0, 1);                                  // ... but that there is ACPI
	w(s, 1u << 4, 1);                                  // ... and that this is a virtual machine
	w(s, 0xffffffff, 4);                               // nor releases of firmware and controller
	w(s, 0, 2);
	end(s);
}

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Its first three fields are numbers, and little-endian (7.2.1). All zeroes: it has none. */
static void write_uuid(struct writer *s, const char *uuid)
{
	static const uint8_t place[UUID_BYTES] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	uint8_t bytes[UUID_BYTES] = {0};

	for (unsigned i = 0; i < UUID_BYTES && *uuid; i++) {
		uuid += *uuid == '-';
		bytes[place[i]] = (uint8_t)(digit(uuid[0]) << 4 | digit(uuid[1]));
		uuid += 2;
	}
	aml_bytes(&s->out, bytes, sizeof(bytes));
}

static void write_system(struct writer *s, const char *uuid)
{
	begin(s, TYPE_SYSTEM);
	text(s, "Pando");
	text(s, "Virtual Machine");
	text(s, "1");
	w(s, 0, 1); // no serial number
	write_uuid(s, uuid);
	w(s, 6, 1); // woken up by the power switch
	w(s, 0, 2); // no stock-keeping unit, no family
	end(s);
}

static void write_chassis(struct writer *s)
{
	begin(s, TYPE_CHASSIS);
	text(s, "Pando");
	w(s, 1, 1);          // another kind than those that have a number
	w(s, 0, 3);          // no version, serial number and tag
	w(s, 0x02030303, 4); // states at the last boot: all safe; of security nothing is known
	w(s, 0, 4);
	w(s, 0, 5); // height, cords and parts: none is told; nor a stock-keeping unit
	end(s);
}

static void write_oem_string(struct writer *s, const char *t)
{
	begin(s, TYPE_OEM_STRINGS);
	text(s, t); // their count, which is the number of the only one
	end(s);
}

static void write_boot(struct writer *s)
{
	begin(s, TYPE_BOOT);
	w(s, 0, 6);
	w(s, 0, 1); // no errors
	end(s);
}

/*
 * Processors, slots and modules of memory are not told, though the specification asks for them: they come and go here,
 * and a table stays. ACPI has them.
 */
static void write_structures(struct writer *s, const struct machine_desc *d)
{
	write_firmware(s);
	write_system(s, d->uuid);
	write_chassis(s);
	if (d->elastic)
		write_oem_string(s, elastic_credential);
	write_boot(s);
	begin(s, TYPE_END);
	end(s);
}

static void put_entry(uint8_t *p, uint64_t table, size_t bytes)
{
	uint8_t sum = 0;

	memset(p, 0, TABLE_AT);
	memcpy(p, "_SM3_", 5);
	p[6] = ENTRY_BYTES;
	p[7] = 3; // version 3.4, revision 0
	p[8] = 4;
	p[10] = 1; // of the entry point
	put_le(p + 12, bytes, 4);
	put_le(p + 16, table, 8);
	for (unsigned i = 0; i < ENTRY_BYTES; i++)
		sum = (uint8_t)(sum + p[i]);
	p[5] = (uint8_t)-sum;
}

int smbios_build(const struct machine_desc *d, uint8_t *buf, size_t cap, uint64_t gpa, size_t *bytes)
{
	struct writer s = {0};

	if (gpa % 16 || gpa < SEARCH_GPA || gpa + cap > ACPI_AREA_END)
		return -EINVAL;
	if (cap < TABLE_AT)
		return -ENOSPC;
	aml_init(&s.out, buf, cap);
	s.out.at = TABLE_AT;
	write_structures(&s, d);
	if (aml_failed(&s.out))
		return -ENOSPC;
	put_entry(buf, gpa + TABLE_AT, s.out.at - TABLE_AT);
	*bytes = s.out.at;
	return 0;
}
