// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's own accesses to what the guest has mapped of the device: an instruction
 * of the guest's that KVM could not finish, as what it touched had just been
 * taken away, and the DMA of QEMU's devices. They go through the file of the VFIO
 * device, which says when there is nothing to be touched; a load or a store
 * through QEMU's mapping would end QEMU with SIGBUS.
 */
#include "vfio_cxl.h"

/* All ones then, as from a device that does not answer. */
static uint64_t file_read(void *opaque, hwaddr addr, unsigned int size)
{
	const struct vfio_cxl_file *file = opaque;
	uint64_t val = 0;

	return pread(file->fd, &val, size, file->offset + addr) == size ? val : UINT64_MAX;
}

static void file_write(void *opaque, hwaddr addr, uint64_t val, unsigned int size)
{
	const struct vfio_cxl_file *file = opaque;
	ssize_t ret = pwrite(file->fd, &val, size, file->offset + addr);

	/* Lost, as on its way to such a device. */
	(void)ret;
}

static const MemoryRegionOps file_ops = {
	.read = file_read,
	.write = file_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
	.impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

void vfio_cxl_by_file(MemoryRegion *ram, struct vfio_cxl_file *file)
{
	assert(memory_region_is_ram_device(ram));
	ram->ops = &file_ops;
	ram->opaque = file;
}
