// SPDX-License-Identifier: GPL-2.0-only
/*
 * One user after the other: the backing stays for as long as there is one, and changes in
 * between, when the memory is cleared as well.
 */
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>

#include "life/life.h"

#define PINS_POLL_MS	20
#define PINS_REPORT_S	10
#define PINS_KTHREAD_S	10

/* Give a device the backing that new ones get, once. Return: 0, or an error, logged. */
int cxl_vfio_tenancy_init(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->mem.backing_lock);
	cxlv->mem.type1_dma = cxlv->settings.type1_dma;
	return cxl_vfio_backing_attach(&cxlv->mem, cxlv->settings.backing,
				       cxlv->settings.folio_order);
}

/*
 * Not for ever. Pages that stay pinned are orphaned when the process that unbinds is killed,
 * after a while where that is a thread of the kernel's, and when the device is gone.
 */
static bool wait_for_pins(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	unsigned long report = jiffies, end = jiffies + PINS_KTHREAD_S * HZ;

	while (cxl_vfio_backing_detach(&cxlv->mem)) {
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

/* Waits for pinned pages, or orphans them. */
static void take_backing(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->mem.backing_lock);
	if (!cxlv->mem.backing)
		return;
	cxl_vfio_clear_stop(cxlv);
	if (!wait_for_pins(cxlv)) {
		pci_warn(cxlv->core.pdev, "memory %pra stays claimed until its pinned pages are let go of\n",
			 &cxlv->mem.hpa);
		cxl_vfio_backing_abandon(&cxlv->mem);
	}
}

/*
 * Take the backing away from a device that no process can open, and release the memory's claim.
 * Waits for pinned pages, killably.
 */
void cxl_vfio_tenancy_exit(struct cxl_vfio_device *cxlv)
{
	take_backing(cxlv);
	cxl_vfio_poison_forget(&cxlv->mem);
	cxl_vfio_unclaim_memory(&cxlv->mem);
}

/* Without memory for the mapping, the next open says so. */
static void clear_idle(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	lockdep_assert_held(&mem->backing_lock);

	if (mem->backing && !mem->in_use && cxlv->clear.quiet && !cxl_vfio_clear_at_open(cxlv) &&
	    !cxl_vfio_backing_map_again(mem))
		cxl_vfio_clear_start(cxlv);
}

/*
 * Hold on to the backing that the device has. Return: 0; -EINTR when killed; -EBUSY while a
 * process has pages of the memory: a former user could read the new one's data; -ENXIO without a
 * backing; -ENOMEM.
 */
int cxl_vfio_tenancy_open(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	ACQUIRE(mutex_kill, backing_lock)(&mem->backing_lock);
	int ret = ACQUIRE_ERR(mutex_kill, &backing_lock);

	if (ret)
		return ret;
	if (!mem->backing) {
		dev_err_ratelimited(&cxlv->core.pdev->dev,
				    "the memory has no backing: write one to the device's attribute 'backing'\n");
		return -ENXIO;
	}
	ret = cxl_vfio_backing_pinned(mem);
	if (ret == -EBUSY)
		dev_err_ratelimited(&cxlv->core.pdev->dev,
				    "a former user has pages of the memory pinned: close what registered, mapped or pinned them\n");
	if (!ret)
		ret = cxl_vfio_backing_map_again(mem);
	mem->in_use = !ret;
	return ret;
}

/*
 * Release the backing. The driver clears what the user left there from now on, unless a process
 * still has pages of it, no reset has stopped the device, or the next open clears it.
 */
void cxl_vfio_tenancy_close(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->mem.backing_lock);
	cxlv->mem.in_use = false;
	clear_idle(cxlv);
}

/*
 * Have threads give up that wait for other threads, before unbind waits for them with the device
 * lock: the clearing of the memory, error recovery and resets may wait for that lock.
 */
void cxl_vfio_tenancy_unbind(struct cxl_vfio_device *cxlv)
{
	WRITE_ONCE(cxlv->unbinding, true);
	wake_up_all(&cxlv->clear.wait);
	wake_up_all(&cxlv->regs.request.ended);
}

/*
 * As at a close, clear the memory, unless the device is open. Return: 0; -EINTR when killed; or
 * why the device cannot be woken.
 */
int cxl_vfio_tenancy_clear_if_idle(struct cxl_vfio_device *cxlv)
{
	ACQUIRE(cxl_vfio_awake_get, awake)(cxlv);
	int ret = ACQUIRE_ERR(cxl_vfio_awake_get, &awake);

	if (ret)
		return ret;
	scoped_cond_guard(mutex_kill, return -EINTR, &cxlv->mem.backing_lock)
		clear_idle(cxlv);
	return 0;
}

/* Lines that the caches have would come up again behind another type of memory. */
static int empty_caches(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *was,
			const struct cxl_vfio_backing *backing)
{
	int ret;

	if (was->uncached == backing->uncached)
		return 0;
	ret = cxl_vfio_mem_flush_cpu_caches(&cxlv->mem);
	if (ret)
		pci_err(cxlv->core.pdev, "the processors' caches cannot be emptied (%pe): to or from uncached only by the module's parameter 'backing', for devices not yet bound\n",
			ERR_PTR(ret));
	return ret;
}

/* What is true of a backing from its beginning on, with the memory's settings of now. */
static bool stays(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing,
		  unsigned int folio_order, unsigned int type1_dma)
{
	const struct cxl_vfio_backing *now = mem->backing;

	if (!cxl_vfio_backing_stays(mem, backing))
		return false;
	if (!now || !now->pages)
		return true;
	return now->pinnable ? folio_order == mem->folio_order : type1_dma == mem->type1_dma;
}

/*
 * Another backing, other folios, or another type1_dma, by which struct pages are made; the former
 * ones are put back if it fails. The device is awake: its memory gets mapped.
 */
static int change_awake(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing,
			unsigned int folio_order, unsigned int type1_dma)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	const struct cxl_vfio_backing *was = mem->backing;
	unsigned int was_order = mem->folio_order, was_type1 = mem->type1_dma;
	int ret;

	lockdep_assert_held(&mem->backing_lock);

	if (mem->in_use)
		return -EBUSY;
	if (stays(mem, backing, folio_order, type1_dma)) {
		mem->folio_order = folio_order;
		mem->type1_dma = type1_dma;
		return 0;
	}
	ret = cxl_vfio_clear_stop_killable(cxlv);
	if (!ret && was)
		ret = cxl_vfio_backing_detach(mem);
	if (!ret && was)
		ret = empty_caches(cxlv, was, backing);
	if (!ret) {
		mem->type1_dma = type1_dma;
		ret = cxl_vfio_backing_attach(mem, backing, folio_order);
	}
	if (ret)
		mem->type1_dma = was_type1;
	if (ret && was && !mem->backing)
		cxl_vfio_backing_attach(mem, was, was_order);
	clear_idle(cxlv);
	return ret;
}

/*
 * May type 1 take page frames from the next user on: CXL_VFIO_TYPE1_*. Waits for a CXL Reset that
 * clears the memory. Return: as cxl_vfio_tenancy_change().
 */
int cxl_vfio_tenancy_type1(struct cxl_vfio_device *cxlv, unsigned int type1_dma)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	ACQUIRE(cxl_vfio_awake_get, awake)(cxlv);
	int ret = ACQUIRE_ERR(cxl_vfio_awake_get, &awake);

	if (ret)
		return ret;
	scoped_cond_guard(mutex_kill, return -EINTR, &mem->backing_lock)
		ret = change_awake(cxlv, mem->backing, mem->folio_order, type1_dma);
	return ret;
}

/*
 * As which BAR the next users find the memory; negative: as none. Return: 0; -EBUSY while the
 * device is open; -EINTR when killed.
 */
int cxl_vfio_tenancy_present(struct cxl_vfio_device *cxlv, int bar)
{
	ACQUIRE(mutex_kill, backing_lock)(&cxlv->mem.backing_lock);
	int ret = ACQUIRE_ERR(mutex_kill, &backing_lock);

	if (!ret && cxlv->mem.in_use)
		ret = -EBUSY;
	if (!ret)
		WRITE_ONCE(cxlv->memory_bar, bar);
	return ret;
}

/*
 * Another backing, or, without one, folios of another size, between users. Waits for a CXL Reset
 * that clears the memory. Return: 0; -EBUSY while the device is open, or processes have pages of
 * the memory; -EINTR when killed, with the former backing; or an error that was logged, with that
 * as well, if it could be had again.
 */
int cxl_vfio_tenancy_change(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing,
			    unsigned int folio_order)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;

	ACQUIRE(cxl_vfio_awake_get, awake)(cxlv);
	int ret = ACQUIRE_ERR(cxl_vfio_awake_get, &awake);

	if (ret)
		return ret;
	scoped_cond_guard(mutex_kill, return -EINTR, &mem->backing_lock)
		ret = backing ? change_awake(cxlv, backing, mem->folio_order, mem->type1_dma) :
				change_awake(cxlv, mem->backing, folio_order, mem->type1_dma);
	return ret;
}

/*
 * Allow or deny the device's cache of host memory, between users. Waits for a CXL Reset that
 * clears the memory. Return: 0; -EINTR when killed; -EBUSY while the device is open; -ENODEV if
 * it does not answer, logged; or as cxl_vfio_cache_allow().
 */
int cxl_vfio_tenancy_change_cache(struct cxl_vfio_device *cxlv, bool allow)
{
	ACQUIRE(cxl_vfio_awake_get, awake)(cxlv);
	int ret = ACQUIRE_ERR(cxl_vfio_awake_get, &awake);

	if (ret)
		return ret;
	scoped_cond_guard(mutex_kill, return -EINTR, &cxlv->mem.backing_lock) {
		ret = cxlv->mem.in_use ? -EBUSY : cxl_vfio_check_present(&cxlv->hw);
		if (!ret)
			ret = cxl_vfio_cache_allow(&cxlv->hw, allow);
	}
	return ret;
}
