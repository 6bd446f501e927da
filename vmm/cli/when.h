// SPDX-License-Identifier: Apache-2.0
/* Times and certificates as people read them: `pando cluster`, `pando login`. */
#ifndef VMM_CLI_WHEN_H
#define VMM_CLI_WHEN_H

#include "net/id/cert.h"

#define WHEN_BYTES 32u

/* Seconds since 1970 as "2026-11-28 10:00 UTC". Returns buf. */
const char *when_text(uint64_t s, char buf[WHEN_BYTES]);
/* A line on standard output: who, what, until when, where it is. */
void when_print_cert(const struct cert *c, const char *folder);

#endif
