/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdint.h>

/*
 * Print what was measured, for programs to read: "key value" pairs, numbers
 * only. Return 0 or a negative errno.
 */

/* One line: latency and throughput of copies of @size bytes. */
int measure_jobs(int fd, uint64_t size);
/* A pair a line: what the CPU reads and writes in own memory and in RAM. */
int measure_bandwidth(int fd, uint64_t bytes);

#endif
