// SPDX-License-Identifier: Apache-2.0
/*
 * An image in a format of others (qcow2): qemu-nbd reads and writes it, as a child of ours that serves it at a socket
 * in a folder of our own, and is started again if it ends. It locks the image, and opens the backing files that the
 * image names.
 */
#ifndef VMM_BLOCK_QEMU_H
#define VMM_BLOCK_QEMU_H

#include "vmm/conf/disk_config.h"

struct qemu_image;

/*
 * Starts it, and returns when it serves. May take seconds; any thread. 0, or a negative errno with a sentence (what
 * qemu-nbd said last, or that there is no such program). uri: where it is served, DISK_PATH_MAX bytes.
 */
int qemu_image_open(const struct disk_config *c, struct qemu_image **out, char *uri, char *why, size_t why_cap);
/*
 * It could not be connected to, with this error and sentence: if that is because it has ended (it makes its socket
 * before it opens the image), why says what it said last. Returns the error to go on with.
 */
int qemu_image_explain(struct qemu_image *q, int error, char *why, size_t why_cap);
/* Starts it again if it has ended. The same; not while another thread is in here. */
int qemu_image_revive(struct qemu_image *q, char *why, size_t why_cap);
/* Ends it: what it has not written yet it writes. */
void qemu_image_close(struct qemu_image *q);

#endif
