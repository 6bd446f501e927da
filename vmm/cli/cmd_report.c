// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/cli/cli.h"
#include "vmm/conf/output_file.h"
#include "vmm/mem/layout.h"
#include "vmm/report/from_trace.h"
#include "vmm/report/page.h"

static uint64_t address_of(uint64_t page)
{
	return layout_gpa((page_idx)page);
}

static const uint8_t *map_file(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes = MAP_FAILED;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		*n = (size_t)st.st_size;
		bytes = mmap(NULL, *n ? *n : 1, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (bytes == MAP_FAILED)
		fprintf(stderr, "pando: '%s': %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return bytes == MAP_FAILED ? NULL : bytes;
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
	char why[256];
	size_t n = 0;
	const uint8_t *bytes = map_file(from, &n);

	if (!bytes)
		return 1;
	int e = trace_open(&t, bytes, n, why, sizeof(why));
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
	munmap((void *)bytes, n ? n : 1);
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
