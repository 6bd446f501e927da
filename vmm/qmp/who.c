// SPDX-License-Identifier: Apache-2.0
#include "vmm/qmp/who.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX    65537u // what Linux gives a process (NGROUPS_MAX), and its own
#define GROUP_BYTES   (1u << 20)
#define ASKS          "query-"
#define ASKS_OF_PANDO "x-pando-query-"

enum qmp_role qmp_role(uid_t peer, const gid_t *groups, unsigned groups_n, uid_t own, gid_t monitors)
{
	if (peer == own || peer == 0)
		return QMP_OPERATOR;
	for (unsigned i = 0; i < groups_n && monitors != QMP_NO_GROUP; i++)
		if (groups[i] == monitors)
			return QMP_MONITOR;
	return QMP_NOBODY;
}

enum qmp_role qmp_role_of(int fd, gid_t monitors)
{
	struct sockaddr_storage at;
	struct ucred peer;
	socklen_t n = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &n))
		return QMP_NOBODY;
	if (at.ss_family != AF_UNIX)
		return QMP_OPERATOR;
	n = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n))
		return QMP_NOBODY;
	gid_t *groups = calloc(GROUPS_MAX, sizeof(*groups));

	if (!groups)
		return qmp_role(peer.uid, &peer.gid, 1, geteuid(), monitors);
	groups[0] = peer.gid;
	n = (GROUPS_MAX - 1) * sizeof(*groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &n))
		n = 0;
	enum qmp_role r = qmp_role(peer.uid, groups, 1 + n / sizeof(*groups), geteuid(), monitors);

	free(groups);
	return r;
}

bool qmp_only_asks(const char *command)
{
	return strcmp(command, "qmp_capabilities") == 0 || strncmp(command, ASKS, sizeof(ASKS) - 1) == 0 ||
	       strncmp(command, ASKS_OF_PANDO, sizeof(ASKS_OF_PANDO) - 1) == 0;
}

gid_t qmp_group(const char *name)
{
	char *bytes = malloc(GROUP_BYTES); // of its members' names
	struct group g, *found = NULL;
	gid_t gid = QMP_NO_GROUP;

	if (bytes && !getgrnam_r(name, &g, bytes, GROUP_BYTES, &found) && found)
		gid = found->gr_gid;
	free(bytes);
	return gid;
}
