// SPDX-License-Identifier: Apache-2.0
/*
 * What a host's processor does to page-table pages of a guest when it only walks them: told in the host's offer. Where
 * walks write, such pages can't be shared by several hosts, and a guest over several hosts crawls.
 */
#ifndef VMM_CALL_WALKS_H
#define VMM_CALL_WALKS_H

#include "coherence/base/types.h"

/* Numbers of CTL_OFFER. */
enum walks {
	WALKS_UNKNOWN = 0,
	WALKS_READ,
	WALKS_WRITE,       // and nothing can be done about it on that host
	WALKS_WRITE_EPTAD, // because kvm_intel.eptad is on
	WALKS_END
};

#define WALKS_EPTAD_REMEDY "modprobe -r kvm_intel; modprobe kvm_intel eptad=0"

static inline bool walks_write(unsigned w)
{
	return w == WALKS_WRITE || w == WALKS_WRITE_EPTAD;
}

/* "read", "write" or "unknown"; any number is taken. Pure. */
const char *walks_word(unsigned w);

/*
 * What `pando run` says of a guest over hosts[0 .. n) (WALKS_*, one each): a sentence in text that names the hosts
 * where walks write, and a command for them in remedy ("" where there is none). Returns false, and empty texts, where
 * there is nothing to warn of: n is 1, or no host is known to write. Pure.
 */
bool walks_warning(const uint8_t *hosts, unsigned n, char *text, size_t text_cap, char *remedy, size_t remedy_cap);

#endif
