// SPDX-License-Identifier: Apache-2.0
// The folder of the sockets of running guests: $PANDO_RUN_DIR, /run/pando for root, else $XDG_RUNTIME_DIR/pando.
#ifndef VMM_QMP_RUNTIME_H
#define VMM_QMP_RUNTIME_H

#include <stddef.h>

/* FOLDER/NAME + suffix. Returns 0 or -ENAMETOOLONG. Pure but for the environment. */
int runtime_path(const char *name, const char *suffix, char *path, size_t cap);
/* Where the QMP monitor of the guest called name listens. Returns 0 or -ENAMETOOLONG. */
int runtime_qmp_path(const char *name, char *path, size_t cap);
int runtime_make_folder(void); // mode 0700; 0 or a negative errno

#endif
