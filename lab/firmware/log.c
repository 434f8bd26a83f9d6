// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

static void line(FILE *to, const char *prefix, const char *format, va_list args)
{
	fputs(prefix, to);
	vfprintf(to, format, args);
	fputc('\n', to);
	fflush(to);
}

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(stdout, "firmware: ", format, args);
	va_end(args);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(stderr, "firmware: error: ", format, args);
	va_end(args);
}

static void format_size(char *to, size_t room, uint64_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	unsigned long long n = size;
	unsigned int unit = 0;

	while (n && n % 1024 == 0 && unit < 4) {
		n /= 1024;
		unit++;
	}
	snprintf(to, room, "0x%llx (%llu %s)", (unsigned long long)size, n, units[unit]);
}

struct text size_text(uint64_t size)
{
	struct text text;

	format_size(text.s, sizeof(text.s), size);
	return text;
}

struct text range_text(uint64_t base, uint64_t size)
{
	struct text text;
	int length = snprintf(text.s, sizeof(text.s), "HPA 0x%llx size ",
			      (unsigned long long)base);

	format_size(text.s + length, sizeof(text.s) - length, size);
	return text;
}
