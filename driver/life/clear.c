// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clearing the memory between users, from a close on, or at the open: by a CXL Reset, or by the
 * processors.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/memregion.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "life/life.h"
#include "trace.h"

#define CHUNK		SZ_2M
/* More processors than this wait for the same memory. */
#define MAX_CPUS	16
#define POLL_MS		10
/* 8.1.3.8.2: the longest that memory may say it takes to become active. */
#define ACTIVE_S	256

/* Clears at the same time as the device's own work. */
struct helper {
	struct work_struct work;
	struct cxl_vfio_device *cxlv;
};

/* -EAGAIN while the memory may not be touched. */
static int clear_chunk(struct cxl_vfio_device *cxlv, u64 pos, size_t len)
{
	/* A reset that is about to begin waits for no more than this chunk. */
	guard(rwsem_read)(&cxlv->mem.lock);

	if (!cxl_vfio_mem_reachable(&cxlv->mem))
		return -EAGAIN;
	cxl_vfio_poison_expose(&cxlv->mem, pos, len);
	cxl_vfio_backing_clear(&cxlv->mem, pos, len);
	return 0;
}

/* Others may reset the device meanwhile, and the memory take its time after that. */
static int clear_chunk_wait(struct cxl_vfio_device *cxlv, u64 pos, size_t len)
{
	const unsigned long gone = BIT(CXL_VFIO_WHY_LOST) | BIT(CXL_VFIO_WHY_HUNG) |
				   BIT(CXL_VFIO_WHY_GONE);
	unsigned long end = jiffies + ACTIVE_S * HZ;

	while (clear_chunk(cxlv, pos, len)) {
		unsigned long reasons = READ_ONCE(cxlv->hw.reasons);

		if (reasons & gone || (!reasons && !cxl_vfio_is_present(&cxlv->hw)))
			return -EIO;
		if (READ_ONCE(cxlv->clear.stop))
			return -ECANCELED;
		cxl_vfio_reset_end_close(cxlv);
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		msleep(POLL_MS);
	}
	return 0;
}

static void clear_chunks(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;
	u64 size = range_len(&cxlv->mem.hpa);
	u64 pos;

	while (!READ_ONCE(clear->stop) && (pos = atomic64_fetch_add(CHUNK, &clear->next)) < size) {
		size_t len = min_t(u64, CHUNK, size - pos);

		/* What is left then says that it failed. */
		if (clear_chunk_wait(cxlv, pos, len))
			return;
		atomic64_sub(len, &cxlv->mem.content.left);
		cond_resched();
	}
}

static void help_clearing(struct work_struct *work)
{
	clear_chunks(container_of(work, struct helper, work)->cxlv);
}

static void by_cpus(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;
	u64 size = range_len(&cxlv->mem.hpa);
	unsigned int i, n = min_t(u64, min(num_online_cpus(), MAX_CPUS),
				  DIV_ROUND_UP_ULL(size, CHUNK)) - 1;
	struct helper *helpers __free(kfree) = kzalloc_objs(*helpers, n);

	atomic64_set(&cxlv->mem.content.left, size);
	atomic64_set(&clear->next, 0);

	for (i = 0; helpers && i < n; i++) {
		helpers[i].cxlv = cxlv;
		INIT_WORK(&helpers[i].work, help_clearing);
		queue_work(system_dfl_long_wq, &helpers[i].work);
	}
	clear_chunks(cxlv);
	while (i--)
		flush_work(&helpers[i].work);
}

static bool reset_clears(struct cxl_vfio_device *cxlv)
{
	return READ_ONCE(cxlv->settings.clear) == CXL_VFIO_CLEAR_AUTO &&
	       !READ_ONCE(cxlv->clear.reset_failed) && cxl_vfio_dvsec_reset_clears(&cxlv->hw);
}

/* False if the processors have to do it. */
static bool by_reset(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;
	int ret;

	if (!reset_clears(cxlv))
		return false;
	ret = cxl_vfio_cxl_reset_clear(cxlv);
	if (!ret) {
		atomic64_set(&cxlv->mem.content.left, 0);
		return true;
	}
	/* Another reset or an unbind was in the way, or the device is not there. */
	if (ret == -EAGAIN || ret == -ENODEV)
		return false;
	WRITE_ONCE(clear->reset_failed, true);
	pci_warn(cxlv->core.pdev, "its CXL Reset does not clear the memory (%pe): the processors do, from now on\n",
		 ERR_PTR(ret));
	cxl_vfio_reset_end_hung(cxlv);
	return false;
}

static void clear_work(struct work_struct *work)
{
	struct cxl_vfio_device *cxlv = container_of(work, struct cxl_vfio_device, clear.work);

	/* Pinned pages are cleared by the next open after their release. */
	if (!READ_ONCE(cxlv->clear.stop) && !cxl_vfio_backing_pinned(&cxlv->mem) &&
	    !by_reset(cxlv) && !cxl_vfio_clear_obstacle(cxlv))
		by_cpus(cxlv);
	cxl_vfio_count(&cxlv->hw, CXL_VFIO_COUNT_CLEARS);
	trace_cxl_vfio_clear(&cxlv->core.pdev->dev, atomic64_read(&cxlv->mem.content.left));
	/* Pairs with cxl_vfio_clear_wait(): what is left is known by then. */
	smp_store_release(&cxlv->clear.running, false);
	wake_up_all(&cxlv->clear.wait);
	cxl_vfio_power_put(cxlv);
}

/* Once in the life of the device. */
void cxl_vfio_clear_init(struct cxl_vfio_device *cxlv)
{
	INIT_WORK(&cxlv->clear.work, clear_work);
	init_waitqueue_head(&cxlv->clear.wait);
}

/* Is the memory to be cleared before the next user? */
bool cxl_vfio_clear_needed(struct cxl_vfio_device *cxlv)
{
	return cxl_vfio_content_used(&cxlv->mem) &&
	       READ_ONCE(cxlv->settings.clear) != CXL_VFIO_CLEAR_NEVER;
}

/*
 * Is clearing left to the next open? While a device with ATS is reset, the IOMMU core attaches
 * it to no domain (pci_dev_reset_iommu_prepare()), so that VFIO_SET_IOMMU, which comes before
 * the open, would fail with EBUSY.
 */
bool cxl_vfio_clear_at_open(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;

	return reset_clears(cxlv) && cpu_cache_has_invalidate_memregion() &&
	       pci_ats_supported(pdev) && device_iommu_mapped(&pdev->dev);
}

/*
 * What keeps the processors from clearing the memory of a device without a user? An engine that
 * still runs writes behind them, and reaches memory that no decoder gives an address. A CXL Reset
 * that clears (8.1.3.1) stops the one, and takes all of the other. Returns words for the log, or
 * NULL.
 */
const char *cxl_vfio_clear_obstacle(struct cxl_vfio_device *cxlv)
{
	if (!READ_ONCE(cxlv->clear.quiet))
		return "no reset that works has stopped that user's work on the device";
	if (cxlv->mem.capacity > range_len(&cxlv->mem.hpa))
		return "its decoder leaves out some of it, which only a CXL Reset could clear";
	return NULL;
}

/*
 * Clears the memory in the background, unless it is clear, or that is under way. The device has a
 * backing that stays until cxl_vfio_clear_stop(), no process can map the memory, and it is awake,
 * and stays so until the end.
 */
void cxl_vfio_clear_start(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;

	if (READ_ONCE(clear->running) || !cxl_vfio_clear_needed(cxlv))
		return;
	WRITE_ONCE(clear->running, true);
	cxl_vfio_power_hold(cxlv);
	queue_work(system_dfl_long_wq, &clear->work);
}

/*
 * The memory is not being cleared any more. Waits for a chunk of each processor's, or for a CXL
 * Reset that has begun. What was done of it is forgotten.
 */
void cxl_vfio_clear_stop(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;

	WRITE_ONCE(clear->stop, true);
	if (cancel_work_sync(&clear->work))
		cxl_vfio_power_put(cxlv);
	WRITE_ONCE(clear->stop, false);
	WRITE_ONCE(clear->running, false);
	if (cxl_vfio_content_used(&cxlv->mem))
		atomic64_set(&cxlv->mem.content.left, range_len(&cxlv->mem.hpa));
}

/*
 * As cxl_vfio_clear_stop(), for a process that may be killed. Return: 0; -EINTR when it was:
 * clearing goes on then, or has left the rest to the next open.
 */
int cxl_vfio_clear_stop_killable(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;

	WRITE_ONCE(clear->stop, true);
	/* Pairs with clear_work(). */
	if (wait_event_killable(clear->wait, !smp_load_acquire(&clear->running))) {
		WRITE_ONCE(clear->stop, false);
		return -EINTR;
	}
	cxl_vfio_clear_stop(cxlv);
	return 0;
}

/*
 * Waits at open until the memory is not being cleared any more, with VFIO's locks held: of the
 * device set, and of the group. Returns 0, however it ended; -EINTR when killed, or -ENODEV when
 * the device is unbound, while it goes on.
 */
int cxl_vfio_clear_wait(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_clear *clear = &cxlv->clear;

	/* Pairs with clear_work(). */
	if (wait_event_killable(clear->wait, !smp_load_acquire(&clear->running) ||
				READ_ONCE(cxlv->unbinding)))
		return -EINTR;
	/* Likewise. */
	return smp_load_acquire(&clear->running) ? -ENODEV : 0;
}
