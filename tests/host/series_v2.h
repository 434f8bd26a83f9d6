/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the VFIO CXL patch series, version 2, adds to linux/vfio.h, for a program that was written
 * for it; and of its newest version, what is known. Included before vfio_cxl.h, as a linux/vfio.h
 * that has them would be.
 */
#ifndef SERIES_V2_H
#define SERIES_V2_H

#include <linux/vfio.h>

#ifndef VFIO_DEVICE_FLAGS_CXL
#define VFIO_DEVICE_FLAGS_CXL			(1 << 9)
#endif
#define VFIO_DEVICE_INFO_CAP_CXL		6
#define VFIO_CXL_CAP_FIRMWARE_COMMITTED		(1 << 0)
#define VFIO_CXL_CAP_CACHE_CAPABLE		(1 << 1)
#define VFIO_REGION_SUBTYPE_CXL			1
#define VFIO_REGION_SUBTYPE_CXL_COMP_REGS	2

struct vfio_device_info_cap_cxl {
	struct vfio_info_cap_header header;
	__u8 hdm_regs_bar_index;
	__u8 reserved[3];
	__u32 flags;
	__u64 hdm_regs_offset;
	__u32 dpa_region_index;
	__u32 comp_regs_region_index;
};

/* Of version 5: another name for the memory's subtype, and a capability of a region. */
#define VFIO_REGION_SUBTYPE_CXL_MEM		1
#define VFIO_REGION_INFO_CAP_CXL_COMP_REGS	6

struct vfio_region_info_cap_cxl_comp_regs {
	struct vfio_info_cap_header header;
	__u32 bar;
	__u32 reserved;
	__u64 offset;
};

#endif
