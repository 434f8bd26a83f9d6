// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that was written for version 2 of the VFIO CXL patch series, and what the tests of its
 * newest version ask of a driver. docs/uapi.md has the differences (Beside the patch series); where
 * this driver differs, a test here says how. The hole that covers a whole BAR is test_places.c's.
 *
 * That this file compiles shows that the names of both headers go together.
 */
#include "series_v2.h"

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "harness.h"
#include "pci.h"
#include "regs.h"
#include "vfio.h"

#define PLACE		0x400000000ull	/* GPA */
#define PIECE		(64 * KIB)	/* several pages */

/* The structure of vfio_cxl.h; its guards leave out what series_v2.h has. */
static_assert(sizeof(struct vfio_device_info_cap_cxl) == 32, "version 2's layout");

/* The index's region, as version 2 has it: it is found by the device's capability. */
static struct vfio_region_info region_of(int device, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	check_eq(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info), 0);
	return info;
}

static uint32_t read_register(int device, const struct vfio_region_info *regs, uint64_t offset)
{
	uint32_t value;

	check_eq(pread(device, &value, 4, regs->offset + offset), 4);
	return value;
}

static void write_register(int device, const struct vfio_region_info *regs, uint64_t offset,
			   uint32_t value)
{
	check_eq(pwrite(device, &value, 4, regs->offset + offset), 4);
}

/* Where the capability array (8.2.4.1) has the HDM Decoder capability. */
static uint32_t find_hdm(int device, const struct vfio_region_info *regs)
{
	uint32_t head = read_register(device, regs, 0), n, entry;

	for (n = 1; n <= head >> 24; n++) {
		entry = read_register(device, regs, 4 * n);
		if ((entry & 0xffff) == 5)
			return entry >> 20;
	}
	check_msg(false, "the HDM Decoder capability is in the array");
	return 0;
}

/* It asks for no events, programs decoder 0, commits it, and uses the memory. */
static void test_version_2_program(void)
{
	union {
		struct vfio_device_info info;
		uint8_t room[256];
	} answer = { .info.argsz = sizeof(answer) };
	const struct vfio_device_info_cap_cxl *cap;
	struct vfio_region_info mem, regs;
	struct vfio vfio;
	uint32_t hdm;
	uint8_t *at, byte;
	int device;

	vfio_open(&vfio);
	device = vfio.device;
	check_eq(ioctl(device, VFIO_DEVICE_GET_INFO, &answer), 0);
	check(answer.info.flags & VFIO_DEVICE_FLAGS_CXL);
	cap = vfio_cap(&answer, answer.info.argsz, answer.info.cap_offset,
		       VFIO_DEVICE_INFO_CAP_CXL);
	check(cap);
	check_eq(cap->header.version, 1);
	check(cap->flags & VFIO_CXL_CAP_FIRMWARE_COMMITTED);

	mem = region_of(device, cap->dpa_region_index);
	regs = region_of(device, cap->comp_regs_region_index);
	at = mmap(NULL, mem.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, mem.offset);
	check(at != MAP_FAILED);
	hdm = find_hdm(device, &regs);
	write_register(device, &regs, hdm + 0x10, (uint32_t)PLACE);
	write_register(device, &regs, hdm + 0x14, PLACE >> 32);
	write_register(device, &regs, hdm + 0x18, (uint32_t)mem.size);
	write_register(device, &regs, hdm + 0x1c, mem.size >> 32);
	/* Commit; the rest of Control is kept. */
	write_register(device, &regs, hdm + 0x20,
		       read_register(device, &regs, hdm + 0x20) | 1 << 9);
	check_eq(read_register(device, &regs, hdm + 0x20) & 3 << 10, 1 << 10);
	write_register(device, &regs, hdm + 4, 1 << 1);
	check_eq(read_register(device, &regs, hdm + 4), 1 << 1);

	at[PIECE] = 0x5a;
	check_eq(pread(device, &byte, 1, mem.offset + PIECE), 1);
	check_eq(byte, 0x5a);
	check_eq(munmap(at, mem.size), 0);
}

/* The decoder, virtual and physical, is as before, and the memory can be reached. */
static void check_decoder_kept(struct vfio *vfio)
{
	uint64_t value = 0;

	check(hdm_read(vfio, CXLR_HDM_CTRL(0)) & CXLR_HDM_CTRL_COMMITTED);
	check_eq(hdm_base(vfio), PLACE);
	vfio_read(vfio, &vfio->mem, PIECE, &value, sizeof(value));
	check_eq(value, PLACE);
}

static void open_placed(struct vfio *vfio)
{
	uint64_t value = PLACE;

	vfio_open(vfio);
	hdm_place(vfio, PLACE, vfio->mem.size, 0);
	vfio_write(vfio, &vfio->mem, PIECE, &value, sizeof(value));
}

static void test_d3hot_keeps_decoder(void)
{
	struct vfio vfio;
	unsigned int i;

	open_placed(&vfio);
	for (i = 0; i < 3; i++) {
		vfio_set_power(&vfio, 3);
		vfio_set_power(&vfio, 0);
		check_decoder_kept(&vfio);
	}
}

/* VFIO's low power would lose the decoder, so it is not offered. */
static void test_low_power_is_not_offered(void)
{
	static const uint32_t features[] = {
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
		VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
		VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
	};
	struct vfio vfio;
	size_t i;

	open_placed(&vfio);
	for (i = 0; i < ARRAY_SIZE(features); i++) {
		struct vfio_device_feature feature = {
			.argsz = sizeof(feature),
			.flags = VFIO_DEVICE_FEATURE_SET | features[i],
		};

		check_eq(ioctl(vfio.device, VFIO_DEVICE_FEATURE, &feature), -1);
		check_eq(errno, ENOTTY);
		check_decoder_kept(&vfio);
	}
}

/* What a user leaves in configuration space is not there for the next, nor in the device. */
static void test_close_restores_configuration(void)
{
	static const struct { uint32_t at, width, value; } left[] = {
		{ PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER },
		{ PCI_CACHE_LINE_SIZE, 1, 0x3c },
		{ PCI_INTERRUPT_LINE, 1, 0x77 },
		{ EXP_AT + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_RELAX_EN },
		{ PCI_BASE_ADDRESS_0, 4, 0x12340000 },
	};
	uint32_t before[ARRAY_SIZE(left)];
	uint8_t physical[2][PAGE];
	struct vfio vfio;
	size_t i;

	pci_config(pci_accel(), physical[0]);
	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(left); i++) {
		before[i] = config_read(&vfio, left[i].at, left[i].width);
		config_write(&vfio, left[i].at, left[i].width, left[i].value);
	}
	vfio_close(&vfio);
	pci_config(pci_accel(), physical[1]);
	check_mem_eq(physical[1], physical[0], PCI_STD_HEADER_SIZEOF);
	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(left); i++)
		check_eq(config_read(&vfio, left[i].at, left[i].width), before[i]);
}

/* read() and write() of the region, whose buffer is a mapping of the region: each faults there. */
static void test_buffer_in_own_mapping(void)
{
	uint8_t pattern[PIECE];
	struct vfio vfio;
	uint8_t *at;
	size_t i;

	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = i * 7 + i / 256;
	vfio_open(&vfio);
	vfio_write(&vfio, &vfio.mem, 0, pattern, PIECE);
	at = vfio_mmap_at(&vfio, 0, 4 * MIB, PAGE);
	vfio_read(&vfio, &vfio.mem, 0, at + MIB, PIECE);
	check_mem_eq(at + MIB, pattern, PIECE);
	check_eq(munmap(at, 4 * MIB), 0);
	at = vfio_mmap_at(&vfio, 0, 4 * MIB, PAGE);
	vfio_write(&vfio, &vfio.mem, 2 * MIB, at + MIB, PIECE);
	check_mem_eq(at + 2 * MIB, pattern, PIECE);
}

/* The series reads several registers at once; here each has its width, or it is EINVAL. */
static void test_one_register_an_access(void)
{
	uint32_t values[4];
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(__vfio_read(&vfio, &vfio.regs, HDM_AT, values, sizeof(values)), -EINVAL);
	check_eq(__vfio_read(&vfio, &vfio.regs, HDM_AT, values, 8), -EINVAL);
	check_eq(__vfio_read(&vfio, &vfio.regs, HDM_AT, values, 4), 4);
}

/* In the series the registers follow Memory Space Enable, and the memory does not. */
static void test_memory_follows_memory_enable(void)
{
	struct vfio vfio;
	uint8_t byte;

	open_placed(&vfio);
	vfio_enable(&vfio, false, false);
	check_eq(__vfio_read(&vfio, &vfio.mem, 0, &byte, 1), -EIO);
	check_eq(hdm_base(&vfio), PLACE);
	vfio_enable(&vfio, true, false);
	check_decoder_kept(&vfio);
}

const struct test tests[] = {
	{ "version_2_program", test_version_2_program },
	{ "d3hot_keeps_decoder", test_d3hot_keeps_decoder },
	{ "low_power_is_not_offered", test_low_power_is_not_offered },
	{ "close_restores_configuration", test_close_restores_configuration },
	{ "buffer_in_own_mapping", test_buffer_in_own_mapping },
	{ "one_register_an_access", test_one_register_an_access },
	{ "memory_follows_memory_enable", test_memory_follows_memory_enable },
	{ }
};
