/* SPDX-License-Identifier: GPL-2.0-only */
/* How the driver mapped its memory: its faults, counted by size. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdint.h>

/* Orders: log2 of a fault's pages. 18 is 1 GiB on x86-64. */
#define FAULTS_ORDERS 19

struct faults {
	unsigned int mapped[FAULTS_ORDERS];	/* faults that mapped something, by order */
	uint64_t ahead;				/* pages that they mapped beside their own */
	unsigned int failed;			/* faults that ended in a signal */
};

/* Start counting from zero. */
void faults_start(void);
/* Stop, and say what was counted since. */
void faults_stop(struct faults *faults);

/* Bytes that they mapped, and how many they were. */
uint64_t faults_bytes(const struct faults *faults);
unsigned int faults_count(const struct faults *faults);

#endif
