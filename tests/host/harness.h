/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame around the tests of one file: a table of tests, each run in a
 * process of its own, with a time limit and an eye on the kernel's log.
 *
 * Functions that start with two underscores return a negative errno; those
 * without fail the test instead.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KIB		1024ull
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define PAGE		(4 * KIB)

struct test {
	const char *name;
	void (*run)(void);
	unsigned int timeout;	/* seconds on an idle machine; 0: TIMEOUT */
	const void *data;	/* test_data of @run, where several tests share it */
};

/* Each test file has one; the last entry is empty. */
extern const struct test tests[];
/* Of the test that runs. */
extern const void *test_data;

enum interface { INTERFACE_GROUP, INTERFACE_CDEV };

/* What the command line asked for. */
extern enum interface interface;	/* --interface group|cdev */
extern unsigned int cycles;		/* --cycles N */
extern unsigned long accesses;		/* --accesses N */
extern unsigned int duration;		/* --seconds N, of tests that go on for as long */
extern uint64_t seed;			/* --seed N; another one each time unless given */

__attribute__((format(printf, 1, 2)))
void note(const char *format, ...);

/* The kernel's log, from the moment of opening. */
int kmsg_open(void);
/* The next message, without its prefix; its level. False: none left. */
bool kmsg_next(int fd, char *text, size_t size, unsigned int *level);
/* How often the driver says this in what is left, and how often as an error. */
unsigned int kmsg_said(int kmsg, const char *words);
unsigned int kmsg_said_error(int kmsg, const char *words);
/* Wait until the kernel says this. */
void kmsg_wait(int kmsg, const char *words);

/* Load a byte, in any thread; false if that raised SIGBUS, which is the harness's from then on. */
bool load(const volatile void *address, uint8_t *value);
/* The same with a store. */
bool store(volatile void *address, uint8_t value);
/* Looks ten times a second, for a minute; then the test fails. */
void wait_until(bool (*done)(void));
/* Where this is in memory; 0 if nothing is there. */
uint64_t physical_address(const void *address);
/* Minor faults of this process so far. */
long minor_faults(void);

/* The same numbers for the same seed, on every machine. */
uint64_t random64(uint64_t *state);
void fill_random(void *buf, size_t len, uint64_t seed);

int __write_file(const char *path, const char *text);
void write_file(const char *path, const char *text);
/* The whole of a small or generated file; free() it. */
char *read_file(const char *path);
/* The decimal number after the first @label in @text, which has one, and is freed. */
unsigned long number_after(char *text, const char *label);

#endif
