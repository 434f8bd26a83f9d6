// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an access to a register costs a VMM: reads by cxl-vfio-pci beside the
 * same by vfio-pci, on two accelerators of the same kind in the same run.
 * Repeats are interleaved; what is printed is the median of each, and their
 * ratio.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "cxl_accel_regs.h"
#include "vfio_cxl.h"

#define REPEATS		41
#define READS		2000

/* Where cxl-accel has its PCIe DVSEC for CXL Devices (docs/accelerator.md). */
#define DVSEC		0x180
/* And its CM block in the BAR; capabilities of that. */
#define CM		(CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET)
#define RAS		0x080
#define HDM		0x200

struct device {
	int fd;
	uint64_t config, bar, regs;	/* offsets of regions in the file */
};

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct vfio_region_info region(int fd, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO");
	return info;
}

static int add_group(int container, const char *group)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%s", group);
	fd = open(path, O_RDWR);
	if (fd < 0 || ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container))
		die(path);
	return fd;
}

static struct device open_device(int group, const char *address)
{
	struct device device = { .fd = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address) };
	uint16_t command = 2;	/* memory space */

	if (device.fd < 0)
		die(address);
	device.config = region(device.fd, VFIO_PCI_CONFIG_REGION_INDEX).offset;
	device.bar = region(device.fd, VFIO_PCI_BAR0_REGION_INDEX + CXL_ACCEL_BAR).offset;
	if (pwrite(device.fd, &command, sizeof(command), device.config + 4) != sizeof(command))
		die("memory enable");
	return device;
}

/* The register region comes after the memory. */
static uint64_t register_region(int fd)
{
	return region(fd, VFIO_PCI_NUM_REGIONS + 1).offset;
}

static double read_ns(int fd, uint64_t offset)
{
	struct timespec begin, end;
	uint32_t value;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (i = 0; i < READS; i++)
		if (pread(fd, &value, sizeof(value), offset) != sizeof(value))
			die("read");
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((end.tv_sec - begin.tv_sec) * 1e9 + end.tv_nsec - begin.tv_nsec) / READS;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, REPEATS, sizeof(*values), ascending);
	return values[REPEATS / 2];
}

static void compare(const char *what, const struct device *ours, uint64_t offset,
		    const char *beside, const struct device *theirs, uint64_t their_offset)
{
	double our[REPEATS], their[REPEATS], a, b;
	int i;

	for (i = 0; i < REPEATS; i++) {
		our[i] = read_ns(ours->fd, offset);
		their[i] = read_ns(theirs->fd, their_offset);
	}
	a = median(our);
	b = median(their);
	printf("%-34s %8.0f ns   %-34s %8.0f ns   ratio %.2f\n", what, a, beside, b, a / b);
}

int main(int argc, char **argv)
{
	int container = open("/dev/vfio/vfio", O_RDWR), groups[2];
	struct device ours, theirs;

	if (argc != 5) {
		fprintf(stderr, "registers OURS GROUP THEIRS GROUP: PCI addresses and IOMMU groups\n");
		return 2;
	}
	if (container < 0)
		die("/dev/vfio/vfio");
	groups[0] = add_group(container, argv[2]);
	groups[1] = add_group(container, argv[4]);
	if (ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("type 1");
	ours = open_device(groups[0], argv[1]);
	theirs = open_device(groups[1], argv[3]);
	ours.regs = register_region(ours.fd);

	printf("4-byte reads, medians of %d interleaved repeats of %d:\n", REPEATS, READS);
	printf("%-34s %11s   %-34s\n", "cxl-vfio-pci", "", "vfio-pci");
	compare("register region, HDM control", &ours, ours.regs + HDM + CXLR_HDM_CTRL(0),
		"BAR, HDM control", &theirs, theirs.bar + CM + HDM + CXLR_HDM_CTRL(0));
	compare("register region, RAS (from device)", &ours,
		ours.regs + RAS + CXLR_RAS_UNCOR_STATUS,
		"BAR, RAS", &theirs, theirs.bar + CM + RAS + CXLR_RAS_UNCOR_STATUS);
	compare("BAR, scratch register", &ours, ours.bar + CXL_ACCEL_SCRATCH_OFFSET,
		"BAR, scratch register", &theirs, theirs.bar + CXL_ACCEL_SCRATCH_OFFSET);
	compare("DVSEC, control", &ours, ours.config + DVSEC + CXLR_DVSEC_CTRL,
		"DVSEC, control", &theirs, theirs.config + DVSEC + CXLR_DVSEC_CTRL);
	compare("DVSEC, range 1 size (from device)", &ours,
		ours.config + DVSEC + CXLR_DVSEC_RANGE_SIZE_LOW(0),
		"DVSEC, range 1 size", &theirs,
		theirs.config + DVSEC + CXLR_DVSEC_RANGE_SIZE_LOW(0));
	compare("config, vendor id", &ours, ours.config, "config, vendor id", &theirs,
		theirs.config);
	return 0;
}
