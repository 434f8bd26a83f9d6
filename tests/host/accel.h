/* SPDX-License-Identifier: GPL-2.0-only */
/* The accelerator's engine, driven as a program in user space would (docs/accelerator.md). */
#ifndef ACCEL_H
#define ACCEL_H

#include <stdint.h>

#include "cxl_accel_regs.h"
#include "vfio.h"

/* Where host memory is for the engine; nothing else is mapped. */
#define ACCEL_RING_IOVA		0x10000000ull
#define ACCEL_HOST_IOVA		0x20000000ull
#define ACCEL_HOST_SIZE		0x400000ull

struct accel {
	struct vfio *vfio;
	volatile uint32_t *engine;	/* the engine page */
	struct cxl_accel_desc *ring;	/* in host memory */
	uint8_t *host;			/* ACCEL_HOST_SIZE bytes at ACCEL_HOST_IOVA */
	int interrupt[CXL_ACCEL_VECTORS];	/* eventfds */
	uint32_t tail;
};

/* Map the engine page and host memory, connect the interrupts, start the engine. */
void accel_open(struct accel *accel, struct vfio *vfio);
/* Begin with an empty ring, as after a reset. */
void accel_start(struct accel *accel);
/* Give the engine a descriptor; where that is in the ring. */
struct cxl_accel_desc *accel_post(struct accel *accel, const struct cxl_accel_desc *desc);
/* Run one descriptor to its end; its code. The result is left in @desc. */
unsigned int accel_run(struct accel *accel, struct cxl_accel_desc *desc);
/* Interrupts of a vector since the last call, after waiting up to a time for the first. */
uint64_t accel_interrupts(struct accel *accel, unsigned int vector, int wait_ms);

uint32_t accel_read(struct accel *accel, uint32_t offset);
void accel_write(struct accel *accel, uint32_t offset, uint32_t value);

/* What the operation CRC32C is to give. */
uint32_t crc32c(const void *buf, uint64_t len);

#endif
