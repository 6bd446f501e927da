// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/show.h"

#include <string.h>

#include "coherence/base/text.h"

const char *const check_level_names[CHECK_LEVELS] = {"PASS", "WARN", "FAIL"};

#define NAME_COLUMNS 15u
#define TEXT_COLUMN  (4 + 2 + NAME_COLUMNS)

/* Words of text as they fit; further lines begin at the column of the first. A word that is too long has a line alone.
 */
static void print_wrapped(FILE *out, const char *text, const char *prefix)
{
	size_t room = CHECK_COLUMNS - TEXT_COLUMN - strlen(prefix), at = 0;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (at && at + 1 + n > room) {
			fprintf(out, "\n%s%*s", prefix, (int)TEXT_COLUMN, "");
			at = 0;
		}
		fprintf(out, "%s%.*s", at ? " " : "", (int)n, text);
		at += n + (at ? 1 : 0);
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

unsigned check_print(FILE *out, const struct check_report *r, enum check_level least, const char *prefix)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->lines_n; i++) {
		const struct check_line *l = &r->lines[i];

		if (l->level < least)
			continue;
		n++;
		fprintf(out, "%s%s  %-*s", prefix, check_level_names[l->level], (int)NAME_COLUMNS, l->name);
		print_wrapped(out, l->text, prefix);
		if (l->remedy[0])
			fprintf(out, "%s%*s-> %s\n", prefix, (int)TEXT_COLUMN, "", l->remedy);
	}
	return n;
}

static json_t *others_json(const struct check_facts *f)
{
	json_t *out = json_array();

	for (unsigned i = 0; i < f->others_n; i++) {
		const struct check_other *o = &f->others[i];

		json_array_append_new(out,
				      o->error ? json_pack("{s:s,s:s}", "address", o->address, "error", o->why)
					       : json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:I,s:I}", "address", o->address,
							   "pando", o->is.version, "kernel", o->is.kernel, "processor",
							   o->is.model, "tsc-khz", (json_int_t)o->is.tsc_khz, "walks",
							   walks_word(o->is.walks), "rtt-ns", (json_int_t)o->rtt_ns,
							   "bound-ns", (json_int_t)o->bound_ns));
	}
	return out;
}

json_t *check_json(const struct check_facts *f, const struct check_report *r)
{
	json_t *lines = json_array();

	for (unsigned i = 0; i < r->lines_n; i++) {
		const struct check_line *l = &r->lines[i];
		json_t *o = json_pack("{s:s,s:s,s:s}", "name", l->name, "level", check_level_names[l->level], "text",
				      l->text);

		if (l->remedy[0])
			json_object_set_new(o, "remedy", json_string(l->remedy));
		json_array_append_new(lines, o);
	}
	return json_pack("{s:s,s:s,s:s,s:o,s:i,s:i,s:i,s:o}", "pando", f->self.version, "kernel", f->self.kernel,
			 "processor", f->self.model, "lines", lines, "pass", (int)r->count[CHECK_PASS], "warn",
			 (int)r->count[CHECK_WARN], "fail", (int)r->count[CHECK_FAIL], "others", others_json(f));
}

json_t *check_identity_json(const struct check_identity *is)
{
	json_t *features = json_array();

	for (unsigned i = 0; i < CPUID_WORDS; i++)
		json_array_append_new(features, json_integer(is->features[i]));
	return json_pack("{s:s,s:s,s:s,s:i,s:I,s:I,s:i,s:o}", "version", is->version, "kernel", is->kernel, "model",
			 is->model, "vendor", (int)is->vendor, "signature", (json_int_t)is->signature, "tsc_khz",
			 (json_int_t)is->tsc_khz, "walks", (int)is->walks, "features", features);
}

/* It is shown on a terminal, so no control character survives. */
static bool take_text(const json_t *o, const char *key, char *out, size_t cap)
{
	const char *s = json_string_value(json_object_get(o, key));

	snprintf(out, cap, "%s", s ? s : "");
	text_tame(out, false); // also a character that was cut in two
	return s != NULL;
}

static bool take_number(const json_t *v, uint64_t max, uint64_t *out)
{
	json_int_t n = json_integer_value(v);

	*out = (uint64_t)n;
	return json_is_integer(v) && n >= 0 && (uint64_t)n <= max;
}

bool check_identity_parse(const json_t *o, struct check_identity *out)
{
	const json_t *features = json_object_get(o, "features");
	uint64_t vendor, signature, walks, word;

	memset(out, 0, sizeof(*out));
	if (!take_text(o, "version", out->version, sizeof(out->version)) ||
	    !take_text(o, "kernel", out->kernel, sizeof(out->kernel)) ||
	    !take_text(o, "model", out->model, sizeof(out->model)) ||
	    !take_number(json_object_get(o, "vendor"), CHECK_AMD, &vendor) ||
	    !take_number(json_object_get(o, "signature"), UINT32_MAX, &signature) ||
	    !take_number(json_object_get(o, "tsc_khz"), UINT32_MAX, &out->tsc_khz) ||
	    !take_number(json_object_get(o, "walks"), WALKS_END - 1, &walks) ||
	    json_array_size(features) != CPUID_WORDS)
		return false;
	for (unsigned i = 0; i < CPUID_WORDS; i++) {
		if (!take_number(json_array_get(features, i), UINT32_MAX, &word))
			return false;
		out->features[i] = (uint32_t)word;
	}
	out->vendor = (enum check_vendor)vendor;
	out->signature = (uint32_t)signature;
	out->walks = (enum walks)walks;
	return true;
}
