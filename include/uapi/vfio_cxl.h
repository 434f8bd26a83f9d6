/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * What cxl-vfio-pci adds to the VFIO device interface: a device flag and
 * capability, two device regions with capabilities of their own, and events.
 * Stand-alone: needs nothing but linux/types.h and linux/vfio.h.
 */
#ifndef _UAPI_VFIO_CXL_H
#define _UAPI_VFIO_CXL_H

#include <linux/types.h>
#include <linux/vfio.h>

/*
 * The device flag, the device capability and the regions' type and subtypes are those of the
 * VFIO CXL patch series, version 2, byte for byte: a linux/vfio.h that has them comes first.
 * All other names and numbers are this driver's own.
 */

/* vfio_device_info.flags: the device has CXL regions and the capability below. */
#ifndef VFIO_DEVICE_FLAGS_CXL
#define VFIO_DEVICE_FLAGS_CXL			(1 << 9)
#endif

/*
 * VFIO_DEVICE_GET_INFO, capability 6, version 1: where the CXL regions of the
 * device are, and where its component registers live.
 */
#ifndef VFIO_DEVICE_INFO_CAP_CXL
#define VFIO_DEVICE_INFO_CAP_CXL		6

struct vfio_device_info_cap_cxl {
	struct vfio_info_cap_header header;
	__u8  hdm_regs_bar_index;	/* BAR that holds the component registers */
	__u8  reserved[3];		/* zero */
	__u32 flags;			/* VFIO_CXL_CAP_* */
	__u64 hdm_regs_offset;		/* bytes: of the CM block in that BAR */
	__u32 dpa_region_index;		/* index of the memory region */
	__u32 comp_regs_region_index;	/* index of the register region */
};
#endif

/* The physical decoder was committed when the driver bound the device. */
#ifndef VFIO_CXL_CAP_FIRMWARE_COMMITTED
#define VFIO_CXL_CAP_FIRMWARE_COMMITTED		(1 << 0)
#endif
/* The device caches host memory: CXL.cache (CXL 3.1, 8.1.3.1 Cache_Capable). */
#ifndef VFIO_CXL_CAP_CACHE_CAPABLE
#define VFIO_CXL_CAP_CACHE_CAPABLE		(1 << 1)
#endif

/* Both regions are of type VFIO_REGION_TYPE_PCI_VENDOR_TYPE | this vendor. */
#define VFIO_CXL_PCI_VENDOR_ID			0x1e98
/*
 * The device's memory (HDM), from the first byte of the committed region.
 * READ, WRITE, MMAP. Access while the memory is not safe to touch (disabled,
 * not active, decoder not committed, in reset, not in D0): read and write
 * return -EIO, a fault raises SIGBUS. mmap needs MAP_SHARED.
 */
#ifndef VFIO_REGION_SUBTYPE_CXL
#define VFIO_REGION_SUBTYPE_CXL			1
#endif
/*
 * The virtual CM block: byte 0 is the start of the CXL.cache and CXL.mem
 * registers (CXL 3.1, 8.2.4). READ, WRITE, never MMAP. Aligned accesses of 4
 * bytes, of 8 where the register is 64 bits wide; anything else is -EINVAL.
 * In the BAR, the 64 KiB of component registers (8.2.3) that it is part of
 * cannot be mapped, read as zero and take no write.
 */
#ifndef VFIO_REGION_SUBTYPE_CXL_COMP_REGS
#define VFIO_REGION_SUBTYPE_CXL_COMP_REGS	2
#endif

/*
 * Each region describes itself by a capability of VFIO_DEVICE_GET_REGION_INFO. The ids begin
 * with CXL's vendor id, far from those that VFIO counts up. A later driver may append fields:
 * @size tells how much of the structure there is, so a program uses a field that ends within
 * @size, and ignores what it does not know, reserved fields too. Another version would be
 * another layout.
 */

/* Of the memory region, version 1. */
#define VFIO_CXL_REGION_CAP_MEMORY		0x1e98

struct vfio_cxl_region_cap_memory {
	struct vfio_info_cap_header header;
	__u32 size;			/* bytes: of this structure */
	__u32 flags;
/* The platform's decoder was not lost, by a reset or by a removal. */
#define VFIO_CXL_MEM_COMMITTED			(1 << 0)
/* The platform locked the physical decoder. */
#define VFIO_CXL_MEM_LOCKED			(1 << 1)
/* A CXL Reset of this device can clear its memory (8.1.3.1 CXL Reset Mem Clr Capable). */
#define VFIO_CXL_MEM_RESET_CLEARS		(1 << 2)
/* mmap maps the memory uncached: VFIO_CXL_BACKING_UNCACHED, or the platform has it so. */
#define VFIO_CXL_MEM_UNCACHED			(1 << 3)
/* VFIO_DEVICE_FEATURE_DMA_BUF exports the memory, by dmabuf_index. */
#define VFIO_CXL_MEM_DMABUF			(1 << 4)
	__u32 backing;			/* how mmap maps the memory */
#define VFIO_CXL_BACKING_PFN			1	/* cacheable special PTEs, no struct page */
#define VFIO_CXL_BACKING_FOLIO			2	/* ZONE_DEVICE pages */
#define VFIO_CXL_BACKING_UNCACHED		3	/* uncached special PTEs */
#define VFIO_CXL_BACKING_MEMMAP			4	/* cacheable special PTEs, struct pages */
	__u32 coherence;		/* who keeps caches coherent (8.2.4.20.7) */
#define VFIO_CXL_COHERENCE_HDM_H		1	/* host only */
#define VFIO_CXL_COHERENCE_HDM_D		2	/* device coherent */
#define VFIO_CXL_COHERENCE_HDM_DB		3	/* device coherent by back-invalidate */
	/*
	 * With VFIO_CXL_MEM_DMABUF: what VFIO_DEVICE_FEATURE_DMA_BUF has as region_index,
	 * with offsets of this region. Else zero.
	 */
	__u32 dmabuf_index;
	__u32 reserved;			/* zero */
	/*
	 * Bytes: faults map the memory in pieces of max_map_size where region
	 * offset 0 is, or would be, at a user address that is a multiple of
	 * map_align; in smaller pieces elsewhere and at the ends of a mapping.
	 * With VFIO_CXL_BACKING_FOLIO there are no smaller ones: address, offset
	 * and length of a mapping are multiples of map_align, or it is -EINVAL.
	 */
	__u64 max_map_size;
	__u64 map_align;
};

/* Of the register region, version 1. */
#define VFIO_CXL_REGION_CAP_REGISTERS		0x1e99

struct vfio_cxl_region_cap_registers {
	struct vfio_info_cap_header header;
	__u32 size;			/* bytes: of this structure */
	__u32 bar;			/* BAR that holds the physical registers */
	__u32 hdm_offset;		/* bytes: of the HDM Decoder capability in the region */
	__u32 reserved;			/* zero */
	__u64 offset;			/* BAR byte that region byte 0 stands for */
};

/*
 * VFIO_DEVICE_FEATURE: what became of the virtual registers, so that a VMM
 * need not poll them. The number is CXL's vendor id, far from those that VFIO
 * counts up.
 *
 * SET names an eventfd that is signalled for every event from then on, and
 * begins with an empty queue; -1 ends that. Errors: -EINVAL for flags or
 * reserved fields that are not zero, -EBADF for what is no eventfd.
 *
 * GET gives the state of now and moves the oldest events that fit in argsz out
 * of the queue. It takes @event_size and nothing else: the bytes of an event
 * that the program knows. The driver answers with the bytes of those that
 * follow: it knows no more of an event, or the program does not. With 0, or
 * with argsz for none, GET gives the state alone and consumes nothing, so any
 * thread may ask. Events go to one reader: what one GET has taken, no other
 * gets. -EINVAL for an @event_size less than that of this header, or no multiple
 * of 8. The fields are consistent with each other: all events up to @seq led to
 * this state.
 *
 * Events are in order and none is lost: while the queue has no room for what a
 * write to the register region, to a CXL DVSEC, to COMMAND or to PMCSR may lead
 * to, or a reset by ioctl or by the function's own Initiate FLR, these change
 * nothing and fail with -EAGAIN, until events were read. Only errors, and resets
 * by other processes, can outrun a user who does not read; then
 * VFIO_CXL_STATE_LOST is set until a GET that takes events, and @seq tells how
 * many.
 */
#define VFIO_DEVICE_FEATURE_CXL_EVENTS		0x1e98

struct vfio_cxl_event {
	__u64 seq;			/* 1 for the first since open, then counting */
	__u32 type;
#define VFIO_CXL_EVENT_COMMITTED	1	/* the virtual decoder committed */
#define VFIO_CXL_EVENT_DECOMMITTED	2	/* it let go, by a write or by a reset */
#define VFIO_CXL_EVENT_RESET_BEGIN	3
#define VFIO_CXL_EVENT_RESET_END	4	/* the registers are as the reset left them */
#define VFIO_CXL_EVENT_ENABLE		5	/* HDM Decoder Enable or Mem_Enable changed */
#define VFIO_CXL_EVENT_ACCESS		6	/* VFIO_CXL_STATE_ACCESSIBLE changed */
	__u32 flags;			/* VFIO_CXL_STATE_*, after the event */
	__u64 base;			/* GPA, bytes: of what (de)committed; else as now */
	__u64 size;			/* bytes */
	__u64 dpa;			/* bytes: where in the memory region that begins */
	__u64 reserved[3];		/* zero */
};

struct vfio_device_feature_cxl_events {
	__s32 eventfd;			/* SET; -1 in GET */
	__u32 flags;			/* GET; zero in SET */
#define VFIO_CXL_STATE_COMMITTED	(1 << 0)	/* of the virtual decoder */
#define VFIO_CXL_STATE_LOCKED		(1 << 1)	/* until a reset */
#define VFIO_CXL_STATE_HDM_ENABLED	(1 << 2)	/* 8.2.4.20.2 HDM Decoder Enable */
#define VFIO_CXL_STATE_MEM_ENABLED	(1 << 3)	/* 8.1.3.2 Mem_Enable */
#define VFIO_CXL_STATE_RESETTING	(1 << 4)	/* a reset is under way */
#define VFIO_CXL_STATE_RESET_FAILED	(1 << 5)	/* the last one did */
#define VFIO_CXL_STATE_MORE		(1 << 6)	/* events are left in the queue */
#define VFIO_CXL_STATE_LOST		(1 << 7)	/* events were, since some were taken */
/* The memory may be touched now: a read or a fault would succeed, as far as the driver knows. */
#define VFIO_CXL_STATE_ACCESSIBLE	(1 << 8)
/* A CXL Reset was asked for and has not begun. Ends with RESET_BEGIN, or without an event. */
#define VFIO_CXL_STATE_RESET_REQUESTED	(1 << 9)
	__u64 seq;			/* GET: of the newest event, 0 before the first */
	__u64 base;			/* GET: GPA, bytes; what the decoder is programmed to */
	__u64 size;			/* GET: bytes */
	__u64 dpa;			/* GET: bytes, as above; 0 unless committed */
	__u32 nr_events;		/* GET: how many follow; zero in SET */
	__u32 event_size;		/* GET: bytes of each, in and out; zero in SET */
	__u64 reserved[2];		/* zero */
	struct vfio_cxl_event events[];
};

#endif
