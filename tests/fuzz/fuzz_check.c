// SPDX-License-Identifier: Apache-2.0
// What the two ends of a session of `pando check` may send each other: questions to check_answer(), an identity to the
// asker.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/check/ask.h"
#include "vmm/check/show.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void as_asked(const uint8_t *data, size_t n)
{
	static const struct check_identity self = {.version = "0"};
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		abort();
	if (send(fd[0], data, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
		shutdown(fd[0], SHUT_WR); // so that nothing waits for more
		check_answer(fd[1], NULL, &self);
	}
	close(fd[0]);
	close(fd[1]);
}

static void as_asker(const uint8_t *data, size_t n)
{
	struct check_identity is;
	json_t *o = json_loadb((const char *)data, n, 0, NULL);

	if (o && check_identity_parse(o, &is)) {
		struct check_identity again;
		json_t *back = check_identity_json(&is);

		if (!back || !check_identity_parse(back, &again) || memcmp(&is, &again, sizeof(is)))
			abort();
		json_decref(back);
	}
	json_decref(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > 65536)
		return 0;
	as_asked(data, n);
	as_asker(data, n);
	return 0;
}
