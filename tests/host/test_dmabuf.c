// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a dma-buf of a BAR or of the memory (VFIO_DEVICE_FEATURE_DMA_BUF) leads to
 * the device for as long as its user may reach that, and no longer. Whatever ends it, a CXL
 * Reset among others, revokes the dma-buf; afterwards importers map it again.
 *
 * How: the module import maps a dma-buf for another PCI device. IOMMUFD, on the debug kernel,
 * maps it for the accelerator's own engine, which then reads and writes the memory by DMA.
 *
 * Not covered: real devices that import, and a device that uses what the module maps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/iommufd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "module.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"

#define MAPPED		"/sys/module/import/parameters/mapped"
#define PART		(4 * MIB)
#define IOVA		0x40000000ull
#define NO_INDEX	UINT32_MAX

#define RANGES_MAX	2

/* Its file descriptor, or a negative errno. */
static int __export_ranges(struct vfio *vfio, uint32_t index, unsigned int count,
			   const struct vfio_region_dma_range *ranges)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range[RANGES_MAX];
	} ask = {
		.feature.argsz = sizeof(ask),
		.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		.buf.region_index = index,
		.buf.open_flags = O_RDWR | O_CLOEXEC,
		.buf.nr_ranges = count,
	};
	int fd;

	memcpy(ask.range, ranges, count * sizeof(*ranges));
	fd = ioctl(vfio->device, VFIO_DEVICE_FEATURE, &ask);
	return fd < 0 ? -errno : fd;
}

static int __export(struct vfio *vfio, uint32_t index, uint64_t offset, uint64_t length)
{
	struct vfio_region_dma_range range = { .offset = offset, .length = length };

	return __export_ranges(vfio, index, 1, &range);
}

static int export(struct vfio *vfio, uint32_t index, uint64_t offset, uint64_t length)
{
	int fd = __export(vfio, index, offset, length);

	check_ge(fd, 0);
	return fd;
}

/* By which the memory is exported, or NO_INDEX. */
static uint32_t memory_index(struct vfio *vfio)
{
	struct vfio_region_info *info = vfio_region_info(vfio, vfio->mem.index);
	const struct vfio_cxl_region_cap_memory *cap =
		vfio_region_cap(info, VFIO_CXL_REGION_CAP_MEMORY);
	uint32_t index = cap->flags & VFIO_CXL_MEM_DMABUF ? cap->dmabuf_index : NO_INDEX;

	free(info);
	return index;
}

/* 0, or a negative errno. */
static int __import(int dmabuf)
{
	char parameters[96];

	snprintf(parameters, sizeof(parameters), "fd=%d device=%s", dmabuf, pci_other());
	return __module_load(MODULE_IMPORT, parameters);
}

/* The other device maps all of it: 0, or a negative errno. */
static int __import_map(void)
{
	return __write_file(MAPPED, "1");
}

/* Bytes that it has mapped. */
static unsigned long imported(void)
{
	return number_after(read_file(MAPPED), "");
}

static void import_map(unsigned long bytes)
{
	check_eq(__import_map(), 0);
	check_eq(imported(), bytes);
}

static void import_end(void)
{
	module_unload("import");
}

/* Opens the device, with memory enabled, and has a dma-buf of the engine's page imported. */
static int import_bar(struct vfio *vfio)
{
	int dmabuf;

	vfio_open(vfio);
	vfio_enable(vfio, true, false);
	dmabuf = export(vfio, vfio->bar.index, CXL_ACCEL_ENGINE_OFFSET, CXL_ACCEL_PAGE_SIZE);
	check_eq(__import(dmabuf), 0);
	import_map(CXL_ACCEL_PAGE_SIZE);
	return dmabuf;
}

/* The same with the last part of the memory. */
static int import_memory(struct vfio *vfio)
{
	int dmabuf;

	vfio_open(vfio);
	vfio_enable(vfio, true, false);
	dmabuf = export(vfio, memory_index(vfio), vfio->mem.size - PART, PART);
	check_eq(__import(dmabuf), 0);
	import_map(PART);
	return dmabuf;
}

/* A CXL Reset takes the BAR away from importers, and comes to its end. */
static void test_cxl_reset_revokes_bar(void)
{
	struct vfio vfio;
	uint64_t resets;
	unsigned int i;

	import_bar(&vfio);
	resets = qmp_get("resets-cxl");
	for (i = 1; i <= 3; i++) {
		cxl_reset(&vfio, false);
		check_eq(qmp_get("resets-cxl"), resets + i);
		check_eq(imported(), 0);
		import_map(CXL_ACCEL_PAGE_SIZE);
	}
	/* Memory that the user has disabled stays so. */
	vfio_enable(&vfio, false, false);
	check_eq(imported(), 0);
	cxl_reset(&vfio, false);
	check_eq(__import_map(), -ENODEV);
	vfio_enable(&vfio, true, false);
	import_map(CXL_ACCEL_PAGE_SIZE);
	import_end();
}

/* In a machine whose CXL Reset never ends: revoked, until another reset, and memory enable. */
static void test_hung_reset_keeps_revoked(void)
{
	struct vfio vfio;

	import_bar(&vfio);
	cxl_reset_start(&vfio, false);
	check_eq(cxl_reset_wait(&vfio), CXLR_STATUS2_RESET_ERROR);
	check_eq(imported(), 0);
	vfio_enable(&vfio, true, false);
	vfio_set_power(&vfio, 0);
	check_eq(__import_map(), -ENODEV);
	vfio_hot_reset(&vfio);
	check_eq(__import_map(), -ENODEV);
	vfio_enable(&vfio, true, false);
	import_map(CXL_ACCEL_PAGE_SIZE);
	import_end();
}

static bool accel_sleeps(void)
{
	return pci_asleep(pci_accel());
}

/* Runtime PM has as many references as before: awake while it is open, asleep when it is not. */
static void test_revocation_keeps_references(void)
{
	struct vfio vfio;
	unsigned int i;
	int dmabuf;

	dmabuf = import_bar(&vfio);
	for (i = 0; i < 3; i++) {
		cxl_reset(&vfio, false);
		vfio_set_power(&vfio, 3);
		vfio_set_power(&vfio, 0);
	}
	pci_let_sleep(pci_accel());
	usleep(200000);
	check(!accel_sleeps());
	import_end();
	close(dmabuf);
	vfio_close(&vfio);
	wait_until(accel_sleeps);
}

/* The memory's index has a dma-buf and nothing else. No other index has one of it. */
static void test_index_is_for_dma_buf_alone(void)
{
	struct vfio_region alias = { };
	struct vfio_region_info *info;
	uint32_t index, i;
	struct vfio vfio;
	void *address;
	uint8_t byte;

	vfio_open(&vfio);
	index = memory_index(&vfio);
	if (vfio.backing == VFIO_CXL_BACKING_UNCACHED)
		check_eq(index, NO_INDEX);
	else
		export(&vfio, index, 0, vfio.mem.size);
	for (i = VFIO_PCI_BAR0_REGION_INDEX; i < VFIO_PCI_ROM_REGION_INDEX; i++) {
		info = vfio_region_info(&vfio, i);
		if (!info->size && i != index)
			check_eq(__export(&vfio, i, 0, PAGE), -ENODEV);
		if (i == index) {
			check_eq(info->size, 0);
			check_eq(info->flags, 0);
			alias = (struct vfio_region) { .index = i, .offset = info->offset };
			check_eq(__vfio_read(&vfio, &alias, 0, &byte, 1), -EINVAL);
			check_eq(__vfio_write(&vfio, &alias, 0, &byte, 1), -EINVAL);
			check_eq(__vfio_mmap(&vfio, &alias, 0, PAGE, &address), -EINVAL);
		}
		free(info);
	}
	check_eq(__export(&vfio, VFIO_PCI_ROM_REGION_INDEX, 0, PAGE), -ENODEV);
	check_eq(__export(&vfio, vfio.mem.index, 0, PAGE), -EOPNOTSUPP);
	check_eq(__export(&vfio, vfio.regs.index, 0, PAGE), -ENODEV);
}

static void test_ranges_within_memory(void)
{
	struct vfio_region_dma_range twice[RANGES_MAX] = {
		{ .offset = 0, .length = 2 * PAGE }, { .offset = PAGE, .length = 2 * PAGE },
	};
	struct vfio vfio;
	uint64_t size;
	uint32_t index;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	index = memory_index(&vfio);
	size = vfio.mem.size;
	export(&vfio, index, 0, size);
	export(&vfio, index, size - PAGE, PAGE);

	check_eq(__export(&vfio, index, 0, 0), -EINVAL);
	check_eq(__export(&vfio, index, 0, PAGE / 2), -EINVAL);
	check_eq(__export(&vfio, index, PAGE / 2, PAGE), -EINVAL);
	check_eq(__export(&vfio, index, size, PAGE), -EINVAL);
	check_eq(__export(&vfio, index, size - PAGE, 2 * PAGE), -EINVAL);
	check_eq(__export(&vfio, index, 0, size + PAGE), -EINVAL);
	check_eq(__export(&vfio, index, -PAGE, PAGE), -EOVERFLOW);
	check_eq(__export(&vfio, index, PAGE, -PAGE), -EINVAL);
	check_eq(__export_ranges(&vfio, index, 0, twice), -EINVAL);

	/* One after the other, whatever they have in common. */
	check_ge(__export_ranges(&vfio, index, 2, twice), 0);
	twice[1].offset = size - PAGE;
	check_eq(__export_ranges(&vfio, index, 2, twice), -EINVAL);
}

static void reset_by_cxl(struct vfio *vfio)
{
	cxl_reset(vfio, false);
}

static void reset_by_ioctl(struct vfio *vfio)
{
	check_eq(__vfio_reset(vfio), 0);
}

static void disable_memory(struct vfio *vfio)
{
	vfio_enable(vfio, false, false);
}

static void sleep_and_wake(struct vfio *vfio)
{
	vfio_set_power(vfio, 3);
	vfio_set_power(vfio, 0);
}

/* Ways in which the user takes the memory away. */
static void (*const ends[])(struct vfio *vfio) = {
	reset_by_cxl, config_flr, reset_by_ioctl, vfio_hot_reset, disable_memory, sleep_and_wake,
};

/* All of them take it from importers, who get it back with memory enable. */
static void test_memory_revoked(void)
{
	struct vfio vfio;
	unsigned int i;

	import_memory(&vfio);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		ends[i](&vfio);
		check_eq(imported(), 0);
		vfio_enable(&vfio, true, false);
		import_map(PART);
	}
	import_end();
}

/* Nobody maps or attaches to what is revoked, by memory disable or in D3hot. */
static void test_revoked_stays_revoked(void)
{
	struct vfio vfio;
	int dmabuf, other;

	dmabuf = import_memory(&vfio);
	vfio_enable(&vfio, false, false);
	check_eq(__import_map(), -ENODEV);
	import_end();
	check_eq(__import(dmabuf), -ENODEV);
	vfio_enable(&vfio, true, false);

	vfio_set_power(&vfio, 3);
	check_eq(__import(dmabuf), -ENODEV);
	/* Not by what the VFIO core takes for the end of it. */
	vfio_enable(&vfio, false, false);
	vfio_enable(&vfio, true, false);
	check_eq(__import(dmabuf), -ENODEV);
	other = export(&vfio, memory_index(&vfio), 0, PAGE);
	check_eq(__import(other), -ENODEV);
	vfio_set_power(&vfio, 0);
	check_eq(__import(other), 0);
	import_map(PAGE);
	import_end();
}

/* A dma-buf outlives the session, of no use. */
static void test_close_revokes_memory(void)
{
	struct vfio vfio;
	int dmabuf;

	dmabuf = import_memory(&vfio);
	vfio_close(&vfio);
	check_eq(imported(), 0);
	check_eq(__import_map(), -ENODEV);
	vfio_open(&vfio);
	check_eq(__import_map(), -ENODEV);
	vfio_close(&vfio);
	pci_unbind(pci_accel());
	check_eq(__import_map(), -ENODEV);
	import_end();
	check_eq(__import(dmabuf), -ENODEV);
	pci_bind(pci_accel());
}

/* Behind a switch, p2pdma would give bus addresses, which do not lead to the memory. */
static void test_switch_refuses_sg_table(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	check_eq(__import(export(&vfio, memory_index(&vfio), 0, PART)), 0);
	check_eq(__import_map(), -EINVAL);
	import_end();
}

static int __map_file(struct vfio *vfio, int dmabuf, uint64_t start, uint64_t length)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = vfio->ioas,
		.fd = dmabuf,
		.start = start,
		.length = length,
		.iova = IOVA,
	};

	return ioctl(vfio->iommu, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

/* What comes of a copy within the bus's addresses. */
static unsigned int copy(struct accel *accel, uint64_t dst, uint64_t src, uint64_t length)
{
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_COPY, .dst = dst, .src = src, .length = length,
	};

	return accel_run(accel, &desc);
}

/* The engine reads and writes the memory at IOVA, which begins at @start of the memory. */
static void check_engine_reaches(struct accel *accel, uint64_t start, uint64_t seed)
{
	uint8_t *window = vfio_mmap(accel->vfio, &accel->vfio->mem, start, PART);

	fill_random(accel->host, PART / 2, seed);
	check_eq(copy(accel, IOVA, ACCEL_HOST_IOVA, PART / 2), CXL_ACCEL_OK);
	check_mem_eq(window, accel->host, PART / 2);
	fill_random(window + PART / 2, PART / 2, seed + 1);
	check_eq(copy(accel, ACCEL_HOST_IOVA, IOVA + PART / 2, PART / 2), CXL_ACCEL_OK);
	check_mem_eq(accel->host, window + PART / 2, PART / 2);
	munmap(window, PART);
}

static void test_iommufd_maps_memory(void)
{
	struct vfio_region_dma_range two[RANGES_MAX] = { { 0, PAGE }, { PAGE, PAGE } };
	struct accel accel;
	struct vfio vfio;
	uint32_t index;
	int dmabuf;

	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	index = memory_index(&vfio);
	dmabuf = export(&vfio, index, 0, vfio.mem.size);
	check_eq(__map_file(&vfio, dmabuf, 0, vfio.mem.size), 0);
	check_engine_reaches(&accel, 0, 1);
	vfio_dma_unmap(&vfio, IOVA, vfio.mem.size);
	check_eq(copy(&accel, ACCEL_HOST_IOVA, IOVA, PAGE), CXL_ACCEL_ERR_DMA_READ);

	/* Part of it, to its last byte, and no further. */
	check_eq(__map_file(&vfio, dmabuf, vfio.mem.size - PART, PART), 0);
	check_engine_reaches(&accel, vfio.mem.size - PART, 2);
	vfio_dma_unmap(&vfio, IOVA, PART);
	check_eq(__map_file(&vfio, dmabuf, vfio.mem.size - PART, 2 * PART), -EINVAL);
	check_eq(__map_file(&vfio, __export_ranges(&vfio, index, 2, two), 0, 2 * PAGE),
		 -EOPNOTSUPP);
}

/* Revoked is revoked for good where it was mapped; it can be mapped anew. */
static void test_iommufd_loses_memory(void)
{
	struct accel accel;
	struct vfio vfio;
	unsigned int i;
	int dmabuf;

	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	dmabuf = export(&vfio, memory_index(&vfio), 0, PART);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		check_eq(__map_file(&vfio, dmabuf, 0, PART), 0);
		check_engine_reaches(&accel, 0, i);
		ends[i](&vfio);
		vfio_enable(&vfio, true, true);
		accel_start(&accel);
		check_eq(copy(&accel, ACCEL_HOST_IOVA, IOVA, PAGE), CXL_ACCEL_ERR_DMA_READ);
		vfio_dma_unmap(&vfio, IOVA, PART);
	}
	vfio_enable(&vfio, false, true);
	check_eq(__map_file(&vfio, dmabuf, 0, PART), -ENODEV);
}

const struct test tests[] = {
	{ "cxl_reset_revokes_bar", test_cxl_reset_revokes_bar },
	{ "hung_reset_keeps_revoked", test_hung_reset_keeps_revoked },
	{ "revocation_keeps_references", test_revocation_keeps_references },
	{ "index_is_for_dma_buf_alone", test_index_is_for_dma_buf_alone },
	{ "ranges_within_memory", test_ranges_within_memory },
	{ "memory_revoked", test_memory_revoked },
	{ "revoked_stays_revoked", test_revoked_stays_revoked },
	{ "close_revokes_memory", test_close_revokes_memory },
	{ "switch_refuses_sg_table", test_switch_refuses_sg_table },
	{ "iommufd_maps_memory", test_iommufd_maps_memory },
	{ "iommufd_loses_memory", test_iommufd_loses_memory },
	{ }
};
