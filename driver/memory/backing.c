// SPDX-License-Identifier: GPL-2.0-only
/* The backings: which there are, how the memory gets one, and what they all do alike. */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "memory/memory.h"

/* No backing: attach_auto() chooses one. */
const struct cxl_vfio_backing cxl_vfio_backing_auto = {
	.name = "auto",
};

/* Ends with NULL. */
const struct cxl_vfio_backing *const cxl_vfio_backings[] = {
	&cxl_vfio_backing_auto,
	&cxl_vfio_backing_pfn,
	&cxl_vfio_backing_memmap,
	&cxl_vfio_backing_folio,
	&cxl_vfio_backing_uncached,
	NULL
};

/* The backing of a name, perhaps with a newline; NULL if there is none. */
const struct cxl_vfio_backing *cxl_vfio_backing_named(const char *name)
{
	const struct cxl_vfio_backing *const *backing;

	for (backing = cxl_vfio_backings; *backing; backing++)
		if (sysfs_streq(name, (*backing)->name))
			break;
	return *backing;
}

/*
 * Read @count bytes from offset @pos of memory that may be touched. Return: 0, or -EHWPOISON.
 */
int cxl_vfio_backing_read(struct cxl_vfio_mem *mem, u64 pos, void *buf, size_t count)
{
	if (mem->backing->read)
		return mem->backing->read(mem, pos, buf, count);
	return copy_mc_to_kernel(buf, mem->kaddr + pos, count) ? -EHWPOISON : 0;
}

/* Write @count bytes to offset @pos of memory that may be touched. */
void cxl_vfio_backing_write(struct cxl_vfio_mem *mem, u64 pos, const void *buf, size_t count)
{
	if (mem->backing->write)
		mem->backing->write(mem, pos, buf, count);
	else
		memcpy(mem->kaddr + pos, buf, count);
}

/*
 * Clear @count bytes, whole pages, from offset @pos of memory that may be touched. Past the caches
 * where the architecture can: no processor reads the bytes soon, and such stores fetch no lines.
 */
void cxl_vfio_backing_clear(struct cxl_vfio_mem *mem, u64 pos, size_t count)
{
	void *end = mem->kaddr + pos + count;
	void *page;

	if (mem->backing->clear) {
		mem->backing->clear(mem, pos, count);
		return;
	}
	for (page = end - count; page < end; page += PAGE_SIZE)
		memcpy_flushcache(page, page_address(ZERO_PAGE(0)), PAGE_SIZE);
	/* Such stores are weakly ordered. */
	wmb();
}

static int attach_one(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing)
{
	int ret = backing->pages ? cxl_vfio_pages_check(mem, backing->page_order(mem)) : 0;

	if (ret)
		return ret;
	mem->file = cxl_vfio_mapping_file(backing);
	if (IS_ERR(mem->file)) {
		ret = PTR_ERR(mem->file);
		goto err;
	}
	ret = cxl_vfio_poison_register(mem, backing);
	if (ret)
		goto err_fput;
	ret = backing->attach(mem);
	if (ret)
		goto err_unregister;
	mem->uncached = backing->uncached || !cxl_vfio_is_write_back(mem, mem->kaddr);
	mem->backing = backing;
	return 0;

err_unregister:
	cxl_vfio_poison_unregister(mem, backing);
err_fput:
	fput(mem->file);
err:
	mem->file = NULL;
	pci_err(mem->hw->pdev,
		"cannot map memory %pra by backing %s (%pe): folios of another size may fit, or another backing\n",
		&mem->hpa, backing->name, ERR_PTR(ret));
	return ret;
}

/*
 * KVM on Intel makes memory without struct pages uncached in a guest (vmx_get_mt_mask()). Where
 * memremap_pages() fails once it has added a part of the memory (__add_pages()), pfn fails too:
 * that part keeps struct pages, which are not initialised, and no driver can remove them.
 */
static int attach_auto(struct cxl_vfio_mem *mem)
{
	const char *why = "KVM on this processor needs no struct pages";

	if (cxl_vfio_kvm_wants_pages()) {
		if (!attach_one(mem, &cxl_vfio_backing_memmap)) {
			pci_info(mem->hw->pdev,
				 "backing memmap: without struct pages KVM makes memory uncached on this processor\n");
			return 0;
		}
		why = "memmap, which KVM on this processor needs, cannot be had";
	}
	pci_info(mem->hw->pdev, "backing pfn: %s\n", why);
	return attach_one(mem, &cxl_vfio_backing_pfn);
}

/* Give memory that has none a backing. Return: 0, or an error that was logged. */
int cxl_vfio_backing_attach(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing,
			    unsigned int folio_order)
{
	lockdep_assert_held(&mem->backing_lock);

	mem->folio_order = folio_order;
	return backing == &cxl_vfio_backing_auto ? attach_auto(mem) : attach_one(mem, backing);
}

/*
 * Would the memory have the backing that it has, if it were given this one? With auto that is a
 * guess only where memmap fits, and could still fail.
 */
bool cxl_vfio_backing_stays(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing)
{
	const struct cxl_vfio_backing *now = mem->backing;

	lockdep_assert_held(&mem->backing_lock);

	if (backing != &cxl_vfio_backing_auto)
		return now == backing;
	if (!cxl_vfio_kvm_wants_pages())
		return now == &cxl_vfio_backing_pfn;
	return now == &cxl_vfio_backing_memmap ||
	       (now == &cxl_vfio_backing_pfn &&
		cxl_vfio_pages_check(mem, cxl_vfio_backing_memmap.page_order(mem)));
}

/* Take the backing away. No process maps the memory. Return: 0; -EBUSY while one has pages. */
int cxl_vfio_backing_detach(struct cxl_vfio_mem *mem)
{
	int ret;

	lockdep_assert_held(&mem->backing_lock);

	/* What the direct map lost of it would not come back with another mapping. */
	cxl_vfio_poison_expose(mem, 0, range_len(&mem->hpa));
	/* Not mapped, and so without pages, since it slept. */
	ret = mem->kaddr ? mem->backing->detach(mem) : 0;
	if (ret)
		return ret;
	mem->kaddr = NULL;
	cxl_vfio_poison_unregister(mem, mem->backing);
	fput(mem->file);
	mem->file = NULL;
	mem->backing = NULL;
	return 0;
}

/*
 * Are there pinned pages of memory that is not mapped any more? The device is not open.
 * Return: 0; -EBUSY if there are; -EINTR if the calling process was killed before that was known.
 */
int cxl_vfio_backing_pinned(struct cxl_vfio_mem *mem)
{
	const struct cxl_vfio_backing *backing = mem->backing;

	return backing->busy ? backing->busy(mem) : 0;
}

/*
 * Take the kernel's mapping of memory that is out of reach away; its backing stays. With struct
 * pages it stays mapped, as it does in the direct map.
 */
void cxl_vfio_backing_unmap(struct cxl_vfio_mem *mem)
{
	if (mem->backing->pages)
		return;
	if (mem->kaddr)
		mem->backing->detach(mem);
	mem->kaddr = NULL;
}

/* Orphan the memory's pages: the device goes, and its backing cannot be detached. */
void cxl_vfio_backing_abandon(struct cxl_vfio_mem *mem)
{
	lockdep_assert_held(&mem->backing_lock);

	mem->backing->abandon(mem);
	mem->backing = NULL;
}

/*
 * Undo cxl_vfio_backing_unmap(), for a device that is awake, and kept so.
 * Return: 0, also if it is mapped, or an error.
 */
int cxl_vfio_backing_map_again(struct cxl_vfio_mem *mem)
{
	return mem->kaddr ? 0 : mem->backing->attach(mem);
}
