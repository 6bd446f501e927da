// SPDX-License-Identifier: Apache-2.0
// Universally unique identifiers as text (RFC 9562).
#ifndef VMM_CONF_UUID_H
#define VMM_CONF_UUID_H

#define UUID_TEXT_BYTES 37u // with the NUL

/* Either spelling (32 digits, or 8-4-4-4-12) -> lower case with dashes. Returns 0 or -EINVAL. */
int uuid_parse(const char *text, char out[UUID_TEXT_BYTES]);
/* A fresh one, version 4. Returns 0 or a negative errno. */
int uuid_random(char out[UUID_TEXT_BYTES]);

#endif
