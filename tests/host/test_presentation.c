// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: with presentation=bar, a VMM that knows nothing of CXL finds the memory as a
 * 64-bit prefetchable BAR: it sizes, reads, writes and maps it as any BAR, loses it when memory
 * is disabled or the device reset, and has it again without a new mmap(). A guest of such a VMM
 * can start no CXL Reset, in which KVM would end the VM; nor can it with presentation=cxl.
 *
 * How: the tests make the calls that a VMM makes, and compare with what QEMU and the driver's own
 * memory region say. The machine places has memory that is no power of two, and accelerators
 * without two BARs to spare.
 *
 * Not covered: VMMs. tests/guest has the distribution's QEMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define BAR		4	/* the accelerator has 0, its upper half, and 2 */
#define BAR_AT		(PCI_BASE_ADDRESS_0 + 4 * BAR)
#define BAR_TYPE	(PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH)
#define PARAMETER	"/sys/module/cxl_vfio_pci/parameters/presentation"

static int __present(const char *as)
{
	return __write_file(pci_path(pci_accel(), "presentation"), as);
}

static void check_attribute(const char *wanted)
{
	char *is = read_file(pci_path(pci_accel(), "presentation"));

	check_str_eq(is, wanted);
	free(is);
}

/* As a VMM does; the memory is the BAR. */
static void open_bar(struct vfio *vfio)
{
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	check_eq(__present("bar"), 0);
	vfio_open_bar(vfio, BAR);
	vfio_enable(vfio, true, false);
}

static void close_bar(struct vfio *vfio)
{
	vfio_close(vfio);
	check_eq(__present("cxl"), 0);
}

static uint64_t read_bar(struct vfio *vfio, size_t width)
{
	uint64_t value = 0;
	size_t at;

	for (at = 0; at < sizeof(value); at += width)
		vfio_read(vfio, &vfio->config, BAR_AT + at, (uint8_t *)&value + at, width);
	return value;
}

static void write_bar(struct vfio *vfio, uint64_t value, size_t width)
{
	size_t at;

	for (at = 0; at < sizeof(value); at += width)
		vfio_write(vfio, &vfio->config, BAR_AT + at, (uint8_t *)&value + at, width);
}

static void test_sized_by_any_width(void)
{
	static const size_t widths[] = { 1, 2, 4, 8 };
	const uint64_t address = 0x1234500000000000;
	uint8_t header[64];
	struct vfio vfio;
	uint64_t size;
	unsigned int i;

	open_bar(&vfio);
	size = vfio.mem.size;
	check_eq(read_bar(&vfio, 8), BAR_TYPE);
	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		write_bar(&vfio, UINT64_MAX, widths[i]);
		check_eq(read_bar(&vfio, widths[i]), ~(size - 1) | BAR_TYPE);
		write_bar(&vfio, address, widths[i]);
		check_eq(read_bar(&vfio, widths[i]), address | BAR_TYPE);
	}
	/* Across the edges: the registers before and after are the core's. */
	vfio_read(&vfio, &vfio.config, 0, header, sizeof(header));
	check_mem_eq(header + BAR_AT, &(uint64_t){ address | BAR_TYPE }, sizeof(uint64_t));
	check_eq(header[BAR_AT - 4] | header[BAR_AT + 8], 0);

	/* As the other BARs: an FLR leaves what the user wrote, and an open begins anew. */
	config_flr(&vfio);
	check_eq(read_bar(&vfio, 8), address | BAR_TYPE);
	check_eq(__vfio_reset(&vfio), 0);
	check_eq(read_bar(&vfio, 8), address | BAR_TYPE);
	vfio_close(&vfio);
	open_bar(&vfio);
	check_eq(read_bar(&vfio, 8), BAR_TYPE);
	close_bar(&vfio);
}

static void test_no_word_of_cxl(void)
{
	struct vfio_device_info *device;
	struct vfio_region_info *bar;
	struct vfio vfio;

	open_bar(&vfio);
	device = vfio_device_info(&vfio);
	check_eq(device->flags & VFIO_DEVICE_FLAGS_CXL, 0);
	check(!vfio_cap(device, device->argsz, device->cap_offset, VFIO_DEVICE_INFO_CAP_CXL));
	bar = vfio_region_info(&vfio, BAR);
	check_eq(bar->size, qmp_get("hdm0-size"));
	check_eq(bar->flags & ~VFIO_REGION_INFO_FLAG_CAPS, VFIO_REGION_INFO_FLAG_READ |
		 VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP);
	check(!vfio_region_cap(bar, VFIO_REGION_INFO_CAP_SPARSE_MMAP));
	free(bar);
	free(device);
	close_bar(&vfio);

	vfio_open(&vfio);
	device = vfio_device_info(&vfio);
	check_ne(device->flags & VFIO_DEVICE_FLAGS_CXL, 0);
	free(device);
	bar = vfio_region_info(&vfio, BAR);
	check_eq(bar->size, 0);
	free(bar);
	check_eq(config_read(&vfio, BAR_AT, 4), 0);
	vfio_close(&vfio);
}

static void test_bar_is_the_memory(void)
{
	const uint64_t word = 0x1122334455667788;
	struct vfio vfio;
	volatile uint64_t *memory;
	uint64_t last, got;
	void *private;

	open_bar(&vfio);
	last = vfio.mem.size - sizeof(got);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, vfio.mem.size);
	memory[1] = word;
	memory[last / sizeof(*memory)] = ~word;
	check_eq(qmp_physical(qmp_get("hdm0-base") + 8), (uint32_t)word);
	vfio_read(&vfio, &vfio.mem, last, &got, sizeof(got));
	check_eq(got, ~word);
	vfio_write(&vfio, &vfio.mem, 8, &(uint64_t){ ~word }, sizeof(word));
	check_eq(memory[1], ~word);
	check_eq(__vfio_read(&vfio, &vfio.mem, vfio.mem.size, &got, 1), -EINVAL);

	private = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, vfio.device,
		       vfio.mem.offset);
	check_eq(private, MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, vfio.mem.size, PAGE, &private), -EINVAL);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, vfio.mem.size - PAGE, 2 * PAGE, &private), -EINVAL);

	/* As VMMs do with all of a guest's memory. */
	check_eq(__vfio_dma_map(&vfio, (void *)memory, vfio.mem.size, GIB),
		 vfio.group < 0 ? -EFAULT : 0);
	if (vfio.group >= 0)
		vfio_dma_unmap(&vfio, GIB, vfio.mem.size);
	munmap((void *)memory, vfio.mem.size);
	close_bar(&vfio);
}

/* Gone while memory is disabled, and back when it is enabled. */
static void check_disabled(struct vfio *vfio, const volatile void *memory, uint8_t wanted)
{
	uint8_t byte;

	vfio_enable(vfio, false, false);
	check(!load(memory, &byte));
	check_eq(__vfio_read(vfio, &vfio->mem, 0, &byte, 1), -EIO);
	vfio_enable(vfio, true, false);
	check(load(memory, &byte));
	check_eq(byte, wanted);
}

static void test_comes_and_goes_as_a_bar(void)
{
	volatile uint8_t *memory;
	struct vfio vfio;
	uint8_t byte;

	open_bar(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, 4 * MIB);
	memory[0] = 5;
	check_disabled(&vfio, memory, 5);
	vfio_set_power(&vfio, 3);
	check(!load(memory, &byte));
	vfio_set_power(&vfio, 0);
	check(load(memory, &byte));
	check_eq(byte, 5);
	config_flr(&vfio);
	check_disabled(&vfio, memory, 5);
	check_eq(__vfio_reset(&vfio), 0);
	check_disabled(&vfio, memory, 5);
	munmap((void *)memory, 4 * MIB);
	close_bar(&vfio);
}

/* The doorbell of a user that has not been offered it. */
static void check_no_cxl_reset(struct vfio *vfio)
{
	unsigned long resets = qmp_get("resets-cxl");

	check_eq(dvsec_read(vfio, CXLR_DVSEC_CAP) &
		 (CXLR_CAP_RESET_CAPABLE | CXLR_CAP_RESET_MEM_CLR), 0);
	dvsec_write(vfio, CXLR_DVSEC_CTRL2,
		    CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CTRL2) & CXLR_CTRL2_RESET_MEM_CLR, 0);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_STATUS2), 0);
	usleep(50000);
	check_eq(qmp_get("resets-cxl"), resets);
}

static void test_guest_starts_no_cxl_reset(void)
{
	struct events state;
	struct vfio vfio;

	open_bar(&vfio);
	check_no_cxl_reset(&vfio);
	events_get(&vfio, &state, 0);
	check_no_cxl_reset(&vfio);
	close_bar(&vfio);

	/* As stock vfio-pci opens it; until it asks for events it is no VMM that knows CXL. */
	vfio_open_bar(&vfio, 0);
	check_no_cxl_reset(&vfio);
	events_get(&vfio, &state, 0);
	check_ne(dvsec_read(&vfio, CXLR_DVSEC_CAP) & CXLR_CAP_RESET_CAPABLE, 0);
	cxl_reset(&vfio, false);
	vfio_close(&vfio);
}

static void test_changes_between_users(void)
{
	struct vfio vfio;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	check_attribute("[cxl] bar\n");
	vfio_open(&vfio);
	check_eq(__present("bar"), -EBUSY);
	vfio_close(&vfio);
	check_eq(__present("ram"), -EINVAL);
	open_bar(&vfio);
	check_attribute("cxl [bar]\n");
	check_eq(__present("cxl"), -EBUSY);
	close_bar(&vfio);

	pci_unbind(pci_accel());
	write_file(PARAMETER, "bar");
	pci_bind(pci_accel());
	write_file(PARAMETER, "cxl");
	check_attribute("cxl [bar]\n");
	vfio_open_bar(&vfio, BAR);
	check_eq(vfio.mem.size, qmp_get("hdm0-size"));
	close_bar(&vfio);
}

/* Memory of 768 MiB in a BAR of 1 GiB; the machine's first accelerator has an ACL as well. */
static void test_ones_past_the_memory(void)
{
	const struct vfio_region_info_cap_sparse_mmap *cap;
	struct vfio_region_info *bar;
	uint64_t end, got;
	struct vfio vfio;
	uint8_t *memory;
	void *address;

	open_bar(&vfio);
	end = qmp_get("hdm0-size");
	check_eq(vfio.mem.size, GIB);
	check_lt(end, vfio.mem.size);
	bar = vfio_region_info(&vfio, BAR);
	cap = vfio_region_cap(bar, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	check(cap);
	check_eq(cap->nr_areas, 1);
	check_eq(cap->areas[0].offset, 0);
	check_eq(cap->areas[0].size, end);
	free(bar);

	memory = vfio_mmap(&vfio, &vfio.mem, 0, end);
	memset(memory + end - 8, 0x11, 8);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, end - PAGE, 2 * PAGE, &address), -EINVAL);
	check_eq(__vfio_mmap(&vfio, &vfio.mem, end, PAGE, &address), -EINVAL);
	vfio_write(&vfio, &vfio.mem, end, &(uint64_t){ 0 }, sizeof(got));
	vfio_read(&vfio, &vfio.mem, end, &got, sizeof(got));
	check_eq(got, UINT64_MAX);
	vfio_read(&vfio, &vfio.mem, end - 4, &got, sizeof(got));
	check_eq(got, 0xffffffff11111111);
	vfio_write(&vfio, &vfio.mem, end - 4, &(uint64_t){ 0x2222222222222222 }, sizeof(got));
	check_eq(memory[end - 5], 0x11);
	check_eq(memory[end - 4], 0x22);
	munmap(memory, end);
	close_bar(&vfio);
}

static void test_refuse_without_bars(void)
{
	int kmsg = kmsg_open();
	char *device = strdup(pci_nth_accel(2));

	setenv("VFIO_DEVICE", device, 1);
	if (!pci_bound(device))
		pci_bind(device);
	check_eq(__present("bar"), -ENOSPC);
	check_eq(kmsg_said(kmsg, "no two adjacent BARs are free"), 1);
	check_attribute("[cxl] bar\n");
	pci_unbind(device);

	write_file(PARAMETER, "bar");
	check_ne(__pci_bind(device), 0);
	write_file(PARAMETER, "cxl");
	check_eq(kmsg_said(kmsg, "no two adjacent BARs are free"), 1);
	pci_bind(device);
	check_attribute("[cxl] bar\n");
	free(device);
}

const struct test tests[] = {
	{ "sized_by_any_width", test_sized_by_any_width },
	{ "no_word_of_cxl", test_no_word_of_cxl },
	{ "bar_is_the_memory", test_bar_is_the_memory, 60 },
	{ "comes_and_goes_as_a_bar", test_comes_and_goes_as_a_bar },
	{ "guest_starts_no_cxl_reset", test_guest_starts_no_cxl_reset },
	{ "changes_between_users", test_changes_between_users },
	{ "ones_past_the_memory", test_ones_past_the_memory },
	{ "refuse_without_bars", test_refuse_without_bars },
	{ }
};
