/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's machine, past its kernel: the accelerator that was passed in, the
 * root port and the host bridge above it, and the CXL windows, all mapped. The
 * guest's kernel must be told to allow it: iomem=relaxed.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stddef.h>
#include <stdint.h>

#define WINDOWS		2
#define CONFIG_SIZE	4096
/* What is mapped of each window, at home and at the end of the other. */
#define SPAN		(8ull << 20)

struct window {
	uint64_t base, size;
	volatile uint8_t *span;		/* SPAN bytes; of the first window, at home */
	volatile uint8_t *bridge;	/* the component registers of its host bridge */
	volatile uint8_t *hdm;		/* the HDM Decoder capability in them */
};

struct machine {
	const char *device;		/* its PCI address */
	volatile uint8_t *config;	/* CONFIG_SIZE bytes, of the accelerator */
	volatile uint8_t *port;		/* the same of the root port */
	volatile uint8_t *bar;		/* BAR 0; stale while that is elsewhere */
	volatile uint8_t *table;	/* BAR 2, with the MSI-X table */
	volatile uint8_t *cm, *hdm;	/* in BAR 0: the CM block, the HDM decoders */
	struct window window[WINDOWS];	/* the first is the accelerator's */
	uint64_t home, size;		/* where its memory should be, and how much it is */
	int mem;			/* /dev/mem */
};

void machine_open(struct machine *machine);
/* Guest physical memory. */
volatile uint8_t *machine_map(struct machine *machine, uint64_t at, size_t size);

/* Plain stores and loads, of whatever alignment. */
uint64_t load_bytes(const volatile uint8_t *at, unsigned int width);
void store_bytes(volatile uint8_t *at, unsigned int width, uint64_t value);
static inline uint32_t load32(const volatile uint8_t *at) { return load_bytes(at, 4); }
static inline void store32(volatile uint8_t *at, uint32_t value) { store_bytes(at, 4, value); }

/* What a driver does after a reset: D0, BARs, COMMAND. */
void machine_wake(struct machine *machine);
/* A secondary bus reset of the accelerator. */
void machine_bus_reset(struct machine *machine);
/* Base, size, skip; then Control, which commits or not. */
void machine_program(struct machine *machine, uint64_t base, uint64_t size, uint64_t skip,
		     uint32_t control);
/* The host bridge's decoder for the memory. */
void machine_program_bridge(struct machine *machine);
/* All that has to be for the memory to be at home, but for a decoder that is locked. */
void machine_program_all(struct machine *machine);
/* The same, and the decoder must be committed there. */
void machine_place(struct machine *machine);
/* Starts a CXL Reset. */
void machine_cxl_reset(struct machine *machine, uint16_t bits);
/* Whether Status2 says that it has ended; a bus reset takes that away again. */
bool machine_cxl_reset_ended(struct machine *machine);
void machine_cxl_reset_end(struct machine *machine);

#endif
