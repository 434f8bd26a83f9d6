// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a backing is what it claims, or the driver refuses it. The
 * kernel gives no reference to memory that is mapped by special entries. With
 * memmap each page frame has a struct page that is reserved, which is what KVM
 * and type 1 look at. Range registers that make the memory uncached, and struct
 * pages that do not fit, are noticed before anything is mapped. A change that
 * fails leaves the former backing.
 *
 * How: the test has the kernel take references in four ways. A module tells what
 * the kernel has for page frames. /proc/mtrr makes the memory uncached. The
 * machine intel has a small accelerator, a large one and little memory.
 *
 * Not covered: what KVM on Intel makes of it, which takes such a processor; and
 * memory encryption.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"
#include "pci.h"
#include "pin.h"
#include "qmp.h"
#include "vfio.h"

#define WINDOW		(4 * MIB)
#define FRAME		"/sys/module/frame/parameters/"
#define PARAMETER	"/sys/module/cxl_vfio_pci/parameters/backing"
/* Of an MTRR: a power of two that the memory is a multiple of, and is aligned to. */
#define RANGE		(256 * MIB)

static void test_no_reference_is_given(void)
{
	const bool by_pages = interface == INTERFACE_CDEV;
	uint8_t *memory, copy[PAGE];
	struct iovec local = { copy, PAGE }, remote;
	struct vfio vfio;
	int pipes[2], disk;

	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	memory[0] = 1;
	remote = (struct iovec) { memory, PAGE };
	check_eq(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), -1);
	check_eq(errno, EFAULT);
	check_eq(process_vm_writev(getpid(), &local, 1, &remote, 1, 0), -1);
	check_eq(errno, EFAULT);

	check_eq(pipe(pipes), 0);
	check_eq(vmsplice(pipes[1], &remote, 1, 0), -1);
	check_eq(errno, EFAULT);

	if (access("/dev/ram0", F_OK))
		check_eq(system("modprobe brd rd_nr=1 rd_size=1024"), 0);
	disk = open("/dev/ram0", O_RDWR | O_DIRECT);
	check_ge(disk, 0);
	check_eq(pread(disk, memory, PAGE, 0), -1);
	check_eq(errno, EFAULT);
	close(disk);

	check_eq(pin_io_uring(memory, PAGE), -EFAULT);

	/* IOMMUFD pins; type 1 has a way for page frames. */
	check_eq(__vfio_dma_map(&vfio, memory, WINDOW, GIB), by_pages ? -EFAULT : 0);
	check_eq(memory[0], 1);
}

static long parameter(const char *path)
{
	char *text = read_file(path);
	long value = *text == 'Y' ? 1 : *text == 'N' ? 0 : strtol(text, NULL, 0);

	free(text);
	return value;
}

static void check_frame(uint64_t address, bool valid)
{
	char text[32];

	snprintf(text, sizeof(text), "pfn=%#llx", (unsigned long long)(address / PAGE));
	module_load(MODULE_FRAME, text);
	check_eq(parameter(FRAME "valid"), valid);
	if (valid) {
		check_eq(parameter(FRAME "reserved"), 1);
		check_eq(parameter(FRAME "references"), 1);
	}
	module_unload("frame");
}

/* While the memory is mapped in each way, no process has a reference. */
static void test_struct_pages_are_reserved(void)
{
	uint64_t hpa, size;
	uint8_t *memory;
	struct vfio vfio;
	bool valid;

	vfio_open(&vfio);
	valid = vfio.backing == VFIO_CXL_BACKING_MEMMAP;
	hpa = qmp_get("hdm0-base");
	size = vfio.mem.size;
	memory = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	memory[0] = 1;
	memory[3 * PAGE] = 1;
	if (interface == INTERFACE_GROUP)
		vfio_dma_map(&vfio, memory, WINDOW, GIB);
	check_frame(hpa, valid);
	check_frame(hpa + 3 * PAGE, valid);
	check_frame(hpa + size / 2 + 5 * PAGE, valid);
	check_frame(hpa + size - PAGE, valid);
	if (interface == INTERFACE_GROUP)
		vfio_dma_unmap(&vfio, GIB, WINDOW);
	check_frame(hpa, valid);
}

/* A mapping keeps the device open, so none is left. */
static void touch(struct vfio *vfio)
{
	uint8_t *memory = vfio_mmap(vfio, &vfio->mem, 0, WINDOW);

	memory[0] = 1;
	check_eq(memory[0], 1);
	check_eq(munmap(memory, WINDOW), 0);
}

/* What the CXL core queues then would hit the next binding (pci_unbind()). */
static void check_bind_fails(const char *device)
{
	check_lt(__pci_bind(device), 0);
	write_file("/sys/bus/cxl/flush", "1");
}

static void check_backing(const char *device, const char *name)
{
	char *now = read_file(pci_path(device, "backing"));

	check_has(now, name);
	free(now);
}

/* The type by which the PAT code has the start of a range; static. */
static const char *type_in_pat(uint64_t start)
{
	char *list = read_file("/sys/kernel/debug/x86/pat_memtype_list"), *line, *next;
	unsigned long long from, to;
	static char type[32];

	*type = '\0';
	for (line = strtok_r(list, "\n", &next); line; line = strtok_r(NULL, "\n", &next))
		if (sscanf(line, "PAT: [mem %llx-%llx] %31s", &from, &to, type) == 3 &&
		    from <= start && start < to)
			break;
	check_msg(line, "PAT's list does not have %#llx", (unsigned long long)start);
	free(list);
	return type;
}

static uint32_t flags_of(struct vfio *vfio)
{
	struct vfio_region_info *info = vfio_region_info(vfio, vfio->mem.index);
	const struct vfio_cxl_region_cap_memory *cap =
		vfio_region_cap(info, VFIO_CXL_REGION_CAP_MEMORY);
	uint32_t flags = cap->flags;

	free(info);
	return flags;
}

static void write_mtrr(const char *text)
{
	int mtrr = open("/proc/mtrr", O_WRONLY);

	check_ge(mtrr, 0);
	check_eq(write(mtrr, text, strlen(text)), strlen(text));
	close(mtrr);
}

/* Of the range register that begins at an address. */
static int mtrr_of(uint64_t start)
{
	char *list = read_file("/proc/mtrr"), *line, *next;
	int found = -1;

	for (line = strtok_r(list, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		unsigned long long base;
		int number;

		if (sscanf(line, "reg%d: base=%llx", &number, &base) == 2 && base == start)
			found = number;
	}
	free(list);
	return found;
}

/* memremap() and memremap_pages() are silent about it. */
static void test_uncached_by_range_registers(void)
{
	uint64_t hpa = qmp_get("hdm0-base");
	struct vfio vfio;
	char text[96];
	int kmsg;

	unsetenv("VFIO_BACKING");
	write_file(PARAMETER, "pfn");
	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	snprintf(text, sizeof(text), "base=%#llx size=%#llx type=uncachable\n",
		 (unsigned long long)hpa, RANGE);
	write_mtrr(text);
	kmsg = kmsg_open();
	pci_bind(pci_accel());
	check_eq(kmsg_said(kmsg, "is uncached by the processors' range registers"), 1);
	vfio_open(&vfio);
	check_eq(vfio.backing, VFIO_CXL_BACKING_PFN);
	check_eq(flags_of(&vfio) & VFIO_CXL_MEM_UNCACHED, VFIO_CXL_MEM_UNCACHED);
	touch(&vfio);
	check_str_eq(type_in_pat(hpa), "uncached-minus");
	vfio_close(&vfio);

	/* KVM could take them for write-back all the same. */
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "memmap"), -EOPNOTSUPP);
	check_backing(pci_accel(), "[pfn]");
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "folio"), -EOPNOTSUPP);
	check_backing(pci_accel(), "[pfn]");
	write_file(pci_path(pci_accel(), "backing"), "uncached");
	vfio_open(&vfio);
	check_eq(flags_of(&vfio) & VFIO_CXL_MEM_UNCACHED, VFIO_CXL_MEM_UNCACHED);
	vfio_close(&vfio);

	pci_unbind(pci_accel());
	write_file(PARAMETER, "memmap");
	kmsg = kmsg_open();
	check_bind_fails(pci_accel());
	check_eq(kmsg_said(kmsg, "cannot map memory"), 1);
	write_file(PARAMETER, "auto");

	snprintf(text, sizeof(text), "disable=%d\n", mtrr_of(hpa));
	write_mtrr(text);
	kmsg = kmsg_open();
	pci_bind(pci_accel());
	check_eq(kmsg_said(kmsg, "range registers"), 0);
	vfio_open(&vfio);
	check_eq(flags_of(&vfio) & VFIO_CXL_MEM_UNCACHED, 0);
	touch(&vfio);
	check_str_eq(type_in_pat(hpa), "write-back");
}

static bool is_intel(void)
{
	char *text = read_file("/proc/cpuinfo");
	bool intel = strstr(text, "GenuineIntel");

	free(text);
	return intel;
}

/* At bind, and when the attribute is written. */
static void test_auto_by_processor(void)
{
	const char *name = is_intel() ? "memmap" : "pfn";
	char chosen[16], line[32];
	struct vfio vfio;
	int kmsg;

	unsetenv("VFIO_BACKING");
	snprintf(chosen, sizeof(chosen), "[%s]", name);
	snprintf(line, sizeof(line), "backing %s: ", name);
	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	write_file(PARAMETER, "auto");
	kmsg = kmsg_open();
	pci_bind(pci_accel());
	check_eq(kmsg_said(kmsg, line), 1);
	check_backing(pci_accel(), chosen);
	vfio_open(&vfio);
	check_eq(vfio.backing, is_intel() ? VFIO_CXL_BACKING_MEMMAP : VFIO_CXL_BACKING_PFN);
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "auto"), -EBUSY);
	vfio_close(&vfio);

	write_file(pci_path(pci_accel(), "backing"), "uncached");
	write_file(pci_path(pci_accel(), "backing"), "auto");
	check_backing(pci_accel(), chosen);

	/* What it would choose again, whichever way that came, is not made anew. */
	kmsg_said(kmsg, line);
	write_file(pci_path(pci_accel(), "backing"), "auto");
	write_file(pci_path(pci_accel(), "backing"), name);
	write_file(pci_path(pci_accel(), "backing"), "auto");
	check_eq(kmsg_said(kmsg, line), 0);
	check_backing(pci_accel(), chosen);
	close(kmsg);
}

#define FAILSLAB	"/sys/kernel/debug/failslab/"

/*
 * Allocations of memremap_pages() fail while the probability is 100, its own and of what it calls:
 * kmemleak's, which has a pool, too. /proc/kallsyms is sorted by address.
 */
static void aim_failslab(void)
{
	char *symbols = read_file("/proc/kallsyms"), start[32], end[32];
	char *at = strstr(symbols, " memremap_pages\n"), *next;

	check(at);
	next = strchr(at, '\n') + 1;
	while (at > symbols && at[-1] != '\n')
		at--;
	snprintf(start, sizeof(start), "0x%.16s", at);
	snprintf(end, sizeof(end), "0x%.16s", next);
	free(symbols);
	write_file(FAILSLAB "require-start", start);
	write_file(FAILSLAB "require-end", end);
	write_file(FAILSLAB "ignore-gfp-wait", "N");
	write_file(FAILSLAB "verbose", "0");
	write_file(FAILSLAB "times", "-1");
}

/* pfn in place of memmap, because struct pages could not be had. */
static void check_fell_back(int kmsg)
{
	write_file(FAILSLAB "probability", "0");
	check_eq(kmsg_said_error(kmsg, "by backing memmap (-ENOMEM)"), 1);
	check_backing(pci_accel(), "[pfn]");
}

/* At bind, and when the attribute is written: pfn for now, and memmap when that can be had. */
static void test_auto_falls_back_to_pfn(void)
{
	int kmsg = kmsg_open(), reason = kmsg_open();
	struct vfio vfio;

	unsetenv("VFIO_BACKING");
	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	write_file(PARAMETER, "auto");
	aim_failslab();
	write_file(FAILSLAB "probability", "100");
	pci_bind(pci_accel());
	check_fell_back(kmsg);
	vfio_open(&vfio);
	check_eq(vfio.backing, VFIO_CXL_BACKING_PFN);
	touch(&vfio);
	vfio_close(&vfio);

	write_file(FAILSLAB "probability", "100");
	write_file(pci_path(pci_accel(), "backing"), "auto");
	check_fell_back(kmsg);
	check_eq(kmsg_said(reason, "backing pfn: memmap, which KVM"), 2);
	write_file(pci_path(pci_accel(), "backing"), "auto");
	check_backing(pci_accel(), "[memmap]");
	close(kmsg);
	close(reason);
}

/*
 * Without PAT the page table says write-back or uncached, and no list of the kernel's stands
 * against two types at once. Each backing is what it says.
 */
static void test_types_without_pat(void)
{
	static const struct {
		const char *name;
		uint32_t backing;
		bool uncached;
	} cases[] = {
		{ "pfn", VFIO_CXL_BACKING_PFN, false },
		{ "memmap", VFIO_CXL_BACKING_MEMMAP, false },
		{ "uncached", VFIO_CXL_BACKING_UNCACHED, true },
		{ "folio", VFIO_CXL_BACKING_FOLIO, false },
		{ "pfn", VFIO_CXL_BACKING_PFN, false },
	};
	struct vfio vfio;
	size_t i;

	check_eq(access("/sys/kernel/debug/x86/pat_memtype_list", F_OK), -1);
	unsetenv("VFIO_BACKING");
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		note("%s", cases[i].name);
		pci_forget_type1();
		write_file(pci_path(pci_accel(), "backing"), cases[i].name);
		vfio_open(&vfio);
		check_eq(vfio.backing, cases[i].backing);
		check_eq(!!(flags_of(&vfio) & VFIO_CXL_MEM_UNCACHED), cases[i].uncached);
		touch(&vfio);
		vfio_close(&vfio);
	}
}

static unsigned long available(void)
{
	char *text = read_file("/proc/meminfo"), *at = strstr(text, "MemAvailable:");
	unsigned long kib;

	check(at);
	kib = strtoul(at + strlen("MemAvailable:"), NULL, 0);
	free(text);
	return kib;
}

/* Not after all memory is gone, and other processes with it. */
static void test_no_room_for_struct_pages(void)
{
	char *large = strdup(pci_nth_accel(1));
	unsigned long before;
	int kmsg = kmsg_open();

	write_file(PARAMETER, "auto");
	pci_bind(large);
	check_eq(kmsg_said(kmsg, "struct pages of memory"), 1);
	check_backing(large, "[pfn]");
	/* Nor is pfn made anew when auto would choose it again. */
	write_file(pci_path(large, "backing"), "auto");
	check_eq(kmsg_said(kmsg, "backing pfn: "), 0);
	check_backing(large, "[pfn]");
	before = available();
	kmsg = kmsg_open();
	check_eq(__write_file(pci_path(large, "backing"), "memmap"), -ENOMEM);
	check_eq(kmsg_said_error(kmsg, "struct pages of memory"), 1);
	check_backing(large, "[pfn]");
	write_file(pci_path(large, "folio_size"), "4K");
	check_eq(__write_file(pci_path(large, "backing"), "folio"), -ENOMEM);
	check_backing(large, "[pfn]");
	check_gt(available(), before / 2);
	pci_unbind(large);

	write_file(PARAMETER, "memmap");
	check_bind_fails(large);
	write_file(PARAMETER, "auto");
	pci_bind(large);
	check_backing(large, "[pfn]");
	pci_unbind(large);
	free(large);
}

/* The size of the memory, or its place, is no multiple of 1 GiB. */
static void test_failed_change_keeps_backing(void)
{
	static const char *const names[] = { "pfn", "uncached", "memmap" };
	char wanted[16];
	struct vfio vfio;
	size_t i;

	unsetenv("VFIO_BACKING");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!pci_bound(pci_accel()))
			pci_bind(pci_accel());
		write_file(pci_path(pci_accel(), "folio_size"), "1G");
		write_file(pci_path(pci_accel(), "backing"), names[i]);
		check_eq(__write_file(pci_path(pci_accel(), "backing"), "folio"), -EINVAL);
		snprintf(wanted, sizeof(wanted), "[%s]", names[i]);
		check_backing(pci_accel(), wanted);
		vfio_open(&vfio);
		touch(&vfio);
		vfio_close(&vfio);
	}
}

const struct test tests[] = {
	{ "no_reference_is_given", test_no_reference_is_given },
	{ "struct_pages_are_reserved", test_struct_pages_are_reserved },
	{ "uncached_by_range_registers", test_uncached_by_range_registers },
	{ "auto_by_processor", test_auto_by_processor },
	{ "auto_falls_back_to_pfn", test_auto_falls_back_to_pfn },
	{ "types_without_pat", test_types_without_pat },
	{ "no_room_for_struct_pages", test_no_room_for_struct_pages },
	{ "failed_change_keeps_backing", test_failed_change_keeps_backing },
	{ }
};
