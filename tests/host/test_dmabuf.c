// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a CXL Reset takes place while a BAR is shared as a dma-buf
 * (VFIO_DEVICE_FEATURE_DMA_BUF), which it revokes; afterwards importers map that again.
 *
 * How: the module import maps a dma-buf for another PCI device.
 *
 * Not covered: real devices that import, and a device that uses what the module maps.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "module.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"

#define MAPPED		"/sys/module/import/parameters/mapped"

static int export(struct vfio *vfio, uint32_t index, uint64_t offset, uint64_t length)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range;
	} ask = {
		.feature.argsz = sizeof(ask),
		.feature.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_BUF,
		.buf.region_index = index,
		.buf.open_flags = O_RDWR | O_CLOEXEC,
		.buf.nr_ranges = 1,
		.range = { .offset = offset, .length = length },
	};
	int fd = ioctl(vfio->device, VFIO_DEVICE_FEATURE, &ask);

	check_ge(fd, 0);
	return fd;
}

static void import(int dmabuf)
{
	char parameters[96];

	snprintf(parameters, sizeof(parameters), "fd=%d device=%s", dmabuf, pci_other());
	module_load(MODULE_IMPORT, parameters);
}

/* The other device maps all of it: 0, or a negative errno. */
static int __import_map(void)
{
	return __write_file(MAPPED, "1");
}

/* Bytes that it has mapped. */
static unsigned long imported(void)
{
	return number_after(read_file(MAPPED), "");
}

static void import_map(unsigned long bytes)
{
	check_eq(__import_map(), 0);
	check_eq(imported(), bytes);
}

static void import_end(void)
{
	module_unload("import");
}

/* Opens the device, with memory enabled, and has a dma-buf of the engine's page imported. */
static int import_bar(struct vfio *vfio)
{
	int dmabuf;

	vfio_open(vfio);
	vfio_enable(vfio, true, false);
	dmabuf = export(vfio, vfio->bar.index, CXL_ACCEL_ENGINE_OFFSET, CXL_ACCEL_PAGE_SIZE);
	import(dmabuf);
	import_map(CXL_ACCEL_PAGE_SIZE);
	return dmabuf;
}

/* A CXL Reset takes the BAR away from importers, and comes to its end. */
static void test_cxl_reset_revokes_bar(void)
{
	struct vfio vfio;
	uint64_t resets;
	unsigned int i;

	import_bar(&vfio);
	resets = qmp_get("resets-cxl");
	for (i = 1; i <= 3; i++) {
		cxl_reset(&vfio, false);
		check_eq(qmp_get("resets-cxl"), resets + i);
		check_eq(imported(), 0);
		import_map(CXL_ACCEL_PAGE_SIZE);
	}
	/* Memory that the user has disabled stays so. */
	vfio_enable(&vfio, false, false);
	check_eq(imported(), 0);
	cxl_reset(&vfio, false);
	check_eq(__import_map(), -ENODEV);
	vfio_enable(&vfio, true, false);
	import_map(CXL_ACCEL_PAGE_SIZE);
	import_end();
}

/* In a machine whose CXL Reset never ends: revoked, until another reset, and memory enable. */
static void test_hung_reset_keeps_revoked(void)
{
	struct vfio vfio;

	import_bar(&vfio);
	cxl_reset_start(&vfio, false);
	check_eq(cxl_reset_wait(&vfio), CXLR_STATUS2_RESET_ERROR);
	check_eq(imported(), 0);
	vfio_enable(&vfio, true, false);
	vfio_set_power(&vfio, 0);
	check_eq(__import_map(), -ENODEV);
	vfio_hot_reset(&vfio);
	check_eq(__import_map(), -ENODEV);
	vfio_enable(&vfio, true, false);
	import_map(CXL_ACCEL_PAGE_SIZE);
	import_end();
}

static bool accel_sleeps(void)
{
	return pci_asleep(pci_accel());
}

/* Runtime PM has as many references as before: awake while it is open, asleep when it is not. */
static void test_revocation_keeps_references(void)
{
	struct vfio vfio;
	unsigned int i;
	int dmabuf;

	dmabuf = import_bar(&vfio);
	for (i = 0; i < 3; i++)
		cxl_reset(&vfio, false);
	pci_let_sleep(pci_accel());
	usleep(200000);
	check(!accel_sleeps());
	import_end();
	close(dmabuf);
	vfio_close(&vfio);
	wait_until(accel_sleeps);
}

const struct test tests[] = {
	{ "cxl_reset_revokes_bar", test_cxl_reset_revokes_bar },
	{ "hung_reset_keeps_revoked", test_hung_reset_keeps_revoked },
	{ "revocation_keeps_references", test_revocation_keeps_references },
	{ }
};
