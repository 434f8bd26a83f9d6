// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a user reaches all of each BAR but the component registers,
 * wherever in which BAR those are: at its start, at its end, or filling it. If the
 * device declares what is safe (CXL 3.1, 8.2.6), the user reaches nothing else. A BAR
 * that something has cleared is restored, wherever it is.
 *
 * How: the machine has an accelerator for each place, and one more. The test maps, reads and
 * writes at both edges of the registers, where the accelerator has a page that
 * keeps what is written. QEMU reports a register that the device has there.
 *
 * Not covered: registers in the middle of a BAR: test_bar.c, test_mmap.c and
 * test_info.c, with more of each.
 */
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "cxl_regs.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "vfio.h"

/* In the order of the machine's description, after the accelerator with an ACL. */
static const struct place {
	unsigned int bar;
	uint64_t start, size;	/* of the component registers; of the BAR */
} places[] = {
	{ CXL_ACCEL_BAR, CXL_ACCEL_BAR_SIZE - CXLR_COMPONENT_SIZE, CXL_ACCEL_BAR_SIZE },
	{ CXL_ACCEL_COMPONENT_BAR, 0, 2 * CXLR_COMPONENT_SIZE },
	{ CXL_ACCEL_COMPONENT_BAR, 0, CXLR_COMPONENT_SIZE },
	{ CXL_ACCEL_COMPONENT_BAR, 0, 4096 * MIB },
};

static const char *accel_with_acl(void)
{
	return pci_nth_accel(0);
}

static const char *accel_of_place(unsigned int n)
{
	return pci_nth_accel(n + 1);
}

static uint64_t place_end(const struct place *place)
{
	return place->start + CXLR_COMPONENT_SIZE;
}

static void check_maps(struct vfio *vfio, uint64_t offset, size_t len, bool can)
{
	void *address;

	check_eq(__vfio_mmap(vfio, &vfio->bar, offset, len, &address), can ? 0 : -EINVAL);
	if (can)
		munmap(address, len);
}

static void check_mappings(struct vfio *vfio, const struct place *place)
{
	uint64_t end = place_end(place), offset;

	for (offset = place->start; offset < end; offset += PAGE)
		check_maps(vfio, offset, PAGE, false);
	check_maps(vfio, 0, place->size, false);
	if (place->start) {
		check_maps(vfio, 0, place->start, true);
		check_maps(vfio, place->start - PAGE, 2 * PAGE, false);
	}
	if (end < place->size) {
		check_maps(vfio, end, place->size - end, true);
		check_maps(vfio, end - PAGE, 2 * PAGE, false);
	}
}

static void check_info(struct vfio *vfio, const struct place *place)
{
	struct vfio_region_info *info = vfio_region_info(vfio, vfio->bar.index);
	const struct vfio_region_info_cap_sparse_mmap *cap =
		vfio_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);

	check_eq(info->size, place->size);
	if (place->size == CXLR_COMPONENT_SIZE) {
		check(!cap);
		check_eq(info->flags & VFIO_REGION_INFO_FLAG_MMAP, 0);
	} else {
		check(cap);
		check_eq(cap->nr_areas, 1);
		check_eq(cap->areas[0].offset, place->start ? 0 : CXLR_COMPONENT_SIZE);
		check_eq(cap->areas[0].size, place->size - CXLR_COMPONENT_SIZE);
		check_ne(info->flags & VFIO_REGION_INFO_FLAG_MMAP, 0);
	}
	free(info);
}

/* Bytes from @offset on are as written, or read as zero. */
static void check_range(struct vfio *vfio, uint64_t offset, size_t len, uint8_t byte)
{
	uint8_t got[16], want[16];

	memset(want, byte, len);
	vfio_read(vfio, &vfio->bar, offset, got, len);
	check_mem_eq(got, want, len);
}

static void check_accesses(struct vfio *vfio, const struct place *place)
{
	static uint8_t ones[CXLR_COMPONENT_SIZE + 16];
	uint64_t end = place_end(place);
	uint8_t got[16];

	memset(ones, 0xff, sizeof(ones));
	if (place->start) {
		vfio_write(vfio, &vfio->bar, place->start - 8, ones, 16);
		check_range(vfio, place->start - 8, 8, 0xff);
	}
	vfio_write(vfio, &vfio->bar, place->start, ones, CXLR_COMPONENT_SIZE);
	check_range(vfio, place->start, 16, 0);
	check_range(vfio, place->start + CXL_ACCEL_ARB_MUX_SCRATCH, 4, 0);
	if (end < place->size) {
		vfio_write(vfio, &vfio->bar, end - 8, ones, 16);
		check_range(vfio, end - 8, 8, 0);
		check_range(vfio, end, 8, 0xff);
	} else {
		check_eq(__vfio_read(vfio, &vfio->bar, end - 8, got, 16), 8);
		check_eq(__vfio_write(vfio, &vfio->bar, end - 8, ones, 16), 8);
		check_eq(__vfio_read(vfio, &vfio->bar, end, got, 4), -EINVAL);
	}
}

/* The other BARs are the user's: the identity page and the engine work. */
static void check_engine(struct vfio *vfio)
{
	struct vfio_region bar = vfio->bar;
	struct cxl_accel_desc desc = { .op = CXL_ACCEL_OP_NOP };
	struct vfio_region_info *info;
	struct accel accel;

	info = vfio_region_info(vfio, VFIO_PCI_BAR0_REGION_INDEX + CXL_ACCEL_BAR);
	vfio->bar = (struct vfio_region){ info->index, info->flags, info->size, info->offset };
	check_eq(info->size, CXL_ACCEL_BAR_SIZE);
	free(info);
	accel_open(&accel, vfio);
	check_eq(accel_run(&accel, &desc), CXL_ACCEL_OK);
	munmap((void *)accel.engine, CXL_ACCEL_PAGE_SIZE);
	vfio->bar = bar;
}

static void check_place(unsigned int n)
{
	const struct place *place = &places[n];
	char *device = strdup(accel_of_place(n));
	uint64_t scratch;
	struct vfio vfio;

	note("%s: BAR %u, %#llx of %#llx bytes", device, place->bar,
	     (unsigned long long)place->start, (unsigned long long)place->size);
	setenv("VFIO_DEVICE", device, 1);
	vfio_open(&vfio);
	check_eq(vfio.bar.index, VFIO_PCI_BAR0_REGION_INDEX + place->bar);
	scratch = pci_bar(device, place->bar) + place->start + CXL_ACCEL_ARB_MUX_SCRATCH;
	check_eq(qmp_physical(scratch), 0);
	check_info(&vfio, place);
	check_mappings(&vfio, place);
	check_accesses(&vfio, place);
	check_engine(&vfio);
	check_eq(qmp_physical(scratch), 0);
	vfio_close(&vfio);
	free(device);
}

static void test_user_reaches_the_rest(void)
{
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(places); n++)
		check_place(n);
}

/* The first range begins with the component registers. */
static void check_safe_areas(struct vfio *vfio)
{
	const uint64_t engine = CXL_ACCEL_COMPONENT_OFFSET + CXLR_COMPONENT_SIZE;
	struct vfio_region_info *info = vfio_region_info(vfio, vfio->bar.index);
	const struct vfio_region_info_cap_sparse_mmap *cap =
		vfio_region_cap(info, VFIO_REGION_INFO_CAP_SPARSE_MMAP);

	check(cap);
	check_eq(cap->nr_areas, 2);
	check_eq(cap->areas[0].offset, CXL_ACCEL_ACL_SAFE_0);
	check_eq(cap->areas[0].size, CXL_ACCEL_ACL_SAFE_0_SIZE);
	check_eq(cap->areas[1].offset, engine);
	check_eq(cap->areas[1].size, CXL_ACCEL_ACL_SAFE_1 + CXL_ACCEL_ACL_SAFE_1_SIZE - engine);
	check_maps(vfio, cap->areas[0].offset, cap->areas[0].size, true);
	check_maps(vfio, cap->areas[1].offset, cap->areas[1].size, true);
	check_maps(vfio, cap->areas[0].size - PAGE, 2 * PAGE, false);
	check_maps(vfio, cap->areas[0].size, PAGE, false);
	check_maps(vfio, engine - PAGE, PAGE, false);
	check_maps(vfio, cap->areas[1].offset + cap->areas[1].size, PAGE, false);
	free(info);
}

/* 8.2.6: what the device does not declare safe is no more the user's than its registers. */
static void test_user_reaches_what_is_safe(void)
{
	const uint64_t unsafe = CXL_ACCEL_COMPONENT_OFFSET - PAGE;
	struct vfio_region table = { .index = CXL_ACCEL_MSIX_BAR };
	struct vfio_region_info *info;
	uint32_t other = 0x12345678;
	struct vfio vfio;

	setenv("VFIO_DEVICE", accel_with_acl(), 1);
	vfio_open(&vfio);
	check_safe_areas(&vfio);

	/* A page in two places of the BAR; of these one is safe. */
	vfio_write(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET, &other, sizeof(other));
	check_eq(vfio_read32(&vfio, &vfio.bar, unsafe), 0);
	vfio_write(&vfio, &vfio.bar, unsafe, "gone", 4);
	check_eq(vfio_read32(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET), other);
	check_eq(vfio_read32(&vfio, &vfio.bar, CXL_ACCEL_COMPONENT_OFFSET + CXLR_COMPONENT_SIZE),
		 other);
	check_eq(vfio_read32(&vfio, &vfio.bar, CXL_ACCEL_ACL_OFFSET), 0);
	check_engine(&vfio);

	/* A BAR that is not declared; the VFIO core has ones for the MSI-X table. */
	info = vfio_region_info(&vfio, table.index);
	check_eq(info->flags & VFIO_REGION_INFO_FLAG_MMAP, 0);
	table.offset = info->offset;
	check_eq(vfio_read32(&vfio, &table, 0), 0);
	free(info);
}

/* What the VFIO core is lent at open it does not release at close. */
static void test_unbind_after_use_frees_bars(void)
{
	char *device;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(places); n++) {
		check_place(n);
		device = strdup(accel_of_place(n));
		pci_unbind(device);
		pci_bind(device);
		check_place(n);
		free(device);
	}
}

/* 8.1.9.1: past the end of the BAR, and in a BAR that the device does not have. */
static void test_refuse_acl_outside_bar(void)
{
	const uint32_t acl = CXLR_REG_LOCATOR_ID_ACL << CXLR_REG_LOCATOR_ID_SHIFT;
	const uint32_t wrong[] = { CXL_ACCEL_BAR_SIZE | CXL_ACCEL_BAR | acl, 5 | acl };
	uint32_t right = qmp_get("acl-locator");
	char *device = strdup(accel_with_acl());
	unsigned int i, said[ARRAY_SIZE(wrong)];
	int kmsg, ret[ARRAY_SIZE(wrong)];

	pci_unbind(device);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		kmsg = kmsg_open();
		qmp_set32("acl-locator", wrong[i]);
		ret[i] = __pci_bind(device);
		said[i] = kmsg_said_error(kmsg, "BAR Virtualization ACL at");
		close(kmsg);
		if (pci_bound(device))
			pci_unbind(device);
	}
	qmp_set32("acl-locator", right);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		check_lt(ret[i], 0);
		check_eq(said[i], 1);
	}
	pci_bind(device);
	free(device);
}

static uint64_t host_bar(const char *device, unsigned int bar)
{
	uint8_t config[PAGE];
	uint64_t value;

	pci_config(device, config);
	memcpy(&value, config + PCI_BASE_ADDRESS_0 + bar * sizeof(uint32_t), sizeof(value));
	return value & ~0xfull;
}

static void clear_bar(const char *device, unsigned int bar)
{
	const uint64_t zero = 0;
	int config = open(pci_path(device, "config"), O_WRONLY | O_CLOEXEC);

	check_ge(config, 0);
	check_eq(pwrite(config, &zero, sizeof(zero),
			PCI_BASE_ADDRESS_0 + bar * sizeof(uint32_t)), sizeof(zero));
	close(config);
	check_eq(host_bar(device, bar), 0);
}

/* After FLR the PCI core restores what it found. The last BAR has no bit in its lower half. */
static void test_cleared_bar_is_restored(void)
{
	char *device;
	unsigned int n;

	for (n = 0; n < ARRAY_SIZE(places); n++) {
		device = strdup(accel_of_place(n));
		if (!pci_bound(device))
			pci_bind(device);
		note("%s: BAR %u at %#llx", device, places[n].bar,
		     (unsigned long long)pci_bar(device, places[n].bar));
		clear_bar(device, places[n].bar);
		pci_reset(device, "flr");
		check_eq(host_bar(device, places[n].bar), pci_bar(device, places[n].bar));
		free(device);
	}
	check_eq(pci_bar(accel_of_place(n - 1), places[n - 1].bar) & UINT32_MAX, 0);
}

const struct test tests[] = {
	{ "user_reaches_the_rest", test_user_reaches_the_rest },
	{ "user_reaches_what_is_safe", test_user_reaches_what_is_safe },
	{ "unbind_after_use_frees_bars", test_unbind_after_use_frees_bars },
	{ "refuse_acl_outside_bar", test_refuse_acl_outside_bar },
	{ "cleared_bar_is_restored", test_cleared_bar_is_restored },
	{ }
};
