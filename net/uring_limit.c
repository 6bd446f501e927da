// SPDX-License-Identifier: Apache-2.0
#include "net/uring_limit.h"

#include "coherence/base/check.h"

int uring_limit(struct io_uring *ring, const struct uring_limit *l)
{
	struct io_uring_restriction r[2 * URING_LIMIT_MAX + 1] = {0};
	unsigned n = 0;

	PD_CHECK(l->ops_n <= URING_LIMIT_MAX && l->registers_n <= URING_LIMIT_MAX);
	for (unsigned i = 0; i < l->ops_n; i++, n++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n].sqe_op = l->ops[i];
	}
	for (unsigned i = 0; i < l->registers_n; i++, n++) {
		r[n].opcode = IORING_RESTRICTION_REGISTER_OP;
		r[n].register_op = l->registers[i];
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = l->flags;
	int e = io_uring_register(ring->ring_fd, IORING_REGISTER_RESTRICTIONS, r, n);

	return e < 0 ? e : 0;
}

int uring_enable(struct io_uring *ring)
{
	int e = io_uring_register(ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	return e < 0 ? e : 0;
}
