/* SPDX-License-Identifier: GPL-2.0-only */
/* A VFIO device, opened by its group and a type 1 container, or by its cdev and IOMMUFD. */
#ifndef TEST_VFIO_H
#define TEST_VFIO_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vfio_cxl.h"

#ifndef VFIO_CXL_BACKING_MEMMAP
#define VFIO_CXL_BACKING_MEMMAP	4
#endif

struct vfio_region {
	uint32_t index;
	uint32_t flags;
	uint64_t size;		/* bytes */
	uint64_t offset;	/* of the region in the device's file */
};

struct vfio {
	int device;
	int iommu;		/* the container, or the IOMMUFD */
	int group;		/* -1 with a cdev */
	uint32_t ioas;		/* IOMMUFD */
	struct vfio_region mem;		/* the memory */
	struct vfio_region regs;	/* the component registers */
	struct vfio_region bar;		/* the BAR that holds those */
	struct vfio_region config;
	uint32_t backing;	/* of the memory, VFIO_CXL_BACKING_* */
	uint64_t granule;	/* bytes: what a mapping of it is a multiple of */
};

/*
 * Opens the accelerator, bound first if it is not, finds its regions, and waits until the memory
 * may be touched, unless it is lost. VFIO_BACKING=
 * NAME[:FOLIO_SIZE] or NAME:refuse in the environment: with that backing, and that type1_dma,
 * which is allow otherwise.
 */
void vfio_open(struct vfio *vfio);
/* Any VFIO device, bound already; one of its BARs is the memory, and nothing else is looked for. */
void vfio_open_bar(struct vfio *vfio, unsigned int bar);
/* Only opens it, and looks at nothing of it: 0, or the error. */
int __vfio_open_device(struct vfio *vfio);
void vfio_close(struct vfio *vfio);

int __vfio_device_info(struct vfio *vfio, void *info, uint32_t argsz);
int __vfio_region_info(struct vfio *vfio, uint32_t index, void *info, uint32_t argsz);
/* The whole answer, capabilities included; free() it. */
struct vfio_region_info *vfio_region_info(struct vfio *vfio, uint32_t index);
struct vfio_device_info *vfio_device_info(struct vfio *vfio);
/* A capability in the chain that starts at an offset of an answer; NULL. */
const void *vfio_cap(const void *info, uint32_t argsz, uint32_t offset, uint16_t id);
const void *vfio_region_cap(const struct vfio_region_info *info, uint16_t id);

/* Bytes moved, or an error. */
ssize_t __vfio_read(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
		    void *buf, size_t len);
ssize_t __vfio_write(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
		     const void *buf, size_t len);
void vfio_read(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
	       void *buf, size_t len);
void vfio_write(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
		const void *buf, size_t len);
uint32_t vfio_read32(struct vfio *vfio, const struct vfio_region *region, uint64_t offset);

/* Room for a mapping with MAP_FIXED, at a multiple of @align; never given back. */
void *vfio_reserve(size_t len, uint64_t align);
/* A shared mapping, for reading and writing. */
int __vfio_mmap(struct vfio *vfio, const struct vfio_region *region, uint64_t offset, size_t len,
		void **address);
void *vfio_mmap(struct vfio *vfio, const struct vfio_region *region, uint64_t offset, size_t len);
/* Of the memory, at a user address that is @shift past a multiple of 1 GiB. */
uint8_t *vfio_mmap_at(struct vfio *vfio, uint64_t offset, size_t len, size_t shift);
/*
 * At least 4 MiB of the memory, from its first byte on, by leaves of one size: 4 KiB, 2 MiB or
 * 1 GiB. NULL where the backing has none of this size.
 */
uint8_t *vfio_mmap_leaf(struct vfio *vfio, size_t leaf);

/* COMMAND: memory enable, and bus mastering. */
void vfio_enable(struct vfio *vfio, bool memory, bool master);

int __vfio_dma_map(struct vfio *vfio, void *address, size_t len, uint64_t iova);
void vfio_dma_map(struct vfio *vfio, void *address, size_t len, uint64_t iova);
void vfio_dma_unmap(struct vfio *vfio, uint64_t iova, size_t len);

/* A new eventfd for an interrupt that the host raises: VFIO_PCI_ERR_IRQ_INDEX, _REQ_IRQ_INDEX. */
int vfio_event(struct vfio *vfio, uint32_t index);
/* Has it been signalled, or is it within a minute? It is not, afterwards. */
bool vfio_event_met(int event);
/* An eventfd for each of the first interrupts of an index. */
int __vfio_set_eventfds(struct vfio *vfio, uint32_t index, const int *eventfds,
			unsigned int count);
/* The same of MSI-X vectors. */
void vfio_msix(struct vfio *vfio, const int *eventfds, unsigned int count);

int __vfio_reset(struct vfio *vfio);
/* Of the bus that the device is on. */
int __vfio_hot_reset(struct vfio *vfio);
/* Tried again while a fault has one of its locks. */
void vfio_hot_reset(struct vfio *vfio);
/* PCI_PM_CTRL's state: 0 for D0 to 3 for D3hot. */
void vfio_set_power(struct vfio *vfio, uint16_t state);

#endif
