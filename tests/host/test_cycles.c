// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: binding, opening, mapping, touching, closing and unbinding leak
 * nothing, however often.
 *
 * How: after warm-up the test counts the CXL core's devices, reads /proc/iomem,
 * and asks QEMU for the hardware's state. After the cycles all of them are the
 * same. The kernel has logged no warning. Its memory has grown by less than what
 * one small leak in each cycle would add up to.
 *
 * Not covered: leaks that are smaller than a leaked object in each cycle.
 * kmemleak finds those, on the debug kernel.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "vfio.h"

#define WARM_UP		10	/* cycles that fill caches */
/*
 * The kernel's own noise in a hundred thousand allocations; a leak of half a page a cycle
 * shows with 300 of them. The debug kernel's kmemleak sees the smaller ones.
 */
#define SLACK_KIB	512

static void cycle(void)
{
	struct vfio vfio;
	uint8_t *page, byte;

	pci_bind(pci_accel());
	vfio_open(&vfio);
	page = vfio_mmap(&vfio, &vfio.mem, 0, 2 * MIB);
	page[0] = 1;
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(byte, 1);
	munmap(page, 2 * MIB);
	vfio_close(&vfio);
	pci_unbind(pci_accel());
}

static long read_meminfo(const char *name)
{
	char *text = read_file("/proc/meminfo"), *line = strstr(text, name);
	long value;

	check(line);
	value = strtol(line + strlen(name), NULL, 10);
	free(text);
	return value;
}

/* Kernel memory in use that is not a cache of files. */
static long kernel_memory(void)
{
	sleep(1);	/* what is freed after a grace period */
	return read_meminfo("SUnreclaim:") + read_meminfo("VmallocUsed:") +
	       read_meminfo("PageTables:") + read_meminfo("KernelStack:") +
	       read_meminfo("Percpu:");
}

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int count = 0;

	check(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/*
 * The PCI core's, at each open, and without consequence: vfio_pci_core cannot
 * reserve a BAR that the driver has already, which is how the driver shares it
 * with the CXL core.
 */
#define EXPECTED	"BAR 0: can't reserve"

/* Other warnings and errors since the log was opened. */
static unsigned int warnings(int kmsg)
{
	unsigned int level, count = 0;
	char text[1024];

	while (kmsg_next(kmsg, text, sizeof(text), &level))
		if (level <= 4 && !strstr(text, EXPECTED)) {
			note("%s", text);
			count++;
		}
	return count;
}

static void test_bind_cycles_leak_nothing(void)
{
	unsigned int i, warned = 0, cxl_devices;
	struct qmp_state before, after;
	long memory, growth;
	char *iomem;
	int kmsg;

	pci_unbind(pci_accel());
	for (i = 0; i < WARM_UP; i++)
		cycle();

	qmp_state_read(&before);
	iomem = read_file("/proc/iomem");
	cxl_devices = count_entries("/sys/bus/cxl/devices");
	memory = kernel_memory();
	kmsg = kmsg_open();

	for (i = 0; i < cycles; i++) {
		cycle();
		warned += warnings(kmsg);
	}

	growth = kernel_memory() - memory;
	note("%u cycles, kernel memory grew by %ld KiB", cycles, growth);
	check_eq(warned, 0);
	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_str_eq(iomem, read_file("/proc/iomem"));
	check_eq(count_entries("/sys/bus/cxl/devices"), cxl_devices);
	check_lt(growth, SLACK_KIB);
}

const struct test tests[] = {
	{ "bind_cycles_leak_nothing", test_bind_cycles_leak_nothing, 300 },
	{ }
};
