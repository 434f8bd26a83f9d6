// SPDX-License-Identifier: GPL-2.0-only
/*
 * measure [ROUNDS]: what it costs to have anonymous memory in the device, beside the same in
 * the host's memory. Each round measures everything once, ours and the peer's in turn; printed
 * are the medians, their ratio, and the least and largest ratio of a round.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "user.h"

#define LEN		(64ul << 20)
#define PAGES		(LEN / 4096)
#define MAX_ROUNDS	99
#define ATTEMPTS	10
/* QEMU's TLB is direct mapped: areas must not meet in it when one is copied to the other. */
#define APART		(17ul * 4096)

enum {
	TOUCH_OURS, TOUCH, POPULATE, IN, OUT, COPY, WRITE_OURS, WRITE, READ_OURS, READ, COPY_OURS,
	VALUES
};

static double values[VALUES][MAX_ROUNDS];
static int fd;

static const struct {
	const char *what, *peer;
	unsigned int ours, theirs;
} rows[] = {
	{ "page moved to the device", "page copied", IN, COPY },
	{ "page moved back", "page copied", OUT, COPY },
	{ "page moved to the device", "first touch", IN, TOUCH },
	{ "first touch, in the device", "first touch", TOUCH_OURS, TOUCH },
	{ "first touch, in the device", "populated", TOUCH_OURS, POPULATE },
	{ "page written, in the device", "page written", WRITE_OURS, WRITE },
	{ "page read, in the device", "page read", READ_OURS, READ },
	{ "page copied, within the device", "page copied", COPY_OURS, COPY },
};

static void die(const char *what)
{
	fprintf(stderr, "measure: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static char *map(void)
{
	char *at = user_map(LEN + APART);

	if (!at)
		die("no memory");
	return at;
}

/*
 * All of it. A page is passed over when somebody else looks at it at the same time, so it takes
 * more than one attempt now and then.
 */
static void move_all(int (*move)(int, const void *, size_t, uint64_t *), const void *at)
{
	uint64_t moved, sum = 0;
	unsigned int i;

	for (i = 0; i < ATTEMPTS && sum < PAGES; i++) {
		if (move(fd, at, LEN, &moved))
			die("pages cannot be moved");
		sum += moved;
	}
	/* The rest of the measurement would be of something else. */
	if (sum < PAGES)
		die("not all pages were moved");
}

/* Nanoseconds for each page. */
#define timed(statement) ({ \
	double start_ = now(); \
	statement; \
	(now() - start_) / PAGES; \
})

static void touch(char *at)
{
	size_t i;

	for (i = 0; i < LEN; i += 4096)
		((volatile char *)at)[i] = 1;
}

static void populate(char *at)
{
	if (madvise(at, LEN, MADV_POPULATE_WRITE))
		die("no memory");
}

static uint64_t sum(const char *at)
{
	const uint64_t *word = (const void *)at;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < LEN / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

/* So that the compiler does not leave it out. */
static void consume(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

/* By words; the compiler must not make a call of the library's of it. */
static void copy(char *to, const char *from)
{
	const volatile uint64_t *source = (const void *)from;
	uint64_t *target = (void *)to;
	size_t i;

	for (i = 0; i < LEN / sizeof(*source); i++)
		target[i] = source[i];
}

static void fill(char *at, uint64_t value)
{
	volatile uint64_t *word = (void *)at;
	size_t i;

	for (i = 0; i < LEN / sizeof(*word); i++)
		word[i] = value;
}

static void measure(unsigned int round)
{
	char *host[2] = { map(), map() }, *own[2] = { map(), map() };
	unsigned int i;

	values[TOUCH][round] = timed(touch(host[0]));
	values[POPULATE][round] = timed(populate(host[1]));
	values[TOUCH_OURS][round] = timed(move_all(user_to_device, own[0]));
	touch(own[1]);
	values[IN][round] = timed(move_all(user_to_device, own[1]));
	values[COPY][round] = timed(copy(host[0], host[1]));
	values[COPY_OURS][round] = timed(copy(own[0], own[1]));
	values[WRITE][round] = timed(fill(host[0], round));
	values[WRITE_OURS][round] = timed(fill(own[0], round));
	values[READ][round] = timed(consume(sum(host[0])));
	values[READ_OURS][round] = timed(consume(sum(own[0])));
	values[OUT][round] = timed(move_all(user_to_host, own[1]));
	for (i = 0; i < 2; i++) {
		munmap(host[i], LEN + APART);
		munmap(own[i], LEN + APART);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *of, unsigned int n)
{
	double sorted[MAX_ROUNDS];

	memcpy(sorted, of, n * sizeof(*of));
	qsort(sorted, n, sizeof(*sorted), compare);
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void print_row(unsigned int row, unsigned int rounds)
{
	const double *ours = values[rows[row].ours], *theirs = values[rows[row].theirs];
	double ratios[MAX_ROUNDS];
	unsigned int i;

	for (i = 0; i < rounds; i++)
		ratios[i] = ours[i] / theirs[i];
	qsort(ratios, rounds, sizeof(*ratios), compare);
	printf("%-32s %9.0f ns  %-14s %9.0f ns  %7.2f  %.2f to %.2f\n", rows[row].what,
	       median(ours, rounds), rows[row].peer, median(theirs, rounds),
	       median(ours, rounds) / median(theirs, rounds), ratios[0], ratios[rounds - 1]);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? atoi(argv[1]) : 9, i;

	if (!rounds || rounds > MAX_ROUNDS)
		die("1 to 99 rounds");
	fd = user_open();
	if (fd < 0)
		die("no /dev/cxl_coherent");
	/* The first one of all is of an emulator that has memory to get, too. */
	measure(0);
	for (i = 0; i < rounds; i++)
		measure(i);
	printf("%-32s %12s  %-14s %12s  %7s  %s\n", "64 MiB, by pages of 4 KiB", "", "beside it", "",
	       "ratio", "of a round");
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		print_row(i, rounds);
	return 0;
}
