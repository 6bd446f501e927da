// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/log.h"
#include "vmm/check/memory.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/identify.h"
#include "vmm/cli/run_args.h"
#include "vmm/cli/run_domain.h"
#include "vmm/run/local.h"

#define LOCAL_GRACE_MS 5000u
#define HELP_BYTES     16384u

static int run_local(struct run_options *o, const struct run_args *a)
{
	struct local_hosts *l = calloc(1, sizeof(*l));
	struct local_options lo = {
		.hosts = (unsigned)a->local,
		.vcpus = run_args_local_vcpus(a, o),
		.memory_bytes = run_args_local_memory(a, o),
		.spin_us = o->desc.spin_us,
		.verbose = a->verbose,
		.netns = a->netns,
		.overcommit = a->overcommit,
		.link = a->link ? a->link : "uring",
	};

	session_key_random(&o->key);
	o->key.plain = !a->sealed; // nothing leaves this machine
	int r = l ? local_start(l, &lo, &o->key) : -ENOMEM;
	if (r) {
		fprintf(stderr, "pando: cannot start the local hosts: %s\n", strerror(-r));
		free(l);
		return RUN_FAILED;
	}
	o->hosts_n = l->n;
	memcpy(o->addresses, l->addresses, sizeof(o->addresses));
	o->locals = l;
	int status = run_guest(o);
	local_end(l, LOCAL_GRACE_MS);
	free(l);
	return status;
}

/* All local hosts are on this machine. */
static int check_room(const struct run_args *a, const struct run_options *o)
{
	uint64_t pages = o->wish.memory_bytes >> PAGE_SHIFT;
	struct check_need need = {.gift_bytes = o->wish.memory_bytes,
				  .tables_bytes =
					  check_tables_bytes(pages, 0) * a->local + check_tables_bytes(0, pages)};
	struct check_memory have;
	char why[256];

	check_memory_read(&have, "");
	if (a->overcommit || !check_memory_enough(&have, &need, why, sizeof(why)))
		return 0;
	fprintf(stderr, "pando: --memory: %s; --overcommit tries it all the same\n", why);
	return -1;
}

static int take_key(struct run_options *o, const struct run_args *a)
{
	int r = cli_identify(a->key, a->id, ID_MAY(ID_OPERATOR), a->lenient,
			     "--key FILE is needed with --hosts: the cluster key that the hosts have; or --id FOLDER",
			     &o->key);

	o->key.plain = a->plain;
	return r;
}

/* Before any host is called or started: what cannot be booted is the caller's mistake. */
static int open_images(struct run_options *o)
{
	char why[512];
	int r = images_open(&o->images, o->kernel, o->initrd, why, sizeof(why));

	if (r)
		fprintf(stderr, "pando: %s\n", why);
	return r;
}

static int usage(const struct cli_option *table)
{
	static char whole[HELP_BYTES];

	setvbuf(stdout, whole, _IOFBF, sizeof(whole)); // written at the end, when it is said why it could not be
	printf("Usage: pando run (--domain FILE | --kernel FILE | --disk PATH) (--hosts A:PORT,B:PORT,... --key FILE | "
	       "--local N) "
	       "[OPTION ...]\n\n"
	       "Boots one guest whose vCPUs and memory span the hosts, and shows its console.\n"
	       "Ctrl-C ends the guest on every host.\n\n");
	cli_print_options(table);
	printf("\nA disk's properties: host=H (number or name of the host that has it, default 0), serial=S, ro, "
	       "discard,\n"
	       "format=raw|qcow2, queues=N, boot. A network device's: host=H, mac=M, mtu=N, forward=P:G, queues=N,\n"
	       "offload=off. Two commas are one of a value: path=/srv/a,,b.img.\n"
	       "    --disk /srv/root.img,boot --disk /srv/data.img,host=1,serial=DATA --net passt --forward 2222:22\n"
	       "A guest that boots from a disk has --net passt where that is installed, if no --net is given.\n");
	printf("\nExit status: 0 the guest powered off, 1 it could not be run, 2 bad usage, 3 it reset\n"
	       "itself and --no-reboot was given, 4 KVM could not go on with it, 5 a host was lost, 130 "
	       "interrupted.\n");
	return 0;
}

#define TUNING_OPTION(knob, help)                                                                         \
	{                                                                                                 \
		tuning_rules[knob].name, tuning_rules[knob].unit, help, CLI_COUNT, &a.tuning.value[knob], \
			tuning_rules[knob].min, tuning_rules[knob].max                                    \
	}

static int check_seal(const struct run_args *a)
{
	if (a->plain && a->sealed)
		fprintf(stderr, "pando: --plain and --sealed: expected one of them at most\n");
	else if (a->plain && a->hosts && !a->quiet)
		fprintf(stderr,
			"pando: warning: --plain: guest memory crosses the network as it is: whoever is on it can read "
			"and change it\n");
	return a->plain && a->sealed ? -1 : 0;
}

static int start(struct run_args *a, struct run_options *o)
{
	if (!a->local)
		return run_guest(o);
	return check_room(a, o) ? RUN_FAILED : run_local(o, a);
}

static int parse_and_start(int argc, char **argv, const struct cli_option *table, struct run_args *a,
			   struct run_options *o)
{
	static struct domain domain; // large, and the arguments point into it

	tuning_clear(&a->tuning);
	int left = cli_parse(argc, argv, table);

	if (left == -2)
		return usage(table);
	if (left > 0)
		fprintf(stderr, "pando: unexpected word '%s' (see pando run --help)\n", argv[1]);
	log_set(a->verbose ? LOG_DEBUG : LOG_WARN, "run");
	if (left || (a->domain && run_domain_apply(a, &domain)) || run_args_fill(a, o) || check_seal(a) ||
	    (a->hosts && take_key(o, a)) || open_images(o))
		return RUN_USAGE;
	return start(a, o);
}

int cli_run(int argc, char **argv)
{
	static struct run_options o; // large; one guest a process
	static struct run_args a;
	const struct cli_option table[] = {
		{"domain", "FILE", "libvirt domain XML: what the other options do not say", CLI_TEXT, &a.domain, 0, 0},
		{"kernel", "FILE", "kernel to boot: bzImage, Multiboot 1 or ELF64 (default: the one on the first disk)",
		 CLI_TEXT, &a.kernel, 0, 0},
		{"initrd", "FILE", "initial RAM disk; of a Multiboot kernel the module", CLI_TEXT, &a.initrd, 0, 0},
		{"append", "TEXT", "kernel command line (default console=ttyS0); of a disk's kernel more words",
		 CLI_TEXT, &a.append, 0, 0},
		{"cpus", "N", "vCPUs of the guest (default: one a host)", CLI_COUNT, &a.cpus, 1, VCPUS_MAX},
		{"memory", "SIZE", "memory of the guest, e.g. 4G (default 1G)", CLI_SIZE, &a.memory, 1, 0},
		{"max-cpus", "N", "room for vCPUs of hosts that join later, in all", CLI_COUNT, &a.max_cpus, 1,
		 VCPUS_MAX},
		{"max-memory", "SIZE", "room for their memory, in all", CLI_SIZE, &a.max_memory, 1, 0},
		{"max-hosts", "N", "room for so many hosts (default: one more, if there is room for anything)",
		 CLI_COUNT, &a.max_hosts, 1, HOSTS_MAX},
		{"elastic", NULL, "the guest brings CPUs and memory that come online by itself (Linux, systemd)",
		 CLI_FLAG, &a.elastic, 0, 0},
		{"hosts", "LIST", "addresses of the hosts, host:port,...", CLI_TEXT, &a.hosts, 0, 0},
		{"key", "FILE", "the cluster key", CLI_TEXT, &a.key, 0, 0},
		{"id", "FOLDER", "show the certificate there; hosts have to, too (pando login)", CLI_TEXT, &a.id, 0, 0},
		{"id-optional", NULL, "with --id: hosts may show none", CLI_FLAG, &a.lenient, 0, 0},
		{"local", "N", "start N hosts on this machine instead", CLI_COUNT, &a.local, 1, HOSTS_MAX},
		{"netns", NULL, "local hosts each in a network namespace (root)", CLI_FLAG, &a.netns, 0, 0},
		{"link", "LINK", "of local hosts: uring, dpdk:memif, af_packet, af_xdp", CLI_TEXT, &a.link, 0, 0},
		{"plain", NULL, "seal nothing (default with --local); hosts say so too", CLI_FLAG, &a.plain, 0, 0},
		{"sealed", NULL, "seal what crosses between hosts (default with --hosts)", CLI_FLAG, &a.sealed, 0, 0},
		{"name", "NAME", "name of the guest, for pando status (default pando)", CLI_TEXT, &a.name, 0, 0},
		{"uuid", "UUID", "the guest's identifier (default: a random one)", CLI_TEXT, &a.uuid, 0, 0},
		{"qmp", "LIST", "more places for the QMP monitor: paths, tcp:127.0.0.1:PORT", CLI_TEXT, &a.qmp, 0, 0},
		{"console", "WHERE", "serial port: stdio (default), pty, null, file:PATH", CLI_TEXT, &a.console, 0, 0},
		{"virtio-console", "WHERE[,...]", "a virtio console (hvc0), which goes there; host=H: of that host",
		 CLI_TEXT, &a.virtio_console, 0, 0},
		{"trace", "FILE", "write what the hosts did last there at the end (pando trace decode)", CLI_TEXT,
		 &o.trace, 0, 0},
		{"status-json", "FILE", "write the last status there at the end", CLI_TEXT, &a.status_json, 0, 0},
		TUNING_OPTION(TUNING_PEER_TIMEOUT, "a silent host is lost after so long (default 5000)"),
		{"start-timeout", "S", "limit of each start-up step (default 60)", CLI_COUNT, &a.start_timeout_s, 1,
		 3600},
		TUNING_OPTION(TUNING_HOLD, "a page stays so long where it was taken (default 50)"),
		TUNING_OPTION(TUNING_RESERVE, "pages a host may hold beyond its gift (default 1024)"),
		TUNING_OPTION(TUNING_PREFETCH, "pages fetched ahead of a stream (default 256)"),
		TUNING_OPTION(TUNING_SPIN, "local hosts busy-poll so long before sleeping"),
		{"local-memory", "SIZE", "memory each local host offers (default: its share)", CLI_SIZE,
		 &a.local_memory, 0, 0},
		TUNING_OPTION(TUNING_DILATE, "guest time runs at 1/K of real time (slow testbeds)"),
		{"tsc-skew", "TICKS", "make the hosts' counters differ (a test)", CLI_COUNT, &a.skew, 0, 1ull << 62},
		{"overcommit", NULL, "local hosts may offer more memory than is there", CLI_FLAG, &a.overcommit, 0, 0},
		{"no-reboot", NULL, "a guest that resets itself is over (exit status 3)", CLI_FLAG, &a.no_reboot, 0, 0},
		{"disk", "PATH[,...]", "a disk: a file or block device of a host, or nbd://...; may be repeated",
		 CLI_TEXTS, &a.disks, 0, 0},
		{"net", "BACK[,...]", "a network device: passt, tap=NAME, stream=PATH or none; may be repeated",
		 CLI_TEXTS, &a.nets, 0, 0},
		{"forward", "P:G", "port P of the host leads to port G of the guest, through --net passt", CLI_TEXTS,
		 &a.forwards, 0, 0},
		{"rng", NULL, "a virtio entropy device, at the first host", CLI_FLAG, &a.rng, 0, 0},
		{"metrics", "ADDRESS", "serve metrics for Prometheus at http://ADDRESS/metrics, e.g. :9477", CLI_TEXT,
		 &o.metrics.listen, 0, 0},
		{"metrics-anywhere", NULL, "ADDRESS may be one that others reach; nobody is asked for a password",
		 CLI_FLAG, &o.metrics.listen_anywhere, 0, 0},
		{"metrics-file", "FILE", "write them to FILE instead, for node_exporter's textfile collector", CLI_TEXT,
		 &o.metrics.file, 0, 0},
		{"metrics-every", "S", "how often FILE is written (default 15)", CLI_COUNT, &o.metrics.file_every_s, 1,
		 3600},
		{"quiet", NULL, "no progress lines", CLI_FLAG, &a.quiet, 0, 0},
		{"verbose", NULL, "log more", CLI_FLAG, &a.verbose, 0, 0},
		{0},
	};

	return parse_and_start(argc, argv, table, &a, &o);
}
