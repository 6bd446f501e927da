// SPDX-License-Identifier: Apache-2.0
// The command line: a table of sub-commands, and for each a table of options.
#ifndef VMM_CLI_CLI_H
#define VMM_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int cli_main(int argc, char **argv); // the exit status

/*
 * The end of every command: what could not be written to standard output is a failure. Closes it. Returns status, or 1
 * after an error message where status was 0.
 */
int cli_close_stdout(int status);

enum cli_kind { CLI_FLAG, CLI_TEXT, CLI_SIZE, CLI_COUNT, CLI_TEXTS };

#define CLI_TEXTS_MAX 64u

/* The values of an option that may be given several times, in order. */
struct cli_texts {
	unsigned n;
	const char *text[CLI_TEXTS_MAX];
};

struct cli_option {
	const char *name; // without the dashes
	const char *arg;  // what --help calls the value; NULL for a flag
	const char *help;
	enum cli_kind kind;
	void *to; // bool *, const char **, uint64_t * (CLI_SIZE, CLI_COUNT), struct cli_texts *
	uint64_t min, max;
};

/*
 * Parses argv[1 ..] against a table that ends with a NULL name. Accepts --name value, --name=value (no value for a
 * flag) and --help; after "--" all are words. Returns the number of words left over, which come first in argv[1 ..]
 * then; -1 after an error (already said); -2 when --help was asked for.
 */
int cli_parse(int argc, char **argv, const struct cli_option *table);
void cli_print_options(const struct cli_option *table);

#define CLI_TRACE_MAX (1ull << 36) // bytes of a trace that is read: the largest rings of 64 hosts have less

struct dpdk_spec;
/*
 * Reads the value of --link. *out: room if it is "dpdk:...", NULL if it is "uring". Returns 0, or -1 after an error
 * (already said).
 */
int cli_link(const char *text, struct dpdk_spec *room, const struct dpdk_spec **out);

int cli_host(int argc, char **argv);
int cli_run(int argc, char **argv);
int cli_trace(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_dumpxml(int argc, char **argv);
int cli_qmp(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_move(int argc, char **argv);
int cli_add_host(int argc, char **argv);
int cli_remove_host(int argc, char **argv);
int cli_drain(int argc, char **argv);
int cli_move_board(int argc, char **argv);
int cli_hosts(int argc, char **argv);
int cli_grow(int argc, char **argv);
int cli_shrink(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_keygen(int argc, char **argv);
int cli_cluster(int argc, char **argv);
int cli_login(int argc, char **argv);
int cli_check(int argc, char **argv);

#endif
