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
/* The accelerator is pulled out, without a word before; the kernel is told, and not waited for. */
void slot_pull(void);
/* It does not answer any more, and nobody is told of that. slot_pull() may come later. */
void slot_silence(void);
/* Waits for the kernel to have let go of what was pulled out, and switched off the slot. */
void slot_emptied(void);
/*
 * Plugs the accelerator in again, with so many decoders, and waits for the kernel to add it.
 * Nothing of it is programmed.
 */
void slot_on(unsigned int decoders);
/* The same; a CXL Reset of it never ends. */
void slot_on_endless_reset(void);
/* As firmware for hot-plugged devices does: enables CXL.mem, and commits the decoders in order. */
void slot_commit(const struct slot_decoder *decoders, unsigned int count);

#endif
