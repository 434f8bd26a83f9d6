// SPDX-License-Identifier: GPL-2.0-only
/* What an administrator sees and sets: the module's parameters, a device's attributes. */
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "user/user.h"

/* What new devices get; under the module's parameter lock. */
static struct cxl_vfio_settings new_devices = {
	.backing = &cxl_vfio_backing_auto,
	.folio_order = PMD_ORDER,
	.type1_dma = CXL_VFIO_TYPE1_ALLOW,
	.clear = CXL_VFIO_CLEAR_AUTO,
	.vfio_reset = CXL_VFIO_RESET_PCI,
};

/* Fills in @settings, of a new device. */
void cxl_vfio_settings_of_new(struct cxl_vfio_settings *settings)
{
	kernel_param_lock(THIS_MODULE);
	*settings = new_devices;
	kernel_param_unlock(THIS_MODULE);
}

/**
 * struct choice - a setting that is one of a few names
 * @attr: of a device
 * @names: by the setting's enum
 * @new_devices: which of them new devices get
 * @get: which of them a device has
 * @set: let a device have another. Return: 0, or an error
 */
struct choice {
	struct device_attribute attr;
	const char *names[4];
	unsigned int *new_devices;
	unsigned int (*get)(const struct cxl_vfio_device *cxlv);
	int (*set)(struct cxl_vfio_device *cxlv, unsigned int which);
};

static int choice_param_set(const char *val, const struct kernel_param *kp)
{
	const struct choice *choice = kp->arg;
	int which = sysfs_match_string(choice->names, val);

	if (which < 0)
		return which;
	*choice->new_devices = which;
	return 0;
}

static int choice_param_get(char *buf, const struct kernel_param *kp)
{
	const struct choice *choice = kp->arg;

	return sysfs_emit(buf, "%s\n", choice->names[*choice->new_devices]);
}

static const struct kernel_param_ops choice_param_ops = {
	.set = choice_param_set,
	.get = choice_param_get,
};

/* Adds a name, in brackets if it is chosen. */
static int emit_name(char *buf, int len, const char *name, bool chosen)
{
	return sysfs_emit_at(buf, len, chosen ? "%s[%s]" : "%s%s", len ? " " : "", name);
}

static ssize_t choice_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct choice *choice = container_of(attr, struct choice, attr);
	unsigned int i, which = choice->get(dev_to_cxl_vfio(dev));
	int len = 0;

	for (i = 0; i < ARRAY_SIZE(choice->names) && choice->names[i]; i++)
		len += emit_name(buf, len, choice->names[i], i == which);
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t choice_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	const struct choice *choice = container_of(attr, struct choice, attr);
	int which = sysfs_match_string(choice->names, buf);

	if (which < 0)
		return which;
	return choice->set(dev_to_cxl_vfio(dev), which) ?: count;
}

/* An attribute: @new is what new devices get, @now what cxlv has, and @change() changes that. */
#define CHOICE(name, new, now, change, choices...)				\
	static unsigned int get_##name(const struct cxl_vfio_device *cxlv)	\
	{									\
		return now;							\
	}									\
	static struct choice name##_choice = {					\
		.attr = __ATTR(name, 0644, choice_show, choice_store),		\
		.names = { choices },						\
		.new_devices = &(new),						\
		.get = get_##name, .set = change,				\
	}

static int backing_param_set(const char *val, const struct kernel_param *kp)
{
	const struct cxl_vfio_backing *backing = cxl_vfio_backing_named(val);

	if (!backing)
		return -EINVAL;
	new_devices.backing = backing;
	return 0;
}

static int backing_param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", new_devices.backing->name);
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

	scoped_cond_guard(mutex_kill, return -EINTR, &mem->backing_lock)
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
	new_devices.folio_order = order;
	return 0;
}

static int folio_size_param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", PAGE_SIZE << new_devices.folio_order);
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

CHOICE(type1_dma, new_devices.type1_dma, READ_ONCE(cxlv->mem.type1_dma), cxl_vfio_tenancy_type1,
	[CXL_VFIO_TYPE1_ALLOW] = "allow", [CXL_VFIO_TYPE1_REFUSE] = "refuse");
module_param_cb(type1_dma, &choice_param_ops, &type1_dma_choice, 0644);
MODULE_PARM_DESC(type1_dma, "may VFIO's type 1 map memory of new devices that cannot be pinned: allow (the default) or refuse");

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

static int set_clear(struct cxl_vfio_device *cxlv, unsigned int method)
{
	WRITE_ONCE(cxlv->settings.clear, method);
	return cxl_vfio_tenancy_clear_if_idle(cxlv);
}

CHOICE(clear, new_devices.clear, READ_ONCE(cxlv->settings.clear), set_clear,
	[CXL_VFIO_CLEAR_AUTO] = "auto", [CXL_VFIO_CLEAR_CPU] = "cpu",
	[CXL_VFIO_CLEAR_NEVER] = "never");
module_param_cb(clear, &choice_param_ops, &clear_choice, 0644);
MODULE_PARM_DESC(clear, "how new devices have their memory cleared between users: auto (the default), cpu or never");

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

static int set_vfio_reset(struct cxl_vfio_device *cxlv, unsigned int method)
{
	if (method == CXL_VFIO_RESET_CXL && !cxl_vfio_dvsec_can_reset(&cxlv->hw))
		return -EOPNOTSUPP;
	WRITE_ONCE(cxlv->settings.vfio_reset, method);
	return 0;
}

CHOICE(vfio_reset, new_devices.vfio_reset, READ_ONCE(cxlv->settings.vfio_reset), set_vfio_reset,
	[CXL_VFIO_RESET_PCI] = "pci", [CXL_VFIO_RESET_CXL] = "cxl");
module_param_cb(vfio_reset, &choice_param_ops, &vfio_reset_choice, 0644);
MODULE_PARM_DESC(vfio_reset, "how VFIO_DEVICE_RESET resets new devices: pci (the default: as the PCI device's reset_method says) or cxl (by a CXL Reset, where the device has that)");

static int set_host_cache(struct cxl_vfio_device *cxlv, unsigned int which)
{
	return cxl_vfio_tenancy_change_cache(cxlv, which == CXL_VFIO_CACHE_ALLOW);
}

CHOICE(host_cache, new_devices.host_cache,
	READ_ONCE(cxlv->hw.cache_denied) ? CXL_VFIO_CACHE_DENY : CXL_VFIO_CACHE_ALLOW,
	set_host_cache, [CXL_VFIO_CACHE_ALLOW] = "allow", [CXL_VFIO_CACHE_DENY] = "deny");
module_param_cb(host_cache, &choice_param_ops, &host_cache_choice, 0644);
MODULE_PARM_DESC(host_cache, "whether new devices may cache host memory, past the IOMMU: allow (the default: as the firmware set them up) or deny");

CHOICE(presentation, new_devices.presentation,
	READ_ONCE(cxlv->memory_bar) < 0 ? CXL_VFIO_PRESENTATION_CXL : CXL_VFIO_PRESENTATION_BAR,
	cxl_vfio_present, [CXL_VFIO_PRESENTATION_CXL] = "cxl", [CXL_VFIO_PRESENTATION_BAR] = "bar");
module_param_cb(presentation, &choice_param_ops, &presentation_choice, 0644);
MODULE_PARM_DESC(presentation, "as what a VMM finds the memory of new devices: cxl (the default: as a region, with CXL registers) or bar (as a BAR, for VMMs that know nothing of CXL)");

module_param_named(commit_decoders, new_devices.commit_decoders, bool, 0644);
MODULE_PARM_DESC(commit_decoders, "give memory an address whose HDM decoders the platform's firmware left uncommitted (default: off)");

static struct attribute *cxl_vfio_attrs[] = {
	&dev_attr_backing.attr,
	&dev_attr_folio_size.attr,
	&type1_dma_choice.attr.attr,
	&dev_attr_poisoned_pages.attr,
	&clear_choice.attr.attr,
	&dev_attr_clearing.attr,
	&dev_attr_uncleared_bytes.attr,
	&vfio_reset_choice.attr.attr,
	&host_cache_choice.attr.attr,
	&presentation_choice.attr.attr,
	NULL
};

/* Of every device that is bound. */
const struct attribute_group cxl_vfio_group = {
	.attrs = cxl_vfio_attrs,
};

static struct attribute *cxl_vfio_driver_attrs[] = {
	&driver_attr_type1_memory.attr,
	NULL
};

/* Of the driver, which has them whatever is bound. */
const struct attribute_group cxl_vfio_driver_group = {
	.attrs = cxl_vfio_driver_attrs,
};
