// SPDX-License-Identifier: Apache-2.0
/*
 * The folder of the sockets of running guests: $PANDO_RUN_DIR, /run/pando for root, else $XDG_RUNTIME_DIR/pando, else
 * /tmp/pando-UID. An empty variable counts as unset. It may lie where others can write, so it is used only if it is a
 * folder (no link to one) of the user's own that nobody else can write to: another's would answer in a guest's name.
 */
#ifndef VMM_QMP_RUNTIME_H
#define VMM_QMP_RUNTIME_H

#include <stddef.h>

/*
 * Where the QMP monitor of the guest called name listens. Returns 0, or -ENAMETOOLONG and a sentence. Pure but for the
 * environment.
 */
int runtime_qmp_path(const char *name, char *path, size_t cap, char *why, size_t why_cap);

/* Makes the folder, mode 0700, and checks it. Returns 0, or a negative errno and a sentence; -EPERM: see above. */
int runtime_make_folder(char *why, size_t why_cap);

/* Checks it. Returns 0 also where there is none, or a negative errno and a sentence. */
int runtime_check_folder(char *why, size_t why_cap);

#endif
