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
