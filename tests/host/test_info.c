// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the driver describes the device truly: the device's flag and
 * capability, both CXL regions with their capabilities, and the sparse areas of
 * the BAR. A short buffer gets the size that it needs, and no byte more.
 *
 * How: the test compares answers with the accelerator's description
 * (cxl_accel_regs.h), and with what QEMU reports of the decoder. It asks with
 * every argsz.
 *
 * Not covered: whether the regions do what they say: the tests of each region
 * prove that.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel.h"
#include "cxl_regs.h"
#include "harness.h"
#include "qmp.h"
#include "vfio.h"

#define CM_IN_BAR	(CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET)
#define HDM_IN_CM	0x200
#define GUARD		0xa5

static const struct vfio_device_info_cap_cxl *device_cap(const struct vfio_device_info *info)
{
	const struct vfio_device_info_cap_cxl *cap;

	check(info->flags & VFIO_DEVICE_FLAGS_CAPS);
	cap = vfio_cap(info, info->argsz, info->cap_offset, VFIO_DEVICE_INFO_CAP_CXL);
	check(cap);
	check_le((const char *)(cap + 1), (const char *)info + info->argsz);
	return cap;
}

static void test_device_capability(void)
{
	const struct vfio_device_info_cap_cxl *cap;
	struct vfio_device_info *info;
	struct vfio vfio;

	vfio_open(&vfio);
	info = vfio_device_info(&vfio);
	check_eq(info->flags & 1 << 9, 1 << 9);
	check(info->flags & VFIO_DEVICE_FLAGS_PCI);
	check(info->flags & VFIO_DEVICE_FLAGS_RESET);
	check_eq(info->num_regions, VFIO_PCI_NUM_REGIONS + 2);
	check_eq(info->num_irqs, VFIO_PCI_NUM_IRQS);

	cap = device_cap(info);
	check_eq(cap->header.id, 6);
	check_eq(cap->header.version, 1);
	check_eq(cap->hdm_regs_bar_index, CXL_ACCEL_BAR);
	check_eq(cap->reserved[0] | cap->reserved[1] | cap->reserved[2], 0);
	check_eq(cap->flags, VFIO_CXL_CAP_FIRMWARE_COMMITTED | VFIO_CXL_CAP_CACHE_CAPABLE);
	check_eq(cap->hdm_regs_offset, CM_IN_BAR);
	check_eq(cap->dpa_region_index, vfio.mem.index);
	check_eq(cap->comp_regs_region_index, vfio.regs.index);
	check_ne(vfio.mem.index, vfio.regs.index);
}

/*
 * Every size from the oldest structure to one with room to spare: enough gives
 * the capability, less gives none and says how much is needed, and what lies
 * behind the user's structure stays as it was.
 */
static void test_device_argsz(void)
{
	const uint32_t smallest = offsetof(struct vfio_device_info, cap_offset);
	struct vfio_device_info *whole;
	uint32_t needed, argsz;
	struct vfio vfio;

	vfio_open(&vfio);
	whole = vfio_device_info(&vfio);
	needed = whole->argsz;

	for (argsz = smallest; argsz < needed + 64; argsz++) {
		unsigned char buf[1024];
		struct vfio_device_info *info = (void *)buf;
		size_t i;

		memset(buf, GUARD, sizeof(buf));
		check_eq(__vfio_device_info(&vfio, info, argsz), 0);
		for (i = argsz; i < sizeof(buf); i++)
			check_eq(buf[i], GUARD);
		check(info->flags & VFIO_DEVICE_FLAGS_CXL);
		check_eq(info->num_regions, whole->num_regions);
		check_eq(info->num_irqs, whole->num_irqs);
		if (argsz < sizeof(*info))
			continue;
		check_eq(info->argsz, argsz < needed ? needed : argsz);
		if (argsz < needed)
			check_eq(info->cap_offset, 0);
		else
			check_eq(device_cap(info)->dpa_region_index, vfio.mem.index);
	}

	check_eq(__vfio_device_info(&vfio, whole, smallest - 1), -EINVAL);
	check_eq(__vfio_device_info(&vfio, whole, 0), -EINVAL);
}

static void test_device_argsz_huge(void)
{
	struct vfio vfio;
	unsigned char buf[1024] = { };
	struct vfio_device_info *info = (void *)buf;

	vfio_open(&vfio);
	check_eq(__vfio_device_info(&vfio, info, UINT32_MAX), 0);
	check_eq(info->argsz, UINT32_MAX);
	check_gt(info->cap_offset, 0);
	check_lt(info->cap_offset, sizeof(buf) / 2);
	check_eq(device_cap(info)->comp_regs_region_index, vfio.regs.index);
}

/* What tests/host/run asked for, and the largest leaf that it has. */
static uint32_t wanted_backing(uint64_t size, uint64_t *leaf)
{
	const char *wanted = getenv("VFIO_BACKING");

	*leaf = size >= GIB ? GIB : 2 * MIB;
	if (!wanted || !strcmp(wanted, "pfn"))
		return VFIO_CXL_BACKING_PFN;
	if (!strcmp(wanted, "memmap"))
		return VFIO_CXL_BACKING_MEMMAP;
	if (!strcmp(wanted, "uncached"))
		return VFIO_CXL_BACKING_UNCACHED;
	*leaf = strtoull(wanted + 6, NULL, 0);
	return VFIO_CXL_BACKING_FOLIO;
}

static void test_memory_region_capability(void)
{
	const struct vfio_cxl_region_cap_memory *cap;
	struct vfio_region_info *info;
	uint32_t control, flags;
	struct vfio vfio;
	uint64_t leaf;

	vfio_open(&vfio);
	check_eq(vfio.mem.size, qmp_get("hdm0-size"));
	check_eq(vfio.mem.flags & ~VFIO_REGION_INFO_FLAG_CAPS,
		 VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		 VFIO_REGION_INFO_FLAG_MMAP);
	/* The file has room for the whole region before the next one begins. */
	check(vfio.mem.offset + vfio.mem.size <= vfio.regs.offset ||
	      vfio.regs.offset + vfio.regs.size <= vfio.mem.offset);

	info = vfio_region_info(&vfio, vfio.mem.index);
	cap = vfio_region_cap(info, VFIO_CXL_REGION_CAP_MEMORY);
	check(cap);
	control = qmp_get("hdm0-control");
	check_eq(cap->header.id, 0x1e98);
	check_eq(cap->header.version, 1);
	check_eq(cap->size, 48);
	check_eq(cap->reserved, 0);
	flags = VFIO_CXL_MEM_COMMITTED | VFIO_CXL_MEM_RESET_CLEARS;
	if (control & CXLR_HDM_CTRL_LOCK)
		flags |= VFIO_CXL_MEM_LOCKED;
	if (cap->backing == VFIO_CXL_BACKING_UNCACHED)
		flags |= VFIO_CXL_MEM_UNCACHED;
	else
		flags |= VFIO_CXL_MEM_DMABUF;
	check_eq(cap->flags, flags);
	check_eq(cap->backing, wanted_backing(vfio.mem.size, &leaf));
	check_eq(cap->coherence, VFIO_CXL_COHERENCE_HDM_D);
	check_eq(cap->dmabuf_index, cap->flags & VFIO_CXL_MEM_DMABUF ? 5 : 0);
	check_eq(cap->max_map_size, leaf);
	check_eq(cap->map_align, leaf);
}

static void test_register_region_capability(void)
{
	const struct vfio_cxl_region_cap_registers *cap;
	unsigned int decoders = cxlr_hdm_decoder_count(qmp_get("hdm-capability"));
	struct vfio_region_info *info;
	struct vfio vfio;
	uint16_t id;

	vfio_open(&vfio);
	check_eq(vfio.regs.size, HDM_IN_CM + CXLR_HDM_SIZE(decoders));
	check_eq(vfio.regs.flags & ~VFIO_REGION_INFO_FLAG_CAPS,
		 VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);

	info = vfio_region_info(&vfio, vfio.regs.index);
	cap = vfio_region_cap(info, VFIO_CXL_REGION_CAP_REGISTERS);
	check(cap);
	check_eq(cap->header.id, 0x1e99);
	check_eq(cap->header.version, 1);
	check_eq(cap->size, 32);
	check_eq(cap->reserved, 0);
	/* Upstream's numbers, with other meanings, are left alone. */
	for (id = 6; id <= 7; id++)
		check(!vfio_region_cap(info, id));
	check_eq(cap->bar, CXL_ACCEL_BAR);
	check_eq(cap->hdm_offset, HDM_IN_CM);
	check_eq(cap->offset, CM_IN_BAR);
}

/* A caller with room for no capability, or for less than all, learns the size and gets none. */
static void test_region_argsz(void)
{
	unsigned char buf[1024];
	struct vfio_region_info *info = (void *)buf;
	uint32_t indices[3], needed, argsz;
	struct vfio vfio;
	size_t n, i;

	vfio_open(&vfio);
	indices[0] = vfio.mem.index;
	indices[1] = vfio.regs.index;
	indices[2] = vfio.bar.index;
	for (n = 0; n < ARRAY_SIZE(indices); n++) {
		memset(buf, 0, sizeof(buf));
		check_eq(__vfio_region_info(&vfio, indices[n], info, sizeof(*info)), 0);
		needed = info->argsz;
		check_gt(needed, sizeof(*info));
		for (argsz = sizeof(*info); argsz < needed; argsz += 8) {
			memset(buf, GUARD, sizeof(buf));
			check_eq(__vfio_region_info(&vfio, indices[n], info, argsz), 0);
			check_eq(info->argsz, needed);
			check_eq(info->cap_offset, 0);
			for (i = argsz; i < sizeof(buf); i++)
				check_eq(buf[i], GUARD);
		}
		check_eq(__vfio_region_info(&vfio, indices[n], info, sizeof(buf)), 0);
		check(info->cap_offset);
		check_eq(__vfio_region_info(&vfio, indices[n], info, sizeof(*info) - 1), -EINVAL);
	}
	check_eq(__vfio_region_info(&vfio, VFIO_PCI_NUM_REGIONS + 2, info, sizeof(buf)), -EINVAL);
}

/* All of the BAR but the component registers. */
static void test_bar_areas_spare_registers(void)
{
	const struct vfio_region_info_cap_sparse_mmap *cap;
	struct vfio_region_info *info;
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(vfio.bar.size, CXL_ACCEL_BAR_SIZE);
	check(vfio.bar.flags & VFIO_REGION_INFO_FLAG_MMAP);
	info = vfio_region_info(&vfio, vfio.bar.index);
	cap = vfio_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	check(cap);
	check_eq(cap->header.version, 1);
	check_eq(cap->nr_areas, 2);
	check_eq(cap->areas[0].offset, 0);
	check_eq(cap->areas[0].size, CXL_ACCEL_COMPONENT_OFFSET);
	check_eq(cap->areas[1].offset, CXL_ACCEL_COMPONENT_OFFSET + CXLR_COMPONENT_SIZE);
	check_eq(cap->areas[1].size, CXL_ACCEL_BAR_SIZE - cap->areas[1].offset);
}

const struct test tests[] = {
	{ "device_capability", test_device_capability },
	{ "device_argsz", test_device_argsz },
	{ "device_argsz_huge", test_device_argsz_huge },
	{ "memory_region_capability", test_memory_region_capability },
	{ "register_region_capability", test_register_region_capability },
	{ "region_argsz", test_region_argsz },
	{ "bar_areas_spare_registers", test_bar_areas_spare_registers },
	{ }
};
