// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: an administrator may bind a memory expander (Type 3) to this
 * driver. It then is a device like any other. Afterwards the CXL core has it back
 * as it was.
 *
 * How: the test takes the expander from the CXL core's driver, uses both ends of
 * its memory, and resets its bus. It binds the expander to the CXL core's driver, and
 * has the kernel make a dax device of the memory. At the end it compares the regions.
 *
 * Not covered: expanders whose memory the kernel uses as System RAM, but for the
 * refusal in test_bind.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "vfio.h"

#define CLASS		0x050210	/* memory controller, CXL, by CXL 2.0 and later */
#define CORE_DRIVER	"/sys/bus/pci/drivers/cxl_pci"
#define WINDOW		(2 * MIB)

/* The address; all else in these tests is about it then. */
static const char *expander(void)
{
	static char found[64];
	struct dirent *entry;
	DIR *dir;

	if (*found)
		return found;
	dir = opendir("/sys/bus/pci/devices");
	check(dir);
	while (!*found && (entry = readdir(dir))) {
		char *class;

		if (entry->d_name[0] == '.')
			continue;
		class = read_file(pci_path(entry->d_name, "class"));
		if (strtoul(class, NULL, 0) == CLASS)
			snprintf(found, sizeof(found), "%.63s", entry->d_name);
		free(class);
	}
	closedir(dir);
	check(*found);
	setenv("VFIO_DEVICE", found, 1);
	return found;
}

static bool core_has_it(void)
{
	char driver[64];

	pci_link(expander(), "driver", driver, sizeof(driver));
	return !strcmp(driver, "cxl_pci");
}

static void take(struct vfio *vfio)
{
	if (core_has_it())
		write_file(CORE_DRIVER "/unbind", expander());
	vfio_open(vfio);
	vfio_enable(vfio, true, false);
}

/* What is written by the file is there in a mapping, and the other way round. */
static void check_memory(struct vfio *vfio, uint64_t at, uint64_t salt)
{
	uint8_t *window = vfio_mmap(vfio, &vfio->mem, at, WINDOW);
	uint8_t want[PAGE], got[PAGE];

	fill_random(want, sizeof(want), salt);
	vfio_write(vfio, &vfio->mem, at, want, sizeof(want));
	check_mem_eq(window, want, sizeof(want));
	fill_random(window + WINDOW - PAGE, PAGE, salt + 1);
	vfio_read(vfio, &vfio->mem, at + WINDOW - PAGE, got, sizeof(got));
	check_mem_eq(window + WINDOW - PAGE, got, sizeof(got));
	check_eq(munmap(window, WINDOW), 0);
}

/* QEMU emulates each access to an expander's memory: the driver clears it in 15 s. */
static void clear_no_more(void)
{
	write_file(pci_path(expander(), "clear"), "never");
}

static void test_memory_is_the_expanders(void)
{
	uint8_t byte = 1;
	struct vfio vfio;

	take(&vfio);
	check_memory(&vfio, 0, 1);
	check_memory(&vfio, vfio.mem.size - WINDOW, 3);
	vfio_close(&vfio);
	/* Another user has none of it. */
	take(&vfio);
	clear_no_more();
	vfio_read(&vfio, &vfio.mem, vfio.mem.size - 1, &byte, 1);
	check_eq(byte, 0);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(byte, 0);
}

/* A reset of its bus takes the decoder, which comes back. */
static void test_bus_reset_restores_decoder(void)
{
	struct vfio vfio;

	take(&vfio);
	clear_no_more();
	check_eq(__vfio_hot_reset(&vfio), 0);
	vfio_enable(&vfio, true, false);
	check_memory(&vfio, 0, 5);
}

#define DAX		"/sys/bus/dax/devices/dax*"
#define KMEM		"/sys/bus/dax/drivers/kmem/dax*/state"

static bool is_there(const char *pattern)
{
	glob_t found;
	bool ret = !glob(pattern, 0, NULL, &found);

	globfree(&found);
	return ret;
}

/* The kernel's allocator has it. */
static bool kernel_has_memory(void)
{
	return is_there(KMEM);
}

static void unplug_memory(void)
{
	glob_t found;

	check_eq(glob(KMEM, 0, NULL, &found), 0);
	write_file(found.gl_pathv[0], "unplugged");
	globfree(&found);
}

static bool dax_device_found(void)
{
	return is_there(DAX);
}

static void give_back(void)
{
	write_file(pci_path(expander(), "driver_override"), "\n");
	write_file(CORE_DRIVER "/bind", expander());
	check(core_has_it());
	wait_until(dax_device_found);
}

/*
 * Type 1 would still write to what has become the kernel's memory: nothing becomes that
 * until the administrator says that type 1 has it no more.
 */
static void test_kernel_waits_for_type1(void)
{
	char *listed;
	struct vfio vfio;

	write_file("/sys/devices/system/memory/auto_online_blocks", "offline");
	check_eq(system("modprobe -a dax_cxl kmem"), 0);
	take(&vfio);
	clear_no_more();
	check_memory(&vfio, 0, 7);
	vfio_close(&vfio);
	__pci_unbind(expander());
	give_back();
	check(!kernel_has_memory());
	listed = read_file(TYPE1_MEMORY);
	check_ne(*listed, '\0');
	free(listed);

	write_file(CORE_DRIVER "/unbind", expander());
	pci_forget_type1();
	give_back();
	wait_until(kernel_has_memory);
	unplug_memory();
	write_file(CORE_DRIVER "/unbind", expander());
}

static unsigned int regions(void)
{
	DIR *dir = opendir("/sys/bus/cxl/devices");
	struct dirent *entry;
	unsigned int count = 0;

	check(dir);
	while ((entry = readdir(dir)))
		count += !strncmp(entry->d_name, "region", strlen("region"));
	closedir(dir);
	return count;
}

static unsigned int regions_before;

static bool regions_are_back(void)
{
	return regions() == regions_before;
}

/* Last: the CXL core makes its region of it again. */
static void test_region_returns_to_cxl_core(void)
{
	struct vfio vfio;

	take(&vfio);
	clear_no_more();
	regions_before = regions();
	vfio_close(&vfio);
	pci_unbind(expander());
	check_lt(regions(), regions_before);
	write_file(pci_path(expander(), "driver_override"), "\n");
	write_file(CORE_DRIVER "/bind", expander());
	check(core_has_it());
	wait_until(regions_are_back);
}

const struct test tests[] = {
	{ "memory_is_the_expanders", test_memory_is_the_expanders },
	{ "bus_reset_restores_decoder", test_bus_reset_restores_decoder },
	{ "kernel_waits_for_type1", test_kernel_waits_for_type1 },
	{ "region_returns_to_cxl_core", test_region_returns_to_cxl_core },
	{ }
};
