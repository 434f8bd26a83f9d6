// SPDX-License-Identifier: GPL-2.0-only
/*
 * CXL Reset (9.7): a user's by Control2, which runs in the background; by VFIO_DEVICE_RESET, if
 * the administrator chose that; and to clear the memory.
 */
#include <linux/delay.h>
#include <linux/iommu.h>
#include <linux/memregion.h>
#include <linux/pci.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "life/life.h"
#include "trace.h"

#define POLL_MS		10
/* A lock that a reset needs is another reset's, for a moment, or an unbind's, which waits. */
#define BEGIN_S		5

static bool is_stopped(struct cxl_vfio_device *cxlv)
{
	return READ_ONCE(cxlv->cxl_reset.stop);
}

static int initiate_reset(struct cxl_vfio_device *cxlv, bool clear)
{
	struct device *dev = &cxlv->core.pdev->dev;
	int ret;

	cxl_vfio_dvsec_write_back(&cxlv->hw);
	if (is_stopped(cxlv)) {
		cxl_vfio_dvsec_write_control2(&cxlv->hw, 0);
		return -ECANCELED;
	}
	ret = cxl_vfio_dvsec_run_reset(&cxlv->hw, clear);
	if (ret == -ETIMEDOUT)
		dev_err_ratelimited(dev, "CXL Reset did not complete within %u ms: the device is out of use until another reset succeeds\n",
				    cxl_vfio_dvsec_reset_timeout_ms(&cxlv->hw));
	if (ret < 0)
		return ret;
	if (ret & CXLR_STATUS2_RESET_ERROR) {
		dev_err_ratelimited(dev, "the device reports that its CXL Reset failed\n");
		return -EIO;
	}
	if (clear)
		cxl_vfio_poison_forget(&cxlv->mem);
	return 0;
}

/* As pcie_flr(): nothing of the device is on its way when it is reset. -EBUSY: it is not. */
static int initiate_quiet(struct cxl_vfio_device *cxlv, bool clear)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	int ret;

	if (!pci_wait_for_pending_transaction(pdev) && cxl_vfio_is_present(&cxlv->hw))
		pci_warn(pdev, "transactions are pending; resetting all the same\n");
	ret = pci_dev_reset_iommu_prepare(pdev);
	if (ret) {
		pci_err(pdev, "the IOMMU could not be stopped for a CXL Reset: %pe\n",
			ERR_PTR(ret));
		return -EBUSY;
	}
	ret = initiate_reset(cxlv, clear);
	pci_dev_reset_iommu_done(pdev);
	return ret;
}

static __le16 *virtual_command(struct cxl_vfio_device *cxlv)
{
	return (__le16 *)&cxlv->core.vconfig[PCI_COMMAND];
}

/* NULL, or what stands against a reset now. */
static const char *find_objection(struct cxl_vfio_device *cxlv)
{
	if (pci_channel_offline(cxlv->core.pdev) || cxl_vfio_is_gone(&cxlv->hw) ||
	    !cxl_vfio_is_present(&cxlv->hw))
		return "the device does not answer";
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return "an earlier one has not ended";
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_ERROR))
		return "it recovers from an error";
	return NULL;
}

/*
 * For as long as the reset takes, the core finds memory disabled in the command register that it
 * shows to the user: faults in the BARs raise SIGBUS, reads and writes fail, dma-bufs stay revoked,
 * and memory_lock need not be held meanwhile.
 * Return: 0, with @memory as the register had it, or -EBUSY, logged.
 */
static int close_bars(struct cxl_vfio_device *cxlv, u16 *memory)
{
	struct vfio_pci_core_device *core = &cxlv->core;
	const char *why;

	scoped_guard(rwsem_write, &core->memory_lock) {
		why = find_objection(cxlv);
		if (why) {
			dev_err_ratelimited(&core->pdev->dev, "no CXL Reset: %s\n", why);
			return -EBUSY;
		}
		*memory = le16_to_cpu(*virtual_command(cxlv)) & PCI_COMMAND_MEMORY;
		*virtual_command(cxlv) &= cpu_to_le16(~PCI_COMMAND_MEMORY);
	}
	cxl_vfio_revoke_dma_bufs(cxlv);
	return 0;
}

static void open_bars(struct cxl_vfio_device *cxlv, u16 memory)
{
	scoped_guard(rwsem_write, &cxlv->core.memory_lock) {
		*virtual_command(cxlv) |= cpu_to_le16(memory);
	}
	cxl_vfio_settle_dma_bufs(cxlv);
}

/* The memory is out of reach until the end, also if the reset hangs. */
static int quiet_reset(struct cxl_vfio_device *cxlv, bool clear)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	int ret, restored;

	pci_save_state(pdev);
	pci_write_config_word(pdev, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE);

	ret = initiate_quiet(cxlv, clear);

	pci_restore_state(pdev);
	/* Perhaps still at it: hands off. A reset of the bus ends this. */
	if (ret == -ETIMEDOUT) {
		cxl_vfio_hang(cxlv);
		return ret;
	}
	/* Whatever came of it: the decoders as they were, or the memory out of use. */
	restored = cxl_vfio_back(cxlv, CXL_VFIO_WHY_CXL_RESET);
	return ret ?: restored;
}

/* Caller holds the device lock, so no other reset runs, and lets no access to the BARs begin. */
static int run_reset(struct cxl_vfio_device *cxlv, bool clear)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	int ret;

	trace_cxl_vfio_reset_begin(&pdev->dev);
	cxl_vfio_leave(cxlv, CXL_VFIO_WHY_CXL_RESET);
	/* Any other read of a register waits for the end. */
	pci_cfg_access_lock(pdev);
	ret = quiet_reset(cxlv, clear);
	if (!ret)
		cxl_vfio_correctable_errors(cxlv);
	pci_cfg_access_unlock(pdev);
	cxl_vfio_reset_ended(cxlv, CXLR_RESET_CXL, ret);
	return ret;
}

/* Caller holds the gate as well: nothing else is done to the device. */
static int user_reset(struct cxl_vfio_device *cxlv)
{
	u16 memory;
	int ret = close_bars(cxlv, &memory);

	if (ret)
		return ret;
	ret = run_reset(cxlv, cxlv->regs.request.clear);
	if (!cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		open_bars(cxlv, memory);
	return ret;
}

/*
 * Unbind holds the device lock and waits for close, which waits for this; and the gate's holder
 * may wait for user memory. So both are only tried.
 */
static bool try_locks(struct cxl_vfio_device *cxlv)
{
	if (!down_write_trylock(&cxlv->cxl_reset.gate))
		return false;
	if (device_trylock(&cxlv->core.pdev->dev))
		return true;
	up_write(&cxlv->cxl_reset.gate);
	return false;
}

/* The device first: code that comes through the gate tries to lock it, once. */
static void release_locks(struct cxl_vfio_device *cxlv)
{
	device_unlock(&cxlv->core.pdev->dev);
	up_write(&cxlv->cxl_reset.gate);
}

/* False, without locks, if the reset is not wanted any more. */
static bool begin_reset(struct cxl_vfio_device *cxlv)
{
	while (!is_stopped(cxlv) && cxl_vfio_regs_reset_wanted(&cxlv->regs)) {
		if (!try_locks(cxlv)) {
			msleep(POLL_MS);
			continue;
		}
		if (!is_stopped(cxlv) && cxl_vfio_regs_reset_take(&cxlv->regs)) {
			WRITE_ONCE(cxlv->cxl_reset.running, true);
			return true;
		}
		release_locks(cxlv);
	}
	return false;
}

static void cxl_reset_work(struct work_struct *work)
{
	struct cxl_vfio_device *cxlv = container_of(work, struct cxl_vfio_device, cxl_reset.work);
	int ret;

	if (!begin_reset(cxlv))
		return;
	ret = user_reset(cxlv);
	/* A user that is told of the end may write at once, and waits for the gate. */
	WRITE_ONCE(cxlv->cxl_reset.running, false);
	/* First: a task that waits for the reset's end waits for the memory next. */
	cxl_vfio_access_begin(cxlv);
	if (ret == -EBUSY)
		cxl_vfio_regs_reset_refuse(&cxlv->regs);
	else	/* By ioctl it is the machine's: cxl_vfio_reset_by_user_end(). */
		cxl_vfio_regs_reset_end(&cxlv->regs, cxlv->regs.request.by_ioctl ?
					CXLR_RESET_CONVENTIONAL : CXLR_RESET_CXL, ret);
	cxl_vfio_access_update(cxlv);
	release_locks(cxlv);
}

/* Once in the life of the device. */
void cxl_vfio_cxl_reset_init(struct cxl_vfio_device *cxlv)
{
	init_rwsem(&cxlv->cxl_reset.gate);
	INIT_WORK(&cxlv->cxl_reset.work, cxl_reset_work);
}

/* Start the CXL Reset that was asked for, if there is one, in the background. */
void cxl_vfio_cxl_reset_kick(struct cxl_vfio_device *cxlv)
{
	if (cxl_vfio_regs_reset_wanted(&cxlv->regs))
		queue_work(system_long_wq, &cxlv->cxl_reset.work);
}

/* Is VFIO_DEVICE_RESET to be a CXL Reset? Where one has hung, only another kind mends that. */
bool cxl_vfio_cxl_reset_by_ioctl(const struct cxl_vfio_device *cxlv)
{
	return READ_ONCE(cxlv->settings.vfio_reset) == CXL_VFIO_RESET_CXL &&
	       cxl_vfio_dvsec_can_reset(&cxlv->hw) && !cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG);
}

/* Without the lock, for tasks that wait: the end of a reset wakes them, a removal, and unbind. */
static bool is_over(struct cxl_vfio_device *cxlv)
{
	return !cxl_vfio_regs_reset_pending(&cxlv->regs) || cxl_vfio_is_gone(&cxlv->hw) ||
	       READ_ONCE(cxlv->unbinding);
}

/* No reset is under way. One that was asked for, and cannot begin, is given up. */
static int wait_until_over(struct cxl_vfio_device *cxlv)
{
	wait_queue_head_t *ended = &cxlv->regs.request.ended;
	long left = wait_event_killable_timeout(*ended, is_over(cxlv), BEGIN_S * HZ);

	if ((!left || READ_ONCE(cxlv->unbinding)) && cxl_vfio_regs_reset_give_up(&cxlv->regs))
		return -EAGAIN;
	if (wait_event_killable(*ended, is_over(cxlv)))
		return -EINTR;
	if (cxl_vfio_is_gone(&cxlv->hw))
		return -ENODEV;
	return cxl_vfio_regs_reset_pending(&cxlv->regs) ? -EAGAIN : 0;
}

/*
 * A CXL Reset of an open device, from beginning to end. Another reset that is under way ends
 * first. Takes as long as the device reports that it may (8.1.3.1: 10 ms to 100 s). The wait can
 * be killed; the reset goes on.
 *
 * Return: 0; -EIO if the device was not reset, -ETIMEDOUT if it does not come back, both
 * logged; -ENODEV if it is not there; -EAGAIN if its lock is held, or it is reset in another
 * way, or the event queue is full; -EINTR when killed.
 */
int cxl_vfio_cxl_reset_and_wait(struct cxl_vfio_device *cxlv)
{
	int ret = cxl_vfio_check_present(&cxlv->hw);

	while (!ret && (ret = cxl_vfio_regs_request_reset(&cxlv->regs)) == -EBUSY)
		ret = wait_until_over(cxlv);
	if (ret)
		return ret;
	cxl_vfio_cxl_reset_kick(cxlv);
	ret = wait_until_over(cxlv);
	if (ret)
		return ret;
	if (cxl_vfio_holds(&cxlv->hw, CXL_VFIO_WHY_HUNG))
		return -ETIMEDOUT;
	return cxl_vfio_regs_reset_result(&cxlv->regs);
}

/* Takes the gate for read; false if a reset runs. Waits only while it is tried to begin one. */
bool cxl_vfio_cxl_reset_keep_off(struct cxl_vfio_device *cxlv)
{
	while (!down_read_trylock(&cxlv->cxl_reset.gate)) {
		if (READ_ONCE(cxlv->cxl_reset.running))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

/*
 * No CXL Reset of the device that is being closed runs or begins any more. Waits for one that has
 * begun, for as long as the device says that it may take (8.1.3.1: 10 ms to 100 s): nothing else
 * may touch it before.
 */
void cxl_vfio_cxl_reset_stop(struct cxl_vfio_device *cxlv)
{
	WRITE_ONCE(cxlv->cxl_reset.stop, true);
	cancel_work_sync(&cxlv->cxl_reset.work);
	WRITE_ONCE(cxlv->cxl_reset.stop, false);
}

/*
 * Have a device that no process uses clear its memory, which its CXL Reset can do. Takes as long as
 * the device says that it may (8.1.3.1: 10 ms to 100 s).
 *
 * Return: 0; -EAGAIN if the device is not to be reset now; -ENODEV if it was removed
 * meanwhile; or why it failed: lines in the processors' caches would outlive what the
 * device does, or, logged, its reset.
 */
int cxl_vfio_cxl_reset_clear(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	int ret = -EAGAIN;

	if (!cpu_cache_has_invalidate_memregion())
		return -EOPNOTSUPP;
	if (!device_trylock(&pdev->dev))
		return ret;
	if (pdev->current_state == PCI_D0 && !find_objection(cxlv))
		ret = run_reset(cxlv, true);
	/* What was fetched ahead, by the kernel's mapping, until the decoder was gone. */
	if (!ret)
		ret = cxl_vfio_mem_flush_cpu_caches(&cxlv->mem);
	device_unlock(&pdev->dev);
	return ret;
}
