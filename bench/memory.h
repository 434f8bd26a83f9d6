/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that is mapped in one of the ways that bench/ram compares: an accelerator's by
 * cxl-vfio-pci, a BAR by vfio-pci, device-dax, or anonymous memory with huge pages.
 */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "vfio.h"

enum memory_kind { MEMORY_CXL, MEMORY_BAR, MEMORY_DAX, MEMORY_ANON };

struct memory {
	enum memory_kind kind;
	struct vfio vfio;	/* of accelerators and BARs */
	int dax;
	uint8_t *room;		/* address space for the mapping */
	uint8_t *at;		/* the mapping */
	size_t size;		/* bytes */
	uint64_t leaf;		/* bytes that an entry of the page table maps */
};

/*
 * As the environment says: MEMORY_KIND=cxl|bar|dax|anon, MEMORY_SIZE, MEMORY_LEAF in bytes,
 * MEMORY_DAX for the device's file; and what vfio_open() takes.
 */
void memory_open(struct memory *memory);
/* Of this kind, whatever MEMORY_KIND is. */
void memory_open_kind(struct memory *memory, enum memory_kind kind);
void memory_close(struct memory *memory);
/* Nothing of it is in the page tables yet. */
void memory_map(struct memory *memory);
void memory_unmap(struct memory *memory);

#endif
