// SPDX-License-Identifier: Apache-2.0
#include "net/id/cert.h"

#include <string.h>

#include "coherence/base/bytes.h"
#include "net/id/revoked.h"

static const char label[] = "pando certificate 1";

const char *id_fault_text(enum id_fault f)
{
	static const char *const text[ID_FAULTS] = {
		[ID_GOOD] = "good",
		[ID_MALFORMED] = "it is no certificate of Pando's",
		[ID_OTHER_ROOT] = "it is of another cluster",
		[ID_FORGED] = "it was not signed by the cluster's root key",
		[ID_NOT_YET] = "it is not valid yet: is the clock right?",
		[ID_EXPIRED] = "it has expired: get a new one",
		[ID_REVOKED] = "it was revoked",
		[ID_WRONG_ROLE] = "its role may not do this",
		[ID_NOT_HIS] = "it is another's: the key that belongs to it was not shown",
	};

	return f < ID_FAULTS ? text[f] : "unknown";
}

static const char *const role_names[ID_ROLES] = {
	[ID_HOST] = "host", [ID_OPERATOR] = "operator", [ID_MONITOR] = "monitor"};

const char *id_role_name(enum id_role r)
{
	return r >= ID_HOST && r < ID_ROLES ? role_names[r] : "unknown";
}

bool id_role_find(const char *name, enum id_role *r)
{
	for (unsigned i = ID_HOST; i < ID_ROLES; i++)
		if (strcmp(name, role_names[i]) == 0) {
			*r = (enum id_role)i;
			return true;
		}
	return false;
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool id_name_good(const char *name, size_t n)
{
	if (n < 1 || n > ID_NAME_MAX || !letter(name[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!letter(name[i]) && (name[i] == 0 || !strchr("._-@+", name[i])))
			return false;
	return true;
}

static bool sane(const struct cert *c)
{
	return c->role >= ID_HOST && c->role < ID_ROLES && c->serial && c->from <= c->until &&
	       id_name_good(c->name, strnlen(c->name, sizeof(c->name)));
}

uint32_t cert_make(const struct cert *c, const struct id_key *root, uint8_t out[CERT_BYTES_MAX])
{
	if (!sane(c))
		return 0;
	uint32_t name_n = (uint32_t)strlen(c->name), n = CERT_NAME_AT + name_n;
	memcpy(out, "PDC1", 4);
	out[4] = (uint8_t)c->role;
	out[5] = (uint8_t)name_n;
	put_le(out + 6, c->serial, 8);
	put_le(out + 14, c->from, 8);
	put_le(out + 22, c->until, 8);
	id_mark(root->pub, out + 30);
	memcpy(out + 46, c->pub, ID_PUBLIC_BYTES);
	memcpy(out + CERT_NAME_AT, c->name, name_n);
	id_sign(root, label, &(struct id_part){out, n}, 1, out + n);
	return n + ID_SIGNATURE_BYTES;
}

enum id_fault cert_parse(const uint8_t *p, size_t n, struct cert *c)
{
	struct cert r = {0};

	if (n < CERT_BYTES_MIN || n > CERT_BYTES_MAX || memcmp(p, "PDC1", 4))
		return ID_MALFORMED;
	if (p[5] > ID_NAME_MAX || n != CERT_NAME_AT + p[5] + ID_SIGNATURE_BYTES)
		return ID_MALFORMED;
	r.role = (enum id_role)p[4];
	r.serial = get_le(p + 6, 8);
	r.from = get_le(p + 14, 8);
	r.until = get_le(p + 22, 8);
	memcpy(r.root, p + 30, sizeof(r.root));
	memcpy(r.pub, p + 46, sizeof(r.pub));
	memcpy(r.name, p + CERT_NAME_AT, p[5]);
	if (!sane(&r) || strlen(r.name) != p[5])
		return ID_MALFORMED;
	*c = r;
	return ID_GOOD;
}

enum id_fault cert_check(const uint8_t *p, size_t n, const struct cert_judge *j, unsigned may, struct cert *c)
{
	uint8_t root[ID_MARK_BYTES];
	struct cert r;

	if (cert_parse(p, n, &r))
		return ID_MALFORMED;
	id_mark(j->root, root);
	if (memcmp(root, r.root, sizeof(root)))
		return ID_OTHER_ROOT;
	/* nothing else of it means anything before this */
	if (!id_signed(j->root, label, &(struct id_part){p, n - ID_SIGNATURE_BYTES}, 1, p + n - ID_SIGNATURE_BYTES))
		return ID_FORGED;
	if (j->now < r.from)
		return ID_NOT_YET;
	if (j->now > r.until)
		return ID_EXPIRED;
	if (j->revoked && revoked_has(j->revoked, r.serial))
		return ID_REVOKED;
	if (!(ID_MAY(r.role) & may))
		return ID_WRONG_ROLE;
	*c = r;
	return ID_GOOD;
}
