// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "coherence/base/refuse.h"
#include "net/seal/secret.h"
#include "vmm/conf/input_file.h"

int member_prepare(const struct folder *f, uint64_t now)
{
	struct member *m;
	int r = folder_make(f);

	if (r != -EEXIST)
		return r;
	m = secret_alloc(sizeof(*m));
	if (!m)
		return refuse_with(f->why, f->why_cap, -ENOMEM, "no memory");
	r = member_load(f, m);
	/* what is broken or over is not worth keeping, and what cannot be read is not written */
	if (!r && member_check(m, now) == ID_GOOD)
		r = refuse_with(f->why, f->why_cap, -EEXIST, "'%s' has a certificate of '%s' that is good still",
				f->path, m->who.name);
	else
		r = r == -ENOTDIR || r == -EACCES ? r : 0;
	secret_free(m);
	return r;
}

int member_save(const struct folder *f, const struct grant *g, const uint8_t seed[ID_SEED_BYTES])
{
	int r = folder_write_hex(f, "id.key", 0600, seed);

	if (!r)
		r = folder_write_hex(f, "root.pub", 0644, g->root);
	if (!r)
		r = folder_write_hex(f, "cluster.key", 0600, g->cluster_key);
	if (!r)
		r = folder_write(f, "revoked", 0644, g->list, g->list_n);
	return r ? r : folder_write(f, "id.cert", 0644, g->cert, g->cert_n);
}

static int refuse_file(const struct folder *f, const char *name, const char *what)
{
	return refuse_with(f->why, f->why_cap, -EINVAL, "'%s/%s': %s", f->path, name, what);
}

static int load_list(const struct folder *f, struct member *m)
{
	uint8_t *bytes = malloc(REVOKED_BYTES_MAX);
	size_t n;
	int r = bytes ? folder_read(f, "revoked", false, bytes, REVOKED_BYTES_MAX, &n)
		      : refuse_with(f->why, f->why_cap, -ENOMEM, "no memory");

	if (!r && revoked_take(&m->list, bytes, n, m->root) != REVOKED_TAKEN)
		r = refuse_file(f, "revoked", revoked_fault_text(REVOKED_BAD));
	free(bytes);
	return r;
}

int member_load(const struct folder *f, struct member *m)
{
	uint8_t seed[ID_SEED_BYTES];
	size_t n = 0;

	memset(m, 0, sizeof(*m));
	int r = folder_read(f, "id.cert", false, m->cert, sizeof(m->cert), &n);
	m->cert_n = (uint32_t)n;
	if (!r && cert_parse(m->cert, n, &m->who))
		r = refuse_file(f, "id.cert", id_fault_text(ID_MALFORMED));
	if (!r)
		r = folder_read_hex(f, "id.key", true, seed);
	if (!r) {
		id_key_make(&m->key, seed);
		if (memcmp(m->key.pub, m->who.pub, ID_PUBLIC_BYTES))
			r = refuse_file(f, "id.key", "it is not the key that the certificate is for");
	}
	if (!r)
		r = folder_read_hex(f, "root.pub", false, m->root);
	if (!r)
		r = load_list(f, m);
	id_wipe(seed, sizeof(seed));
	return r;
}

enum id_fault member_check(const struct member *m, uint64_t now)
{
	struct cert_judge j = {.revoked = &m->list, .now = now};
	struct cert c;

	memcpy(j.root, m->root, sizeof(j.root));
	return cert_check(m->cert, m->cert_n, &j, ~0u, &c);
}

static int take_list(const struct folder *f, struct member *m, const char *bytes, size_t n)
{
	enum revoked_fault v = revoked_take(&m->list, (const uint8_t *)bytes, n, m->root);

	if (v == REVOKED_TAKEN)
		return folder_write(f, "revoked", 0644, bytes, n);
	if (v == REVOKED_SAME)
		return 0;
	return refuse_with(f->why, f->why_cap, v == REVOKED_OLDER ? -ESTALE : -EBADMSG, "the list of the revoked: %s",
			   revoked_fault_text(v));
}

int member_update(const struct folder *f, const char *path, uint64_t *number)
{
	struct member *m = secret_alloc(sizeof(*m));
	char *bytes = NULL, more[256];
	size_t n = 0;
	int r = m ? member_load(f, m) : refuse_with(f->why, f->why_cap, -ENOMEM, "no memory");

	if (!r) {
		r = input_file_load(path, REVOKED_BYTES_MAX, &bytes, &n, more, sizeof(more));
		if (r)
			refuse_with(f->why, f->why_cap, r, "'%s': %s", path, more);
	}
	if (!r)
		r = take_list(f, m, bytes, n);
	if (!r)
		*number = m->list.number;
	free(bytes);
	secret_free(m);
	return r;
}
