// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
	const char *name, *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{"run", "boot a guest over several hosts", cli_run},
	{"host", "offer this host's CPUs and memory, and wait", cli_host},
	{"check", "look whether this host is fit, and what to do about it", cli_check},
	{"status", "show a running guest: hosts, vCPUs, memory, faults", cli_status},
	{"dumpxml", "describe a guest as libvirt domain XML", cli_dumpxml},
	{"qmp", "send a running guest one QMP command", cli_qmp},
	{"top", "watch a running guest, full screen", cli_top},
	{"grow", "more vCPUs and memory for a running guest", cli_grow},
	{"shrink", "ask a running guest to give up a vCPU or memory", cli_shrink},
	{"move", "move a vCPU of a running guest to another host", cli_move},
	{"hosts", "show the hosts of a running guest, and what each is to it", cli_hosts},
	{"add-host", "let a host join a running guest", cli_add_host},
	{"remove-host", "let a host leave a running guest", cli_remove_host},
	{"drain", "empty a host of a running guest, and let it leave", cli_drain},
	{"move-board", "move the chips of a running guest, and who boots it, to another host", cli_move_board},
	{"trace", "record what the hosts do, and show it on one time line", cli_trace},
	{"report", "draw a recorded trace as one HTML page", cli_report},
	{"keygen", "make a cluster key", cli_keygen},
	{"cluster", "keep a cluster: its root, tokens, certificates", cli_cluster},
	{"login", "get a certificate for some hours by an SSH key", cli_login},
};

static int usage(FILE *out)
{
	fprintf(out, "Pando makes several Linux hosts into one virtual machine.\n\n"
		     "Usage: pando COMMAND [OPTION ...]\n\nCommands:\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n'pando COMMAND --help' tells its options. 'pando --version' tells the version.\n");
	return out == stdout ? 0 : 2;
}

/*
 * As many descriptors as we may have: a vCPU takes some, a host more, and the usual soft limit of 1,024 is for programs
 * that use select().
 */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

int cli_main(int argc, char **argv)
{
	raise_descriptors();
	signal(SIGCHLD, SIG_DFL); // whoever started us may ignore it: then no child's end could be waited for
	signal(SIGXFSZ, SIG_IGN); // a file that may not grow is an error of who writes it, not the end of everything
	if (argc < 2)
		return usage(stderr);
	if (strcmp(argv[1], "--version") == 0) {
		printf("pando %s\n", PANDO_VERSION);
		return 0;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
		return usage(stdout);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "pando: there is no command '%s'\n\n", argv[1]);
	return usage(stderr);
}

int cli_close_stdout(int status)
{
	bool pending = __fpending(stdout) != 0, failed = ferror(stdout) != 0;

	errno = 0;
	/* Where it was closed from the start and nothing was said, nothing is lost. */
	if (fclose(stdout) && (pending || failed || errno != EBADF))
		failed = true;
	if (!failed)
		return status;
	fprintf(stderr, "pando: standard output could not be written%s%s\n", errno ? ": " : "",
		errno ? strerror(errno) : "");
	return status ? status : 1;
}
