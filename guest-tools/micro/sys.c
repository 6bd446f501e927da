// SPDX-License-Identifier: Apache-2.0
/* System calls, text output, and the report of an unexpected exception. */
#include "guest-tools/micro/micro.h"

#include <stdarg.h>

uint64_t sys_call(uint64_t nr, uint64_t a, uint64_t b)
{
	__asm__ volatile("ud2" : "+a"(nr), "+D"(a), "+S"(b)::"memory", "cc");
	return nr;
}

struct out {
	char text[512];
	size_t n;
};

static void put(struct out *o, char c)
{
	if (o->n < sizeof(o->text))
		o->text[o->n++] = c;
}

static void put_number(struct out *o, uint64_t v, unsigned base, unsigned width)
{
	char digits[24];
	unsigned n = 0;

	do
		digits[n++] = "0123456789abcdef"[v % base];
	while ((v /= base) != 0);
	while (n < width)
		digits[n++] = '0';
	while (n)
		put(o, digits[--n]);
}

static void put_format(struct out *o, const char *f, va_list ap)
{
	for (; *f; f++) {
		if (*f != '%') {
			put(o, *f);
			continue;
		}
		bool wide = *++f == 'l';

		f += wide;
		if (*f == 's') {
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(o, *s);
		} else if (*f == 'c') {
			put(o, (char)va_arg(ap, int));
		} else {
			uint64_t v = wide ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t);

			if (*f == 'd' && (int64_t)(wide ? v : (uint64_t)(int64_t)(int32_t)v) < 0) {
				put(o, '-');
				v = wide ? -v : (uint32_t)-v;
			}
			put_number(o, v, *f == 'x' ? 16 : 10, 1);
		}
	}
}

static void flush(struct out *o)
{
	sys_call(SYS_WRITE, (uint64_t)o->text, o->n);
	o->n = 0;
}

void print(const char *fmt, ...)
{
	struct out o = {.n = 0};
	va_list ap;

	va_start(ap, fmt);
	put_format(&o, fmt, ap);
	va_end(ap);
	flush(&o);
}

void result(const char *name, uint64_t milli, const char *unit)
{
	struct out o = {.n = 0};

	print("RESULT %s ", name);
	put_number(&o, milli / 1000, 10, 1);
	put(&o, '.');
	put_number(&o, milli % 1000, 10, 3);
	flush(&o);
	print(" %s\n", unit);
}

void test_pass(const char *name)
{
	print("PASS %s\n", name);
}

void test_fail(const char *name, const char *fmt, ...)
{
	struct out o = {.n = 0};
	va_list ap;

	print("FAIL %s: ", name);
	va_start(ap, fmt);
	put_format(&o, fmt, ap);
	va_end(ap);
	put(&o, '\n');
	flush(&o);
}

void test_skip(const char *name, const char *why)
{
	print("SKIP %s: %s\n", name, why);
}

void power_off(void)
{
	for (;;)
		sys_call(SYS_OFF, 0, 0);
}

/* At CPL 0: writes to the port itself, since the system call gate may be what failed. */
static void raw(const char *s, uint64_t v)
{
	for (; *s; s++)
		__asm__ volatile("outb %0, %1" ::"a"((uint8_t)*s), "d"((uint16_t)0x3f8));
	for (int sh = 60; sh >= 0; sh -= 4)
		__asm__ volatile("outb %0, %1" ::"a"((uint8_t) "0123456789abcdef"[v >> sh & 15]), "d"((uint16_t)0x3f8));
}

void trap_report(const uint64_t *frame, uint64_t cr2);
void trap_report(const uint64_t *frame, uint64_t cr2)
{
	const struct vcpu *v = (const void *)((uint64_t)frame & -(uint64_t)VCPU_BYTES);

	raw("\nFAIL trap: vcpu ", v->index);
	raw(" vector ", frame[0]);
	raw(" error ", frame[1]);
	raw(" ip ", frame[2]);
	raw(" cs ", frame[3]);
	raw(" address ", cr2);
	__asm__ volatile("outb %0, %1" ::"a"((uint8_t)'\n'), "d"((uint16_t)0x3f8));
}
