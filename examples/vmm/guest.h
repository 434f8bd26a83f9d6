/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the VMM (vmm.c) and its guest (guest.c) know of each other. */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

/* The guest writes a step's number to this port when its result is in guest_params.value. */
#define STEP_PORT	0x500
/* It reads milliseconds from this one. */
#define CLOCK_PORT	0x504

enum guest_step {
	STEP_STUCK,		/* something did not come; value: the step that waits for it */
	STEP_FOUND,		/* value: where the decoder says that the memory is */
	STEP_WRITTEN,		/* value: words that do not read back as written */
	STEP_LOCKED,		/* the same, after an attempt to decommit a locked decoder */
	STEP_GONE,		/* value: what is read where the memory was; so below */
	STEP_MOVED,		/* value: words that are not what was written at the old place */
	STEP_OLD_PLACE,		/* value: as STEP_GONE, with the memory at the new place */
	STEP_DISABLED,		/* value: as STEP_GONE, with Memory Space Enable clear */
	STEP_ENABLED,		/* value: wrong words, before and after writing a new pattern */
	STEP_IN_RESET,		/* value: as STEP_GONE, after the start of a CXL Reset */
	STEP_AFTER_RESET,	/* value: the decoder's Control register */
	STEP_AGAIN,		/* value: wrong words, placed and written anew */
};

/* All that a guest's firmware or its own enumeration would know, at PARAMS_GPA. */
struct guest_params {
	uint64_t config;	/* GPA of the device's configuration space */
	uint64_t hdm;		/* HDM Decoder capability, bytes from the start of the BAR */
	uint64_t place[2];	/* GPAs: where the memory is, and where the guest moves it */
	uint64_t bytes;		/* how much of it to use */
	uint64_t seed;		/* of the pattern; the guest counts it up for each new one */
	uint32_t bar;		/* offset of the BAR's register in configuration space */
	uint32_t dvsec;		/* offset of the DVSEC for CXL Devices there */
	uint64_t value;		/* result of a step */
};

/* guest.c: where it begins; a stack is there, interrupts are off. */
void guest_main(volatile struct guest_params *p) __attribute__((noreturn));

/* Word @i of the pattern: no two words or seeds are alike. */
static inline uint64_t pattern(uint64_t seed, uint64_t i)
{
	return (seed << 32 ^ i) * 0x9e3779b97f4a7c15ull;
}

#endif
