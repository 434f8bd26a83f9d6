/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/cxl_coherent: moves ordinary anonymous memory of the calling process into a CXL
 * device's memory, and back.
 */
#ifndef CXL_COHERENT_UAPI_H
#define CXL_COHERENT_UAPI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define CXL_COHERENT_IOC_TYPE	0xce

/**
 * struct cxl_coherent_info - the device's memory
 * @base: host physical address
 * @size: bytes
 * @free_pages: pages that can be had now
 * @bad_pages: pages that are never given out again, for they have failed
 */
struct cxl_coherent_info {
	__u64 base;
	__u64 size;
	__u64 free_pages;
	__u64 bad_pages;
};

/**
 * struct cxl_coherent_range - memory to be moved
 * @addr: first byte, at a page's start
 * @len: bytes, whole pages; mapped from end to end, all of it private and anonymous
 * @moved: out: pages that were moved. The others are where they were: pages that are
 *	there already, that somebody has pinned or locked, that there was no room for
 */
struct cxl_coherent_range {
	__u64 addr;
	__u64 len;
	__u64 moved;
};

#define CXL_COHERENT_INFO	_IOR(CXL_COHERENT_IOC_TYPE, 0, struct cxl_coherent_info)
/* What was not touched yet becomes zeros in the device's memory. */
#define CXL_COHERENT_TO_DEVICE	_IOWR(CXL_COHERENT_IOC_TYPE, 1, struct cxl_coherent_range)
#define CXL_COHERENT_TO_HOST	_IOWR(CXL_COHERENT_IOC_TYPE, 2, struct cxl_coherent_range)

#endif
