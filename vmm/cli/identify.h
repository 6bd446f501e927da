// SPDX-License-Identifier: Apache-2.0
/* --id FOLDER, of each command that has sessions. */
#ifndef VMM_CLI_IDENTIFY_H
#define VMM_CLI_IDENTIFY_H

#include "net/session.h"

/*
 * Reads the key of sessions: path, or where that is NULL and there is an id the folder's cluster.key; and puts into
 * *key who this process is, by the folder id (NULL: nobody in particular). may: ID_MAY() of each role that will do.
 * needed: what is said where there is neither. Returns 0, or -1 after an error message. What it opens stays open: once
 * a process.
 */
int cli_identify(const char *path, const char *id, unsigned may, bool lenient, const char *needed,
		 struct session_key *key);

#endif
