// SPDX-License-Identifier: GPL-2.0-only
/*
 * commit: in a guest that all decoders are left to (commit=guest), the time
 * from the write that commits the accelerator's decoder until a load through
 * its memory window gives what is in the memory; beside it, the time of a
 * write to another register of the decoder, which goes the same way to the
 * host's driver but changes nothing. In turn; the medians are printed.
 */
#include <stdlib.h>
#include <time.h>

#include "harness.h"
#include "machine.h"
#include "regs.h"

#define REPEATS	41
#define PATTERN	0x5eed0fc0ffee0001ull

enum { WRITE, COMMIT, USABLE, KINDS };
static const char * const kinds[KINDS] = {
	"decoder_write_ns", "commit_write_ns", "commit_usable_ns",
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(void)
{
	static uint64_t taken[KINDS][REPEATS];
	volatile uint64_t *memory;
	struct machine machine;
	uint64_t start;
	unsigned int i, kind;

	machine_open(&machine);
	machine_place(&machine);
	memory = (volatile uint64_t *)machine.window[0].span;
	*memory = PATTERN;
	check(*memory == PATTERN);

	for (i = 0; i < REPEATS; i++) {
		store32(machine.hdm + CXLR_HDM_CTRL(0), 0);
		check(*memory != PATTERN);

		start = now_ns();
		store32(machine.hdm + CXLR_HDM_BASE_LOW(0), machine.home);
		taken[WRITE][i] = now_ns() - start;

		start = now_ns();
		store32(machine.hdm + CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT);
		taken[COMMIT][i] = now_ns() - start;
		while (*memory != PATTERN)
			;
		taken[USABLE][i] = now_ns() - start;
	}
	for (kind = 0; kind < KINDS; kind++) {
		qsort(taken[kind], REPEATS, sizeof(taken[kind][0]), ascending);
		note("%s %llu", kinds[kind], (unsigned long long)taken[kind][REPEATS / 2]);
	}
}

const struct test tests[] = {
	{ "commit", measure, 60 },
	{ }
};
