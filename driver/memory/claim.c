// SPDX-License-Identifier: GPL-2.0-only
/*
 * Claims on HPA ranges: nothing else in the host has them. One outlives the device's unbind
 * where VFIO's type 1 may still reach the memory: DMA would reach what comes to that place.
 */
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "memory/memory.h"

/* Those of bound devices, and the kept ones. */
static LIST_HEAD(claims);

/* Guards @claims and what is in them. Outside of backing_lock. */
static DEFINE_MUTEX(claims_lock);

static struct cxl_vfio_claim *find_claim(u64 start)
{
	struct cxl_vfio_claim *claim;

	lockdep_assert_held(&claims_lock);

	list_for_each_entry(claim, &claims, list)
		if (claim->hpa.start == start)
			return claim;
	return NULL;
}

static void free_claim(struct cxl_vfio_claim *claim)
{
	if (claim->type1)
		module_put(THIS_MODULE);
	list_del(&claim->list);
	if (claim->res)
		release_mem_region(claim->hpa.start, range_len(&claim->hpa));
	kfree(claim);
}

/*
 * Have an HPA range for this driver. A claim that was kept from a device there is taken over, and
 * what was known of it stays known. By which device does not matter: type 1 has addresses, and DMA
 * to them reaches whatever decodes them, the next user's memory on the same device or another.
 * A range that only overlaps a kept one is refused.
 * Return: the claim, for cxl_vfio_unclaim(); NULL when something else has the range, or without
 * memory.
 */
struct cxl_vfio_claim *cxl_vfio_claim(const struct range *hpa)
{
	struct cxl_vfio_claim *claim;

	guard(mutex)(&claims_lock);
	claim = find_claim(hpa->start);
	if (claim && claim->kept && claim->hpa.end == hpa->end) {
		claim->kept = false;
		claim->res->name = "cxl-vfio-pci";
		return claim;
	}
	claim = kzalloc_obj(*claim);
	if (!claim)
		return NULL;
	claim->hpa = *hpa;
	claim->res = request_mem_region(hpa->start, range_len(hpa), "cxl-vfio-pci");
	if (!claim->res) {
		kfree(claim);
		return NULL;
	}
	list_add_tail(&claim->list, &claims);
	return claim;
}

/*
 * Undo cxl_vfio_claim(): no device has the memory any more. The claim is kept while type 1 may
 * have page frames of it. Return: was it kept?
 */
bool cxl_vfio_unclaim(struct cxl_vfio_claim *claim)
{
	guard(mutex)(&claims_lock);
	claim->mem = NULL;
	claim->kept = claim->type1 && claim->res;
	if (!claim->kept) {
		free_claim(claim);
		return false;
	}
	claim->res->name = "cxl-vfio-pci (type 1)";
	return true;
}

/*
 * Type 1 may take page frames of the memory from now on: a process maps it, by a file that has the
 * module. That stays until the administrator says otherwise (cxl_vfio_claims_forget()).
 */
void cxl_vfio_claim_type1(struct cxl_vfio_claim *claim)
{
	if (!READ_ONCE(claim->type1) && !xchg(&claim->type1, true))
		__module_get(THIS_MODULE);
}

/* Claim the memory's range. Return: 0; -EBUSY when something else has it, or -EFBIG; logged. */
int cxl_vfio_claim_memory(struct cxl_vfio_mem *mem)
{
	resource_size_t size = range_len(&mem->hpa);
	struct pci_dev *pdev = mem->hw->pdev;

	/* A region's offsets end where the next index begins. */
	if (size > BIT_ULL(VFIO_PCI_OFFSET_SHIFT)) {
		pci_err(pdev, "memory %pra is larger than the 1 TiB that a VFIO region can be\n",
			&mem->hpa);
		return -EFBIG;
	}

	mem->claim = cxl_vfio_claim(&mem->hpa);
	if (!mem->claim) {
		pci_err(pdev, "memory %pra is in use: see /proc/iomem for by whom\n", &mem->hpa);
		return -EBUSY;
	}
	scoped_guard(mutex, &claims_lock)
		mem->claim->mem = mem;

	/* The claim above keeps it from becoming that later. */
	if (region_intersects(mem->hpa.start, size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_DISJOINT) {
		pci_err(pdev, "memory %pra is System RAM already: take it offline first\n",
			&mem->hpa);
		cxl_vfio_unclaim_memory(mem);
		return -EBUSY;
	}
	return 0;
}

/* Undo cxl_vfio_claim_memory(). The range stays claimed where orphaned pages or type 1 have it. */
void cxl_vfio_unclaim_memory(struct cxl_vfio_mem *mem)
{
	if (cxl_vfio_unclaim(mem->claim))
		pci_warn(mem->hw->pdev, "type 1 may still have memory %pra, so it stays claimed: see the driver's attribute type1_memory\n",
			 &mem->hpa);
	mem->claim = NULL;
}

/* Which memory VFIO's type 1 may have, of devices bound or not, for sysfs. Return: its length. */
int cxl_vfio_claims_show(char *buf)
{
	struct cxl_vfio_claim *claim;
	int len = 0;

	guard(mutex)(&claims_lock);
	list_for_each_entry(claim, &claims, list)
		if (READ_ONCE(claim->type1))
			len += sysfs_emit_at(buf, len, "%#llx-%#llx\n", claim->hpa.start,
					     claim->hpa.end);
	return len;
}

/*
 * Type 1 has no page frames of the memory that begins at @start, the administrator says.
 * Return: 0; -ENOENT where type 1 has none as far as the driver knows; -EBUSY while the
 * device is open, or being bound or unbound.
 */
int cxl_vfio_claims_forget(u64 start)
{
	struct cxl_vfio_claim *claim;

	guard(mutex)(&claims_lock);
	claim = find_claim(start);
	if (!claim || !READ_ONCE(claim->type1))
		return -ENOENT;
	if (claim->kept) {
		free_claim(claim);
		return 0;
	}
	if (!claim->mem)
		return -EBUSY;
	/* Not waited for: unbind holds it for as long as it waits for pinned pages. */
	ACQUIRE(mutex_try, backing_lock)(&claim->mem->backing_lock);
	if (ACQUIRE_ERR(mutex_try, &backing_lock) || claim->mem->in_use)
		return -EBUSY;
	WRITE_ONCE(claim->type1, false);
	module_put(THIS_MODULE);
	return 0;
}
