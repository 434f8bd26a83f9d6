// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a guest_memfd can have its pages in CXL memory that the kernel
 * uses as a node. An accelerator's memory can be the shared half of a
 * confidential guest. It cannot be the private half.
 *
 * How: the tests start guests of KVM without a VMM, set memory attributes, and
 * count KVM's leaves. docs/kvm.md has the results.
 *
 * Not covered: real confidential guests: the lab has KVM's software-protected VMs
 * only, and those on the debug kernel only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/falloc.h>
#include <linux/mempolicy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "kvm.h"
#include "vfio.h"

#define SLOT		1
#define SLOT_GPA	(1 * GIB)
#define SLOT_SIZE	(1 * GIB)
#define MEMFD_PAGES	16
#define MEMFD_SIZE	(MEMFD_PAGES * PAGE)
#define MEMFD_IOVA	0x40000000ull
#define SHARED		(GUEST_MEMFD_FLAG_MMAP | GUEST_MEMFD_FLAG_INIT_SHARED)
#define DAX		"/sys/bus/dax/drivers/kmem/dax*"
#define DAX_WAIT	60	/* seconds */

/* What the machine's memory expanders become; once it has kernel memory, it stays so. */
enum { KERNEL, MOVABLE, EXPANDERS };
static const char * const states[EXPANDERS] = { "online_kernel", "online_movable" };

struct expander {
	uint64_t base;		/* of its memory, in the host's address space */
	uint64_t size;
	unsigned int node;
};

static uint64_t attribute(const char *device, const char *name)
{
	char path[256], *text;
	uint64_t value;

	snprintf(path, sizeof(path), "%s/%s", device, name);
	text = read_file(path);
	value = strtoull(text, NULL, 0);
	free(text);
	return value;
}

/* Whose memory it is: "offline" and "unplugged" are nobody's, the others are the kernel's. */
static void set_state(const char *device, const char *wanted)
{
	char path[256], *now;

	snprintf(path, sizeof(path), "%s/state", device);
	now = read_file(path);
	if (strncmp(now, wanted, strlen(wanted))) {
		write_file(path, "unplugged");
		write_file(path, wanted);
	}
	free(now);
}

/*
 * A node's own threads have their stacks in its memory, and to TCG an expander's is no
 * RAM: a register that kcompactd had pushed there came back with
 * another value. So it does not look at how the memory is fragmented, twice a second.
 */
static void find_expander(struct expander *expander, unsigned int which)
{
	unsigned int seconds;
	const char *device;
	glob_t found;

	write_file("/proc/sys/vm/compaction_proactiveness", "0");
	write_file("/sys/devices/system/memory/auto_online_blocks", "offline");
	check_eq(system("modprobe -a cxl_pci dax_cxl kmem"), 0);
	/* The kernel looks for devices in its own time. */
	for (seconds = 0; glob(DAX, 0, NULL, &found) || found.gl_pathc < EXPANDERS; seconds++) {
		check_lt(seconds, DAX_WAIT);
		sleep(1);
	}
	device = found.gl_pathv[which];
	set_state(device, states[which]);
	expander->base = attribute(device, "resource");
	expander->size = attribute(device, "size");
	expander->node = attribute(device, "target_node");
	globfree(&found);
}

static unsigned int pages_inside(const struct expander *expander, const uint8_t *memory)
{
	unsigned int page, count = 0;

	for (page = 0; page < MEMFD_PAGES; page++) {
		uint64_t at = physical_address(memory + page * PAGE);

		check(at);
		count += at >= expander->base && at < expander->base + expander->size;
	}
	return count;
}

/* A guest_memfd that the host has mapped, with pages from the expander wherever it can. */
static uint8_t *shared_memory(struct kvm *kvm, const struct expander *expander)
{
	const unsigned long nodes = 1ul << expander->node;
	uint8_t *memory;
	int memfd;

	check_eq(kvm_cap(kvm, KVM_CAP_GUEST_MEMFD_FLAGS) & SHARED, SHARED);
	memfd = __kvm_memfd(kvm, MEMFD_SIZE, SHARED);
	check_ge(memfd, 0);
	memory = mmap(NULL, MEMFD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	check_ne(memory, MAP_FAILED);
	check_eq(syscall(SYS_mbind, memory, MEMFD_SIZE, MPOL_BIND, &nodes, 8 * sizeof(nodes), 0),
		 0);
	kvm_map_memfd(kvm, SLOT, SLOT_GPA, memory, MEMFD_SIZE, memfd);
	return memory;
}

/* Each page is written by the guest, every other one by the host before. */
static void touch(struct kvm *kvm, volatile uint8_t *memory)
{
	unsigned int page;

	for (page = 0; page < MEMFD_PAGES; page++) {
		volatile uint32_t *word = (void *)(memory + page * PAGE);
		uint32_t gpa = SLOT_GPA + page * PAGE;

		if (page % 2) {
			word[1] = page;
			check_eq(kvm_load(kvm, gpa + sizeof(*word)), page);
		}
		kvm_store(kvm, gpa, ~page);
		check_eq(word[0], ~page);
	}
}

static void test_shared_pages_in_cxl_memory(void)
{
	struct expander expander;
	struct leaves before;
	uint8_t *memory;
	struct kvm kvm;

	find_expander(&expander, KERNEL);
	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	memory = shared_memory(&kvm, &expander);
	kvm_load(&kvm, 0);
	before = kvm_leaves(&kvm);
	touch(&kvm, memory);
	check_eq(pages_inside(&expander, memory), MEMFD_PAGES);
	check_eq(kvm_leaves(&kvm).size_4k - before.size_4k, MEMFD_PAGES);
	note("node %u, first page at %#llx", expander.node,
	     (unsigned long long)physical_address(memory));
}

/* Its pages are not movable, so they are not from movable memory, whatever the policy says. */
static void test_pages_avoid_movable_memory(void)
{
	struct expander expander;
	uint8_t *memory;
	struct kvm kvm;

	find_expander(&expander, MOVABLE);
	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	memory = shared_memory(&kvm, &expander);
	touch(&kvm, memory);
	check_eq(pages_inside(&expander, memory), 0);
}

/* The accelerator reads it by DMA, and what it read is in its own memory. */
static void test_accelerator_reads_guest_memfd(void)
{
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_COPY, .flags = CXL_ACCEL_FLAG_DST_OWN,
		.src = MEMFD_IOVA, .dst = MIB, .length = MEMFD_SIZE,
	};
	uint8_t *memory, got[MEMFD_SIZE];
	struct expander expander;
	struct accel accel;
	struct vfio vfio;
	struct kvm kvm;

	find_expander(&expander, KERNEL);
	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	memory = shared_memory(&kvm, &expander);
	touch(&kvm, memory);
	vfio_dma_map(&vfio, memory, MEMFD_SIZE, MEMFD_IOVA);
	check_eq(pages_inside(&expander, memory), MEMFD_PAGES);
	check_eq(accel_run(&accel, &desc), 0);
	vfio_read(&vfio, &vfio.mem, MIB, got, sizeof(got));
	check_mem_eq(got, memory, sizeof(got));
	vfio_dma_unmap(&vfio, MEMFD_IOVA, MEMFD_SIZE);
}

/* A page with an error is never mapped again, and the VMM learns which it is. */
static void test_poisoned_page_is_not_mapped(void)
{
	const uint64_t bad = 3 * PAGE;
	struct expander expander;
	uint8_t *memory;
	struct kvm kvm;
	uint32_t value;
	char text[32];
	int ret;

	find_expander(&expander, KERNEL);
	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	memory = shared_memory(&kvm, &expander);
	touch(&kvm, memory);
	snprintf(text, sizeof(text), "%#llx",
		 (unsigned long long)physical_address(memory + bad));
	/* EBUSY: 7.3 takes kvm_gmem_error_folio()'s MF_DELAYED for a failure. */
	ret = __write_file("/sys/devices/system/memory/hard_offline_page", text);
	check(!ret || ret == -EBUSY);
	check_eq(__kvm_load(&kvm, SLOT_GPA + bad, &value), -EHWPOISON);
	check_eq(kvm.run->exit_reason, KVM_EXIT_MEMORY_FAULT);
	check_eq(kvm.run->memory_fault.gpa, SLOT_GPA + bad);
	check_eq(kvm_load(&kvm, SLOT_GPA + bad + PAGE), ~(uint32_t)4);
}

static uint8_t *map_device(struct vfio *vfio)
{
	uint8_t *memory;

	vfio_open(vfio);
	vfio_enable(vfio, true, false);
	memory = mmap(vfio_reserve(SLOT_SIZE, GIB), SLOT_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, vfio->device, vfio->mem.offset);
	check_ne(memory, MAP_FAILED);
	return memory;
}

/* Guests without private memory have no use for a device's memory as such either. */
static void test_ordinary_vm_has_no_private(void)
{
	struct vfio vfio;
	struct kvm kvm;
	uint8_t *memory = map_device(&vfio);

	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	check_eq(kvm_cap(&kvm, KVM_CAP_MEMORY_ATTRIBUTES), 0);
	check_eq(__kvm_set_private(&kvm, SLOT_GPA, PAGE, true), -EINVAL);
	check_eq(__kvm_map_memfd(&kvm, SLOT, SLOT_GPA, memory, SLOT_SIZE, vfio.device), -EINVAL);
}

/* The rest needs CONFIG_KVM_SW_PROTECTED_VM: tests/suites names the kernel that has it. */
struct protected {
	struct vfio vfio;
	struct kvm kvm;
	uint8_t *memory;	/* the device's, what is shared */
	int memfd;		/* what is private */
};

static void open_protected(struct protected *guest)
{
	guest->memory = map_device(&guest->vfio);
	kvm_open(&guest->kvm, KVM_X86_SW_PROTECTED_VM);
	guest->memfd = __kvm_memfd(&guest->kvm, SLOT_SIZE, 0);
	check_ge(guest->memfd, 0);
	kvm_map_memfd(&guest->kvm, SLOT, SLOT_GPA, guest->memory, SLOT_SIZE, guest->memfd);
}

static void convert(struct protected *guest, uint64_t offset, uint64_t size, bool private)
{
	check_eq(__kvm_set_private(&guest->kvm, SLOT_GPA + offset, size, private), 0);
}

/* Which of the two a guest sees is what was set last, page by page. */
static void test_shared_and_private_halves(void)
{
	const uint64_t page = 5 * MIB, next = page + PAGE;
	struct protected guest;
	volatile uint32_t *shared, *beside;

	open_protected(&guest);
	shared = (void *)(guest.memory + page);
	beside = (void *)(guest.memory + next);
	*shared = 1;
	*beside = 2;
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + page), 1);

	convert(&guest, page, PAGE, true);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + page), 0);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + next), 2);
	kvm_store(&guest.kvm, SLOT_GPA + page, 3);
	kvm_store(&guest.kvm, SLOT_GPA + next, 4);
	check_eq(*shared, 1);
	check_eq(*beside, 4);

	convert(&guest, page, PAGE, false);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + page), 1);
	kvm_store(&guest.kvm, SLOT_GPA + page, 5);
	check_eq(*shared, 5);

	/* A conversion copies nothing, and frees nothing. */
	convert(&guest, page, PAGE, true);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + page), 3);
	check_eq(fallocate(guest.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, PAGE), 0);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + page), 0);
	check_eq(*shared, 5);
}

/* A leaf that is half private is none: one page costs the leaf of 1 GiB around it. */
static void test_private_page_splits_leaf(void)
{
	struct protected guest;
	struct leaves before;

	open_protected(&guest);
	kvm_load(&guest.kvm, 0);
	before = kvm_leaves(&guest.kvm);
	kvm_load(&guest.kvm, SLOT_GPA);
	check_eq(kvm_leaves(&guest.kvm).size_1g - before.size_1g, 1);

	convert(&guest, 5 * MIB, PAGE, true);
	kvm_load(&guest.kvm, SLOT_GPA);
	kvm_load(&guest.kvm, SLOT_GPA + 5 * MIB + PAGE);
	kvm_load(&guest.kvm, SLOT_GPA + 5 * MIB);
	check_eq(kvm_leaves(&guest.kvm).size_1g - before.size_1g, 0);
	check_eq(kvm_leaves(&guest.kvm).size_2m - before.size_2m, 1);
	check_eq(kvm_leaves(&guest.kvm).size_4k - before.size_4k, 2);

	convert(&guest, 5 * MIB, PAGE, false);
	kvm_load(&guest.kvm, SLOT_GPA + 5 * MIB);
	check_eq(kvm_leaves(&guest.kvm).size_1g - before.size_1g, 1);
}

/* KiB of files in a node: what a guest_memfd has there, for nobody else's are. */
static unsigned long file_kib(unsigned int node)
{
	char path[128];

	/* Each processor has some to add. */
	write_file("/proc/sys/vm/stat_refresh", "1");
	snprintf(path, sizeof(path), "/sys/devices/system/node/node%u/meminfo", node);
	return number_after(read_file(path), "FilePages:");
}

/*
 * Private memory that nobody can map follows the policy of whoever allocates it. That is not
 * left to the guest's faults here: KVM's own page tables would follow it too, and TCG cannot walk
 * tables that are not RAM to it, which an expander's memory is not.
 */
static void test_private_in_cxl_memory(void)
{
	struct expander expander;
	struct protected guest;
	unsigned long nodes, before;
	unsigned int page;

	find_expander(&expander, KERNEL);
	open_protected(&guest);
	check_eq((intptr_t)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, guest.memfd, 0), -1);
	check_eq(errno, ENODEV);
	convert(&guest, 0, MEMFD_SIZE, true);
	before = file_kib(expander.node);
	nodes = 1ul << expander.node;
	check_eq(syscall(SYS_set_mempolicy, MPOL_BIND, &nodes, 8 * sizeof(nodes)), 0);
	check_eq(fallocate(guest.memfd, FALLOC_FL_KEEP_SIZE, 0, MEMFD_SIZE), 0);
	check_eq(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0), 0);
	check_eq(file_kib(expander.node) - before, MEMFD_SIZE / KIB);
	for (page = 0; page < MEMFD_PAGES; page++) {
		kvm_store(&guest.kvm, SLOT_GPA + page * PAGE, page);
		check_eq(kvm_load(&guest.kvm, SLOT_GPA + page * PAGE), page);
	}
	check_eq(file_kib(expander.node) - before, MEMFD_SIZE / KIB);
}

/*
 * Private memory that can be mapped, though no process may touch it: mbind() places it. Such
 * a slot has one half, so a page has the same bytes before and after a conversion.
 */
static void test_private_mbind_and_same_page(void)
{
	struct expander expander;
	unsigned long nodes, before;
	uint8_t *memory, byte;
	struct kvm kvm;
	int memfd;

	find_expander(&expander, KERNEL);
	kvm_open(&kvm, KVM_X86_SW_PROTECTED_VM);
	memfd = __kvm_memfd(&kvm, MEMFD_SIZE, GUEST_MEMFD_FLAG_MMAP);
	check_ge(memfd, 0);
	memory = mmap(NULL, MEMFD_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	check_ne(memory, MAP_FAILED);
	nodes = 1ul << expander.node;
	check_eq(syscall(SYS_mbind, memory, MEMFD_SIZE, MPOL_BIND, &nodes, 8 * sizeof(nodes), 0),
		 0);
	before = file_kib(expander.node);
	check_eq(fallocate(memfd, FALLOC_FL_KEEP_SIZE, 0, MEMFD_SIZE), 0);
	check_eq(file_kib(expander.node) - before, MEMFD_SIZE / KIB);
	check(!load(memory, &byte));

	kvm_map_memfd(&kvm, SLOT, SLOT_GPA, memory, MEMFD_SIZE, memfd);
	check_eq(__kvm_set_private(&kvm, SLOT_GPA, PAGE, true), 0);
	kvm_store(&kvm, SLOT_GPA, 5);
	check_eq(__kvm_set_private(&kvm, SLOT_GPA, PAGE, false), 0);
	check_eq(kvm_load(&kvm, SLOT_GPA), 5);
	check(!load(memory, &byte));
	check_eq(file_kib(expander.node) - before, MEMFD_SIZE / KIB);
}

/* Taken away, the device's half is gone; the private one is not the device's. */
static void test_revocation_spares_private(void)
{
	struct protected guest;
	uint32_t value;

	open_protected(&guest);
	convert(&guest, PAGE, PAGE, true);
	kvm_store(&guest.kvm, SLOT_GPA + PAGE, 1);
	kvm_store(&guest.kvm, SLOT_GPA, 2);
	vfio_enable(&guest.vfio, false, false);
	check_eq(__kvm_load(&guest.kvm, SLOT_GPA, &value), -EFAULT);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + PAGE), 1);
	vfio_enable(&guest.vfio, true, false);
	check_eq(kvm_load(&guest.kvm, SLOT_GPA), 2);
}

/* What KVM takes for private memory is a guest_memfd, never a device's file. */
static void test_device_file_is_not_private(void)
{
	struct protected guest;

	open_protected(&guest);
	check_eq(__kvm_map_memfd(&guest.kvm, SLOT + 1, SLOT_GPA + SLOT_SIZE, guest.memory,
				 SLOT_SIZE, guest.vfio.device), -EINVAL);
	/* And without one, private memory is none: a fault that KVM does not answer. */
	kvm_map(&guest.kvm, SLOT + 1, SLOT_GPA + SLOT_SIZE, guest.memory, SLOT_SIZE, 0);
	guest.memory[0] = 1;
	check_eq(kvm_load(&guest.kvm, SLOT_GPA + SLOT_SIZE) & 0xff, 1);
	convert(&guest, SLOT_SIZE, PAGE, true);
	check_eq(__kvm_load(&guest.kvm, SLOT_GPA + SLOT_SIZE, &(uint32_t) { 0 }), -EFAULT);
	check_eq(guest.kvm.run->exit_reason, KVM_EXIT_MEMORY_FAULT);
	check_eq(guest.kvm.run->memory_fault.flags, KVM_MEMORY_EXIT_FLAG_PRIVATE);
	check_eq(guest.kvm.run->memory_fault.gpa, SLOT_GPA + SLOT_SIZE);
}

const struct test tests[] = {
	{ "shared_pages_in_cxl_memory", test_shared_pages_in_cxl_memory },
	{ "pages_avoid_movable_memory", test_pages_avoid_movable_memory },
	{ "accelerator_reads_guest_memfd", test_accelerator_reads_guest_memfd },
	{ "poisoned_page_is_not_mapped", test_poisoned_page_is_not_mapped },
	{ "ordinary_vm_has_no_private", test_ordinary_vm_has_no_private },
	{ "shared_and_private_halves", test_shared_and_private_halves },
	{ "private_page_splits_leaf", test_private_page_splits_leaf },
	{ "private_in_cxl_memory", test_private_in_cxl_memory },
	{ "private_mbind_and_same_page", test_private_mbind_and_same_page },
	{ "revocation_spares_private", test_revocation_spares_private },
	{ "device_file_is_not_private", test_device_file_is_not_private },
	{ }
};
