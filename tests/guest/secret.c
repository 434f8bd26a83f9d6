// SPDX-License-Identifier: GPL-2.0-only
/*
 * secret lay|search: reach the accelerator's memory from a guest, past its driver,
 * which clears what it gives out.
 *
 * What it proves: by itself nothing. The script tests/guest/life proves by it that no
 * guest finds data of another.
 *
 * How: lay writes random bytes to a page of each MiB, and to the last page of all.
 * search reads all pages. Each prints how many pages it wrote, or found to be other than
 * zero. The guest's kernel must allow that: iomem=relaxed.
 *
 * Not covered: what the device may keep outside of its memory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define PAGE	4096u
#define MIB	(1u << 20)
#define CHUNK	(64 * MIB)	/* mapped at a time */

/* The CXL core's, of the memory that the platform's firmware committed. */
#define REGION	"/sys/bus/cxl/devices/region0/"

__attribute__((noreturn))
static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t number(const char *path)
{
	FILE *file = fopen(path, "r");
	char text[32] = "";

	if (!file || !fgets(text, sizeof(text), file))
		die(path);
	fclose(file);
	return strtoull(text, NULL, 0);
}

static void random_bytes(void *to, size_t size)
{
	if (getrandom(to, size, 0) != (ssize_t)size)
		die("getrandom");
}

static unsigned int lay(uint8_t *chunk)
{
	uint8_t secret[PAGE], place;
	unsigned int at;

	for (at = 0; at < CHUNK; at += MIB) {
		random_bytes(&place, 1);
		random_bytes(secret, sizeof(secret));
		if (at + MIB == CHUNK)
			place = MIB / PAGE - 1;
		memcpy(chunk + at + place * PAGE, secret, PAGE);
	}
	return CHUNK / MIB;
}

static unsigned int search(uint8_t *chunk)
{
	const volatile uint64_t *word = (const uint64_t *)chunk;
	const unsigned int words = PAGE / sizeof(*word);
	unsigned int page, i, found = 0;

	for (page = 0; page < CHUNK / PAGE; page++, word += words) {
		for (i = 0; i < words && !word[i]; i++)
			;
		found += i < words;
	}
	return found;
}

int main(int argc, char **argv)
{
	uint64_t base = number(REGION "resource"), size = number(REGION "size"), at;
	int mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	unsigned int (*act)(uint8_t *chunk);
	unsigned int pages = 0;
	uint8_t *chunk;

	if (mem < 0)
		die("/dev/mem");
	if (argc != 2 || (strcmp(argv[1], "lay") && strcmp(argv[1], "search")) || size % CHUNK) {
		fprintf(stderr, "usage: secret lay|search; memory of a multiple of 64 MiB\n");
		return 2;
	}
	act = strcmp(argv[1], "lay") ? search : lay;
	for (at = 0; at < size; at += CHUNK) {
		chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, mem, base + at);
		if (chunk == MAP_FAILED)
			die("/dev/mem: mmap");
		pages += act(chunk);
		munmap(chunk, CHUNK);
	}
	printf("%u\n", pages);
	return 0;
}
