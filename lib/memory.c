// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vfio_cxl.h"
#include "vfiocxl.h"

/* Both kinds of information begin with their size and have a chain of capabilities. */
static void *get_info(int device, unsigned long request, uint32_t size, uint32_t index)
{
	struct vfio_region_info *info;
	int ret;

	for (;;) {
		info = calloc(1, size);
		if (!info) {
			errno = ENOMEM;
			return NULL;
		}
		info->argsz = size;
		if (request == VFIO_DEVICE_GET_REGION_INFO)
			info->index = index;
		ret = ioctl(device, request, info);
		if (!ret && info->argsz <= size)
			return info;
		/* Larger now: a capability has come in between, or there was no room for one. */
		size = info->argsz;
		free(info);
		if (ret)
			return NULL;
	}
}

static const void *find_cap(const void *info, uint32_t size, uint32_t offset, uint16_t id)
{
	const struct vfio_info_cap_header *cap;

	while (offset && offset + sizeof(*cap) <= size) {
		cap = (const void *)((const char *)info + offset);
		if (cap->id == id)
			return cap;
		offset = cap->next;
	}
	return NULL;
}

/* Room enough at once. */
#define ROOM	256

/* VFIO's index of the memory region, or an error. */
static int64_t memory_index(int device)
{
	const struct vfio_device_info_cap_cxl *cap = NULL;
	struct vfio_device_info *info = get_info(device, VFIO_DEVICE_GET_INFO, ROOM, 0);
	int64_t ret = -ENODEV;

	if (!info)
		return -errno;
	if (info->flags & VFIO_DEVICE_FLAGS_CAPS && info->flags & VFIO_DEVICE_FLAGS_CXL)
		cap = find_cap(info, info->argsz, info->cap_offset, VFIO_DEVICE_INFO_CAP_CXL);
	if (cap)
		ret = cap->dpa_region_index;
	free(info);
	return ret;
}

int vfio_cxl_memory_get(int device, struct vfio_cxl_memory *memory)
{
	const struct vfio_cxl_region_cap_memory *cap;
	struct vfio_region_info *info;
	int64_t index = memory_index(device);

	if (index < 0)
		return index;
	info = get_info(device, VFIO_DEVICE_GET_REGION_INFO, ROOM, index);
	if (!info)
		return -errno;
	cap = find_cap(info, info->argsz, info->cap_offset, VFIO_CXL_REGION_CAP_MEMORY);
	if (cap)
		*memory = (struct vfio_cxl_memory) {
			.offset = info->offset,
			.size = info->size,
			.map_align = cap->map_align,
			.max_map_size = cap->max_map_size,
			.backing = cap->backing,
			.flags = cap->flags,
		};
	free(info);
	return cap ? 0 : -ENODEV;
}

void *vfio_cxl_mmap(int device, const struct vfio_cxl_memory *memory, uint64_t offset,
		    size_t length, int prot)
{
	const uint64_t align = memory->map_align;
	char *room, *address, *end;
	size_t page = sysconf(_SC_PAGESIZE);

	if (!length || length % page || offset > memory->size || length > memory->size - offset) {
		errno = EINVAL;
		return MAP_FAILED;
	}
	room = mmap(NULL, length + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (room == MAP_FAILED)
		return MAP_FAILED;
	end = room + length + align;
	address = room + ((offset - (uintptr_t)room) & (align - 1));
	if (mmap(address, length, prot, MAP_SHARED | MAP_FIXED, device,
		 memory->offset + offset) == MAP_FAILED) {
		int error = errno;

		munmap(room, length + align);
		errno = error;
		return MAP_FAILED;
	}
	if (address > room)
		munmap(room, address - room);
	if (address + length < end)
		munmap(address + length, end - address - length);
	return address;
}
