// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/identity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "coherence/base/refuse.h"
#include "net/log.h"
#include "net/mutex.h"
#include "net/seal/secret.h"
#include "vmm/cluster/member.h"

struct identity {
	struct session_id id;
	struct member m;
	char path[512];
	pthread_mutex_t lock; // of m.list and seen
	struct timespec seen; // when the file that m.list is from was written
	bool frozen;          // it is not looked at any more
};

/* Lock held. A list that is older, or none of this cluster's, changes nothing, and is said once. */
static void take_newer(struct identity *i)
{
	char file[600], why[256] = "";
	const struct folder f = {.path = i->path, .why = why, .why_cap = sizeof(why)};
	struct stat st;
	size_t n = 0;

	if (i->frozen)
		return;
	snprintf(file, sizeof(file), "%s/revoked", i->path);
	if (stat(file, &st) || memcmp(&st.st_mtim, &i->seen, sizeof(i->seen)) == 0)
		return;
	uint8_t *bytes = malloc(REVOKED_BYTES_MAX);
	if (!bytes || folder_read(&f, "revoked", false, bytes, REVOKED_BYTES_MAX, &n)) {
		free(bytes);
		return; // not now
	}
	i->seen = st.st_mtim;
	enum revoked_fault v = revoked_take(&i->m.list, bytes, n, i->m.root);
	free(bytes);
	if (v == REVOKED_TAKEN)
		log_info("list %llu of the revoked", (unsigned long long)i->m.list.number);
	else if (v != REVOKED_SAME)
		log_warn("'%s' is not taken: %s", file, revoked_fault_text(v));
}

static void freeze(void *ctx)
{
	struct identity *i = ctx;

	pthread_mutex_lock(&i->lock);
	take_newer(i);
	i->frozen = true;
	pthread_mutex_unlock(&i->lock);
}

static enum id_fault judge(void *ctx, const uint8_t *claim, size_t n, enum claim_side side,
			   const uint8_t hash[CLAIM_HASH_BYTES], unsigned may, struct cert *who)
{
	struct identity *i = ctx;
	struct cert_judge j = {.revoked = &i->m.list, .now = (uint64_t)time(NULL)};

	memcpy(j.root, i->m.root, sizeof(j.root));
	pthread_mutex_lock(&i->lock);
	take_newer(i);
	enum id_fault f = claim_check(claim, n, side, hash, &j, may, who);
	pthread_mutex_unlock(&i->lock);
	return f;
}

static int load(struct identity *i, const char *path, unsigned may, char *why, size_t cap)
{
	const struct folder f = {.path = i->path, .why = why, .why_cap = cap};

	if ((size_t)snprintf(i->path, sizeof(i->path), "%s", path) >= sizeof(i->path))
		return refuse_with(why, cap, -ENAMETOOLONG, "'%s': the path is too long", path);
	int r = member_load(&f, &i->m);
	if (r)
		return r;
	enum id_fault fault = member_check(&i->m, (uint64_t)time(NULL));
	if (fault)
		return refuse_with(why, cap, -EKEYREJECTED, "'%s': its certificate: %s", path, id_fault_text(fault));
	if (!(may & ID_MAY(i->m.who.role)))
		return refuse_with(why, cap, -EPERM,
				   "'%s' has the certificate of a role that cannot do this: '%s' is %s", path,
				   i->m.who.name, id_role_name(i->m.who.role));
	return 0;
}

struct identity *identity_open(const char *path, unsigned may, bool lenient, char *why, size_t cap)
{
	struct identity *i = secret_alloc(sizeof(*i));

	if (!i) {
		refuse_with(why, cap, -ENOMEM, "no memory");
		return NULL;
	}
	if (load(i, path, may, why, cap)) {
		secret_free(i);
		return NULL;
	}
	i->id.key = i->m.key;
	memcpy(i->id.cert, i->m.cert, sizeof(i->id.cert));
	i->id.cert_n = i->m.cert_n;
	i->id.lenient = lenient;
	i->id.judge = judge;
	i->id.freeze = freeze;
	i->id.ctx = i;
	mutex_init(&i->lock);
	return i;
}

void identity_close(struct identity *i)
{
	if (i)
		pthread_mutex_destroy(&i->lock);
	secret_free(i);
}

const struct session_id *identity_session(const struct identity *i)
{
	return &i->id;
}

const struct cert *identity_who(const struct identity *i)
{
	return &i->m.who;
}
