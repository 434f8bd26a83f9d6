// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "device.h"

static int open_group(const char *address)
{
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return -1;
	link[length] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(link, '/') + 1);
	return open(path, O_RDWR);
}

int device_open(struct device *device, const char *address)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	*device = (struct device){ -1, -1, -1 };
	device->container = open("/dev/vfio/vfio", O_RDWR);
	device->group = open_group(address);
	if (device->container < 0 || device->group < 0 ||
	    ioctl(device->group, VFIO_GROUP_GET_STATUS, &status))
		return -1;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		errno = EBUSY;
		return -1;
	}
	if (ioctl(device->group, VFIO_GROUP_SET_CONTAINER, &device->container) ||
	    ioctl(device->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -1;
	device->fd = ioctl(device->group, VFIO_GROUP_GET_DEVICE_FD, address);
	return device->fd < 0 ? -1 : 0;
}

void device_close(struct device *device)
{
	close(device->fd);
	close(device->group);
	close(device->container);
}

/*
 * Both structures begin with argsz, which the kernel sets to what it needs:
 * ask, and ask again with that much room.
 */
static void *get_info(int fd, unsigned long request, uint32_t *info, uint32_t argsz)
{
	void *larger;

	for (;;) {
		info[0] = argsz;
		if (ioctl(fd, request, info)) {
			free(info);
			return NULL;
		}
		if (info[0] <= argsz)
			return info;
		argsz = info[0];
		larger = realloc(info, argsz);
		if (!larger) {
			free(info);
			return NULL;
		}
		info = larger;
	}
}

struct vfio_device_info *device_info(struct device *device)
{
	struct vfio_device_info *info = calloc(1, sizeof(*info));

	return info ? get_info(device->fd, VFIO_DEVICE_GET_INFO, (uint32_t *)info,
			       sizeof(*info)) : NULL;
}

struct vfio_region_info *device_region_info(struct device *device, uint32_t index)
{
	struct vfio_region_info *info = calloc(1, sizeof(*info));

	if (!info)
		return NULL;
	info->index = index;
	return get_info(device->fd, VFIO_DEVICE_GET_REGION_INFO, (uint32_t *)info, sizeof(*info));
}

static const void *find_cap(const void *info, uint32_t argsz, uint32_t offset, uint16_t id)
{
	const struct vfio_info_cap_header *header;

	while (offset && offset + sizeof(*header) <= argsz) {
		header = info + offset;
		if (header->id == id)
			return header;
		offset = header->next;
	}
	return NULL;
}

const void *device_cap(const struct vfio_device_info *info, uint16_t id)
{
	return info->flags & VFIO_DEVICE_FLAGS_CAPS ?
		find_cap(info, info->argsz, info->cap_offset, id) : NULL;
}

const void *region_cap(const struct vfio_region_info *info, uint16_t id)
{
	return info->flags & VFIO_REGION_INFO_FLAG_CAPS ?
		find_cap(info, info->argsz, info->cap_offset, id) : NULL;
}

void *region_map(struct device *device, const struct vfio_region_info *info, uint64_t offset,
		 size_t length, size_t align)
{
	size_t room = length + align;
	char *reserved, *at;
	void *map;

	reserved = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		return NULL;
	at = (char *)(((uintptr_t)reserved + align - 1) & ~(uintptr_t)(align - 1));
	if (at > reserved)
		munmap(reserved, at - reserved);
	if (reserved + room > at + length)
		munmap(at + length, reserved + room - (at + length));

	map = mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, device->fd,
		   info->offset + offset);
	if (map != MAP_FAILED)
		return map;
	munmap(at, length);
	return NULL;
}

int device_irq(struct device *device, unsigned int vector, int eventfd)
{
	struct {
		struct vfio_irq_set set;
		int32_t eventfd;
	} irq = {
		.set = {
			.argsz = sizeof(irq),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_MSIX_IRQ_INDEX,
			.start = vector,
			.count = 1,
		},
		.eventfd = eventfd,
	};

	return ioctl(device->fd, VFIO_DEVICE_SET_IRQS, &irq);
}

int device_dma_map(struct device *device, void *memory, size_t length, uint64_t iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = length,
	};

	return ioctl(device->container, VFIO_IOMMU_MAP_DMA, &map);
}

int device_bus_master(struct device *device)
{
	struct vfio_region_info *config = device_region_info(device, VFIO_PCI_CONFIG_REGION_INDEX);
	uint16_t command;
	int ret = -1;

	if (!config)
		return -1;
	if (pread(device->fd, &command, sizeof(command), config->offset + PCI_COMMAND) ==
	    sizeof(command)) {
		command |= PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY;
		if (pwrite(device->fd, &command, sizeof(command), config->offset + PCI_COMMAND) ==
		    sizeof(command))
			ret = 0;
	}
	free(config);
	return ret;
}
