/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's calls, for the programs here. Those that return int return 0
 * or a negative errno.
 */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cxl_accel_regs.h"
#include "cxl_accel_uapi.h"

struct buffer {
	uint32_t handle;
	bool own;
	uint64_t size;
	uint64_t offset;	/* for mmap() */
	uint8_t *at;		/* all of it, mapped; NULL: not mapped */
};

int user_info(int fd, struct cxl_accel_info *info);

/* Allocate and map @size bytes of own or host memory. */
int user_alloc(int fd, uint64_t size, bool own, struct buffer *buffer);
/* The same without mapping it. */
int user_alloc_unmapped(int fd, uint64_t size, bool own, struct buffer *buffer);
int user_map(int fd, struct buffer *buffer);
void user_unmap(struct buffer *buffer);
int user_free(int fd, struct buffer *buffer);

int user_submit(int fd, const struct cxl_accel_job *jobs, unsigned int count, uint32_t *ticket);
/* Wait for @timeout_ns, and again after signals if that is for ever. */
int user_wait(int fd, uint32_t ticket, struct cxl_accel_result *results, unsigned int count,
	      uint64_t timeout_ns);
/* Submit and wait for ever. */
int user_run(int fd, const struct cxl_accel_job *jobs, unsigned int count,
	     struct cxl_accel_result *results);

struct cxl_accel_operand user_operand(const struct buffer *buffer, uint64_t offset);

#endif
