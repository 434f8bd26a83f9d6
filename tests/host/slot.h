/* SPDX-License-Identifier: GPL-2.0-only */
/* The slot that the accelerator is in, and the accelerator that leaves it and comes back. */
#ifndef SLOT_H
#define SLOT_H

#include <stdint.h>

/* What firmware programmed of a decoder that is committed. */
struct slot_decoder {
	uint64_t base;		/* HPA, bytes */
	uint64_t size;		/* bytes */
	uint32_t ctrl;
};

struct slot_decoder slot_decoder(void);
/*
 * Power off, by the administrator; the accelerator has left the machine then, and
 * its memory's content stays. Waits for the driver. Return: 0, or a negative errno.
 */
int __slot_off(void);
/* Plugs the accelerator in again, with so many decoders, and waits for the kernel to add it. Nothing of it is programmed. */
void slot_on(unsigned int decoders);
/* As firmware for hot-plugged devices does: enables CXL.mem, and commits the decoders in order. */
void slot_commit(const struct slot_decoder *decoders, unsigned int count);

#endif
