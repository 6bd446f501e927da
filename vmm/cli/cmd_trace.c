// SPDX-License-Identifier: Apache-2.0
// `pando trace`: starts and stops traces of a running guest, and decodes their files.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/conf/input_file.h"
#include "vmm/conf/output_file.h"
#include "vmm/qmp/qmp_client.h"
#include "vmm/trace/decode.h"
#include "vmm/trace/ring.h"

#define USAGE                                                                                                          \
	"Usage: pando trace start [NAME] [--records N]\n"                                                              \
	"       pando trace stop [NAME] --output FILE\n"                                                               \
	"       pando trace decode FILE [--json] [--output FILE]\n\n"                                                  \
	"Hosts always record the last events of the coherence protocol. 'start' begins anew, with rings of N events\n" \
	"a host; 'stop' stops recording and writes what all hosts have; 'decode' shows such a file as text, or with\n" \
	"--json in the format that https://ui.perfetto.dev and Chrome's about:tracing open.\n\n"

struct trace_args {
	const char *output;
	bool json, text;
	uint64_t records;
};

static int client(const char *name, const char *command, json_t *args)
{
	struct qmp_client_conn *c;
	json_t *value = NULL;
	char why[512];
	int e = qmp_client_open(&c, name, why, sizeof(why));

	if (!e) {
		e = qmp_client_command(c, command, args, 120000, &value, why, sizeof(why));
		qmp_client_close(c);
	}
	if (e)
		fprintf(stderr, "pando: trace: %s\n", why);
	json_decref(value);
	json_decref(args);
	return e ? 1 : 0;
}

static int start(const char *name, const struct trace_args *a)
{
	return client(name, "x-pando-trace-start",
		      a->records ? json_pack("{s:I}", "records", (json_int_t)a->records) : json_object());
}

/* The file is written by `pando run`, which may stand in another folder. */
static int stop(const char *name, const struct trace_args *a)
{
	char folder[4096] = "", path[8192];

	if (!a->output) {
		fprintf(stderr, "pando: trace stop: --output FILE is needed\n");
		return 2;
	}
	if (a->output[0] != '/' && !getcwd(folder, sizeof(folder))) {
		fprintf(stderr, "pando: trace stop: the present folder is not known: %s\n", strerror(errno));
		return 1;
	}
	snprintf(path, sizeof(path), "%s%s%s", folder, folder[0] ? "/" : "", a->output);
	return client(name, "x-pando-trace-stop", json_pack("{s:s}", "filename", path));
}

static int write_to(const struct trace *t, const struct trace_args *a)
{
	struct output_file f;
	int e = output_file_open(&f, a->output, 0666);

	if (e)
		return e;
	FILE *out = output_file_stream(&f);
	e = !out ? -ENOMEM : a->json ? trace_json(t, out) : trace_text(t, out);
	if (!e)
		return output_file_commit(&f, NULL);
	output_file_drop(&f);
	return e;
}

static int decode_to(const struct trace *t, const struct trace_args *a)
{
	int e = a->output ? write_to(t, a) : a->json ? trace_json(t, stdout) : trace_text(t, stdout);

	if (e)
		fprintf(stderr, "pando: trace decode: cannot write %s%s%s: %s\n", a->output ? "'" : "",
			a->output ? a->output : "the output", a->output ? "'" : "", strerror(-e));
	return e ? 1 : 0;
}

static int decode(const char *path, const struct trace_args *a)
{
	struct trace *t = malloc(sizeof(*t));
	char why[512] = "no memory", *bytes = NULL;
	size_t n = 0;
	int e = t ? input_file_load(path, CLI_TRACE_MAX, &bytes, &n, why, sizeof(why)) : -ENOMEM;

	if (!e)
		e = trace_open(t, (const uint8_t *)bytes, n, why, sizeof(why));
	if (e)
		fprintf(stderr, "pando: trace decode: '%s': %s\n", path, why);
	else
		e = decode_to(t, a);
	free(bytes);
	free(t);
	return e ? 1 : 0;
}

int cli_trace(int argc, char **argv)
{
	struct trace_args a = {0};
	const struct cli_option table[] = {
		{"output", "FILE", "where to write (decode: standard output without it)", CLI_TEXT, &a.output, 0, 0},
		{"json", NULL, "decode: for Perfetto and Chrome", CLI_FLAG, &a.json, 0, 0},
		{"text", NULL, "decode: one line an event (standard)", CLI_FLAG, &a.text, 0, 0},
		{"records", "N", "start: events that each host keeps (default 65536)", CLI_COUNT, &a.records,
		 TRACE_RING_MIN, TRACE_RING_MAX},
		{0},
	};

	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (strcmp(argv[i], "-o") == 0)
			argv[i] = "--output";
	int left = cli_parse(argc, argv, table);
	const char *name = left > 1 ? argv[2] : "pando";

	if (left == -1)
		return 2;
	if (left >= 1 && left <= 2 && strcmp(argv[1], "start") == 0)
		return start(name, &a);
	if (left >= 1 && left <= 2 && strcmp(argv[1], "stop") == 0)
		return stop(name, &a);
	if (left == 2 && strcmp(argv[1], "decode") == 0)
		return decode(argv[2], &a);
	fprintf(left == -2 ? stdout : stderr, USAGE);
	if (left == -2)
		cli_print_options(table);
	return left == -2 ? 0 : 2;
}
