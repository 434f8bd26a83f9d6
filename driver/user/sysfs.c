// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an administrator sees and sets: the module's parameters, for new devices, and
 * the attributes of one that is bound.
 */
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "user/user.h"

/* What new devices get; written under the module's parameter lock. */
static struct cxl_vfio_settings new_devices = {
	.backing = &cxl_vfio_backing_auto,
	.folio_order = PMD_ORDER,
	.type1_dma = CXL_VFIO_TYPE1_ALLOW,
	.clear = CXL_VFIO_CLEAR_AUTO,
	.vfio_reset = CXL_VFIO_RESET_PCI,
};

/**
 * cxl_vfio_settings_of_new - what new devices get
 * @settings: of one, filled in
 */
void cxl_vfio_settings_of_new(struct cxl_vfio_settings *settings)
{
	settings->backing = READ_ONCE(new_devices.backing);
	settings->folio_order = READ_ONCE(new_devices.folio_order);
	settings->type1_dma = READ_ONCE(new_devices.type1_dma);
	settings->clear = READ_ONCE(new_devices.clear);
	settings->vfio_reset = READ_ONCE(new_devices.vfio_reset);
	settings->host_cache = READ_ONCE(new_devices.host_cache);
	settings->commit_decoders = READ_ONCE(new_devices.commit_decoders);
}

/**
 * struct one_of - one of a few names
 * @names: constant
 * @count: of them
 * @new_devices: which of them new devices get
 */
struct one_of {
	const char * const *names;
	unsigned int count;
	unsigned int *new_devices;
};

static int one_of_set(const char *val, const struct kernel_param *kp)
{
	const struct one_of *one_of = kp->arg;
	int which = __sysfs_match_string(one_of->names, one_of->count, val);

	if (which < 0)
		return which;
	WRITE_ONCE(*one_of->new_devices, which);
	return 0;
}

static int one_of_get(char *buf, const struct kernel_param *kp)
{
	const struct one_of *one_of = kp->arg;

	return sysfs_emit(buf, "%s\n", one_of->names[READ_ONCE(*one_of->new_devices)]);
}

static const struct kernel_param_ops one_of_param_ops = {
	.set = one_of_set,
	.get = one_of_get,
};

/* Adds a name, in brackets if it is chosen. */
static int emit_name(char *buf, int len, const char *name, bool chosen)
{
	return sysfs_emit_at(buf, len, chosen ? "%s[%s]" : "%s%s", len ? " " : "", name);
}

static ssize_t emit_one_of(const struct one_of *one_of, unsigned int which, char *buf)
{
	unsigned int i;
	int len = 0;

	for (i = 0; i < one_of->count; i++)
		len += emit_name(buf, len, one_of->names[i], i == which);
	return len + sysfs_emit_at(buf, len, "\n");
}

static int backing_param_set(const char *val, const struct kernel_param *kp)
{
	const struct cxl_vfio_backing *backing = cxl_vfio_backing_named(val);

	if (!backing)
		return -EINVAL;
	WRITE_ONCE(new_devices.backing, backing);
	return 0;
}

static int backing_param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(new_devices.backing)->name);
}

static const struct kernel_param_ops backing_param_ops = {
	.set = backing_param_set,
	.get = backing_param_get,
};
module_param_cb(backing, &backing_param_ops, NULL, 0644);
MODULE_PARM_DESC(backing, "how new devices map their memory: auto (the default: memmap where KVM needs it, else pfn), pfn, memmap, folio or uncached");

static ssize_t backing_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct cxl_vfio_mem *mem = &dev_to_cxl_vfio(dev)->mem;
	const struct cxl_vfio_backing *const *backing;
	int len = 0;

	guard(mutex)(&mem->backing_lock);
	for (backing = cxl_vfio_backings; *backing; backing++)
		len += emit_name(buf, len, (*backing)->name, *backing == mem->backing);
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t backing_store(struct device *dev, struct device_attribute *attr, const char *buf,
			     size_t count)
{
	const struct cxl_vfio_backing *backing = cxl_vfio_backing_named(buf);

	if (!backing)
		return -EINVAL;
	return cxl_vfio_tenancy_change(dev_to_cxl_vfio(dev), backing, 0) ?: count;
}
static DEVICE_ATTR_RW(backing);

/* The order of a folio size in bytes, with K, M or G behind it or not. */
static int parse_folio_size(const char *val)
{
	char *end;
	u64 size = memparse(val, &end);

	if (!sysfs_streq(end, ""))
		return -EINVAL;
	if (size == PAGE_SIZE || size == PMD_SIZE ||
	    (size == PUD_SIZE && IS_ENABLED(CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD)))
		return ilog2(size) - PAGE_SHIFT;
	return -EINVAL;
}

static int folio_size_param_set(const char *val, const struct kernel_param *kp)
{
	int order = parse_folio_size(val);

	if (order < 0)
		return order;
	WRITE_ONCE(new_devices.folio_order, order);
	return 0;
}

static int folio_size_param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", PAGE_SIZE << READ_ONCE(new_devices.folio_order));
}

static const struct kernel_param_ops folio_size_param_ops = {
	.set = folio_size_param_set,
	.get = folio_size_param_get,
};
module_param_cb(folio_size, &folio_size_param_ops, NULL, 0644);
MODULE_PARM_DESC(folio_size, "bytes of a folio of new devices: 4K, 2M (the default) or 1G");

static ssize_t folio_size_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n",
			  PAGE_SIZE << READ_ONCE(dev_to_cxl_vfio(dev)->mem.folio_order));
}

static ssize_t folio_size_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	int order = parse_folio_size(buf);

	if (order < 0)
		return order;
	return cxl_vfio_tenancy_change(dev_to_cxl_vfio(dev), NULL, order) ?: count;
}
static DEVICE_ATTR_RW(folio_size);

static const char * const type1_dma_names[] = {
	[CXL_VFIO_TYPE1_ALLOW] = "allow",
	[CXL_VFIO_TYPE1_REFUSE] = "refuse",
};

static const struct one_of type1_dmas = {
	type1_dma_names, ARRAY_SIZE(type1_dma_names), &new_devices.type1_dma
};
module_param_cb(type1_dma, &one_of_param_ops, (void *)&type1_dmas, 0644);
MODULE_PARM_DESC(type1_dma, "may VFIO's type 1 map memory of new devices that cannot be pinned: allow (the default) or refuse");

static ssize_t type1_dma_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return emit_one_of(&type1_dmas, READ_ONCE(dev_to_cxl_vfio(dev)->mem.type1_dma), buf);
}

static ssize_t type1_dma_store(struct device *dev, struct device_attribute *attr, const char *buf,
			       size_t count)
{
	int which = sysfs_match_string(type1_dma_names, buf);

	if (which < 0)
		return which;
	return cxl_vfio_tenancy_type1(dev_to_cxl_vfio(dev), which) ?: count;
}
static DEVICE_ATTR_RW(type1_dma);

static ssize_t type1_memory_show(struct device_driver *driver, char *buf)
{
	return cxl_vfio_claims_show(buf);
}

static ssize_t type1_memory_store(struct device_driver *driver, const char *buf, size_t count)
{
	u64 start;
	int ret = kstrtou64(buf, 0, &start);

	if (!ret)
		ret = cxl_vfio_claims_forget(start);
	return ret ?: count;
}
static DRIVER_ATTR_RW(type1_memory);

static ssize_t poisoned_pages_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", cxl_vfio_poison_count(&dev_to_cxl_vfio(dev)->mem));
}
static DEVICE_ATTR_RO(poisoned_pages);

static const char * const clear_names[] = {
	[CXL_VFIO_CLEAR_AUTO] = "auto",
	[CXL_VFIO_CLEAR_CPU] = "cpu",
	[CXL_VFIO_CLEAR_NEVER] = "never",
};

static const struct one_of clears = {
	clear_names, ARRAY_SIZE(clear_names), &new_devices.clear
};
module_param_cb(clear, &one_of_param_ops, (void *)&clears, 0644);
MODULE_PARM_DESC(clear, "how new devices have their memory cleared between users: auto (the default), cpu or never");

static ssize_t clear_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return emit_one_of(&clears, READ_ONCE(dev_to_cxl_vfio(dev)->settings.clear), buf);
}

static ssize_t clear_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct cxl_vfio_device *cxlv = dev_to_cxl_vfio(dev);
	int method = sysfs_match_string(clear_names, buf);

	if (method < 0)
		return method;
	WRITE_ONCE(cxlv->settings.clear, method);
	return cxl_vfio_tenancy_clear_if_idle(cxlv) ?: count;
}
static DEVICE_ATTR_RW(clear);

static ssize_t uncleared_bytes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&dev_to_cxl_vfio(dev)->mem.content.left));
}
static DEVICE_ATTR_RO(uncleared_bytes);

static ssize_t clearing_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(dev_to_cxl_vfio(dev)->clear.running));
}
static DEVICE_ATTR_RO(clearing);

static const char * const vfio_reset_names[] = {
	[CXL_VFIO_RESET_PCI] = "pci",
	[CXL_VFIO_RESET_CXL] = "cxl",
};

static const struct one_of vfio_resets = {
	vfio_reset_names, ARRAY_SIZE(vfio_reset_names), &new_devices.vfio_reset
};
module_param_cb(vfio_reset, &one_of_param_ops, (void *)&vfio_resets, 0644);
MODULE_PARM_DESC(vfio_reset, "how VFIO_DEVICE_RESET resets new devices: pci (the default: as the PCI device's reset_method says) or cxl (by a CXL Reset, where the device has that)");

static ssize_t vfio_reset_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return emit_one_of(&vfio_resets, READ_ONCE(dev_to_cxl_vfio(dev)->settings.vfio_reset),
			   buf);
}

static ssize_t vfio_reset_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct cxl_vfio_device *cxlv = dev_to_cxl_vfio(dev);
	int method = sysfs_match_string(vfio_reset_names, buf);

	if (method < 0)
		return method;
	if (method == CXL_VFIO_RESET_CXL && !cxl_vfio_dvsec_can_reset(&cxlv->hw))
		return -EOPNOTSUPP;
	WRITE_ONCE(cxlv->settings.vfio_reset, method);
	return count;
}
static DEVICE_ATTR_RW(vfio_reset);

static const char * const host_cache_names[] = {
	[CXL_VFIO_CACHE_ALLOW] = "allow",
	[CXL_VFIO_CACHE_DENY] = "deny",
};

static const struct one_of host_caches = {
	host_cache_names, ARRAY_SIZE(host_cache_names), &new_devices.host_cache
};
module_param_cb(host_cache, &one_of_param_ops, (void *)&host_caches, 0644);
MODULE_PARM_DESC(host_cache, "whether new devices may cache host memory, past the IOMMU: allow (the default: as the firmware set them up) or deny");

static ssize_t host_cache_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return emit_one_of(&host_caches, READ_ONCE(dev_to_cxl_vfio(dev)->hw.cache_denied) ?
			   CXL_VFIO_CACHE_DENY : CXL_VFIO_CACHE_ALLOW, buf);
}

static ssize_t host_cache_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	int which = sysfs_match_string(host_cache_names, buf);

	if (which < 0)
		return which;
	return cxl_vfio_tenancy_change_cache(dev_to_cxl_vfio(dev),
					     which == CXL_VFIO_CACHE_ALLOW) ?: count;
}
static DEVICE_ATTR_RW(host_cache);

module_param_named(commit_decoders, new_devices.commit_decoders, bool, 0644);
MODULE_PARM_DESC(commit_decoders, "give memory an address whose HDM decoders the platform's firmware left uncommitted (default: off)");

static struct attribute *cxl_vfio_attrs[] = {
	&dev_attr_backing.attr,
	&dev_attr_folio_size.attr,
	&dev_attr_type1_dma.attr,
	&dev_attr_poisoned_pages.attr,
	&dev_attr_clear.attr,
	&dev_attr_clearing.attr,
	&dev_attr_uncleared_bytes.attr,
	&dev_attr_vfio_reset.attr,
	&dev_attr_host_cache.attr,
	NULL
};

static const struct attribute_group cxl_vfio_group = {
	.attrs = cxl_vfio_attrs,
};

/* Of every device that is bound. */
const struct attribute_group *cxl_vfio_groups[] = {
	&cxl_vfio_group,
	NULL
};

static struct attribute *cxl_vfio_driver_attrs[] = {
	&driver_attr_type1_memory.attr,
	NULL
};

static const struct attribute_group cxl_vfio_driver_group = {
	.attrs = cxl_vfio_driver_attrs,
};

/* Of the driver, which has them whatever is bound. */
const struct attribute_group *cxl_vfio_driver_groups[] = {
	&cxl_vfio_driver_group,
	NULL
};
