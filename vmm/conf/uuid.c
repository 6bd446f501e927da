// SPDX-License-Identifier: Apache-2.0
#include "vmm/conf/uuid.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#define UUID_DIGITS 32u

static void write_digits(const char *digits, char *out)
{
	for (unsigned i = 0; i < UUID_DIGITS; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*out++ = '-';
		*out++ = digits[i];
	}
	*out = 0;
}

int uuid_parse(const char *text, char out[UUID_TEXT_BYTES])
{
	char digits[UUID_DIGITS];
	size_t len = strlen(text);
	unsigned n = 0;

	if (len != UUID_DIGITS && len != UUID_TEXT_BYTES - 1)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		bool dash = len != UUID_DIGITS && (i == 8 || i == 13 || i == 18 || i == 23);

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
		if (!dash)
			digits[n++] = (char)tolower((unsigned char)text[i]);
	}
	write_digits(digits, out);
	return 0;
}

int uuid_random(char out[UUID_TEXT_BYTES])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t bytes[UUID_DIGITS / 2];
	char digits[UUID_DIGITS];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	bytes[6] = (uint8_t)(0x40 | (bytes[6] & 0x0f)); // version 4
	bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f)); // the variant of the RFC
	for (unsigned i = 0; i < sizeof(bytes); i++) {
		digits[2 * i] = hex[bytes[i] >> 4];
		digits[2 * i + 1] = hex[bytes[i] & 15];
	}
	write_digits(digits, out);
	return 0;
}
