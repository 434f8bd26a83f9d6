// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: what IOMMUFD makes of the device's memory, for each backing and each
 * size of leaf: by the user's address, and by a file.
 *
 * How: the test opens the device by its cdev, so that a domain is attached and a mapping
 * is made at once. It reads the memory by DMA.
 *
 * Not covered: a dma-buf of the memory: test_dmabuf.c. The distribution's kernel has no
 * IOMMUFD, so only the debug kernel runs this.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/iommufd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "vfio.h"

#define IOVA	(1 * GIB)
#define WINDOW	(4 * MIB)

static void open_by_cdev(struct vfio *vfio)
{
	interface = INTERFACE_CDEV;
	vfio_open(vfio);
}

/* IOMMUFD pins what it maps by address, so there have to be pages. */
static void test_map_by_address(void)
{
	static const size_t leaves[] = { PAGE, 2 * MIB, GIB };
	struct cxl_accel_desc copy = {
		.op = CXL_ACCEL_OP_COPY, .src = IOVA, .dst = ACCEL_HOST_IOVA, .length = PAGE,
	};
	unsigned int i, asked = 0;
	struct accel accel;
	struct vfio vfio;
	uint8_t *memory;

	open_by_cdev(&vfio);
	accel_open(&accel, &vfio);
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		memory = vfio_mmap_leaf(&vfio, leaves[i]);
		if (!memory)
			continue;
		asked++;
		fill_random(memory, PAGE, i);
		if (vfio.backing != VFIO_CXL_BACKING_FOLIO) {
			check_eq(__vfio_dma_map(&vfio, memory, WINDOW, IOVA), -EFAULT);
			continue;
		}
		vfio_dma_map(&vfio, memory, WINDOW, IOVA);
		check_eq(accel_run(&accel, &copy), CXL_ACCEL_OK);
		check_mem_eq(accel.host, memory, PAGE);
		vfio_dma_unmap(&vfio, IOVA, WINDOW);
	}
	check_gt(asked, 0);
}

static int map_file(struct vfio *vfio, int file, uint64_t offset)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas, .fd = file,
		.start = offset, .length = WINDOW, .iova = IOVA,
	};

	return ioctl(vfio->iommu, IOMMU_IOAS_MAP_FILE, &map) < 0 ? -errno : 0;
}

/* Its files are memfds and dma-bufs of the VFIO core, which a VFIO device's file is not. */
static void test_map_by_file(void)
{
	struct vfio vfio;
	int memfd;

	open_by_cdev(&vfio);
	memfd = memfd_create("control", 0);
	check_ge(memfd, 0);
	check_eq(ftruncate(memfd, WINDOW), 0);
	check_eq(map_file(&vfio, memfd, 0), 0);
	vfio_dma_unmap(&vfio, IOVA, WINDOW);
	check_eq(map_file(&vfio, vfio.device, vfio.mem.offset), -EINVAL);
}

const struct test tests[] = {
	{ "map_by_address", test_map_by_address },
	{ "map_by_file", test_map_by_file },
	{ }
};
