// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frame of the demo. It also is what the tests' vfio.c and pci.c find in
 * the place of their own harness.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"

unsigned int frame_number, frame_failed;
enum interface interface = INTERFACE_GROUP;

void step(const char *title)
{
	printf("\n%2u. %s\n", ++frame_number, title);
}

static void line(const char *what, const char *format, va_list args)
{
	printf("    %s", what);
	vprintf(format, args);
	putchar('\n');
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("", format, args);
	va_end(args);
}

void show(bool held, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(held ? "ok: " : "FAILED: ", format, args);
	va_end(args);
	frame_failed += !held;
}

void stop(void)
{
	note("the steps after this one are left out");
	exit(frame_failed);
}

void fail(const char *file, int number, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line("FAILED: ", format, args);
	va_end(args);
	note("(%s, line %d)", file, number);
	frame_failed++;
	stop();
}

int __write_file(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, len) == len ? 0 : -errno;
	close(fd);
	return ret;
}

void write_file(const char *path, const char *text)
{
	int ret = __write_file(path, text);

	if (ret)
		fail(__FILE__, __LINE__, "%s: %s", path, strerror(-ret));
}

char *read_file(const char *path)
{
	const size_t size = 64 * KIB;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = calloc(1, size);

	if (fd < 0 || !text || read(fd, text, size - 1) < 0)
		fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
	return text;
}
