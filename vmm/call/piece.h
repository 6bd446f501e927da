// SPDX-License-Identifier: Apache-2.0
// The size of a piece of guest memory (ops_memory.c), for both ends.
#ifndef VMM_CALL_PIECE_H
#define VMM_CALL_PIECE_H

#define PIECE_PAGES_MAX 32768u // pages one answer tells of
#define PIECE_FULL_MAX  60u    // pages whose bytes it carries: with the bitmap at most SERVE_BYTES_MAX

#endif
