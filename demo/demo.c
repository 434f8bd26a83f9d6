// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demo's steps between bind and unbind: what a VMM would do with the
 * device, through VFIO alone. Prints what it sees and checks it. The exit
 * status is the number of checks that failed.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"

#define MIB		(1ull << 20)
/* Numbers in each vector, and bytes of it. */
#define VECTOR_LEN	(1u << 18)
#define VECTOR_BYTES	(VECTOR_LEN * sizeof(float))
/* Bytes of the DMA jobs. */
#define DMA_BYTES	(2 * MIB)
#define IRQ_TIMEOUT_MS	30000

static unsigned int number, failed;

static void step(const char *title)
{
	printf("\n%2u. %s\n", ++number, title);
}

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("    ");
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

/* Report whether @held; return it. */
__attribute__((format(printf, 2, 3)))
static bool check(bool held, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("    %s: ", held ? "ok" : "FAILED");
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	failed += !held;
	return held;
}
