// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which backing a device has: the choice, by module parameter and in sysfs, and
 * the change from one to another while nobody has the device open.
 */
#include <linux/file.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "cxl_vfio.h"

#define PINS_POLL_MS	20
#define PINS_REPORT_S	10
#define PINS_KTHREAD_S	10

static const struct cxl_vfio_backing *const backings[] = {
	&cxl_vfio_backing_pfn,
	&cxl_vfio_backing_folio,
	&cxl_vfio_backing_uncached,
};

static const struct cxl_vfio_backing *find_backing(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(backings); i++)
		if (sysfs_streq(name, backings[i]->name))
			return backings[i];
	return NULL;
}

/* What new devices get; written under the module's parameter lock. */
static const struct cxl_vfio_backing *default_backing = &cxl_vfio_backing_pfn;
static unsigned int default_folio_order = PMD_ORDER;

static int backing_param_set(const char *val, const struct kernel_param *kp)
{
	const struct cxl_vfio_backing *backing = find_backing(val);

	if (!backing)
		return -EINVAL;
	WRITE_ONCE(default_backing, backing);
	return 0;
}

static int backing_param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%s\n", READ_ONCE(default_backing)->name);
}

static const struct kernel_param_ops backing_param_ops = {
	.set = backing_param_set,
	.get = backing_param_get,
};
module_param_cb(backing, &backing_param_ops, NULL, 0644);
MODULE_PARM_DESC(backing, "how new devices map their memory: pfn (the default), folio or uncached");

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
	WRITE_ONCE(default_folio_order, order);
	return 0;
}

static int folio_size_param_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%lu\n", PAGE_SIZE << READ_ONCE(default_folio_order));
}

static const struct kernel_param_ops folio_size_param_ops = {
	.set = folio_size_param_set,
	.get = folio_size_param_get,
};
module_param_cb(folio_size, &folio_size_param_ops, NULL, 0644);
MODULE_PARM_DESC(folio_size, "bytes of a folio of new devices: 4K, 2M (the default) or 1G");

/**
 * cxl_vfio_backing_write - write to memory that is mapped write-back
 * @cxlv: the device; its memory may be touched
 * @pos: offset in the memory, bytes
 * @buf: where from
 * @count: bytes
 */
void cxl_vfio_backing_write(struct cxl_vfio_device *cxlv, u64 pos, const void *buf, size_t count)
{
	memcpy(cxlv->mem.kaddr + pos, buf, count);
}

/**
 * cxl_vfio_backing_clear - clear memory that is mapped write-back
 * @cxlv: the device; its memory may be touched
 * @pos: offset in the memory, bytes, of a page
 * @count: bytes, whole pages
 *
 * Past the caches where the architecture can: nobody reads it soon, and nothing
 * has to be fetched first.
 */
void cxl_vfio_backing_clear(struct cxl_vfio_device *cxlv, u64 pos, size_t count)
{
	void *end = cxlv->mem.kaddr + pos + count;
	void *page;

	for (page = end - count; page < end; page += PAGE_SIZE)
		memcpy_flushcache(page, page_address(ZERO_PAGE(0)), PAGE_SIZE);
	/* Such stores are weakly ordered. */
	wmb();
}

static int attach(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing,
		  unsigned int folio_order)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	int ret;

	lockdep_assert_held(&mem->backing_lock);

	mem->folio_order = folio_order;
	mem->file = cxl_vfio_mapping_file(backing);
	if (IS_ERR(mem->file)) {
		ret = PTR_ERR(mem->file);
		goto err;
	}
	ret = cxl_vfio_poison_register(cxlv, backing);
	if (ret)
		goto err_fput;
	ret = backing->attach(cxlv);
	if (ret)
		goto err_unregister;
	mem->backing = backing;
	return 0;

err_unregister:
	cxl_vfio_poison_unregister(cxlv, backing);
err_fput:
	fput(mem->file);
err:
	mem->file = NULL;
	pci_err(cxlv->core.pdev,
		"cannot map memory %pra by backing %s (%pe): folios of another size may fit, or another backing\n",
		&mem->hpa, backing->name, ERR_PTR(ret));
	return ret;
}

/* Return: 0; -EBUSY while somebody has pages of the memory. */
static int detach(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	int ret;

	lockdep_assert_held(&mem->backing_lock);

	/* What the direct map lost of it would not come back with another mapping. */
	cxl_vfio_poison_expose(cxlv, 0, range_len(&mem->hpa));
	/* Not mapped, and so without pages, since it slept. */
	ret = mem->kaddr ? mem->backing->detach(cxlv) : 0;
	if (ret)
		return ret;
	mem->kaddr = NULL;
	cxl_vfio_poison_unregister(cxlv, mem->backing);
	fput(mem->file);
	mem->file = NULL;
	mem->backing = NULL;
	return 0;
}

/**
 * cxl_vfio_backing_init - give a device the backing that new ones get
 * @cxlv: the device, not yet registered; its HPA range is claimed
 *
 * Return: 0, or an error that was logged.
 */
int cxl_vfio_backing_init(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->mem.backing_lock);
	return attach(cxlv, READ_ONCE(default_backing), READ_ONCE(default_folio_order));
}

/*
 * Not for ever: pages that nobody gives back are left to those who have them, when
 * whoever unbinds is killed, after a while where he is a thread of the kernel's,
 * and when the device is not there to be kept.
 */
static bool wait_for_pins(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	unsigned long report = jiffies, end = jiffies + PINS_KTHREAD_S * HZ;

	while (detach(cxlv)) {
		if (fatal_signal_pending(current) || cxl_vfio_is_gone(&cxlv->hw) ||
		    (current->flags & PF_KTHREAD && time_after_eq(jiffies, end)))
			return false;
		if (time_after_eq(jiffies, report)) {
			pci_warn(pdev, "waiting for processes that have pinned pages of the memory; kill %s (%d) to leave it to them\n",
				 current->comm, task_pid_nr(current));
			report = jiffies + PINS_REPORT_S * HZ;
		}
		schedule_timeout_killable(msecs_to_jiffies(PINS_POLL_MS));
	}
	return true;
}

/**
 * cxl_vfio_backing_exit - take the backing away
 * @cxlv: the device, which nobody has open or can open
 *
 * Waits for pinned pages; killable.
 */
void cxl_vfio_backing_exit(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->mem.backing_lock);
	if (!cxlv->mem.backing)
		return;
	cxl_vfio_clear_stop(cxlv);
	if (!wait_for_pins(cxlv)) {
		pci_warn(cxlv->core.pdev, "memory %pra stays claimed until its pinned pages are let go of\n",
			 &cxlv->mem.hpa);
		cxl_vfio_folio_orphan(cxlv);
		cxlv->mem.backing = NULL;
	}
}

/**
 * cxl_vfio_backing_pinned - has somebody pages of memory that is not mapped any more?
 * @cxlv: the device, which is not open; its backing stays
 *
 * Return: whether, and true if who asks has been killed.
 */
bool cxl_vfio_backing_pinned(struct cxl_vfio_device *cxlv)
{
	const struct cxl_vfio_backing *backing = cxlv->mem.backing;

	return backing->busy && backing->busy(cxlv);
}

/**
 * cxl_vfio_backing_unmap - the kernel does not map the memory while the device sleeps
 * @cxlv: the device, with a backing without pages; nobody has a reference to its power
 */
void cxl_vfio_backing_unmap(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	if (mem->kaddr)
		mem->backing->detach(cxlv);
	mem->kaddr = NULL;
}

/* Undo cxl_vfio_backing_unmap(), of a device that has slept and is kept awake. */
static int map_again(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	lockdep_assert_held(&mem->backing_lock);

	return mem->kaddr ? 0 : mem->backing->attach(cxlv);
}

/* Without memory for the mapping, the next open says so. */
static void clear_idle(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	lockdep_assert_held(&mem->backing_lock);

	if (mem->backing && !mem->in_use && cxlv->clear.quiet && !map_again(cxlv))
		cxl_vfio_clear_start(cxlv);
}

/**
 * cxl_vfio_backing_open - hold on to the backing that the device has
 * @cxlv: the device, being opened
 *
 * Return: 0; -EINTR when killed; -EBUSY while somebody has pages of the memory:
 * they would be read by one who is not the user; -ENXIO without a backing; -ENOMEM.
 */
int cxl_vfio_backing_open(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	int ret = mutex_lock_killable(&mem->backing_lock);

	if (ret)
		return ret;
	if (!mem->backing) {
		dev_err_ratelimited(&cxlv->core.pdev->dev,
				    "the memory has no backing: write one to the device's attribute 'backing'\n");
		ret = -ENXIO;
	} else if (cxl_vfio_backing_pinned(cxlv)) {
		dev_err_ratelimited(&cxlv->core.pdev->dev,
				    "a former user has pages of the memory pinned: close what registered, mapped or pinned them\n");
		ret = -EBUSY;
	} else {
		ret = map_again(cxlv);
		mem->in_use = !ret;
	}
	mutex_unlock(&mem->backing_lock);
	return ret;
}

/**
 * cxl_vfio_backing_close - let go of the backing
 * @cxlv: the device, being closed
 *
 * The driver clears what its user left there from now on, unless a process still has
 * pages of it, or no reset has stopped the device.
 */
void cxl_vfio_backing_close(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->mem.backing_lock);
	cxlv->mem.in_use = false;
	clear_idle(cxlv);
}

/**
 * cxl_vfio_backing_idle - clear the memory, if nobody uses it
 * @cxlv: the device
 *
 * Return: 0, or why the device cannot be woken.
 */
int cxl_vfio_backing_idle(struct cxl_vfio_device *cxlv)
{
	int ret = cxl_vfio_power_get(cxlv);

	if (ret)
		return ret;
	scoped_guard(mutex, &cxlv->mem.backing_lock)
		clear_idle(cxlv);
	cxl_vfio_power_put(cxlv);
	return 0;
}

static bool is_uncached(const struct cxl_vfio_backing *backing)
{
	return backing == &cxl_vfio_backing_uncached;
}

/* Lines that the caches have would come up again behind another type of memory. */
static int empty_caches(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *was,
			const struct cxl_vfio_backing *backing)
{
	int ret;

	if (is_uncached(was) == is_uncached(backing))
		return 0;
	ret = cxl_vfio_reset_invalidate(cxlv);
	if (ret)
		pci_err(cxlv->core.pdev, "the processors' caches cannot be emptied (%pe): to or from uncached only by the module's parameter 'backing', for devices not yet bound\n",
			ERR_PTR(ret));
	return ret;
}

/*
 * Another backing, or the same, or none as before, with other folios; the old one
 * is put back if it fails. The device is awake: its memory gets mapped.
 */
static int change_awake(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing,
			unsigned int folio_order)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	const struct cxl_vfio_backing *was = mem->backing;
	unsigned int was_order = mem->folio_order;
	int ret;

	lockdep_assert_held(&mem->backing_lock);

	if (mem->in_use)
		return -EBUSY;
	if (was == backing && (was_order == folio_order || was != &cxl_vfio_backing_folio)) {
		mem->folio_order = folio_order;
		return 0;
	}
	cxl_vfio_clear_stop(cxlv);
	ret = was ? detach(cxlv) : 0;
	if (!ret && was)
		ret = empty_caches(cxlv, was, backing);
	if (!ret)
		ret = attach(cxlv, backing, folio_order);
	if (ret && was && !mem->backing)
		attach(cxlv, was, was_order);
	clear_idle(cxlv);
	return ret;
}

/* To @backing, or with folios of @folio_order if that is NULL. */
static int change(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing,
		  unsigned int folio_order)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	int ret = cxl_vfio_power_get(cxlv);

	if (ret)
		return ret;
	scoped_guard(mutex, &mem->backing_lock)
		ret = backing ? change_awake(cxlv, backing, mem->folio_order) :
				change_awake(cxlv, mem->backing, folio_order);
	cxl_vfio_power_put(cxlv);
	return ret;
}

static ssize_t backing_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct cxl_vfio_device *cxlv = dev_to_cxl_vfio(dev);
	unsigned int i;
	int len = 0;

	guard(mutex)(&cxlv->mem.backing_lock);
	for (i = 0; i < ARRAY_SIZE(backings); i++)
		len += sysfs_emit_at(buf, len, cxlv->mem.backing == backings[i] ? "%s[%s]" : "%s%s",
				     i ? " " : "", backings[i]->name);
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t backing_store(struct device *dev, struct device_attribute *attr, const char *buf,
			     size_t count)
{
	const struct cxl_vfio_backing *backing = find_backing(buf);

	if (!backing)
		return -EINVAL;
	return change(dev_to_cxl_vfio(dev), backing, 0) ?: count;
}
static DEVICE_ATTR_RW(backing);

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
	return change(dev_to_cxl_vfio(dev), NULL, order) ?: count;
}
static DEVICE_ATTR_RW(folio_size);

static struct attribute *backing_attrs[] = {
	&dev_attr_backing.attr,
	&dev_attr_folio_size.attr,
	NULL
};

const struct attribute_group cxl_vfio_backing_group = {
	.attrs = backing_attrs,
};
