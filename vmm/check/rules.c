// SPDX-License-Identifier: Apache-2.0
#include "vmm/check/rules_priv.h"

#include <stdarg.h>
#include <stdio.h>

static void say(struct check_line *l, enum check_level level, const char *remedy, const char *fmt, va_list ap)
{
	l->level = level;
	vsnprintf(l->text, sizeof(l->text), fmt, ap);
	snprintf(l->remedy, sizeof(l->remedy), "%s", remedy ? remedy : "");
}

void check_pass(struct check_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(l, CHECK_PASS, NULL, fmt, ap);
	va_end(ap);
}

void check_warn(struct check_line *l, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(l, CHECK_WARN, remedy, fmt, ap);
	va_end(ap);
}

void check_fail(struct check_line *l, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(l, CHECK_FAIL, remedy, fmt, ap);
	va_end(ap);
}

static struct check_line *begin(struct check_report *r, const char *name)
{
	struct check_line *l = &r->lines[r->lines_n];

	*l = (struct check_line){.level = CHECK_PASS};
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

static void end(struct check_report *r)
{
	r->count[r->lines[r->lines_n++].level]++;
}

static void judge_list(const struct check_rule *rules, const struct check_facts *f, struct check_report *r)
{
	for (; rules->name && r->lines_n < CHECK_LINES_MAX; rules++) {
		rules->judge(f, begin(r, rules->name));
		end(r);
	}
}

static void judge_other(const struct check_facts *f, const struct check_other *o, struct check_report *r)
{
	for (const struct check_other_rule *rule = check_rules_other; rule->name && r->lines_n < CHECK_LINES_MAX;
	     rule++) {
		rule->judge(f, o, begin(r, rule->name));
		end(r);
		if (o->error)
			return;
	}
}

void check_judge(const struct check_facts *f, struct check_report *out)
{
	*out = (struct check_report){0};
	judge_list(check_rules_kvm, f, out);
	judge_list(check_rules_system, f, out);
	judge_list(check_rules_time, f, out);
	for (unsigned i = 0; i < f->others_n && i < CHECK_OTHERS_MAX; i++)
		judge_other(f, &f->others[i], out);
}

int check_status(const struct check_report *r)
{
	return r->count[CHECK_FAIL] ? 1 : 0;
}
