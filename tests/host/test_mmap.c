// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the driver refuses each mapping that it cannot keep true. Every
 * other mapping is filled with the largest leaves that fit, and never reaches
 * past the region's end.
 *
 * How: the test counts faults twice. The driver's tracepoint is one count; the
 * kernel's count of minor faults, which knows nothing of the driver, is the
 * other.
 *
 * Not covered: what the mapped bytes are: test_memory.c. Faults against resets:
 * test_races.c and test_reset.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel.h"
#include "cxl_regs.h"
#include "harness.h"
#include "pci.h"
#include "vfio.h"
#include "vfiocxl.h"

#define BLOCK		CXL_ACCEL_COMPONENT_OFFSET
#define BLOCK_END	(BLOCK + CXLR_COMPONENT_SIZE)
#define COMMAND_ROUNDS	500
#define COMMAND_WRITES	50
#define REGION_SPAN	(1ull << 40)	/* of the device's file that each region has */

struct writer {
	struct vfio *vfio;
	atomic_bool stop;
	atomic_ulong writes;
};

/* Refused, with EINVAL, whatever the protection. */
static void check_refused(struct vfio *vfio, const struct vfio_region *region, uint64_t offset,
			  size_t len, int flags)
{
	static const int protections[] = { PROT_READ, PROT_READ | PROT_WRITE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(protections); i++) {
		void *address = mmap(NULL, len, protections[i], flags, vfio->device,
				     region->offset + offset);

		check_msg(address == MAP_FAILED && errno == EINVAL,
			  "mmap of %#zx bytes at %#llx of region %u: %s", len,
			  (unsigned long long)offset, region->index,
			  address == MAP_FAILED ? strerror(errno) : "done");
	}
}

static void test_past_end_is_refused(void)
{
	struct vfio vfio;
	uint64_t size;

	vfio_open(&vfio);
	size = vfio.mem.size;
	check_refused(&vfio, &vfio.mem, size, PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.mem, size - PAGE, 2 * PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.mem, 0, size + PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.mem, 2 * size, PAGE, MAP_SHARED);
	/* The last page is still in. */
	munmap(vfio_mmap(&vfio, &vfio.mem, size - PAGE, PAGE), PAGE);
}

/* Sums that run out of the region's part of the file, or around the end of all offsets. */
static void test_overflow_is_refused(void)
{
	const struct vfio_region all = { };
	struct vfio vfio;

	vfio_open(&vfio);
	check_refused(&vfio, &vfio.mem, REGION_SPAN - PAGE, PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.mem, REGION_SPAN - PAGE, 2 * PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.mem, PAGE, REGION_SPAN, MAP_SHARED);
	check_refused(&vfio, &all, INT64_MAX - 2 * PAGE + 1, PAGE, MAP_SHARED);
}

static void test_private_is_refused(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	check_refused(&vfio, &vfio.mem, 0, PAGE, MAP_PRIVATE);
	check_refused(&vfio, &vfio.mem, 0, 2 * MIB, MAP_PRIVATE);
}

static void test_register_region_is_refused(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	check_refused(&vfio, &vfio.regs, 0, PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.regs, 0, PAGE, MAP_PRIVATE);
}

static void test_component_registers_are_refused(void)
{
	struct vfio vfio;
	uint64_t offset;

	vfio_open(&vfio);
	for (offset = BLOCK; offset < BLOCK_END; offset += PAGE)
		check_refused(&vfio, &vfio.bar, offset, PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.bar, BLOCK - PAGE, 2 * PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.bar, BLOCK_END - PAGE, 2 * PAGE, MAP_SHARED);
	check_refused(&vfio, &vfio.bar, 0, CXL_ACCEL_BAR_SIZE, MAP_SHARED);
	munmap(vfio_mmap(&vfio, &vfio.bar, BLOCK - PAGE, PAGE), PAGE);
	munmap(vfio_mmap(&vfio, &vfio.bar, BLOCK_END, PAGE), PAGE);
}

/* A tracing instance of this test's own. */
#define TRACE		"/sys/kernel/tracing/instances/vfio-cxl-test"

static void trace_start(void)
{
	rmdir(TRACE);
	check_eq(mkdir(TRACE, 0700), 0);
	write_file(TRACE "/buffer_size_kb", "1024");
	write_file(TRACE "/events/cxl_vfio/cxl_vfio_fault/enable", "1");
}

/* Faults since the start that made a mapping, by its order; the pages mapped besides theirs. */
static unsigned int trace_stop(unsigned int *by_order, size_t orders)
{
	unsigned int ahead = 0;
	char *text, *line, *next;

	write_file(TRACE "/events/cxl_vfio/cxl_vfio_fault/enable", "0");
	text = read_file(TRACE "/trace");
	memset(by_order, 0, orders * sizeof(*by_order));
	for (line = strtok_r(text, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		char *order = strstr(line, "order=");

		if (!order || !strstr(line, "ret=NOPAGE"))
			continue;
		check_lt(strtoul(order + 6, NULL, 10), orders);
		by_order[strtoul(order + 6, NULL, 10)]++;
		ahead += strtoul(strstr(line, "ahead=") + 6, NULL, 10);
	}
	free(text);
	rmdir(TRACE);
	return ahead;
}

/* Of what a fault of 4 KiB maps at most. */
#define WINDOW		(64 * PAGE)

enum { ORDER_4K = 0, ORDER_2M = 9, ORDER_1G = 18, ORDERS };

/* Map at a user address that is @shift past a multiple of 1 GiB. */
static uint8_t *map_at(struct vfio *vfio, uint64_t offset, size_t len, size_t shift)
{
	uint8_t *start = (uint8_t *)vfio_reserve(len + shift, GIB) + shift;
	void *address = mmap(start, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     vfio->device, vfio->mem.offset + offset);

	check_eq(address, start);
	return address;
}

/*
 * Touch every page; how many faults of which order that took, and no more than @most in all.
 * Return: the pages that faults for other ones mapped.
 */
static unsigned int count_faults(const volatile uint8_t *memory, size_t len, long most,
				 unsigned int *by_order)
{
	unsigned int i, ahead, traced = 0;
	long faults;
	size_t at;

	trace_start();
	faults = minor_faults();
	for (at = 0; at < len; at += PAGE)
		(void)memory[at];
	faults = minor_faults() - faults;
	ahead = trace_stop(by_order, ORDERS);

	for (i = 0; i < ORDERS; i++)
		traced += by_order[i];
	note("%llu MiB: %ld faults; traced %u of 4 KiB, %u of 2 MiB, %u of 1 GiB",
	     len / MIB, faults, by_order[ORDER_4K], by_order[ORDER_2M], by_order[ORDER_1G]);
	check_gt(traced, 0);
	check_le(traced, most);
	check_le(faults, most);
	/* The tracepoint misses nothing. */
	check_ge(traced, faults);
	return ahead;
}

static void test_2m_faults(void)
{
	unsigned int by_order[ORDERS];
	struct vfio vfio;

	vfio_open(&vfio);
	count_faults(map_at(&vfio, 2 * MIB, 512 * MIB, 4 * MIB), 512 * MIB, 256, by_order);
	check_eq(by_order[ORDER_1G], 0);
	check_eq(by_order[ORDER_4K], 0);
}

static void test_1g_faults(void)
{
	unsigned int by_order[ORDERS];
	struct vfio vfio;

	vfio_open(&vfio);
	count_faults(map_at(&vfio, GIB, GIB, 0), GIB, 4, by_order);
	check_eq(by_order[ORDER_1G], 1);
}

/* A write to a leaf that only reads made, in a VMA whose writes soft-dirty is to be told of. */
static void test_soft_dirty_keeps_writable(void)
{
	const size_t lens[] = { 2 * MIB, GIB };
	struct vfio vfio;
	unsigned int i;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		volatile uint8_t *memory = map_at(&vfio, 0, lens[i], 0);

		memory[0] = 1;
		write_file("/proc/self/clear_refs", "4");
		memory[0] = 2;
		vfio_enable(&vfio, false, false);
		vfio_enable(&vfio, true, false);
		check_eq(memory[0], 2);
		memory[0] = 3;
		check_eq(memory[0], 3);
		munmap((void *)memory, lens[i]);
	}
}

/* Address and offset never agree on more than a page: a fault maps a window of 64. */
static void test_4k_faults(void)
{
	unsigned int by_order[ORDERS], ahead;
	const size_t len = 4 * MIB;
	struct vfio vfio;

	vfio_open(&vfio);
	ahead = count_faults(map_at(&vfio, 0, len, PAGE), len, len / WINDOW + 1, by_order);
	check_eq(by_order[ORDER_4K], len / WINDOW + 1);
	check_eq(by_order[ORDER_4K] + ahead, len / PAGE);
}

/* In brackets, among the values of an attribute; free() it. */
static char *chosen(const char *path)
{
	char *text = read_file(path), *start = strchr(text, '['), *end = strchr(text, ']'), *name;

	check(start && end);
	name = strndup(start + 1, end - start - 1);
	free(text);
	return name;
}

/*
 * The administrator has no transparent huge pages. That is not for page frames and DAX, so leaves
 * are as large as ever, but not where type 1 is refused (vma_file_bypass_thp_tuneables()).
 */
static void test_leaves_without_thp(void)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char *before = chosen(path), *type1;
	unsigned int by_order[ORDERS];
	const size_t len = 8 * MIB;
	unsigned int order, faults;
	struct vfio vfio;

	vfio_open(&vfio);
	type1 = chosen(pci_path(pci_accel(), "type1_dma"));
	order = ORDER_2M;
	if (!strcmp(type1, "refuse") && vfio.backing != VFIO_CXL_BACKING_MEMMAP)
		order = ORDER_4K;
	/* None maps ahead where a large leaf would fit. */
	faults = len / (order == ORDER_2M ? 2 * MIB : PAGE);
	write_file(path, "never");
	count_faults(map_at(&vfio, 0, len, 0), len, faults, by_order);
	write_file(path, before);
	check_eq(by_order[order], faults);
	free(before);
	free(type1);
}

/* A mapping of 1 GiB must not reach past either end of a VMA that is a page short at both. */
static void test_unaligned_length(void)
{
	unsigned int by_order[ORDERS], ahead;
	const size_t len = 6 * MIB - 2 * PAGE;
	struct vfio vfio;
	uint8_t *memory;
	uint8_t byte;

	vfio_open(&vfio);
	memory = map_at(&vfio, PAGE, len, PAGE);
	ahead = count_faults(memory, len, 2 * 8 + 1, by_order);
	check_eq(by_order[ORDER_2M], 1);
	check_eq(by_order[ORDER_4K], 2 * 8);
	check_eq(by_order[ORDER_4K] + ahead, 2 * 511);

	/* And the bytes are the right ones, at the ends and in the middle. */
	memory[0] = 1;
	memory[3 * MIB] = 2;
	memory[len - 1] = 3;
	vfio_read(&vfio, &vfio.mem, PAGE, &byte, 1);
	check_eq(byte, 1);
	vfio_read(&vfio, &vfio.mem, PAGE + 3 * MIB, &byte, 1);
	check_eq(byte, 2);
	vfio_read(&vfio, &vfio.mem, PAGE + len - 1, &byte, 1);
	check_eq(byte, 3);
}

/* The library finds the memory, and an address that makes for the largest leaves. */
static void test_library_aligns_for_leaves(void)
{
	struct vfio_cxl_memory memory;
	unsigned int by_order[ORDERS];
	struct vfio vfio;
	uint8_t *address;

	vfio_open(&vfio);
	check_eq(vfio_cxl_memory_get(vfio.device, &memory), 0);
	check_eq(memory.offset, vfio.mem.offset);
	check_eq(memory.size, vfio.mem.size);
	check_eq(memory.backing, vfio.backing);
	check(memory.flags & VFIO_CXL_MEM_COMMITTED);

	address = vfio_cxl_mmap(vfio.device, &memory, 0, GIB, PROT_READ | PROT_WRITE);
	check_ne(address, MAP_FAILED);
	count_faults(address, GIB, 1, by_order);
	check_eq(by_order[ORDER_1G], 1);
	/* Between two leaves of its own, pages. */
	address = vfio_cxl_mmap(vfio.device, &memory, GIB + 2 * MIB - PAGE, 2 * MIB + 2 * PAGE,
				PROT_READ | PROT_WRITE);
	check_ne(address, MAP_FAILED);
	count_faults(address, 2 * MIB + 2 * PAGE, 3, by_order);
	check_eq(by_order[ORDER_2M], 1);
	/* Nothing beside a mapping is left of the room for it. */
	check_eq(msync(address - PAGE, PAGE, MS_ASYNC), -1);
	check_eq(errno, ENOMEM);

	check_eq(vfio_cxl_mmap(vfio.device, &memory, memory.size, PAGE, PROT_READ), MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(vfio_cxl_mmap(vfio.device, &memory, PAGE, memory.size, PROT_READ), MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(vfio_cxl_mmap(vfio.device, &memory, 0, 0, PROT_READ), MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(vfio_cxl_mmap(vfio.device, &memory, 1, PAGE, PROT_READ), MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(vfio_cxl_memory_get(vfio.iommu, &memory), -ENOTTY);
}

/*
 * A mapping that has leaves of 1 GiB stays where it is: the kernel's mremap()
 * loses them, and leaves them in the TLB. One that has none moves, but not to
 * where it would get any.
 */
static void test_mremap_never_loses_1g_leaves(void)
{
	struct vfio vfio;
	uint8_t *memory, *moved;

	vfio_open(&vfio);
	memory = map_at(&vfio, 0, GIB, 0);
	memory[0] = 1;
	check_eq(mremap(memory, GIB, GIB, MREMAP_MAYMOVE | MREMAP_FIXED, vfio_reserve(GIB, GIB)),
		 MAP_FAILED);
	check_eq(errno, EINVAL);
	check(mremap(memory, GIB, GIB, MREMAP_MAYMOVE | MREMAP_FIXED,
		     (uint8_t *)vfio_reserve(2 * GIB, GIB) + 2 * MIB) == MAP_FAILED);
	check_eq(errno, EINVAL);
	check_eq(mremap(memory, 2 * MIB, 2 * MIB, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), MAP_FAILED);
	check_eq(memory[0], 1);
	check_eq(munmap(memory, GIB), 0);

	memory = map_at(&vfio, 0, GIB, 2 * MIB);
	check_eq(memory[0], 1);
	memory[3 * MIB] = 2;
	check_eq(mremap(memory, GIB, GIB, MREMAP_MAYMOVE | MREMAP_FIXED, vfio_reserve(GIB, GIB)),
		 MAP_FAILED);
	check_eq(errno, EINVAL);
	moved = mremap(memory, GIB, GIB, MREMAP_MAYMOVE | MREMAP_FIXED,
		       (uint8_t *)vfio_reserve(2 * GIB, GIB) + PAGE);
	check_ne(moved, MAP_FAILED);
	check_eq(moved[0], 1);
	check_eq(moved[3 * MIB], 2);
	/* What is too small for one goes anywhere. */
	moved = mremap(moved, 4 * MIB, 4 * MIB, MREMAP_MAYMOVE | MREMAP_FIXED,
		       vfio_reserve(GIB, GIB));
	check_ne(moved, MAP_FAILED);
	check_eq(moved[3 * MIB], 2);
	/* Nothing grows past what was asked for. */
	check_eq(mremap(moved, 4 * MIB, 8 * MIB, MREMAP_MAYMOVE), MAP_FAILED);
}

/* Write to COMMAND what is there, again and again. */
static void *write_command(void *data)
{
	struct writer *writer = data;

	while (!atomic_load(&writer->stop)) {
		vfio_enable(writer->vfio, true, true);
		atomic_fetch_add(&writer->writes, 1);
	}
	return NULL;
}

/*
 * Nothing changes, so nobody may lose the memory over it: not a load, and not
 * those who look the entries up by themselves, as type 1 does, and KVM in the
 * same way. IOMMUFD pins pages, which this memory has not.
 */
static void test_same_command_keeps_mappings(void)
{
	struct vfio vfio;
	struct writer writer = { .vfio = &vfio };
	char *type1 = read_file(pci_path(pci_accel(), "type1_dma"));
	int wanted = strstr(type1, "[refuse]") ? -EFAULT : 0;
	uint8_t *memory, byte;
	pthread_t thread;
	unsigned int i;

	free(type1);
	vfio_open(&vfio);
	vfio_enable(&vfio, true, true);
	memory = map_at(&vfio, 0, 4 * MIB, PAGE);
	check_eq(pthread_create(&thread, NULL, write_command, &writer), 0);
	/* One processor may do all its rounds in its turn, before another does anything. */
	for (i = 0; i < COMMAND_ROUNDS || atomic_load(&writer.writes) < COMMAND_WRITES; i++) {
		if (vfio.group >= 0) {
			check_eq(__vfio_dma_map(&vfio, memory, 16 * PAGE, GIB), wanted);
			if (!wanted)
				vfio_dma_unmap(&vfio, GIB, 16 * PAGE);
		}
		check(load(memory + i % (4 * MIB / PAGE) * PAGE, &byte));
	}
	note("%u rounds, %lu writes meanwhile", i, atomic_load(&writer.writes));
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
}

static unsigned long count_zaps(void)
{
	return number_after(pci_debugfs(pci_accel(), "counts"), "zaps ");
}

/* A guest's driver turns it on and off, with memory left on: no mapping is removed. */
static void test_bus_master_keeps_mappings(void)
{
	unsigned long zaps;
	struct vfio vfio;
	uint8_t *memory, byte;
	long faults;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	memory = map_at(&vfio, 0, 4 * MIB, PAGE);
	memory[0] = 1;
	zaps = count_zaps();
	faults = minor_faults();
	vfio_enable(&vfio, true, true);
	vfio_enable(&vfio, true, false);
	check_eq(memory[0], 1);
	check_eq(count_zaps(), zaps);
	check_le(minor_faults(), faults + 4);	/* what the test itself touches */
	vfio_enable(&vfio, false, false);
	check(!load(memory, &byte));
	check_eq(count_zaps(), zaps + 1);
	vfio_enable(&vfio, true, false);
	check_eq(memory[0], 1);
}

const struct test tests[] = {
	{ "past_end_is_refused", test_past_end_is_refused },
	{ "overflow_is_refused", test_overflow_is_refused },
	{ "private_is_refused", test_private_is_refused },
	{ "register_region_is_refused", test_register_region_is_refused },
	{ "component_registers_are_refused", test_component_registers_are_refused },
	{ "2m_faults", test_2m_faults },
	{ "soft_dirty_keeps_writable", test_soft_dirty_keeps_writable },
	{ "1g_faults", test_1g_faults },
	{ "4k_faults", test_4k_faults },
	{ "leaves_without_thp", test_leaves_without_thp },
	{ "unaligned_length", test_unaligned_length },
	{ "library_aligns_for_leaves", test_library_aligns_for_leaves },
	{ "mremap_never_loses_1g_leaves", test_mremap_never_loses_1g_leaves },
	{ "same_command_keeps_mappings", test_same_command_keeps_mappings },
	{ "bus_master_keeps_mappings", test_bus_master_keeps_mappings },
	{ }
};
