// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: with type1_dma=refuse, VFIO's type 1 gets no page frame of memory that it
 * cannot pin, and all else is as with allow. With allow, such memory stays claimed after an
 * unbind, and gets no struct pages, until the administrator says that type 1 has it no more.
 *
 * How: the test maps the memory for DMA, and has each system call that walks page tables walk
 * those of the mapping. It reads /proc/iomem after an unbind. mmap, kvm and races run with
 * backing=pfn:refuse as well; test_expander.c has the kernel ask for the memory.
 *
 * Not covered: DMA by another device through a mapping that outlives the device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "vfio.h"

#define IOVA		GIB
#define PARAMETER	"/sys/module/cxl_vfio_pci/parameters/type1_dma"
#define MPOL_BIND	2
#define MPOL_MF_STRICT	1

static void open_with(struct vfio *vfio, const char *backing)
{
	setenv("VFIO_BACKING", backing, 1);
	vfio_open(vfio);
	vfio_enable(vfio, true, false);
}

static int forget(void)
{
	char start[32];

	snprintf(start, sizeof(start), "%#llx", (unsigned long long)qmp_get("hdm0-base"));
	return __write_file(TYPE1_MEMORY, start);
}

static int write_attribute(const char *value)
{
	return __write_file(pci_path(pci_accel(), "type1_dma"), value);
}

static void check_attribute(const char *wanted)
{
	char *text = read_file(pci_path(pci_accel(), "type1_dma"));

	check_str_eq(text, wanted);
	free(text);
}

static void check_dma_mapping(const char *backing, int wanted)
{
	struct vfio vfio;
	uint8_t *memory, *ram;

	open_with(&vfio, backing);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, 4 * MIB);
	memory[0] = 1;
	check_eq(__vfio_dma_map(&vfio, memory, 4 * MIB, IOVA), vfio.group < 0 ? -EFAULT : wanted);
	check_eq(memory[0], 1);
	ram = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check_ne(ram, MAP_FAILED);
	vfio_dma_map(&vfio, ram, PAGE, 2 * IOVA);
	munmap(memory, 4 * MIB);
	vfio_close(&vfio);
}

static void test_refuse_fails_dma_mapping(void)
{
	check_dma_mapping("pfn", 0);
	check_dma_mapping("pfn:refuse", -EFAULT);
	check_dma_mapping("uncached", 0);
	check_dma_mapping("uncached:refuse", -EFAULT);
	check_dma_mapping("pfn", 0);
	/* Type 1 may have what it has mapped, until the administrator says otherwise. */
	check_eq(write_attribute("refuse"), 0);
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "memmap"), -EBUSY);
	check_eq(forget(), 0);
	check_dma_mapping("memmap:refuse", -EFAULT);
	check_dma_mapping("memmap", 0);
	check_eq(write_attribute("refuse"), -EBUSY);
	check_attribute("[allow] refuse\n");
	check_eq(forget(), 0);
	check_eq(write_attribute("refuse"), 0);
	check_dma_mapping("memmap:refuse", -EFAULT);
}

static void read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	static char text[64 * KIB];

	check_ge(fd, 0);
	while (read(fd, text, sizeof(text)) > 0)
		;
	close(fd);
}

/* Where the mapping is in /proc/self/pagemap, which is read by the 2 MiB. */
static void read_pagemap(const uint8_t *memory, size_t len)
{
	static uint64_t entries[512];
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	size_t at;

	check_ge(fd, 0);
	for (at = 0; at < len; at += 2 * MIB)
		check_eq(pread(fd, entries, sizeof(entries),
			       ((uintptr_t)memory + at) / PAGE * sizeof(*entries)),
			 sizeof(entries));
	close(fd);
}

static void child_reads(const uint8_t *memory, size_t len)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(memory[0] != 1 || memory[len - 1] != 2);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
}

/* With some leaves taken for pages, each of these ends in an oops. */
static void walk_tables(uint8_t *memory, size_t len)
{
	static uint8_t resident[GIB / PAGE];
	unsigned long node = 1;

	madvise(memory, len, MADV_COLD);
	madvise(memory, len, MADV_PAGEOUT);
	madvise(memory, len, MADV_FREE);
	madvise(memory, len, MADV_COLLAPSE);
	madvise(memory, len, MADV_POPULATE_WRITE);
	syscall(SYS_mbind, memory, len, MPOL_BIND, &node, 8 * sizeof(node), MPOL_MF_STRICT);
	mincore(memory, len, resident);
	mlock(memory, len);
	munlock(memory, len);
	write_file("/proc/self/clear_refs", "1");
	write_file("/proc/self/clear_refs", "3");
	write_file("/proc/self/clear_refs", "4");
	read_all("/proc/self/smaps");
	read_all("/proc/self/numa_maps");
	read_pagemap(memory, len);
	child_reads(memory, len);
	check_eq(mprotect(memory, len, PROT_READ), 0);
	check_eq(mprotect(memory, len, PROT_READ | PROT_WRITE), 0);
}

/* VM_PFNMAP takes no MADV_DONTNEED, which VM_MIXEDMAP does: @dontneed. */
static void check_walkers(const char *backing, int dontneed)
{
	const size_t lens[] = { 64 * MIB, GIB };
	struct vfio vfio;
	unsigned int i;

	open_with(&vfio, backing);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		uint8_t *memory = vfio_reserve(lens[i], GIB);
		size_t at;

		check_eq(mmap(memory, lens[i], PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			      vfio.device, vfio.mem.offset), memory);
		for (at = 0; at < lens[i]; at += 2 * MIB)
			memory[at] = 1;
		memory[lens[i] - 1] = 2;
		walk_tables(memory, lens[i]);
		check_eq(madvise(memory + 2 * MIB, 4 * MIB, MADV_DONTNEED), dontneed);
		for (at = 0; at < lens[i]; at += 2 * MIB) {
			check_eq(memory[at], 1);
			memory[at] = 1;
		}
		check_eq(memory[lens[i] - 1], 2);
		munmap(memory, lens[i]);
	}
	vfio_close(&vfio);
}

static void test_walkers_see_no_pages(void)
{
	check_walkers("pfn:refuse", 0);
	check_walkers("memmap:refuse", -1);
}

static void test_attribute_waits_for_close(void)
{
	struct vfio vfio;

	open_with(&vfio, "pfn");
	check_attribute("[allow] refuse\n");
	check_eq(write_attribute("refuse"), -EBUSY);
	check_attribute("[allow] refuse\n");
	vfio_close(&vfio);
	check_eq(write_attribute("never"), -EINVAL);
	check_eq(write_attribute("refuse"), 0);
	check_attribute("allow [refuse]\n");
	check_eq(write_attribute("allow"), 0);
}

static void test_parameter_for_new_devices(void)
{
	pci_unbind(pci_accel());
	write_file(PARAMETER, "refuse");
	pci_bind(pci_accel());
	write_file(PARAMETER, "allow");
	check_attribute("allow [refuse]\n");
	check_eq(write_attribute("allow"), 0);
}

static bool in_iomem(const char *words)
{
	char *text = read_file("/proc/iomem");
	bool found = strstr(text, words);

	free(text);
	return found;
}

static void use(const char *backing)
{
	uint8_t *memory;
	struct vfio vfio;

	open_with(&vfio, backing);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, 2 * MIB);
	memory[0] = 1;
	munmap(memory, 2 * MIB);
	vfio_close(&vfio);
}

static void check_listed(bool wanted)
{
	const uint64_t base = qmp_get("hdm0-base"), size = qmp_get("hdm0-size");
	char *text = read_file(TYPE1_MEMORY), line[64] = "";

	if (wanted)
		snprintf(line, sizeof(line), "%#llx-%#llx\n", (unsigned long long)base,
			 (unsigned long long)(base + size - 1));
	check_str_eq(text, line);
	free(text);
}

/* Nothing else gets the memory; the driver does, and still knows. */
static void test_claim_outlives_unbind(void)
{
	struct vfio vfio;
	int kmsg;

	pci_unbind(pci_accel());
	pci_bind(pci_accel());
	check_listed(false);
	check_eq(forget(), -ENOENT);
	use("pfn");
	check_listed(true);
	kmsg = kmsg_open();
	__pci_unbind(pci_accel());
	check_eq(kmsg_said(kmsg, "so it stays claimed"), 1);
	check(in_iomem(PCI_DRIVER " (type 1)"));
	check_listed(true);

	pci_bind(pci_accel());
	check(!in_iomem(PCI_DRIVER " (type 1)"));
	check(in_iomem(PCI_DRIVER "\n"));
	check_listed(true);
	open_with(&vfio, "pfn");
	check_eq(forget(), -EBUSY);
	vfio_close(&vfio);
	__pci_unbind(pci_accel());
	check(in_iomem(PCI_DRIVER " (type 1)"));
	check_eq(__write_file(TYPE1_MEMORY, "some"), -EINVAL);
	check_eq(forget(), 0);
	check(!in_iomem(PCI_DRIVER));
	check_listed(false);
	pci_bind(pci_accel());
	check_listed(false);
}

static void test_refuse_leaves_no_claim(void)
{
	pci_unbind(pci_accel());
	pci_bind(pci_accel());
	use("pfn:refuse");
	check_listed(false);
	__pci_unbind(pci_accel());
	check(!in_iomem(PCI_DRIVER));
	pci_bind(pci_accel());
}

/* It would release what it has pinned by them, and has pinned none (put_pfn()). */
static void test_no_struct_pages_for_type1(void)
{
	int kmsg = kmsg_open();

	use("pfn");
	check_eq(__write_file(pci_path(pci_accel(), "backing"), "folio"), -EBUSY);
	check_eq(kmsg_said(kmsg, "and would unpin its struct pages"), 1);
	use("pfn");
	check_eq(forget(), 0);
	write_file(pci_path(pci_accel(), "backing"), "folio");
	use("folio:0x200000");
	check_listed(false);
	use("pfn");
}

const struct test tests[] = {
	{ "refuse_fails_dma_mapping", test_refuse_fails_dma_mapping },
	{ "walkers_see_no_pages", test_walkers_see_no_pages, 120 },
	{ "attribute_waits_for_close", test_attribute_waits_for_close },
	{ "parameter_for_new_devices", test_parameter_for_new_devices },
	{ "claim_outlives_unbind", test_claim_outlives_unbind },
	{ "refuse_leaves_no_claim", test_refuse_leaves_no_claim },
	{ "no_struct_pages_for_type1", test_no_struct_pages_for_type1 },
	{ }
};
