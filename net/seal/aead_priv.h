// SPDX-License-Identifier: Apache-2.0
/* The libraries behind aead.h. */
#ifndef NET_SEAL_AEAD_PRIV_H
#define NET_SEAL_AEAD_PRIV_H

#include "net/seal/aead.h"

extern const struct aead_ops aead_sodium_aes, aead_sodium_chacha;
extern const struct aead_ops *const aead_mb_aes; // NULL: built without libipsec-mb

#endif
