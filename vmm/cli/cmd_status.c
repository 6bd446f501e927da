// SPDX-License-Identifier: Apache-2.0
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/qmp/qmp_client.h"
#include "vmm/conf/machine_desc.h"
#include "vmm/conf/units.h"

static json_t *fetch(const char *name)
{
	struct qmp_client_conn *c;
	json_t *doc = NULL;
	char why[512];

	if (qmp_client_open(&c, name, why, sizeof(why))) {
		fprintf(stderr, "pando: %s\n", why);
		return NULL;
	}
	if (qmp_client_command(c, "x-pando-query-status", NULL, QMP_CLIENT_WAIT_MS, &doc, why, sizeof(why))) {
		fprintf(stderr, "pando: the guest '%s' does not give its status: %s\n", name, why);
		doc = NULL;
	}
	qmp_client_close(c);
	return doc;
}

static long long number(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void print_host(json_t *h)
{
	json_t *mem = json_object_get(h, "memory"), *coh = json_object_get(h, "coherence"), *peer;
	long long bytes_in = 0, bytes_out = 0;
	size_t i;
	char given[32], held[32];

	if (json_object_get(h, "error")) {
		printf("%4lld  %-21s %s\n", number(h, "host"), json_string_value(json_object_get(h, "address")),
		       json_string_value(json_object_get(h, "error")));
		return;
	}
	json_array_foreach(json_object_get(h, "peers"), i, peer)
	{
		bytes_in += number(peer, "bytes_in");
		bytes_out += number(peer, "bytes_out");
	}
	printf("%4lld  %-21s %5lld %10s %10s %9lld %9lld %9lld %9lld %8.1f %8.1f\n", number(h, "host"),
	       json_string_value(json_object_get(h, "address")), number(h, "vcpus"),
	       units_format_size((uint64_t)number(mem, "given_pages") * 4096, given, sizeof(given)),
	       units_format_size((uint64_t)number(mem, "resident_pages") * 4096, held, sizeof(held)),
	       number(coh, "faults_read"), number(coh, "faults_write"), number(coh, "faults_upgrade"),
	       number(coh, "invalidations_in"), (double)bytes_in / 1e6, (double)bytes_out / 1e6);
}

/* What a device has counted, in its host's part; NULL: that does not say. */
static json_t *counted(json_t *doc, long long device)
{
	json_t *h, *c;
	size_t i, k;

	json_array_foreach(json_object_get(doc, "hosts"), i, h)
		json_array_foreach(json_object_get(json_object_get(h, "machine"), "cards"), k,
				   c) if (number(c, "device") == device) return c;
	return NULL;
}

/* A disk's path, a network's tap or socket, or what kind it is. */
static const char *behind(json_t *config)
{
	static const char *const keys[] = {"path", "tap", "socket", "back"};

	for (unsigned k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		if (json_string_value(json_object_get(config, keys[k])))
			return json_string_value(json_object_get(config, keys[k]));
	return "";
}

static void print_devices(json_t *doc)
{
	json_t *d;
	size_t i;

	if (json_array_size(json_object_get(doc, "devices")))
		printf("\nhost  slot  device          requests   errors  MB to it  MB of it\n");
	json_array_foreach(json_object_get(doc, "devices"), i, d)
	{
		const char *kind = json_string_value(json_object_get(d, "kind"));
		json_t *c = counted(doc, number(d, "device"));

		printf("%4lld  %4lld  %-14s %9lld %8lld %9.1f %9.1f  %s\n", number(d, "host"), number(d, "slot"),
		       kind ? kind : "?", number(c, "requests"), number(c, "errors"),
		       (double)number(c, "bytes_in") / 1e6, (double)number(c, "bytes_out") / 1e6,
		       behind(json_object_get(d, "config")));
	}
}

/* What the guest looked for and did not find: names of both buses of all hosts, each once. */
static void print_absent(json_t *doc)
{
	json_t *names = json_object(), *h, *n;
	const char *const spaces[] = {"ports", "mmio"}, *name;
	size_t i;

	json_array_foreach(json_object_get(doc, "hosts"), i, h)
	{
		for (unsigned s = 0; s < 2; s++) {
			json_t *bus = json_object_get(json_object_get(h, "machine"), spaces[s]);

			json_object_foreach(json_object_get(bus, "absent"), name, n) if (name[0] != '0') // an address
				json_object_set(names, name, n);
		}
	}
	const char *before = "\nnot in this machine, but looked for by the guest:";
	json_object_foreach(names, name, n)
	{
		printf("%s %s", before, name);
		before = ",";
	}
	if (json_object_size(names))
		printf("\n");
	json_decref(names);
}

/* The host that has the board knows. */
static void print_life(json_t *doc)
{
	json_t *life = NULL, *h;
	size_t i;

	json_array_foreach(json_object_get(doc, "hosts"), i, h) life = life ? life : json_object_get(h, "life");
	if (json_is_true(json_object_get(life, "silent")))
		printf("\nno sign of life for %lld s: vCPU 0 %s at RIP %#llx\n", number(life, "seconds"),
		       json_is_true(json_object_get(life, "halted")) ? "is halted without interrupts" : "goes round",
		       (unsigned long long)number(life, "rip"));
}

/* How the hosts' traffic with each other is sealed, or that it is not: how many links of each kind, each seen by its
 * lower end. */
static void print_seals(json_t *doc)
{
	json_t *kinds = json_object(), *h, *peer, *n;
	const char *kind, *before = "\nbetween hosts:";
	size_t i, k;

	json_array_foreach(json_object_get(doc, "hosts"), i, h) json_array_foreach(json_object_get(h, "peers"), k, peer)
	{
		kind = json_string_value(json_object_get(json_object_get(peer, "link"), "seal"));
		if (kind && *kind && number(h, "host") < number(peer, "host"))
			json_object_set_new(kinds, kind, json_integer(number(kinds, kind) + 1));
	}
	json_object_foreach(kinds, kind, n)
	{
		bool plain = strcmp(kind, "plain") == 0;

		printf("%s %lld %s %s%s", before, (long long)json_integer_value(n),
		       json_integer_value(n) == 1 ? "link" : "links", plain ? "plain" : "sealed with ",
		       plain ? "" : kind);
		before = ",";
	}
	if (json_object_size(kinds))
		printf("\n");
	json_decref(kinds);
}

#define BOOT_MS 60000 // until then CPUs that wait say nothing: the guest is starting them

/* Of a guest that nobody told what to do with what comes. */
static void print_waiting(json_t *doc)
{
	unsigned n = 0;
	uint64_t unused = 0;
	json_t *h, *v;
	size_t i, k;

	json_array_foreach(json_object_get(doc, "hosts"), i, h)
	{
		unused += (uint64_t)number(json_object_get(h, "memory"), "unused_pages") << PAGE_SHIFT;
		json_array_foreach(json_object_get(json_object_get(h, "machine"), "vcpus"), k, v)
		{
			const char *state = json_string_value(json_object_get(v, "state"));

			n += state && strcmp(state, "wait-sipi") == 0;
		}
	}
	if (n && number(doc, "uptime_ms") >= BOOT_MS)
		printf("\n%u CPU%s to be brought online in the guest: lscpu -e names them there, chcpu -e LIST does "
		       "it; pando run --elastic has it done\n",
		       n, n == 1 ? " waits" : "s wait");
	if (unused)
		printf("\n%llu MiB came and nothing in the guest has used them: where lsmem says offline, chmem -e "
		       "%lluM "
		       "brings them online; pando run --elastic has it done\n",
		       (unsigned long long)(unused >> 20), (unsigned long long)(unused >> 20));
}

static void print_warnings(json_t *doc)
{
	json_t *w;
	size_t i;

	json_array_foreach(json_object_get(doc, "warnings"), i, w)
	{
		const char *text = json_string_value(json_object_get(w, "text"));
		const char *remedy = json_string_value(json_object_get(w, "remedy"));

		printf("warning: %s\n", text ? text : "?");
		if (remedy && *remedy)
			printf("         there, with no guest running: %s\n", remedy);
		putchar('\n');
	}
}

static void print_document(json_t *doc)
{
	json_t *h;
	size_t i;
	char size[32];

	const char *state = json_string_value(json_object_get(doc, "state"));
	const char *reason = json_string_value(json_object_get(doc, "reason"));

	printf("guest %s, %s (%s): %lld vCPUs, %s of memory on %zu hosts, up %.1f s\n\n",
	       json_string_value(json_object_get(doc, "name")), state ? state : "?", reason ? reason : "?",
	       number(doc, "vcpus"), units_format_size((uint64_t)number(doc, "memory_bytes"), size, sizeof(size)),
	       json_array_size(json_object_get(doc, "hosts")), (double)number(doc, "uptime_ms") / 1000);
	print_warnings(doc);
	printf("host  address               vCPUs      given      holds     reads    writes  upgrades   "
	       "invalid.    MB in   MB out\n");
	json_array_foreach(json_object_get(doc, "hosts"), i, h) print_host(h);
	print_seals(doc);
	if (number(doc, "board"))
		printf("\nthe board is on host %lld\n", number(doc, "board"));
	print_devices(doc);
	print_absent(doc);
	print_life(doc);
	print_waiting(doc);
}

int cli_status(int argc, char **argv)
{
	bool json = false;
	const struct cli_option table[] = {
		{"json", NULL, "every counter, as JSON", CLI_FLAG, &json, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -2 || left > 1) {
		fprintf(left == -2 ? stdout : stderr,
			"Usage: pando status [NAME] [--json]\n\nShows the guest that 'pando run --name NAME' runs "
			"(default: pando).\nColumns: memory given and held, faults by kind, invalidations, "
			"traffic; of each PCI device requests, errors and bytes.\n\n");
		if (left == -2)
			cli_print_options(table);
		return left == -2 ? 0 : 2;
	}
	if (left < 0)
		return 2;
	json_t *doc = fetch(left ? argv[1] : "pando");
	if (!doc)
		return 1;
	if (json) {
		json_dumpf(doc, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		print_document(doc);
	}
	json_decref(doc);
	return 0;
}
