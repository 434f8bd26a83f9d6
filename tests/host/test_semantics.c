// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: each cell of docs/answer.md that needs no guest: what a mechanism
 * of the kernel makes of the device's memory, for each backing and each size of leaf.
 *
 * How: a table has what each backing answers to each mechanism. Each test asks the
 * kernel, by a system call or by a module that looks at the page, and compares.
 *
 * Not covered: IOMMUFD: test_iommufd.c. Leaves of stage 2: test_kvm.c. Memory
 * errors: test_poison.c. What pins do to the driver: test_folio.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "module.h"
#include "pci.h"
#include "pin.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define BACKINGS	(VFIO_CXL_BACKING_MEMMAP + 1)
#define MOVED		(3 * PAGE)	/* bytes that a mechanism moves */
#define IOVA		(1 * GIB)
#define MISMATCH	255		/* a child's status: the bytes are others */

struct mechanism {
	/* With memory whose first leaf is mapped. 0, or a negative errno. */
	int (*use)(struct vfio *vfio, uint8_t *memory);
	/* What it is to return, by VFIO_CXL_BACKING_*. */
	int answers[BACKINGS];
	bool type1;
};

/* An answer of those that take no reference to a page without one. */
#define NO_PAGES(error) { \
	[VFIO_CXL_BACKING_PFN] = error, \
	[VFIO_CXL_BACKING_MEMMAP] = error, \
	[VFIO_CXL_BACKING_UNCACHED] = error, \
}

static const size_t leaves[] = { PAGE, 2 * MIB, GIB };

/* Map by leaves of one size, and touch the first; NULL where the backing has no such leaves. */
static uint8_t *map_leaf(struct vfio *vfio, size_t leaf)
{
	volatile uint8_t *memory = vfio_mmap_leaf(vfio, leaf);
	long faults;

	if (!memory)
		return NULL;
	faults = minor_faults();
	(void)memory[0];
	check_eq(minor_faults() - faults, 1);
	(void)memory[leaf - 1];
	check_eq(minor_faults() - faults, 1);
	return (uint8_t *)memory;
}

static void test_answer(void)
{
	const struct mechanism *mechanism = test_data;
	unsigned int i, asked = 0;
	struct vfio vfio;
	uint8_t *memory;
	int answer;

	if (mechanism->type1)
		interface = INTERFACE_GROUP;
	vfio_open(&vfio);
	check_lt(vfio.backing, BACKINGS);
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		memory = map_leaf(&vfio, leaves[i]);
		if (!memory)
			continue;
		fill_random(memory, MOVED, i);
		answer = mechanism->use(&vfio, memory);
		note("leaves of %llu KiB: %s", leaves[i] / KIB, strerror(-answer));
		check_eq(answer, mechanism->answers[vfio.backing]);
		asked++;
	}
	check_gt(asked, 0);
}

/* By another process, as a debugger does; the pages are got by get_user_pages_remote(). */
static int access_remotely(uint8_t *memory, bool write)
{
	uint8_t bytes[MOVED];
	struct iovec local = { bytes, MOVED }, remote = { memory, MOVED };
	pid_t child = fork();
	ssize_t moved;
	int status;

	if (!child) {
		fill_random(bytes, MOVED, 7);
		moved = write ? process_vm_writev(getppid(), &local, 1, &remote, 1, 0) :
				process_vm_readv(getppid(), &local, 1, &remote, 1, 0);
		if (moved < 0)
			_exit(errno);
		_exit(moved == MOVED && !memcmp(bytes, memory, MOVED) ? 0 : MISMATCH);
	}
	check_eq(waitpid(child, &status, 0), child);
	check(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int read_remotely(struct vfio *vfio, uint8_t *memory)
{
	(void)vfio;
	return access_remotely(memory, false);
}

static int write_remotely(struct vfio *vfio, uint8_t *memory)
{
	(void)vfio;
	return access_remotely(memory, true);
}

/* Pages themselves travel through a pipe. */
static int splice_pages(struct vfio *vfio, uint8_t *memory)
{
	struct iovec iov = { memory, PAGE };
	uint8_t got[PAGE];
	int pipes[2];

	(void)vfio;
	check_eq(pipe(pipes), 0);
	if (vmsplice(pipes[1], &iov, 1, 0) < 0)
		return -errno;
	/* It is the page, not a copy. */
	memory[0] ^= 0xff;
	check_eq(read(pipes[0], got, PAGE), PAGE);
	check_mem_eq(got, memory, PAGE);
	return 0;
}

static int open_disk(void)
{
	int disk;

	if (access("/dev/ram0", F_OK))
		check_eq(system("modprobe brd rd_nr=1 rd_size=1024"), 0);
	disk = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	check_ge(disk, 0);
	return disk;
}

static int write_to_disk(struct vfio *vfio, uint8_t *memory)
{
	uint8_t *got = aligned_alloc(PAGE, MOVED);
	int disk = open_disk();

	(void)vfio;
	if (pwrite(disk, memory, MOVED, 0) < 0)
		return -errno;
	check_eq(pread(disk, got, MOVED, 0), MOVED);
	check_mem_eq(got, memory, MOVED);
	return 0;
}

static int read_from_disk(struct vfio *vfio, uint8_t *memory)
{
	uint8_t *put = aligned_alloc(PAGE, MOVED);
	int disk = open_disk();

	(void)vfio;
	fill_random(put, MOVED, 8);
	check_eq(pwrite(disk, put, MOVED, 0), MOVED);
	if (pread(disk, memory, MOVED, 0) < 0)
		return -errno;
	check_mem_eq(memory, put, MOVED);
	return 0;
}

/* As a debugger without process_vm_readv(), and a core dump, get at memory. */
static int read_proc_mem(struct vfio *vfio, uint8_t *memory)
{
	int file = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	uint8_t got[PAGE];

	(void)vfio;
	check_ge(file, 0);
	if (pread(file, got, PAGE, (uintptr_t)memory) < 0)
		return -errno;
	check_mem_eq(got, memory, PAGE);
	return 0;
}

/* A lock between processes in the memory: its key comes from the page. */
static int wake_futex(struct vfio *vfio, uint8_t *memory)
{
	(void)vfio;
	return syscall(SYS_futex, memory, FUTEX_WAKE, 1, NULL, NULL, 0) < 0 ? -errno : 0;
}

/* Byte x of the region is the device's byte x, whatever the memory manager is told to do. */
static int page_out(struct vfio *vfio, uint8_t *memory)
{
	uint8_t want[PAGE], got[PAGE];
	int ret;

	fill_random(want, PAGE, 9);
	vfio_write(vfio, &vfio->mem, 0, want, PAGE);
	ret = madvise(memory, 4 * MIB, MADV_PAGEOUT) ? -errno : 0;
	check_mem_eq(memory, want, PAGE);
	memory[0] ^= 0xff;
	vfio_read(vfio, &vfio->mem, 0, got, PAGE);
	check_mem_eq(got, memory, PAGE);
	return ret;
}

/* A child has the mapping, and the same memory behind it. */
static int share_with_child(struct vfio *vfio, uint8_t *memory)
{
	uint8_t want[PAGE];
	pid_t child;
	int status;

	(void)vfio;
	memcpy(want, memory, PAGE);
	child = fork();
	if (!child) {
		check_mem_eq(memory, want, PAGE);
		fill_random(memory, PAGE, 10);
		_exit(0);
	}
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	fill_random(want, PAGE, 10);
	check_mem_eq(memory, want, PAGE);
	return 0;
}

/* The module's answers. */
struct page_state {
	bool valid;
	bool reserved;
	int references;
	int fast;
	int slow;
};

static int read_answer(const char *name)
{
	char path[128], *text;
	int value;

	snprintf(path, sizeof(path), "/sys/module/frame/parameters/%s", name);
	text = read_file(path);
	value = *text == 'Y' ? 1 : atoi(text);
	free(text);
	return value;
}

/* Of the memory's first page, mapped at @memory. */
static struct page_state look_at_page(const uint8_t *memory)
{
	struct page_state page;
	char parameters[64];

	snprintf(parameters, sizeof(parameters), "user=%#lx pfn=%#lx", (unsigned long)memory,
		 (unsigned long)(qmp_get("hdm0-base") / PAGE));
	module_load(MODULE_FRAME, parameters);
	page = (struct page_state) {
		.valid = read_answer("valid"), .reserved = read_answer("reserved"),
		.references = read_answer("references"),
		.fast = read_answer("fast"), .slow = read_answer("slow"),
	};
	module_unload("frame");
	return page;
}

/* Pinned for as long as the ring lasts, the end of which goes on behind close(). */
static int register_buffer(struct vfio *vfio, uint8_t *memory)
{
	int before = look_at_page(memory).references;
	int ring = pin_io_uring(memory, PAGE);

	(void)vfio;
	if (ring < 0)
		return ring;
	check_gt(look_at_page(memory).references, before);
	close(ring);
	while (look_at_page(memory).references > before)
		usleep(10000);
	return 0;
}

static void copy_by_dma(struct accel *accel, const uint8_t *memory)
{
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_COPY, .src = IOVA, .dst = ACCEL_HOST_IOVA, .length = PAGE,
	};

	memset(accel->host, 0, PAGE);
	check_eq(accel_run(accel, &desc), CXL_ACCEL_OK);
	check_mem_eq(accel->host, memory, PAGE);
}

/*
 * Only what has pages to pin is pinned. With and without, the mapping outlives a reset, and
 * DMA by it goes on.
 */
static int map_by_type1(struct vfio *vfio, uint8_t *memory)
{
	struct page_state before, after;
	struct accel accel;
	int ret;

	accel_open(&accel, vfio);
	before = look_at_page(memory);
	ret = __vfio_dma_map(vfio, memory, 4 * MIB, IOVA);
	if (ret)
		return ret;
	after = look_at_page(memory);
	check_eq(after.references > before.references, vfio->backing == VFIO_CXL_BACKING_FOLIO);
	copy_by_dma(&accel, memory);

	check_eq(__vfio_reset(vfio), 0);
	vfio_enable(vfio, true, true);
	accel_start(&accel);
	memory[0] ^= 0xff;
	copy_by_dma(&accel, memory);

	vfio_dma_unmap(vfio, IOVA, 4 * MIB);
	vfio_dma_unmap(vfio, ACCEL_HOST_IOVA, ACCEL_HOST_SIZE);
	vfio_dma_unmap(vfio, ACCEL_RING_IOVA, PAGE);
	check_eq(look_at_page(memory).references, before.references);
	return 0;
}

/* The fast path sees an entry, the slow one a VMA: both know what has no page to give. */
static void test_gup_fast_and_slow(void)
{
	struct page_state page;
	struct vfio vfio;
	uint8_t *memory;
	unsigned int i;
	bool pages;

	vfio_open(&vfio);
	pages = vfio.backing == VFIO_CXL_BACKING_FOLIO;
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		memory = map_leaf(&vfio, leaves[i]);
		if (!memory)
			continue;
		memory[0] = 1;
		page = look_at_page(memory);
		note("leaves of %llu KiB: fast %d, slow %d", leaves[i] / KIB, page.fast, page.slow);
		check_eq(page.fast, pages ? 1 : 0);
		check_eq(page.slow, pages ? 1 : -EFAULT);
	}
}

/*
 * x86 keeps a list of which memory has which type, with an entry for each mapping of the
 * kernel's. All that have some of the device's memory have all of it, and one type.
 */
static void find_memory_type(char *type, size_t size)
{
	char *list = read_file("/sys/kernel/debug/x86/pat_memtype_list"), *line, *next;
	uint64_t hpa = qmp_get("hdm0-base"), end = hpa + qmp_get("hdm0-size");

	*type = '\0';
	for (line = strtok_r(list, "\n", &next); line; line = strtok_r(NULL, "\n", &next)) {
		unsigned long long from, to;
		char word[32];

		if (sscanf(line, "PAT: [mem %llx-%llx] %31s", &from, &to, word) != 3 ||
		    from >= end || to <= hpa)
			continue;
		note("%s", line);
		check_le(from, hpa);
		check_ge(to, end);
		if (*type)
			check_str_eq(word, type);
		snprintf(type, size, "%s", word);
	}
	check(*type);
	free(list);
}

static const char * const memory_types[BACKINGS] = {
	[VFIO_CXL_BACKING_PFN] = "write-back",
	[VFIO_CXL_BACKING_FOLIO] = "write-back",
	[VFIO_CXL_BACKING_MEMMAP] = "write-back",
	[VFIO_CXL_BACKING_UNCACHED] = "uncached-minus",
};

static void test_one_memory_type_in_pat(void)
{
	struct vfio vfio;
	char type[32];
	uint8_t byte;

	vfio_open(&vfio);
	check(load(vfio_mmap_leaf(&vfio, vfio.granule), &byte));
	find_memory_type(type, sizeof(type));
	check_str_eq(type, memory_types[vfio.backing]);
}

/* Whether the firmware's memory map (E820) has RAM there; the kernel shows it unchanged. */
static bool firmware_has_ram(uint64_t hpa)
{
	static const char map[] = "/sys/firmware/memmap";
	struct dirent *entry;
	bool found = false;
	DIR *dir = opendir(map);

	check(dir);
	while ((entry = readdir(dir))) {
		char path[512], *start, *end, *type;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/start", map, entry->d_name);
		start = read_file(path);
		snprintf(path, sizeof(path), "%s/%s/end", map, entry->d_name);
		end = read_file(path);
		snprintf(path, sizeof(path), "%s/%s/type", map, entry->d_name);
		type = read_file(path);
		found |= !strcmp(type, "System RAM\n") && hpa >= strtoull(start, NULL, 0) &&
			 hpa <= strtoull(end, NULL, 0);
		free(start);
		free(end);
		free(type);
	}
	closedir(dir);
	return found;
}

/*
 * What __kvm_is_mmio_pfn() of Linux 7.3 (arch/x86/kvm/mmu/spte.c) decides from: whether there
 * is a struct page, whether that is reserved, the PAT type, and the firmware's map. It
 * decides whether the memory is uncached in a guest on Intel.
 */
static void test_inputs_of_kvm_mmio_test(void)
{
	static const struct {
		bool valid;
		bool reserved;
		bool mmio;
	} wanted[BACKINGS] = {
		[VFIO_CXL_BACKING_PFN] = { false, false, true },
		[VFIO_CXL_BACKING_FOLIO] = { true, false, false },
		[VFIO_CXL_BACKING_MEMMAP] = { true, true, false },
		[VFIO_CXL_BACKING_UNCACHED] = { false, false, true },
	};
	struct page_state page;
	struct vfio vfio;
	uint8_t *memory;
	char type[32];
	bool ram, mmio;

	vfio_open(&vfio);
	memory = vfio_mmap_leaf(&vfio, vfio.granule);
	memory[0] = 1;
	page = look_at_page(memory);
	find_memory_type(type, sizeof(type));
	ram = firmware_has_ram(qmp_get("hdm0-base"));
	mmio = page.valid ? page.reserved && strcmp(type, "write-back") : !ram;
	note("struct page: %d, reserved: %d, type: %s, RAM by firmware: %d: KVM takes it for %s",
	     page.valid, page.reserved, type, ram, mmio ? "MMIO" : "RAM");
	check_eq(page.valid, wanted[vfio.backing].valid);
	check_eq(page.reserved, wanted[vfio.backing].reserved);
	check_eq(mmio, wanted[vfio.backing].mmio);
}

/* Leaves of 1 GiB stay where they are (test_mmap.c has why); others move with what is in them. */
static void test_mremap_moves_smaller_leaves(void)
{
	struct vfio vfio;
	uint8_t *memory, *moved, want[PAGE];
	unsigned int i;

	vfio_open(&vfio);
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		memory = map_leaf(&vfio, leaves[i]);
		if (!memory)
			continue;
		fill_random(want, PAGE, i);
		memcpy(memory, want, PAGE);
		moved = mremap(memory, leaves[i], leaves[i], MREMAP_MAYMOVE | MREMAP_FIXED,
			       vfio_reserve(GIB, GIB));
		if (leaves[i] == GIB) {
			check_eq(moved, MAP_FAILED);
			check_eq(errno, EINVAL);
			continue;
		}
		check_ne(moved, MAP_FAILED);
		check_mem_eq(moved, want, PAGE);
	}
}

static void disable_memory(struct vfio *vfio)
{
	vfio_enable(vfio, false, false);
}

static void enter_d3hot(struct vfio *vfio)
{
	vfio_set_power(vfio, 3);
}

static void reset_by_ioctl(struct vfio *vfio)
{
	check_eq(__vfio_reset(vfio), 0);
}

static void reset_by_cxl(struct vfio *vfio)
{
	cxl_reset(vfio, false);
}

static void reset_by_administrator(struct vfio *vfio)
{
	(void)vfio;
	pci_reset(pci_accel(), "flr");
}

static const struct {
	const char *name;
	void (*take)(struct vfio *vfio);
	/* Until the user ends it; the others end by themselves. */
	bool lasts;
} reasons[] = {
	{ "COMMAND", disable_memory, true },
	{ "D3hot", enter_d3hot, true },
	{ "VFIO_DEVICE_RESET", reset_by_ioctl },
	{ "the function's own FLR", config_flr },
	{ "hot reset", vfio_hot_reset },
	{ "CXL Reset", reset_by_cxl },
	{ "a reset by sysfs", reset_by_administrator },
};

/* Every reason takes each leaf from the page table, and the same memory comes back by a fault. */
static void test_each_reason_revokes(void)
{
	struct vfio vfio;
	uint8_t *memory, byte;
	unsigned int i, reason;
	long faults;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	for (i = 0; i < ARRAY_SIZE(leaves); i++) {
		memory = map_leaf(&vfio, leaves[i]);
		if (!memory)
			continue;
		for (reason = 0; reason < ARRAY_SIZE(reasons); reason++) {
			check(store(memory, reason + 1));
			reasons[reason].take(&vfio);
			if (reasons[reason].lasts)
				check_msg(!load(memory, &byte), "after %s, by leaves of %llu KiB",
					  reasons[reason].name, leaves[i] / KIB);
			vfio_set_power(&vfio, 0);
			vfio_enable(&vfio, true, false);
			faults = minor_faults();
			check(load(memory, &byte));
			check_msg(minor_faults() > faults, "%s left a leaf of %llu KiB",
				  reasons[reason].name, leaves[i] / KIB);
			check_eq(byte, reason + 1);
		}
	}
}

#define MECHANISM(...) (&(const struct mechanism) { __VA_ARGS__ })

const struct test tests[] = {
	{ "gup_fast_and_slow", test_gup_fast_and_slow },
	{ "process_vm_readv", test_answer, 0, MECHANISM(read_remotely, NO_PAGES(-EFAULT)) },
	{ "process_vm_writev", test_answer, 0, MECHANISM(write_remotely, NO_PAGES(-EFAULT)) },
	{ "proc_mem", test_answer, 0, MECHANISM(read_proc_mem, NO_PAGES(-EIO)) },
	{ "vmsplice", test_answer, 0, MECHANISM(splice_pages, NO_PAGES(-EFAULT)) },
	{ "o_direct_write", test_answer, 0, MECHANISM(write_to_disk, NO_PAGES(-EFAULT)) },
	{ "o_direct_read", test_answer, 0, MECHANISM(read_from_disk, NO_PAGES(-EFAULT)) },
	{ "io_uring_buffer", test_answer, 0, MECHANISM(register_buffer, NO_PAGES(-EFAULT)) },
	{ "futex", test_answer, 0, MECHANISM(wake_futex, NO_PAGES(-EFAULT)) },
	{ "type1_map_dma", test_answer, 0, MECHANISM(map_by_type1, .type1 = true) },
	{ "fork", test_answer, 0, MECHANISM(share_with_child) },
	{ "pageout_keeps_place", test_answer, 0, MECHANISM(page_out, NO_PAGES(-EINVAL)) },
	{ "mremap_moves_smaller_leaves", test_mremap_moves_smaller_leaves },
	{ "one_memory_type_in_pat", test_one_memory_type_in_pat },
	{ "inputs_of_kvm_mmio_test", test_inputs_of_kvm_mmio_test },
	{ "each_reason_revokes", test_each_reason_revokes },
	{ }
};
