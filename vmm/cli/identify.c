// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/identify.h"

#include <stdio.h>

#include "vmm/cluster/identity.h"

int cli_identify(const char *path, const char *id, unsigned may, bool lenient, const char *needed,
		 struct session_key *key)
{
	char of_folder[600], more[512];
	const char *why = "";

	if (!path && id) {
		snprintf(of_folder, sizeof(of_folder), "%s/cluster.key", id);
		path = of_folder;
	}
	if (!path) {
		fprintf(stderr, "pando: %s\n", needed);
		return -1;
	}
	if (lenient && !id) {
		fprintf(stderr, "pando: --id-optional: of what --id FOLDER asks of others: it is needed too\n");
		return -1;
	}
	if (session_key_read(path, key, &why)) {
		fprintf(stderr, "pando: --key '%s': %s\n", path, why);
		return -1;
	}
	if (!id)
		return 0;
	const struct identity *i = identity_open(id, may, lenient, more, sizeof(more));
	if (!i) {
		fprintf(stderr, "pando: --id: %s\n", more);
		return -1;
	}
	key->id = identity_session(i);
	return 0;
}
