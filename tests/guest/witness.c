// SPDX-License-Identifier: GPL-2.0-only
/*
 * witness [PROPERTY...]: print what the lab's machine says of the accelerator and of
 * its host bridges, a line each.
 *
 * What it proves: by itself nothing. A script that compares its output at two times
 * proves that nobody changed the hardware in between.
 *
 * How: QEMU's monitor has the physical decoders, the DVSEC and the registers of the host
 * bridges. A PROPERTY is one of docs/accelerator.md, or last-page, the first word of the
 * memory's last page. Without a PROPERTY the program prints all but the last page.
 *
 * Not covered: the rest of the memory, and devices other than the accelerator.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "harness.h"
#include "qmp.h"

void fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "witness: %s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

char *read_file(const char *path)
{
	const size_t max = 64 * KIB;
	char *text = calloc(1, max);
	FILE *file = fopen(path, "r");

	if (!file || !fread(text, 1, max - 1, file))
		fail(__FILE__, __LINE__, "%s: cannot be read", path);
	fclose(file);
	return text;
}

static void print(const char *name, uint64_t value)
{
	printf("%s %#llx\n", name, (unsigned long long)value);
}

static void print_all(void)
{
	static struct bridge_state bridge;
	struct qmp_state state;
	char name[32];
	size_t i;

	qmp_state_read(&state);
	for (i = 0; i < state.count; i++)
		print(state.name[i], state.value[i]);
	bridge_state_read(&bridge);
	for (i = 0; i < bridge.count; i++) {
		snprintf(name, sizeof(name), "bridge-%#llx", (unsigned long long)bridge.address[i]);
		print(name, bridge.value[i]);
	}
}

/* At the host physical address that the decoder gives it. */
static uint64_t last_page(void)
{
	return qmp_physical(qmp_get("hdm0-base") + qmp_get("hdm0-size") - PAGE);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 2)
		print_all();
	for (i = 1; i < argc; i++)
		print(argv[i], strcmp(argv[i], "last-page") ? qmp_get(argv[i]) : last_page());
	return 0;
}
