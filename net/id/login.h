// SPDX-License-Identifier: Apache-2.0
/*
 * How a person is let in who has an SSH key that the cluster knows (ssh_signers.h), and no secret of the cluster's.
 * Pure.
 *
 *   asks for a challenge   "PDQ1"                       ->
 *                                                       <-  "PDH1", challenge 32
 *   ask                    "PDL1", Noise's first message ->
 *                                                       <-  "PDG1", Noise's second, with a grant
 *
 * The ask's payload: public key 32, role 1, bytes of the name 1, name, signature by that key 64, SSH signature. Both
 * signatures are over login_text(), which has the challenge and e in it: it was made now, and for this answer. The key
 * known beforehand of Noise_NNpsk0 is made of the root's mark, which is no secret: who listens and knows the mark sees
 * who logs in. The answer only he opens who asked, and only the cluster can have made the certificate in it.
 */
#ifndef NET_ID_LOGIN_H
#define NET_ID_LOGIN_H

#include "net/id/grant.h"
#include "net/id/ssh_sig.h"
#include "net/seal/noise.h"

#define LOGIN_CHALLENGE_BYTES 32u
#define LOGIN_TEXT_MAX \
	(16u + ID_MARK_BYTES + LOGIN_CHALLENGE_BYTES + NOISE_KEY_BYTES + ID_PUBLIC_BYTES + 2u + ID_NAME_MAX)
#define LOGIN_FIXED     (ID_PUBLIC_BYTES + 2u + ID_SIGNATURE_BYTES)
#define LOGIN_ASK_MAX   (4u + NOISE_MORE + LOGIN_FIXED + ID_NAME_MAX + SSH_SIG_MAX)
#define LOGIN_GRANT_MAX GRANT_SEALED_MAX

/* The namespace that an SSH key signs for: one a role, "pando-operator". NULL: nobody logs in as that (a host joins).
 */
const char *login_namespace(enum id_role r);

struct login {
	uint8_t root[ID_MARK_BYTES], challenge[LOGIN_CHALLENGE_BYTES];
	uint8_t pub[ID_PUBLIC_BYTES];
	enum id_role role;
	char name[ID_NAME_MAX + 1]; // the principal
	struct noise noise;         // secret
	const uint8_t *ssh_sig;     // of who is asked: in the ask's plaintext
	size_t ssh_sig_n;
	uint8_t text[LOGIN_ASK_MAX]; // of who is asked: that plaintext
};

/*
 * Who asks: root, challenge, pub, role and name of l are given. secret: 32 random bytes. Returns the bytes that the SSH
 * key has to sign (by ssh_sig_signed()), at most LOGIN_TEXT_MAX.
 */
uint32_t login_begin(struct login *l, const uint8_t secret[NOISE_KEY_BYTES], uint8_t out[LOGIN_TEXT_MAX]);
/* The ask, with the SSH signature; k is pub's. Returns the bytes, at most LOGIN_ASK_MAX; 0: a signature too large. */
uint32_t login_ask(struct login *l, const struct id_key *k, const uint8_t *ssh_sig, size_t n, uint8_t *out);
enum grant_fault login_take(struct login *l, const uint8_t *p, size_t n, uint64_t now, struct grant *g);

/*
 * Who is asked: root and challenge of l are given. False: it is no ask to this challenge, or who asks has not the key
 * that he asks for. Else pub, role and name are what is asked, and whether the SSH signature is good, and its key one
 * that may be that person, is still to be judged, with the message that is put into out (its bytes to *out_n).
 */
bool login_hear(struct login *l, const uint8_t secret[NOISE_KEY_BYTES], const uint8_t *p, size_t n,
		uint8_t out[LOGIN_TEXT_MAX], uint32_t *out_n);
/* The answer; returns the bytes, at most LOGIN_GRANT_MAX, 0: nothing was heard, or the other's key is worth nothing. */
uint32_t login_grant(struct login *l, const struct grant *g, uint8_t *out);

#endif
