// SPDX-License-Identifier: Apache-2.0
// Sizes as people write them.
#ifndef VMM_CONF_UNITS_H
#define VMM_CONF_UNITS_H

#include <stdint.h>

/* "512M", "4G", "4GiB", "1.5G", "1048576" -> bytes (binary units, in either case). Returns 0, -EINVAL, -ERANGE. */
int units_parse_size(const char *text, uint64_t *bytes);
/* Bounded decimal number. Returns 0, -EINVAL, -ERANGE. */
int units_parse_count(const char *text, uint64_t min, uint64_t max, uint64_t *out);
/* "90", "90s", "30m", "8h", "2d" -> seconds. Returns 0, -EINVAL, -ERANGE. */
int units_parse_duration(const char *text, uint64_t *seconds);
/* "4.0 GiB" into buf. Returns buf. */
const char *units_format_size(uint64_t bytes, char *buf, unsigned cap);

#endif
