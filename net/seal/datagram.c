// SPDX-License-Identifier: Apache-2.0
#include "net/seal/datagram.h"

#include <errno.h>
#include <sodium.h>

#include "coherence/base/bytes.h"
#include "net/seal/half.h"
#include "net/seal/kdf.h"
#include "net/seal/secret.h"
#include "net/seal/window.h"

#define PHASE_SHIFT 56u
#define NUMBER_MASK ((1ull << PHASE_SHIFT) - 1)

struct seal_datagram {
	struct half out;
	struct half in, before, after; // of the phase that is, the one before it, and the next
	bool has_before;
	uint64_t number; // of the next one sent
	struct window window;
	struct seal_datagram_stats stats;
};

static void begin(struct half *h, const struct aead_ops *aead, const uint8_t *key, uint64_t now_ns)
{
	static const uint8_t info[] = "pando datagrams";
	uint8_t own[AEAD_KEY_BYTES];

	kdf_hkdf(NULL, 0, key, AEAD_KEY_BYTES, info, sizeof(info) - 1, own, sizeof(own));
	half_begin(h, aead, own, now_ns);
	sodium_memzero(own, sizeof(own));
}

struct seal_datagram *seal_datagram_new(enum seal_suite suite, bool connector, const uint8_t connectors[AEAD_KEY_BYTES],
					const uint8_t acceptors[AEAD_KEY_BYTES], uint64_t now_ns)
{
	const struct aead_ops *aead = aead_find(suite);
	struct seal_datagram *d = aead ? secret_alloc(sizeof(*d)) : NULL;

	if (!d)
		return NULL;
	begin(&d->out, aead, connector ? connectors : acceptors, now_ns);
	begin(&d->in, aead, connector ? acceptors : connectors, now_ns);
	half_next(&d->after, &d->in, now_ns);
	return d;
}

void seal_datagram_free(struct seal_datagram *d)
{
	secret_free(d);
}

static uint8_t phase_of(const struct half *h)
{
	return (uint8_t)h->form;
}

/* A form that few datagrams were sealed with goes on: the receiver takes the next one by the first of them that comes.
 */
static bool phase_ends(const struct half *h, uint64_t now_ns)
{
	return h->records + 1 >= HALF_RECORDS_MAX || (h->records >= SEAL_PHASE_MIN && half_old(h, now_ns));
}

uint32_t seal_datagram_seal(struct seal_datagram *d, uint64_t token, const uint8_t *in, uint32_t n, uint8_t *out,
			    uint64_t now_ns)
{
	if (phase_ends(&d->out, now_ns)) {
		half_next(&d->out, &d->out, now_ns);
		d->stats.rekeys++;
	}
	uint64_t counter = (uint64_t)phase_of(&d->out) << PHASE_SHIFT | d->number++;

	put_le(out, token, SEAL_DATAGRAM_TOKEN);
	put_le(out + SEAL_DATAGRAM_TOKEN, counter, 8);
	half_seal(&d->out, counter, out, SEAL_DATAGRAM_HEAD, in, n, out + SEAL_DATAGRAM_HEAD,
		  out + SEAL_DATAGRAM_HEAD + n);
	return n + SEAL_DATAGRAM_MORE;
}

/* The key for that phase, NULL: there is none. */
static struct half *key_of(struct seal_datagram *d, uint8_t phase, uint64_t now_ns)
{
	if (phase == phase_of(&d->in))
		return &d->in;
	if (phase == phase_of(&d->after))
		return &d->after;
	if (d->has_before && phase == phase_of(&d->before) && now_ns <= d->in.since_ns + SEAL_OLD_NS)
		return &d->before;
	return NULL;
}

static void turn_phase(struct seal_datagram *d, uint64_t now_ns)
{
	d->before = d->in;
	d->has_before = true;
	d->in = d->after;
	d->in.since_ns = now_ns;
	half_next(&d->after, &d->in, now_ns);
	d->stats.rekeys++;
}

int seal_datagram_open(struct seal_datagram *d, const uint8_t *in, uint32_t n, uint8_t *out, uint64_t now_ns)
{
	uint64_t counter = n < SEAL_DATAGRAM_MORE ? 0 : get_le(in + SEAL_DATAGRAM_TOKEN, 8);
	uint64_t number = counter & NUMBER_MASK;
	struct half *h = n < SEAL_DATAGRAM_MORE ? NULL : key_of(d, (uint8_t)(counter >> PHASE_SHIFT), now_ns);
	uint32_t bytes = n - SEAL_DATAGRAM_MORE;

	if (h && !window_wants(&d->window, number)) { // before the work of looking at it
		d->stats.again++;
		return -EALREADY;
	}
	if (!h || !half_open(h, counter, in, SEAL_DATAGRAM_HEAD, in + SEAL_DATAGRAM_HEAD, bytes,
			     in + n - AEAD_TAG_BYTES, out)) {
		d->stats.forged++;
		return -EBADMSG;
	}
	window_take(&d->window, number);
	if (h == &d->after)
		turn_phase(d, now_ns);
	return (int)bytes;
}

const struct seal_datagram_stats *seal_datagram_stats(const struct seal_datagram *d)
{
	return &d->stats;
}
