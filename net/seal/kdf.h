// SPDX-License-Identifier: Apache-2.0
/* HKDF (RFC 5869) over HMAC-SHA-512: one key into several that say nothing of each other. Pure. */
#ifndef NET_SEAL_KDF_H
#define NET_SEAL_KDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KDF_BLOCK 64u

/*
 * Extract and expand: n bytes of out from the key material, salted, for the purpose that info names. Returns false, and
 * leaves out as it is, for more than 255 blocks.
 */
bool kdf_hkdf(const uint8_t *salt, size_t salt_n, const uint8_t *ikm, size_t ikm_n, const uint8_t *info, size_t info_n,
	      uint8_t *out, size_t n);

#endif
