/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A device through VFIO's group and container: open, information with
 * capabilities, mappings, interrupts, DMA. Functions that return int return 0,
 * or -1 with errno set; those that return a pointer, NULL.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>
#include <stdint.h>
#include <linux/vfio.h>

struct device {
	int container;
	int group;
	int fd;
};

/* @address: of the PCI function, as in 0000:11:00.0. */
int device_open(struct device *device, const char *address);
void device_close(struct device *device);

/* What the ioctl returns, capabilities included; for free(). */
struct vfio_device_info *device_info(struct device *device);
struct vfio_region_info *device_region_info(struct device *device, uint32_t index);
/* Its capability @id; NULL if there is none. */
const void *device_cap(const struct vfio_device_info *info, uint16_t id);
const void *region_cap(const struct vfio_region_info *info, uint16_t id);

/*
 * Map @length bytes of a region from @offset on, at an address that is a
 * multiple of @align, a power of two.
 */
void *region_map(struct device *device, const struct vfio_region_info *info, uint64_t offset,
		 size_t length, size_t align);

/* Let MSI-X vector @vector signal @eventfd. */
int device_irq(struct device *device, unsigned int vector, int eventfd);
/* Let the device reach @length bytes at @memory by bus address @iova. */
int device_dma_map(struct device *device, void *memory, size_t length, uint64_t iova);
/* Let the device reach anything at all: Bus Master Enable. */
int device_bus_master(struct device *device);

#endif
