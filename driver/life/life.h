/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What happens to a device over time: bind and unbind, resets, errors, suspend and removal,
 * and one user after the other.
 */
#ifndef CXL_VFIO_LIFE_H
#define CXL_VFIO_LIFE_H

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci-p2pdma.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "hw/hw.h"
#include "life/rules.h"
#include "memory/memory.h"
#include "virt/virt.h"

struct cxl_vfio_commitment;

/* How the memory is cleared between users: cxl_vfio_settings.clear. */
enum {
	CXL_VFIO_CLEAR_AUTO,	/* by a CXL Reset, if it can, else by the processors */
	CXL_VFIO_CLEAR_CPU,
	CXL_VFIO_CLEAR_NEVER,
};

/* How VFIO_DEVICE_RESET resets: cxl_vfio_settings.vfio_reset. */
enum {
	CXL_VFIO_RESET_PCI,	/* as the PCI device's reset_method says */
	CXL_VFIO_RESET_CXL,	/* by a CXL Reset, if it has that */
};

/* Whether a user gets the device's cache of host memory: cxl_vfio_settings.host_cache. */
enum {
	CXL_VFIO_CACHE_ALLOW,
	CXL_VFIO_CACHE_DENY,
};

/* As what a user finds the memory: cxl_vfio_settings.presentation. */
enum {
	CXL_VFIO_PRESENTATION_CXL,	/* as a region and CXL registers */
	CXL_VFIO_PRESENTATION_BAR,	/* as a BAR */
};

/**
 * struct cxl_vfio_settings - what the administrator decides
 * @backing: of the memory, at bind
 * @folio_order: log2 of a folio's pages, at bind
 * @type1_dma: CXL_VFIO_TYPE1_*, at bind
 * @clear: CXL_VFIO_CLEAR_*
 * @vfio_reset: CXL_VFIO_RESET_*
 * @host_cache: CXL_VFIO_CACHE_*, at bind
 * @presentation: CXL_VFIO_PRESENTATION_*, at bind
 * @commit_decoders: give memory an address that has none, at bind
 */
struct cxl_vfio_settings {
	const struct cxl_vfio_backing *backing;
	unsigned int folio_order;
	unsigned int type1_dma;
	unsigned int clear;
	unsigned int vfio_reset;
	unsigned int host_cache;
	unsigned int presentation;
	bool commit_decoders;
};

/**
 * struct cxl_vfio_cxl_reset - a CXL Reset in the background
 * @work: runs it
 * @gate: held for write while it runs, for read around what must not meet it.
 *	  Outside of all locks but the device lock. User memory is touched
 *	  under it, so the reset only tries to take it.
 * @running: @gate is held for a reset, not only to see if one can begin
 * @stop: its user has gone
 */
struct cxl_vfio_cxl_reset {
	struct work_struct work;
	struct rw_semaphore gate;
	bool running;
	bool stop;
};

/**
 * struct cxl_vfio_clear - clearing the memory between users
 * @work: does it
 * @running: @work is queued, or at it
 * @wait: for the end of that
 * @stop: it is to end
 * @quiet: a reset has stopped what the last user had the device do; changes while
 *	   the device is being opened or closed
 * @reset_failed: a CXL Reset of this device's does not do it
 * @next: offset of the first chunk that no processor has begun, bytes
 *
 * Started and stopped by an open, and under backing_lock while the device is not in use.
 */
struct cxl_vfio_clear {
	struct work_struct work;
	bool running;
	wait_queue_head_t wait;
	bool stop;
	bool quiet;
	bool reset_failed;
	atomic64_t next;
};

/**
 * struct cxl_vfio_access - what the user of the open device is told of access to the memory
 * @work: looks again
 * @settling: the memory is not active, and may become so
 * @since: that, in jiffies
 * @settled: @settling has ended
 *
 * @settling and @since are guarded by the lock of the virtual registers.
 */
struct cxl_vfio_access {
	struct delayed_work work;
	bool settling;
	unsigned long since;
	wait_queue_head_t settled;
};

/**
 * struct cxl_vfio_user_reset - a reset by the PCI core that a user's ioctl or close waits for
 * @lock: one ioctl at a time; outside of all locks but the gate
 * @task: waits for it, NULL without one; the PCI core calls back in its context
 * @ended: the PCI core has called back at the end
 * @lost: the device had lost its decoder then
 * @kept: it had Mem_Enable
 * @ret: 0, or why the memory is out of use since
 */
struct cxl_vfio_user_reset {
	struct mutex lock;	/* see above */
	struct task_struct *task;
	bool ended;
	bool lost;
	bool kept;
	int ret;
};

/**
 * struct cxl_vfio_device - a CXL device bound to this driver
 * @core: must be first
 * @hw: the physical device
 * @mem: its memory
 * @settings: the administrator's
 * @regs: what a user has in place of the device's CXL registers
 * @cxl_reset: the one that a user started
 * @clear: of the memory, for the next user
 * @access: to the memory, as its user is told of it
 * @commitment: of the decoder, by the driver; NULL if it was the platform that committed it
 * @sleep: hears of system sleep, and refuses
 * @d3cold: it may go down to D3cold, but for this driver
 * @unbinding: opens and resets by ioctl do not wait for other threads any more
 * @close_left: what the VFIO core's reset at close took is still to be put back
 * @link_reset: error recovery resets the link; used by its callbacks, and by writes that are lost
 * @slot_reset: error recovery has reset the slot; used by its callbacks alone
 * @msi_vectors: how many the device has, 0 without the capability
 * @msix_vectors: the same of MSI-X
 * @command: PCI_COMMAND as its user left it; negative without one. Written with
 *	     configuration access locked
 * @command_lock: the user writes to COMMAND or PMCSR once at a time. User memory is touched
 *		  under it
 * @revoke_lock: one thread revokes dma-bufs or allows them. Outside of memory_lock
 * @memory_bar: the BAR as which its user finds the memory; negative: none. Changes only while the
 *		device is not in use
 * @memory_bar_register: of it, as its user left it; guarded by the lock of @regs
 * @hung_flags: resets that the PCI core does not take while a CXL Reset has not ended
 * @user_reset: the one that its user waits for
 * @provider: of the memory, to p2pdma, for importers of a dma-buf
 * @debugfs: its directory
 */
struct cxl_vfio_device {
	struct vfio_pci_core_device core;
	struct cxl_vfio_hw hw;
	struct cxl_vfio_mem mem;
	struct cxl_vfio_settings settings;
	struct cxl_vfio_regs regs;
	struct cxl_vfio_cxl_reset cxl_reset;
	struct cxl_vfio_clear clear;
	struct cxl_vfio_access access;
	struct cxl_vfio_commitment *commitment;
	struct notifier_block sleep;
	bool d3cold;
	bool unbinding;
	bool close_left;
	bool link_reset;
	bool slot_reset;
	unsigned int msi_vectors;
	unsigned int msix_vectors;
	int command;
	struct mutex command_lock;	/* see above */
	struct mutex revoke_lock;	/* see above */
	int memory_bar;
	__le64 memory_bar_register;
	pci_dev_flags_t hung_flags;
	struct cxl_vfio_user_reset user_reset;
	struct p2pdma_provider provider;
	struct dentry *debugfs;
};

static inline struct cxl_vfio_device *to_cxl_vfio(struct vfio_pci_core_device *core)
{
	return container_of(core, struct cxl_vfio_device, core);
}

static inline struct cxl_vfio_device *vdev_to_cxl_vfio(struct vfio_device *vdev)
{
	return container_of(vdev, struct cxl_vfio_device, core.vdev);
}

static inline struct cxl_vfio_device *dev_to_cxl_vfio(struct device *dev)
{
	return to_cxl_vfio(dev_get_drvdata(dev));
}

static inline struct cxl_vfio_device *pdev_to_cxl_vfio(struct pci_dev *pdev)
{
	return dev_to_cxl_vfio(&pdev->dev);
}

/* Configuration access locked: one at a time writes to COMMAND, the DVSEC and the decoders. */
DEFINE_GUARD(cxl_vfio_config, struct pci_dev *, pci_cfg_access_lock(_T),
	     pci_cfg_access_unlock(_T))

/*
 * Have the device awake, and keep it so until cxl_vfio_power_put(). Waits for one that is just
 * suspending, no longer than its cache takes to be written back (cxl_vfio_dvsec_write_back()),
 * so memory_lock, regs.lock and mem.lock are not held. Return: 0, or an error, without a
 * reference.
 */
static inline int cxl_vfio_power_get(struct cxl_vfio_device *cxlv)
{
	return pm_runtime_resume_and_get(&cxlv->core.pdev->dev);
}

/* One more reference, beside one that is held already. */
static inline void cxl_vfio_power_hold(struct cxl_vfio_device *cxlv)
{
	pm_runtime_get_noresume(&cxlv->core.pdev->dev);
}

/* The device may suspend, if no other reference keeps it awake. */
static inline void cxl_vfio_power_put(struct cxl_vfio_device *cxlv)
{
	pm_runtime_put_autosuspend(&cxlv->core.pdev->dev);
}

/* The device is awake in the scope. By _get it is woken first, which may fail. */
DEFINE_GUARD(cxl_vfio_awake, struct cxl_vfio_device *, cxl_vfio_power_hold(_T),
	     cxl_vfio_power_put(_T))
DEFINE_GUARD_COND(cxl_vfio_awake, _get, cxl_vfio_power_get(_T), _RET == 0)

/* discover.c */
int cxl_vfio_discover(struct cxl_vfio_device *cxlv);

/* commit.c */
int cxl_vfio_commit(struct cxl_vfio_device *cxlv);
void cxl_vfio_commit_record(struct cxl_vfio_device *cxlv);
void cxl_vfio_commit_exit(void);

/* tenancy.c */
int cxl_vfio_tenancy_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_tenancy_exit(struct cxl_vfio_device *cxlv);
int cxl_vfio_tenancy_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_tenancy_close(struct cxl_vfio_device *cxlv);
void cxl_vfio_tenancy_unbind(struct cxl_vfio_device *cxlv);
int cxl_vfio_tenancy_clear_if_idle(struct cxl_vfio_device *cxlv);
int cxl_vfio_tenancy_type1(struct cxl_vfio_device *cxlv, unsigned int type1_dma);
int cxl_vfio_tenancy_present(struct cxl_vfio_device *cxlv, int bar);
int cxl_vfio_tenancy_change(struct cxl_vfio_device *cxlv, const struct cxl_vfio_backing *backing,
			    unsigned int folio_order);
int cxl_vfio_tenancy_change_cache(struct cxl_vfio_device *cxlv, bool allow);

/* clear.c */
void cxl_vfio_clear_init(struct cxl_vfio_device *cxlv);
bool cxl_vfio_clear_needed(struct cxl_vfio_device *cxlv);
const char *cxl_vfio_clear_obstacle(struct cxl_vfio_device *cxlv);
void cxl_vfio_clear_start(struct cxl_vfio_device *cxlv);
void cxl_vfio_clear_stop(struct cxl_vfio_device *cxlv);
int cxl_vfio_clear_stop_killable(struct cxl_vfio_device *cxlv);
int cxl_vfio_clear_wait(struct cxl_vfio_device *cxlv);
bool cxl_vfio_clear_at_open(struct cxl_vfio_device *cxlv);

/* access.c */
void cxl_vfio_access_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_access_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_access_stop(struct cxl_vfio_device *cxlv);
void cxl_vfio_access_publish(struct cxl_vfio_device *cxlv);
void cxl_vfio_access_update(struct cxl_vfio_device *cxlv);
void cxl_vfio_access_begin(struct cxl_vfio_device *cxlv);
void cxl_vfio_access_end(struct cxl_vfio_device *cxlv);
int cxl_vfio_access_wait(struct cxl_vfio_device *cxlv);

/* state.c */
int cxl_vfio_leave(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why);
int cxl_vfio_back(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why);
void cxl_vfio_note_command(struct cxl_vfio_device *cxlv);
void cxl_vfio_forget_user(struct cxl_vfio_device *cxlv);
void cxl_vfio_removed(struct cxl_vfio_device *cxlv);
void cxl_vfio_hang(struct cxl_vfio_device *cxlv);
void cxl_vfio_allow_resets(struct cxl_vfio_device *cxlv);

/* reset.c */
void cxl_vfio_reset_begin(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why);
void cxl_vfio_reset_end(struct cxl_vfio_device *cxlv, enum cxl_vfio_reason why);
void cxl_vfio_reset_ended(struct cxl_vfio_device *cxlv, enum cxlr_reset kind, int ret);
int cxl_vfio_reset_by_user_begin(struct cxl_vfio_device *cxlv);
int cxl_vfio_reset_by_user_end(struct cxl_vfio_device *cxlv, bool bus, int ret);
int cxl_vfio_reset_end_hung(struct cxl_vfio_device *cxlv);
bool cxl_vfio_reset_end_close(struct cxl_vfio_device *cxlv);
bool cxl_vfio_reset_by_close_begin(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_by_close_end(struct cxl_vfio_device *cxlv, bool locked);
void cxl_vfio_reset_restore_at_unbind(struct cxl_vfio_device *cxlv);

/* revoke.c */
void cxl_vfio_revoke_dma_bufs(struct cxl_vfio_device *cxlv);
void cxl_vfio_settle_dma_bufs(struct cxl_vfio_device *cxlv);

/* cxl_reset.c */
void cxl_vfio_cxl_reset_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_cxl_reset_kick(struct cxl_vfio_device *cxlv);
bool cxl_vfio_cxl_reset_by_ioctl(const struct cxl_vfio_device *cxlv);
int cxl_vfio_cxl_reset_and_wait(struct cxl_vfio_device *cxlv);
void cxl_vfio_cxl_reset_stop(struct cxl_vfio_device *cxlv);
bool cxl_vfio_cxl_reset_keep_off(struct cxl_vfio_device *cxlv);
int cxl_vfio_cxl_reset_clear(struct cxl_vfio_device *cxlv);

/* recovery.c */
extern const struct pci_error_handlers cxl_vfio_err_handlers;
void cxl_vfio_correctable_errors(struct cxl_vfio_device *cxlv);
int cxl_vfio_wait_recovered(struct cxl_vfio_device *cxlv);
bool cxl_vfio_recovery_end_at_unbind(struct cxl_vfio_device *cxlv);

/* keep.c */
int cxl_vfio_keep(struct cxl_vfio_device *cxlv);
bool cxl_vfio_keep_restore(struct cxl_vfio_device *cxlv);
void cxl_vfio_keep_forget(struct pci_dev *pdev);
void cxl_vfio_keep_setup(void);
void cxl_vfio_keep_exit(void);

/* runtime_pm.c */
void cxl_vfio_runtime_pm_setup(void);
void cxl_vfio_runtime_pm_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_runtime_pm_exit(struct cxl_vfio_device *cxlv);

/* system_sleep.c */
int cxl_vfio_system_sleep_refuse(struct cxl_vfio_device *cxlv);
void cxl_vfio_system_sleep_allow(struct cxl_vfio_device *cxlv);

#endif
