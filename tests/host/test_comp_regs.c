// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual component registers: which accesses they take, what they show at
 * open, and that nowhere in what the device's file gives to a user is there
 * the host's address of the memory, which QEMU tells.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accel.h"
#include "cxl_regs.h"
#include "harness.h"
#include "qmp.h"
#include "vfio.h"

/* Capabilities of the accelerator, in the CM block (docs/accelerator.md). */
#define RAS	0x080
#define HDM	0x200

static void test_bad_access(void)
{
	static const struct {
		uint64_t offset;
		size_t len;
	} bad[] = {
		{ 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 5 }, { 0, 7 }, { 0, 8 }, { 0, 16 }, { 0, 4096 },
		{ 1, 4 }, { 2, 4 }, { 3, 4 }, { HDM + 2, 4 }, { HDM + 0x10, 8 }, { HDM + 0x14, 8 },
		{ HDM + 1, 1 }, { HDM + 2, 2 },
		{ HDM + CXLR_HDM_SIZE(1), 4 }, { HDM + CXLR_HDM_SIZE(1) - 2, 4 },
		{ HDM + CXLR_HDM_SIZE(1) - 4, 8 }, { 0x1000, 4 }, { 1ull << 32, 4 },
		{ (1ull << 40) - 4, 4 },
	};
	uint8_t buf[4096] = { };
	struct vfio vfio;
	size_t i;

	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ssize_t got = __vfio_read(&vfio, &vfio.regs, bad[i].offset, buf, bad[i].len);
		ssize_t put = __vfio_write(&vfio, &vfio.regs, bad[i].offset, buf, bad[i].len);

		if (got != -EINVAL || put != -EINVAL)
			fail(__FILE__, __LINE__, "%zu bytes at %#llx: read gives %zd, write %zd",
			     bad[i].len, (unsigned long long)bad[i].offset, got, put);
	}
}

static void test_bad_pointer(void)
{
	void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(__vfio_read(&vfio, &vfio.regs, 0, nowhere, 4), -EFAULT);
	check_eq(__vfio_write(&vfio, &vfio.regs, HDM + CXLR_HDM_BASE_LOW(0), nowhere, 4), -EFAULT);
}

/* What is offered, in the device's order and at its places; nothing of the rest. */
static void test_capability_array(void)
{
	static const struct {
		unsigned int id, at, size;
	} offered[] = {
		{ CXLR_CAP_ID_RAS, RAS, CXLR_RAS_SIZE },
		{ CXLR_CAP_ID_HDM, HDM, CXLR_HDM_SIZE(1) },
	};
	uint32_t array, header, offset;
	struct vfio vfio;
	size_t i;

	vfio_open(&vfio);
	array = vfio_read32(&vfio, &vfio.regs, CXLR_CAP_ARRAY);
	check_eq(array & CXLR_CAP_ID, CXLR_CAP_ID_ARRAY);
	check((array & CXLR_CAP_VERSION) >> CXLR_CAP_VERSION_SHIFT);
	check((array & CXLR_CAP_ARRAY_CM_VERSION) >> CXLR_CAP_ARRAY_CM_VERSION_SHIFT);
	check_eq((array & CXLR_CAP_ARRAY_SIZE) >> CXLR_CAP_ARRAY_SIZE_SHIFT, ARRAY_SIZE(offered));
	offset = CXLR_CAP_HEADER(ARRAY_SIZE(offered));
	for (i = 0; i < ARRAY_SIZE(offered); i++) {
		header = vfio_read32(&vfio, &vfio.regs, CXLR_CAP_HEADER(i));
		check_eq(header & CXLR_CAP_ID, offered[i].id);
		check((header & CXLR_CAP_VERSION) >> CXLR_CAP_VERSION_SHIFT);
		check_eq(header >> CXLR_CAP_POINTER_SHIFT, offered[i].at);
		for (; offset < offered[i].at; offset += 4)
			check_eq(vfio_read32(&vfio, &vfio.regs, offset), 0);
		offset += offered[i].size;
	}
	check_eq(offset, vfio.regs.size);
}

static void test_decoder_at_open(void)
{
	uint32_t capability, control;
	struct vfio vfio;

	vfio_open(&vfio);
	capability = vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_CAP);
	check_eq(cxlr_hdm_decoder_count(capability), 1);
	check_eq((capability & CXLR_HDM_CAP_COHERENCY) >> CXLR_HDM_CAP_COHERENCY_SHIFT, 1);
	check_eq(vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_BASE_LOW(0)), 0);
	check_eq(vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_BASE_HIGH(0)), 0);
	check_eq(vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_SIZE_LOW(0)),
		 (uint32_t)vfio.mem.size);
	check_eq(vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_SIZE_HIGH(0)), vfio.mem.size >> 32);
	check_eq(vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_DPA_SKIP_LOW(0)), 0);
	check_eq(vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_DPA_SKIP_HIGH(0)), 0);
	control = vfio_read32(&vfio, &vfio.regs, HDM + CXLR_HDM_CTRL(0));
	check_eq(control & (CXLR_HDM_CTRL_LOCK | CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED |
			    CXLR_HDM_CTRL_ERROR | CXLR_HDM_CTRL_HOSTONLY), 0);
}

/* Nothing that one user wrote is there for the next. */
static void test_fresh_at_open(void)
{
	uint32_t before[(HDM + CXLR_HDM_SIZE(1)) / 4], value = 0xffffffff;
	struct vfio vfio;
	uint32_t i;

	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(before); i++)
		before[i] = vfio_read32(&vfio, &vfio.regs, i * 4);
	for (i = 0; i < ARRAY_SIZE(before); i++)
		vfio_write(&vfio, &vfio.regs, i * 4, &value, sizeof(value));
	vfio_close(&vfio);

	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(before); i++)
		check_eq(vfio_read32(&vfio, &vfio.regs, i * 4), before[i]);
}

/* Fails if two neighbouring registers hold an address, whichever comes first. */
static void check_without(const char *what, const uint32_t *words, size_t count, uint64_t address)
{
	const uint32_t low_mask = CXLR_HDM_LOW_MASK;
	uint32_t low = address, high = address >> 32;
	size_t i;

	/* With a zero on one side every empty page would match. */
	check(low & low_mask && high);
	for (i = 0; i + 1 < count; i++)
		if (((words[i] & low_mask) == low && words[i + 1] == high) ||
		    (words[i] == high && (words[i + 1] & low_mask) == low))
			fail(__FILE__, __LINE__, "%s has the host's address at %#zx", what, i * 4);
}

static void check_region_without(struct vfio *vfio, const char *what,
				 const struct vfio_region *region, size_t at_once, uint64_t address)
{
	uint32_t *words = calloc(1, region->size);
	uint64_t offset;

	for (offset = 0; offset < region->size; offset += at_once)
		vfio_read(vfio, region, offset, (char *)words + offset, at_once);
	check_without(what, words, region->size / 4, address);
	free(words);
}

static void test_no_host_address(void)
{
	uint64_t address = qmp_get("hdm0-base");
	struct vfio vfio;

	check(address);
	vfio_open(&vfio);
	check_region_without(&vfio, "configuration space", &vfio.config, 4, address);
	check_region_without(&vfio, "the register region", &vfio.regs, 4, address);
	check_region_without(&vfio, "the BAR", &vfio.bar, 4096, address);
}

const struct test tests[] = {
	{ "bad_access", test_bad_access },
	{ "bad_pointer", test_bad_pointer },
	{ "capability_array", test_capability_array },
	{ "decoder_at_open", test_decoder_at_open },
	{ "fresh_at_open", test_fresh_at_open },
	{ "no_host_address", test_no_host_address },
	{ }
};
