// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has a range of addresses, as another driver would, or as memory that the
 * kernel uses. For tests of those who want it too.
 */
#include <linux/ioport.h>
#include <linux/module.h>

static ulong start;
module_param(start, ulong, 0444);
MODULE_PARM_DESC(start, "first address");

static ulong size;
module_param(size, ulong, 0444);
MODULE_PARM_DESC(size, "bytes");

static bool ram;
module_param(ram, bool, 0444);
MODULE_PARM_DESC(ram, "appear as System RAM, instead of as a driver that has the range");

static struct resource range = { .name = "claim" };

static int __init claim_init(void)
{
	range.start = start;
	range.end = start + size - 1;
	if (ram) {
		range.flags = IORESOURCE_SYSTEM_RAM;
		return insert_resource(&iomem_resource, &range);
	}
	return request_mem_region(start, size, "claim") ? 0 : -EBUSY;
}

static void __exit claim_exit(void)
{
	if (ram)
		remove_resource(&range);
	else
		release_mem_region(start, size);
}

module_init(claim_init);
module_exit(claim_exit);

MODULE_DESCRIPTION("Test module: claims a range of addresses");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
