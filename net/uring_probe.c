// SPDX-License-Identifier: Apache-2.0
#include "net/uring_probe.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES 4u

static const struct {
	int op;
	const char *name;
} needs[] = {
	{IORING_OP_RECV, "RECV"},
	{IORING_OP_SENDMSG, "SENDMSG"},
	{IORING_OP_POLL_ADD, "POLL_ADD"},
	{IORING_OP_POLL_REMOVE, "POLL_REMOVE"},
};

static const char *first_missing(struct io_uring *ring)
{
	struct io_uring_probe *p = io_uring_get_probe_ring(ring);
	const char *name = p ? NULL : "PROBE";

	for (unsigned i = 0; p && !name && i < sizeof(needs) / sizeof(*needs); i++)
		if (!io_uring_opcode_supported(p, needs[i].op))
			name = needs[i].name;
	io_uring_free_probe(p);
	return name;
}

static bool has_buffer_rings(struct io_uring *ring)
{
	struct io_uring_buf_reg reg = {.ring_entries = ENTRIES};
	void *memory = NULL;

	if (posix_memalign(&memory, 4096, ENTRIES * sizeof(struct io_uring_buf)))
		return false;
	reg.ring_addr = (uint64_t)(uintptr_t)memory;
	bool has = io_uring_register_buf_ring(ring, &reg, 0) == 0;

	if (has)
		io_uring_unregister_buf_ring(ring, 0);
	free(memory);
	return has;
}

void uring_probe(struct uring_probe *out)
{
	struct io_uring_params best = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
	struct io_uring ring;

	memset(out, 0, sizeof(*out));
	out->error = io_uring_queue_init_params(ENTRIES, &ring, &best);
	out->deferred = out->error == 0;
	if (out->error == -EINVAL)
		out->error = io_uring_queue_init(ENTRIES, &ring, 0);
	if (out->error)
		return;
	out->missing = first_missing(&ring);
	out->buffers = has_buffer_rings(&ring);
	io_uring_queue_exit(&ring);
}
