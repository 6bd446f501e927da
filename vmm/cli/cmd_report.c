// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/cli/cli.h"
#include "vmm/conf/input_file.h"
#include "vmm/conf/output_file.h"
#include "vmm/mem/layout.h"
#include "vmm/report/from_trace.h"
#include "vmm/report/page.h"

static uint64_t address_of(uint64_t page)
{
	return layout_gpa((page_idx)page);
}

static int write_page(const struct report *r, const char *path)
{
	struct output_file f;
	int e = output_file_open(&f, path, 0666);

	if (e)
		return e;
	FILE *out = output_file_stream(&f);
	e = out ? report_page_write(r, address_of, out) : -ENOMEM;
	if (!e)
		return output_file_commit(&f, NULL);
	output_file_drop(&f);
	return e;
}

static int report(const char *from, const char *to)
{
	struct trace t;
	struct report r;
	char why[512], *bytes;
	size_t n = 0;

	if (input_file_load(from, CLI_TRACE_MAX, &bytes, &n, why, sizeof(why))) {
		fprintf(stderr, "pando: '%s': %s\n", from, why);
		return 1;
	}
	int e = trace_open(&t, (const uint8_t *)bytes, n, why, sizeof(why));
	if (e) {
		fprintf(stderr, "pando: '%s' is no trace: %s\n", from, why);
	} else if ((e = report_from_trace(&r, &t))) {
		fprintf(stderr, "pando: '%s': %s\n", from, e == -ENODATA ? "no two events are in it" : strerror(-e));
	} else {
		e = write_page(&r, to);
		if (e)
			fprintf(stderr, "pando: '%s': %s\n", to, strerror(-e));
		report_free(&r);
	}
	free(bytes);
	return e ? 1 : 0;
}

int cli_report(int argc, char **argv)
{
	const char *to = "report.html";
	const struct cli_option table[] = {
		{"o", "FILE", "the page to write (default report.html)", CLI_TEXT, &to, 0, 0},
		{0},
	};
	int left = cli_parse(argc, argv, table);

	if (left == -2 || (left >= 0 && left != 1)) {
		fprintf(left == -2 ? stdout : stderr, "Usage: pando report TRACE [-o FILE]\n\nMakes one HTML page, "
						      "which needs nothing else, from a recorded "
						      "trace: traffic over time, how long\nfaults took, who sent what "
						      "to whom, the hottest pages.\n\n");
		cli_print_options(table);
		return left == -2 ? 0 : 2;
	}
	return left < 0 ? 2 : report(argv[1], to);
}
