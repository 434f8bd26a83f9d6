/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvfiocxl: CXL memory by VFIO, for VMMs. Works on the file descriptor of a VFIO
 * device, however that was opened, and keeps none of its own. Functions may be
 * called from several threads at once, unless their description says otherwise.
 */
#ifndef VFIOCXL_H
#define VFIOCXL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct vfio_cxl_memory - the memory region of a device
 * @offset: of it in the device's file, bytes
 * @size: bytes
 * @map_align: bytes; see struct vfio_cxl_region_cap_memory
 * @max_map_size: bytes; the largest leaf of a page table that a mapping gets
 * @backing: VFIO_CXL_BACKING_*
 * @flags: VFIO_CXL_MEM_*
 */
struct vfio_cxl_memory {
	uint64_t offset;
	uint64_t size;
	uint64_t map_align;
	uint64_t max_map_size;
	uint32_t backing;
	uint32_t flags;
};

/**
 * vfio_cxl_memory_get - find the memory region
 * @device: file descriptor of a VFIO device
 * @memory: filled in
 *
 * The memory need not be accessible: see vfio_cxl_wait_accessible().
 *
 * Return: 0; -ENODEV if the device has no CXL memory; -ENOMEM; or what the ioctl gave.
 */
int vfio_cxl_memory_get(int device, struct vfio_cxl_memory *memory);

/**
 * vfio_cxl_mmap - map a part of the memory, with the largest leaves that it can have
 * @device: file descriptor of a VFIO device
 * @memory: what vfio_cxl_memory_get() said of it
 * @offset: in the memory, bytes
 * @length: bytes
 * @prot: PROT_READ, PROT_WRITE
 *
 * A shared mapping, at an address that is to @memory->map_align as @offset is: the
 * kernel picks addresses without regard to that, and then no leaf is large. With
 * VFIO_CXL_BACKING_FOLIO @offset and @length have to be multiples of it. Undone by
 * munmap().
 *
 * Return: the address, or MAP_FAILED with errno: EINVAL past the region's end, or as
 * above; ENOMEM.
 */
void *vfio_cxl_mmap(int device, const struct vfio_cxl_memory *memory, uint64_t offset,
		    size_t length, int prot);

/**
 * vfio_cxl_wait_accessible - wait until the memory may be touched, after open or a reset
 * @device: file descriptor of a VFIO device
 * @eventfd: the one that the program has named by VFIO_DEVICE_FEATURE_CXL_EVENTS, or -1
 * @timeout_ms: milliseconds; negative: without end
 *
 * The memory may be touched while VFIO_CXL_STATE_ACCESSIBLE is set in the device's state. A
 * device may take up to 256 s until its memory is active (CXL 3.1, 8.1.3.8.2); the kernel log
 * tells if it takes longer than it has named. Memory that was turned off, or lost, stays so
 * until the program does something about it, so the wait should have an end.
 *
 * No event is taken out of the queue. An @eventfd that does not block counts as before on
 * return, so that the program's reader of events is told. With -1 the function asks for the state
 * fifty times a second; the device is to its driver as if it had not.
 *
 * Threads: one at a time with an @eventfd, which no other thread reads meanwhile, or this one may
 * not wake up.
 *
 * Return: 0; -ETIMEDOUT; -EINTR at a signal; -ENOTTY if the device has no CXL events; or what an
 * eventfd, poll() or the ioctl gave.
 */
int vfio_cxl_wait_accessible(int device, int eventfd, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif
