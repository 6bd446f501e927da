// SPDX-License-Identifier: Apache-2.0
/*
 * NBD URIs in libvirt's parts, and back (github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md; RFC 3986 for how
 * characters are escaped). Pure.
 */
#ifndef VMM_BRIDGE_NBD_URI_H
#define VMM_BRIDGE_NBD_URI_H

#include "vmm/conf/disk_config.h"

#define NBD_SERVER_MAX 256u

struct nbd_uri {
	bool tls;
	char server[NBD_SERVER_MAX]; // name or address, an IPv6 one without brackets; "": a socket of the host
	uint32_t port;               // 0: the standard one
	char socket[DISK_PATH_MAX];  // its path
	char name[DISK_PATH_MAX];    // of the export; "": the default one
};

/* 0, or -EINVAL: it has more than cap - 1 bytes. */
int nbd_uri_make(const struct nbd_uri *u, char *out, size_t cap);
/* 0, or -EINVAL: it is none, or says more than the parts can; making one of the parts gives text again. */
int nbd_uri_split(const char *text, struct nbd_uri *out);

#endif
