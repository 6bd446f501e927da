// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/check/gather.h"
#include "vmm/check/memory.h"
#include "vmm/check/show.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/identify.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/conf/units.h"
#include "vmm/host/host.h"

struct args {
	const char *listen, *key, *id, *log_name, *link, *seccomp, *disks;
	uint64_t cpus, memory, spin, listen_fd, key_fd;
	bool once, quiet, verbose, overcommit, plain, lenient;
};

#define NO_FD 0xffffffffu

static int read_key(const struct args *a, struct session_key *key)
{
	if (a->key_fd != NO_FD && a->id) {
		fprintf(stderr, "pando: --id and --key-fd: expected one of them at most\n");
		return -1;
	}
	if (a->key_fd != NO_FD) {
		if (pread((int)a->key_fd, key->bytes, SESSION_KEY_BYTES, 0) == (ssize_t)SESSION_KEY_BYTES) {
			close((int)a->key_fd);
			return 0;
		}
		fprintf(stderr, "pando: --key-fd: no key of %u bytes there\n", SESSION_KEY_BYTES);
		return -1;
	}
	return cli_identify(
		a->key, a->id, ID_MAY(ID_HOST), a->lenient,
		"--key FILE is needed: 'pando keygen FILE' makes one, every host gets the same; or --id FOLDER", key);
}

/* What is not sealed is said before anything crosses. */
static void say_plain(const struct args *a)
{
	if (a->plain && !a->quiet)
		fprintf(stderr, "pando: warning: --plain: guest memory crosses the network as it is: whoever is on "
				"that network can "
				"read and change it\n");
}

static int listen_fd(const struct args *a)
{
	const char *why = "";

	if (a->listen_fd != NO_FD)
		return (int)a->listen_fd;
	int fd = session_listen(a->listen, &why);
	if (fd < 0)
		fprintf(stderr, "pando: cannot listen on '%s': %s\n", a->listen, *why ? why : strerror(-fd));
	return fd;
}

/* What others are told of this host; what is not well with it is said once. */
static void look_around(const struct args *a, struct check_identity *is)
{
	struct check_facts *f = calloc(1, sizeof(*f));
	struct check_report *r = calloc(1, sizeof(*r));

	if (f && r) {
		check_gather(f);
		f->offered_bytes = a->memory;
		*is = f->self;
		check_judge(f, r);
		if (!a->quiet)
			check_print(stderr, r, CHECK_WARN, "pando: ");
	}
	free(f);
	free(r);
}

/* $PANDO_SECCOMP: of local hosts, which `pando run` starts. */
static int read_sandbox(const struct args *a, struct host_options *opt)
{
	const char *from = getenv("PANDO_SECCOMP"), *text = a->seccomp ? a->seccomp : from && *from ? from : "off";

	if (!box_level_parse(text, &opt->seal)) {
		fprintf(stderr, "pando: --seccomp '%s': expected off, log, errno or kill\n", text);
		return -1;
	}
	if (!a->disks)
		return 0;
	opt->disks = realpath(a->disks, NULL); // as long as the process lives
	if (opt->disks)
		return 0;
	fprintf(stderr, "pando: --disks '%s': %s\n", a->disks, strerror(errno));
	return -1;
}

static int check_room(uint64_t memory)
{
	struct check_need need = {.gift_bytes = memory};
	struct check_memory have;
	char why[256];
	int r;

	check_memory_read(&have, "");
	r = check_memory_enough(&have, &need, why, sizeof(why));
	if (r)
		fprintf(stderr, "pando: --memory: %s; --overcommit offers it all the same\n", why);
	return r;
}

int cli_host(int argc, char **argv)
{
	struct args a = {.listen = ":7411",
			 .log_name = "host",
			 .link = "uring",
			 .memory = 0,
			 .listen_fd = NO_FD,
			 .key_fd = NO_FD};
	static struct dpdk_spec dpdk; // large, and read as long as the host lives
	long own_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const struct cli_option table[] = {
		{"listen", "ADDRESS:PORT", "where to listen (default :7411)", CLI_TEXT, &a.listen, 0, 0},
		{"key", "FILE", "the cluster key (see pando keygen)", CLI_TEXT, &a.key, 0, 0},
		{"id", "FOLDER", "show this host's certificate, and take who shows one (pando cluster join)", CLI_TEXT,
		 &a.id, 0, 0},
		{"id-optional", NULL, "with --id: take also who shows none and has the key", CLI_FLAG, &a.lenient, 0,
		 0},
		{"cpus", "N", "vCPUs offered (default: this host's CPUs)", CLI_COUNT, &a.cpus, 1, VCPUS_MAX},
		{"memory", "SIZE", "guest memory offered, e.g. 4G", CLI_SIZE, &a.memory, 0, 0},
		{"spin", "US", "busy-poll so long before sleeping (default 0)", CLI_COUNT, &a.spin, 0, 1000000},
		{"link", "LINK", "how hosts reach each other: uring (default) or dpdk:...", CLI_TEXT, &a.link, 0, 0},
		{"plain", NULL, "do not seal what crosses the network; all hosts and pando run have to say so",
		 CLI_FLAG, &a.plain, 0, 0},
		{"overcommit", NULL, "offer more memory than this machine has", CLI_FLAG, &a.overcommit, 0, 0},
		{"once", NULL, "leave after the first guest", CLI_FLAG, &a.once, 0, 0},
		{"seccomp", "WHAT", "sandbox: off (default), log, errno or kill what a guest's process may not do",
		 CLI_TEXT, &a.seccomp, 0, 0},
		{"disks", "FOLDER", "with a sandbox: guests get disks of this folder only", CLI_TEXT, &a.disks, 0, 0},
		{"log-name", "NAME", "name in log lines", CLI_TEXT, &a.log_name, 0, 0},
		{"listen-fd", "FD", "inherited listening socket instead of --listen", CLI_COUNT, &a.listen_fd, 0, 1023},
		{"key-fd", "FD", "inherited descriptor of the key instead of --key", CLI_COUNT, &a.key_fd, 0, 1023},
		{"quiet", NULL, "say nothing of what 'pando check' finds", CLI_FLAG, &a.quiet, 0, 0},
		{"verbose", NULL, "log more", CLI_FLAG, &a.verbose, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -2) {
		printf("Usage: pando host (--key FILE | --id FOLDER) --memory SIZE [OPTION ...]\n\n"
		       "Offers this host's CPUs and memory to guests of whoever knows the cluster key, or with --id of "
		       "its operators.\n\n");
		cli_print_options(table);
		return 0;
	}
	if (left > 0)
		fprintf(stderr, "pando: unexpected word '%s' (see pando host --help)\n", argv[1]);
	if (left)
		return 2;
	if (a.memory < (2u << 20)) {
		fprintf(stderr, "pando: --memory SIZE is needed, at least 2M\n");
		return 2;
	}
	struct host_options opt = {.vcpus = (uint32_t)(a.cpus ? a.cpus : (uint64_t)own_cpus),
				   .memory_bytes = a.memory,
				   .spin_us = (uint32_t)a.spin,
				   .once = a.once,
				   .overcommit = a.overcommit};
	log_set(a.verbose ? LOG_DEBUG : LOG_WARN, a.log_name);
	if (read_sandbox(&a, &opt) || cli_link(a.link, &dpdk, &opt.dpdk) || read_key(&a, &opt.key))
		return 2;
	say_plain(&a);
	if (a.lenient && !a.quiet)
		fprintf(stderr,
			"pando: warning: --id-optional: whoever has the key for sessions is taken, in every role\n");
	opt.key.plain = a.plain;
	if (!a.overcommit && check_room(a.memory))
		return 1;
	opt.listen_fd = listen_fd(&a);
	if (opt.listen_fd < 0)
		return 1;
	look_around(&a, &opt.is);
	return host_serve(&opt);
}
