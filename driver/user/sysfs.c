// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an administrator sees and sets in sysfs.
 */
#include <linux/sysfs.h>

#include "cxl_vfio.h"

static ssize_t poisoned_pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", cxl_vfio_poison_count(&dev_to_cxl_vfio(dev)->mem));
}
static DEVICE_ATTR_RO(poisoned_pages);

static struct attribute *poison_attrs[] = {
	&dev_attr_poisoned_pages.attr,
	NULL
};

const struct attribute_group cxl_vfio_poison_group = {
	.attrs = poison_attrs,
};
