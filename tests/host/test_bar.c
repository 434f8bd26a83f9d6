// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a user may read and write the whole BAR except the component
 * registers. Those read as zero and take no write, ARB/MUX included. No write to
 * the BAR, to the register region or to the CXL DVSECs reaches the device's own
 * decoders.
 *
 * How: the tests read and write at the edges of the registers, by read(), write()
 * and mmap(). A storm of random writes follows. QEMU reports the registers, and
 * the number of writes that it has seen.
 *
 * Not covered: other BARs, and the MSI-X table, which the VFIO core guards.
 * test_places.c has the registers elsewhere in a BAR. test_engine.c uses the
 * engine's registers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel.h"
#include "harness.h"
#include "qmp.h"
#include "regs.h"

#define BLOCK		CXL_ACCEL_COMPONENT_OFFSET
#define BLOCK_END	(BLOCK + CXLR_COMPONENT_SIZE)
#define ARB_MUX		(BLOCK + CXL_ACCEL_ARB_MUX_SCRATCH)

static const uint8_t zero[CXLR_COMPONENT_SIZE];

static void test_component_registers_read_zero(void)
{
	static const size_t lens[] = { 1, 2, 3, 4, 8, 13, 100 };
	static uint8_t buf[CXLR_COMPONENT_SIZE];
	struct vfio vfio;
	uint64_t offset;
	size_t i;

	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (offset = BLOCK; offset + lens[i] <= BLOCK_END; offset += 2519) {
			memset(buf, 0x55, sizeof(buf));
			vfio_read(&vfio, &vfio.bar, offset, buf, lens[i]);
			check_mem_eq(buf, zero, lens[i]);
		}
	memset(buf, 0x55, sizeof(buf));
	vfio_read(&vfio, &vfio.bar, BLOCK, buf, sizeof(buf));
	check_mem_eq(buf, zero, sizeof(buf));
}

/* An access over an edge is an access to each side: beside are pages that keep bytes. */
static void test_access_across_edges(void)
{
	uint8_t ones[32], buf[32];
	struct vfio vfio;

	vfio_open(&vfio);
	memset(ones, 0xff, sizeof(ones));
	vfio_write(&vfio, &vfio.bar, BLOCK - 16, ones, sizeof(ones));
	vfio_read(&vfio, &vfio.bar, BLOCK - 16, buf, sizeof(buf));
	check_mem_eq(buf, ones, 16);
	check_mem_eq(buf + 16, zero, 16);

	vfio_write(&vfio, &vfio.bar, BLOCK_END - 16, ones, sizeof(ones));
	vfio_read(&vfio, &vfio.bar, BLOCK_END - 16, buf, sizeof(buf));
	check_mem_eq(buf, zero, 16);
	check_mem_eq(buf + 16, ones, 16);
}

/* 8.2.5: what is there has to do with the link, which is the host's. */
static void test_arb_mux_takes_no_pwrite(void)
{
	uint32_t was = qmp_get("arb-mux-scratch"), other = ~was;
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_write(&vfio, &vfio.bar, ARB_MUX, &other, sizeof(other));
	check_eq(qmp_get("arb-mux-scratch"), was);
}

static void test_arb_mux_takes_no_store(void)
{
	uint32_t was = qmp_get("arb-mux-scratch");
	struct vfio vfio;
	void *address;
	int ret;

	vfio_open(&vfio);
	ret = __vfio_mmap(&vfio, &vfio.bar, ARB_MUX & ~(PAGE - 1ull), PAGE, &address);
	if (!ret)
		((volatile uint32_t *)address)[ARB_MUX % PAGE / sizeof(uint32_t)] = ~was;
	check_eq(qmp_get("arb-mux-scratch"), was);
	check_eq(ret, -EINVAL);
}

static void test_access_at_bar_end(void)
{
	uint8_t buf[32];
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(__vfio_read(&vfio, &vfio.bar, CXL_ACCEL_BAR_SIZE - 4, buf, 8), 4);
	check_eq(__vfio_read(&vfio, &vfio.bar, CXL_ACCEL_BAR_SIZE, buf, 4), -EINVAL);
	check_eq(__vfio_write(&vfio, &vfio.bar, CXL_ACCEL_BAR_SIZE, buf, 4), -EINVAL);
}

static void test_identity_page_values(void)
{
	volatile uint32_t *page;
	uint64_t size;
	struct vfio vfio;

	vfio_open(&vfio);
	page = vfio_mmap(&vfio, &vfio.bar, CXL_ACCEL_ID_OFFSET, CXL_ACCEL_PAGE_SIZE);
	check_eq(page[CXL_ACCEL_ID_MAGIC / 4], CXL_ACCEL_MAGIC);
	check_eq(page[CXL_ACCEL_ID_VERSION / 4], CXL_ACCEL_VERSION);
	check_eq(page[CXL_ACCEL_ID_VECTORS / 4], CXL_ACCEL_VECTORS);
	size = page[CXL_ACCEL_ID_MEM_SIZE_LOW / 4] |
	       (uint64_t)page[CXL_ACCEL_ID_MEM_SIZE_HIGH / 4] << 32;
	check_eq(size, vfio.mem.size);
	check_eq(vfio_read32(&vfio, &vfio.bar, CXL_ACCEL_ID_OFFSET + CXL_ACCEL_ID_MAGIC),
		 CXL_ACCEL_MAGIC);
}

/* A page that can be written: by either way, seen by the other. */
static void test_scratch_page_by_every_way(void)
{
	uint8_t want[64], got[64];
	volatile uint32_t *page;
	struct vfio vfio;
	size_t i;

	vfio_open(&vfio);
	page = vfio_mmap(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET, CXL_ACCEL_SCRATCH_SIZE);
	for (i = 0; i < 16; i++)
		page[i] = 0x01010101 * i;
	for (i = 0; i < 16; i++)
		check_eq(vfio_read32(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET + i * 4),
			 0x01010101 * i);
	fill_random(want, sizeof(want), 1);
	vfio_write(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET + 3, want, 61);
	vfio_read(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET + 3, got, 61);
	check_mem_eq(got, want, 61);
	check_eq(page[1] >> 24, want[4]);
}

/* As many tries as it takes to hit each register in each width, several times. */
#define TRIES	3000

static void storm_bar(struct vfio *vfio, uint64_t *seed)
{
	uint8_t buf[64];
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		uint64_t dice = random64(seed);
		size_t len = 1 + dice % 16;
		uint64_t span = dice & 1 << 7 ? CXLR_COMPONENT_SIZE : CXLR_CM_OFFSET + CXLR_CM_SIZE;
		uint64_t offset = BLOCK - 8 + (dice >> 8) % (span + 8);

		fill_random(buf, sizeof(buf), dice);
		vfio_write(vfio, &vfio->bar, offset, buf, len);
	}
}

static void storm_registers(struct vfio *vfio, uint64_t *seed)
{
	unsigned int i;

	for (i = 0; i < TRIES; i++) {
		uint32_t value = random64(seed);

		vfio_write(vfio, &vfio->regs, random64(seed) % (vfio->regs.size / 4) * 4, &value,
			   sizeof(value));
	}
}

/*
 * Every CXL DVSEC, from its header on, but for the doorbells of the device's
 * own Control2: they are to reach it (test_dvsec.c, test_cxl_reset.c).
 */
static void storm_dvsecs(struct vfio *vfio, uint64_t *seed)
{
	const uint32_t doorbells = DVSEC_AT + CXLR_DVSEC_CTRL2;
	unsigned int i;

	for (i = 0; i < 3 * TRIES; i++) {
		uint64_t value = random64(seed), dice = random64(seed);
		size_t width = 1u << dice % 3;
		uint32_t at = DVSEC_AT + (dice >> 8) % ((LOCATOR_END - DVSEC_AT) / width) * width;

		if (at > doorbells || at + width <= doorbells)
			vfio_write(vfio, &vfio->config, at, &value, width);
	}
}

/* The writes that would do most harm, by name. */
static void storm_aimed(struct vfio *vfio)
{
	static const uint32_t offsets[] = {
		CXLR_HDM_CTRL(0), CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_BASE_LOW(0), CXLR_HDM_BASE_HIGH(0),
		CXLR_HDM_SIZE_LOW(0), CXLR_HDM_SIZE_HIGH(0),
	};
	static const uint32_t values[] = { 0, 0xffffffff, CXLR_HDM_CTRL_COMMIT };
	struct vfio_region_info *info = vfio_region_info(vfio, vfio->regs.index);
	const struct vfio_cxl_region_cap_registers *cap =
		vfio_region_cap(info, VFIO_CXL_REGION_CAP_REGISTERS);
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			uint32_t offset = cap->hdm_offset + offsets[i];

			vfio_write(vfio, &vfio->regs, offset, &values[j], 4);
			vfio_write(vfio, &vfio->bar, cap->offset + offset, &values[j], 4);
		}
	free(info);
}

static void test_writes_never_reach_hardware(void)
{
	struct qmp_state before, after;
	uint64_t writes, seed = 7;
	uint8_t byte = 0x77, got;
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_write(&vfio, &vfio.mem, 0, &byte, 1);
	qmp_state_read(&before);
	writes = qmp_get("hdm-writes");

	storm_aimed(&vfio);
	storm_bar(&vfio, &seed);
	storm_registers(&vfio, &seed);
	storm_dvsecs(&vfio, &seed);

	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_eq(qmp_get("hdm-writes"), writes);
	vfio_read(&vfio, &vfio.mem, 0, &got, 1);
	check_eq(got, byte);
}

/* The witness is one: a write that does come is counted. */
static void test_hardware_write_is_counted(void)
{
	uint64_t writes = qmp_get("hdm-writes");
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(__vfio_hot_reset(&vfio), 0);
	/* The driver has restored the decoder. */
	check_gt(qmp_get("hdm-writes"), writes);
}

const struct test tests[] = {
	{ "component_registers_read_zero", test_component_registers_read_zero },
	{ "access_across_edges", test_access_across_edges },
	{ "arb_mux_takes_no_pwrite", test_arb_mux_takes_no_pwrite },
	{ "arb_mux_takes_no_store", test_arb_mux_takes_no_store },
	{ "access_at_bar_end", test_access_at_bar_end },
	{ "identity_page_values", test_identity_page_values },
	{ "scratch_page_by_every_way", test_scratch_page_by_every_way },
	{ "writes_never_reach_hardware", test_writes_never_reach_hardware },
	{ "hardware_write_is_counted", test_hardware_write_is_counted },
	{ }
};
