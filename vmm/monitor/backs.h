// SPDX-License-Identifier: Apache-2.0
/*
 * What QMP names before a device uses it: block nodes (blockdev-add) and ends of networks (netdev_add), in QEMU's
 * words. Each is a description only: the host of the device that uses it opens it. Pure.
 */
#ifndef VMM_MONITOR_BACKS_H
#define VMM_MONITOR_BACKS_H

#include <jansson.h>

#include "vmm/conf/disk_config.h"
#include "vmm/conf/net_config.h"

#define BACKS_MAX      256u // of each sort
#define BACK_NAME_MAX  128u
#define BACK_NO_DEVICE UINT32_MAX

struct back {
	struct back *next;
	char name[BACK_NAME_MAX];
	bool net;
	uint32_t device;    // number of the device that uses it, or BACK_NO_DEVICE
	bool claimed;       // by a device that is not there yet, or by another node
	struct back *below; // the node that it claims; NULL: none
	struct disk_config disk;
	struct net_config end; // without its address
};

struct backs {
	struct back *first;
	unsigned n[2]; // by .net
};

void backs_free(struct backs *b);
/* NULL: there is none. */
struct back *backs_find(const struct backs *b, bool net, const char *name);
/* A device has it, or has asked for it, or another node is made of it. */
bool back_in_use(const struct back *k);
struct back *backs_of_device(const struct backs *b, uint32_t device);

/*
 * Arguments of blockdev-add and netdev_add, whose schema has been checked, but for members of the drivers. 0, or
 * -EINVAL with the sentence of the refusal, QEMU's where it has that one.
 */
int backs_add_node(struct backs *b, const json_t *args, char *why, size_t why_cap);
int backs_add_end(struct backs *b, const json_t *args, char *why, size_t why_cap);
void backs_remove(struct backs *b, struct back *k); // nobody uses it

/* A letter first, then letters, digits, "-", "." and "_": QEMU's rule for names. */
bool backs_is_name(const char *text);

#endif
