// SPDX-License-Identifier: Apache-2.0
/* A root, and certificates of it, for tests. */
#pragma once
#include <cstring>
#include <string>
#include <vector>

extern "C" {
#include "net/id/cert.h"
#include "net/id/revoked.h"
}

using Bytes = std::vector<uint8_t>;

inline id_key key_of(uint8_t seed)
{
	Bytes s(ID_SEED_BYTES, seed);
	id_key k;

	id_key_make(&k, s.data());
	return k;
}

struct Cluster {
	id_key root = key_of(1), own = key_of(2);
	cert c = {};
	revoked list = {};
	cert_judge judge = {};

	Cluster()
	{
		c.role = ID_HOST;
		c.serial = 7;
		c.from = 1000;
		c.until = 2000;
		memcpy(c.pub, own.pub, 32);
		strcpy(c.name, "rack1-a");
		memcpy(judge.root, root.pub, 32);
		judge.now = 1500;
		judge.revoked = &list;
	}
	Bytes make() const
	{
		Bytes out(CERT_BYTES_MAX);

		out.resize(cert_make(&c, &root, out.data()));
		return out;
	}
	id_fault check(const Bytes &b, unsigned may = ~0u, cert *out = nullptr) const
	{
		cert r;

		return cert_check(b.data(), b.size(), &judge, may, out ? out : &r);
	}
};
