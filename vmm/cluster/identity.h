// SPDX-License-Identifier: Apache-2.0
/*
 * A member's folder (member.h) as sessions use it: what this process shows of itself, and by what it judges others. A
 * new list of the revoked counts from the next session on, until freeze().
 */
#ifndef VMM_CLUSTER_IDENTITY_H
#define VMM_CLUSTER_IDENTITY_H

#include "net/session.h"

struct identity;

/*
 * Of the folder path. may: ID_MAY() of each role that will do. lenient: as struct session_id's. NULL: it is not whole,
 * its certificate is not good now or of another role: said in why. The caller's, for as long as sessions are made.
 */
struct identity *identity_open(const char *path, unsigned may, bool lenient, char *why, size_t cap);
void identity_close(struct identity *i); // wipes its key. NULL: nothing

/* What goes into a struct session_key. */
const struct session_id *identity_session(const struct identity *i);
/* Who it is. */
const struct cert *identity_who(const struct identity *i);

#endif
