/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a vfio-cxl device and what its parts call each other for.
 * Everything here runs under the big QEMU lock. Addresses, offsets and sizes
 * are in bytes.
 */
#ifndef VFIO_CXL_H
#define VFIO_CXL_H

#include "qemu/osdep.h"
#include "qemu/event_notifier.h"
#include "qemu/notify.h"
#include "qemu/queue.h"
#include "exec/memory.h"
#include "pci.h"
#include "../include/uapi/vfio_cxl.h"
#include "../registers/blocks.h"
#include "../registers/cxl_regs.h"

#define TYPE_VFIO_CXL	"vfio-cxl"
OBJECT_DECLARE_SIMPLE_TYPE(VfioCxl, VFIO_CXL)

/* Who commits the virtual decoder, and the guest's host bridge above it. */
enum vfio_cxl_commit {
	VFIO_CXL_COMMIT_LOCKED,		/* the VMM as firmware, with Lock On Commit */
	VFIO_CXL_COMMIT_UNLOCKED,	/* the VMM as firmware */
	VFIO_CXL_COMMIT_GUEST,		/* the guest */
};

/* What of the memory is at a guest physical address. */
struct vfio_cxl_window {
	uint64_t gpa;
	uint64_t size;			/* 0: nothing */
	uint64_t dpa;			/* offset in the memory region */
};

/* Where something of the device is in a VFIO file. */
struct vfio_cxl_file {
	int fd;				/* not owned */
	off_t offset;
};

/*
 * The driver's flags with which the guest has neither memory nor BARs. They can be touched until a
 * CXL Reset begins that was asked for; but it may begin at any moment.
 */
#define VFIO_CXL_STATE_ABSENT	(VFIO_CXL_STATE_RESETTING | VFIO_CXL_STATE_RESET_FAILED | \
				 VFIO_CXL_STATE_RESET_REQUESTED)

struct VfioCxl {
	VFIOPCIDevice parent_obj;

	/* Properties. */
	int commit;			/* enum vfio_cxl_commit */
	bool dma;			/* the guest's devices may do DMA to the memory */

	/* The indices of the VFIO device's CXL regions. */
	uint32_t memory_index, registers_index;

	/* The register region of the VFIO device, over its place in the guest's BAR. */
	struct {
		off_t fd_offset;
		uint64_t size;
		uint32_t hdm;		/* of the HDM Decoder capability in it */
		uint32_t bar;
		uint64_t bar_offset;
		MemoryRegion mr;
		MemoryRegion absent[PCI_ROM_SLOT];	/* over the BARs, when they are not there */
		struct vfio_cxl_file *files[PCI_ROM_SLOT];	/* of each BAR's mappings */
		struct cxlr_blocks dvsecs;	/* in configuration space, those of CXL */
		uint32_t dvsec;		/* of the one for CXL devices */
	} regs;

	/* The memory region of the VFIO device. */
	struct {
		struct vfio_cxl_file file;
		uint64_t size;
		uint64_t align;		/* that host and guest address should have */
		uint8_t *map;
		MemoryRegion ram, alias;
		struct vfio_cxl_window window;	/* as mapped now */
		struct vfio_cxl_window refused;	/* where VFIO cannot map it */
		bool refusal_told;
	} mem;

	/* Those that VFIO maps the memory for, one for each container. */
	struct {
		QLIST_HEAD(, RamDiscardListener) listeners;
		int error;		/* negative errno, of the last one that could not */
	} dma_map;

	/* QEMU's own loads and stores where the memory is gone. */
	struct {
		EventNotifier notifier;
		bool armed;
		bool substituted;	/* atomic: the mapping is not all device memory */
		QLIST_ENTRY(VfioCxl) node;
	} guard;

	/* What the driver says of the virtual registers. */
	struct {
		EventNotifier notifier;
		bool armed;
		struct vfio_device_feature_cxl_events state;
	} events;

	/* Where the VMM as firmware puts the memory; 0 if that is the guest's to say. */
	uint64_t gpa;
	bool machine_reset;
	bool no_decoder_told, no_commit_told;

	Notifier bridge_changed, machine_done;
	Error *migration_blocker;
	QLIST_ENTRY(VfioCxl) node;	/* of all that firmware places */
};

/* vfio_cxl.c */
/* Let the guest have of BARs and memory what events.state and its bridges allow. */
void vfio_cxl_update(VfioCxl *s);

/* vfio_cxl_regs.c: virtual registers and the driver's events */
bool vfio_cxl_regs_init(VfioCxl *s, Error **errp);
void vfio_cxl_regs_exit(VfioCxl *s);
void vfio_cxl_regs_finalize(VfioCxl *s);
/* The BARs as they are, or what reads as ones in their place. */
void vfio_cxl_bars_show(VfioCxl *s, bool show);
/*
 * Capability @id of the region with that index, or NULL. It is part of *@info, which the
 * caller has to g_free() in any case.
 */
void *vfio_cxl_get_region(VfioCxl *s, uint32_t index, uint16_t id,
			  struct vfio_region_info **info);
/* A 32-bit register by its offset in the register region; ones if it cannot be read. */
uint32_t vfio_cxl_regs_read(VfioCxl *s, uint32_t offset);
void vfio_cxl_regs_write(VfioCxl *s, uint32_t offset, uint32_t val);
/* Is that configuration register in one of the DVSECs that the driver virtualises? */
bool vfio_cxl_is_dvsec(const VfioCxl *s, uint32_t addr);
/* A 16-bit register by its offset in the CXL Device DVSEC. */
uint16_t vfio_cxl_dvsec_read(VfioCxl *s, uint32_t offset);
void vfio_cxl_dvsec_write(VfioCxl *s, uint32_t offset, uint16_t val);
/* Take all events out of the driver's queue, which makes room for what a write leads to. */
void vfio_cxl_events_drain(VfioCxl *s);

/* vfio_cxl_file.c: accesses without mappings */
/*
 * QEMU itself gets to @ram, which is a RAM device that the guest may have mapped,
 * by @file; that has to live as long.
 */
void vfio_cxl_by_file(MemoryRegion *ram, struct vfio_cxl_file *file);

/* vfio_cxl_mem.c: the memory in the guest's address space */
bool vfio_cxl_mem_init(VfioCxl *s, Error **errp);
void vfio_cxl_mem_exit(VfioCxl *s);
/* Have the memory where events.state and the guest's bridges say; nowhere else. */
void vfio_cxl_mem_update(VfioCxl *s);
/* Take it away, before what makes the host's mapping of it unusable. */
void vfio_cxl_mem_remove(VfioCxl *s);

/* vfio_cxl_dma.c: DMA to the memory by devices that VFIO passes to the guest */
void vfio_cxl_dma_class_init(ObjectClass *oc);

/* vfio_cxl_guard.c: QEMU's own loads and stores in the memory, when it is gone */
bool vfio_cxl_guard_init(VfioCxl *s, Error **errp);
/* When no device of QEMU's can have a pointer into the memory any more. */
void vfio_cxl_guard_finalize(VfioCxl *s);
/* Have the device's memory in all of the mapping, before the guest gets it. */
bool vfio_cxl_guard_restore(VfioCxl *s);

/* vfio_cxl_firmware.c: what platform firmware does before the guest runs */
bool vfio_cxl_firmware_place(VfioCxl *s, Error **errp);
void vfio_cxl_firmware_unplace(VfioCxl *s);
void vfio_cxl_firmware_commit(VfioCxl *s);

#endif
