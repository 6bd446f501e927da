// SPDX-License-Identifier: Apache-2.0
/*
 * Who is at the other end of a QMP socket, and what that one may do. Over a Unix socket the kernel says it (unix(7),
 * SO_PEERCRED and SO_PEERGROUPS): the user that runs the guest and root may do all, a member of the monitors' group may
 * ask, nobody else anything. Over TCP nobody says it: whoever is there may do all.
 */
#ifndef VMM_QMP_WHO_H
#define VMM_QMP_WHO_H

#include <stdbool.h>
#include <sys/types.h>

#define QMP_MONITORS "pando-monitor" // the group
#define QMP_NO_GROUP ((gid_t)-1)

enum qmp_role { QMP_NOBODY, QMP_MONITOR, QMP_OPERATOR };

/* Pure. groups: all of the peer's; monitors: the group, or QMP_NO_GROUP. */
enum qmp_role qmp_role(uid_t peer, const gid_t *groups, unsigned groups_n, uid_t own, gid_t monitors);
/* Of a connected socket. Any thread. */
enum qmp_role qmp_role_of(int fd, gid_t monitors);
/* A command that changes nothing, and writes nothing anywhere. Pure. */
bool qmp_only_asks(const char *command);
/* QMP_NO_GROUP: there is none of that name. */
gid_t qmp_group(const char *name);

#endif
