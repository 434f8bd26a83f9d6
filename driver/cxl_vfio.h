/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cxl-vfio-pci: the device, and what its parts offer to each other.
 */
#ifndef CXL_VFIO_H
#define CXL_VFIO_H

#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "engine.h"
#include "hdm.h"
#include "hw/hw.h"
#include "memory/memory.h"
#include "vfio_cxl.h"

struct cxl_vfio_device;

/* So many events one write can lead to, at most. */
#define CXL_VFIO_EVENTS_A_WRITE	6

/**
 * struct cxl_vfio_events - what became of the virtual registers
 * @trigger: signalled for every event; nothing is queued without it
 * @seq: of the newest event since open
 * @first: index of the oldest event in @queue
 * @count: events in @queue
 * @lost: events that found @queue full, since somebody was told
 * @queue: a ring
 */
struct cxl_vfio_events {
	struct eventfd_ctx *trigger;
	u64 seq;
	u32 first;
	u32 count;
	bool lost;
	struct vfio_cxl_event queue[64];
};

/**
 * struct cxl_vfio_regs - the virtual registers of the user
 * @lock: guards all of this. Nests inside memory_lock; user memory is not
 *	  touched under it.
 * @memory: of both spaces; NULL while the device is not open
 * @dvsec: the CXL DVSECs, from config offset @dvsec_start on
 * @dvsec_start: bytes
 * @dvsec_seen: status bits that the device was seen to have set
 * @cm: the CM block, as long as the register region
 * @cm_seen: as @dvsec_seen
 * @hdm: the virtual decoder, in @cm
 * @resetting: a reset is under way
 * @reset_failed: the last one did
 * @events: what a VMM is told
 * @events_reader: taken around a reader's use of @events, outside @lock
 */
struct cxl_vfio_regs {
	struct mutex lock;	/* see above */
	void *memory;
	struct cxlr_space dvsec;
	u32 dvsec_start;
	u32 *dvsec_seen;
	struct cxlr_space cm;
	u32 *cm_seen;
	struct cxlr_hdm hdm;
	bool resetting;
	bool reset_failed;
	struct cxl_vfio_events events;
	struct mutex events_reader;	/* see above */
};

/**
 * struct cxl_vfio_choice - one of a few names
 * @names: constant
 * @count: of them
 * @new_devices: which of them new devices get; latched at bind
 */
struct cxl_vfio_choice {
	const char * const *names;
	unsigned int count;
	unsigned int new_devices;
};

/**
 * struct cxl_vfio_cxl_reset - a CXL Reset in the background
 * @method: how VFIO_DEVICE_RESET resets, by the administrator
 * @work: runs it
 * @gate: held for write while it runs, for read around what must not meet it.
 *	  Outside of all locks but the device lock. User memory is touched
 *	  under it, so the reset only tries to take it.
 * @running: @gate is held for a reset, not only to see if one can begin
 * @clear: the device is to clear its memory; guarded by the registers' lock
 * @by_ioctl: it was asked for by ioctl; guarded as that
 * @begun: the one that was asked for last has; guarded as that
 * @wanted: asked for, and not begun; guarded by the registers' lock
 * @stop: its user has gone
 * @ended: some reset has
 */
struct cxl_vfio_cxl_reset {
	unsigned int method;
	struct work_struct work;
	struct rw_semaphore gate;
	bool running;
	bool clear;
	bool by_ioctl;
	bool begun;
	bool wanted;
	bool stop;
	wait_queue_head_t ended;
};

/**
 * struct cxl_vfio_clear - clearing the memory between users
 * @work: does it
 * @running: @work is queued, or at it
 * @wait: for the end of that
 * @stop: it is to end
 * @quiet: a reset has stopped what the last user had the device do; changes while
 *	   the device is being opened or closed
 * @method: how, by the administrator
 * @reset_failed: a CXL Reset of this device's does not do it
 * @next: where in the memory nobody has begun, bytes
 * @left: of the memory, as somebody may have left it, bytes
 * @nobodys: it was clear, and is @left because the device may have lost that
 *
 * Begun and stopped by whoever opens the device, and under backing_lock while
 * it is not in use.
 */
struct cxl_vfio_clear {
	struct work_struct work;
	bool running;
	wait_queue_head_t wait;
	bool stop;
	bool quiet;
	unsigned int method;
	bool reset_failed;
	atomic64_t next;
	atomic64_t left;
	bool nobodys;
};

/**
 * struct cxl_vfio_device - a CXL device bound to this driver
 * @core: must be first
 * @hw: the physical device
 * @comp_region_index: VFIO index of the register region; valid while open
 * @regs: what a user has in place of the device's CXL registers
 * @cxl_reset: the one that a user started
 * @clear: of the memory, for the next user
 * @commitment: of the decoder, by the driver; NULL if it was the platform that committed it
 * @sleep: hears of system sleep, and refuses
 * @d3cold: it may go down to D3cold, but for this driver
 * @slot_reset: error recovery has reset the slot; used by its callbacks alone
 * @hung_flags: resets that the PCI core does not take while a CXL Reset has not ended
 * @user_resets: how many resets its user waits for, by ioctl: they are the machine's
 * @debugfs: its directory
 */
struct cxl_vfio_device {
	struct vfio_pci_core_device core;
	struct cxl_vfio_hw hw;
	struct cxl_vfio_mem mem;
	u32 comp_region_index;
	struct cxl_vfio_regs regs;
	struct cxl_vfio_cxl_reset cxl_reset;
	struct cxl_vfio_clear clear;
	struct cxl_vfio_commitment *commitment;
	struct notifier_block sleep;
	bool d3cold;
	bool slot_reset;
	pci_dev_flags_t hung_flags;
	atomic_t user_resets;
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

/* commit.c */
int cxl_vfio_commit(struct cxl_vfio_device *cxlv);
void cxl_vfio_commit_seen(struct cxl_vfio_device *cxlv);
void cxl_vfio_commit_exit(void);

/* debugfs.c */
void cxl_vfio_debugfs_init(void);
void cxl_vfio_debugfs_exit(void);
void cxl_vfio_debugfs_add(struct cxl_vfio_device *cxlv);
void cxl_vfio_debugfs_remove(struct cxl_vfio_device *cxlv);

/* device.c */
extern const struct vfio_device_ops cxl_vfio_ops;

/* discover.c */
int cxl_vfio_discover(struct cxl_vfio_device *cxlv);

/* user/mem_region.c */
int cxl_vfio_mem_open(struct cxl_vfio_device *cxlv);

/* choice.c */
extern const struct kernel_param_ops cxl_vfio_choice_param_ops;
int cxl_vfio_choice_parse(const struct cxl_vfio_choice *choice, const char *name);
ssize_t cxl_vfio_choice_show(const struct cxl_vfio_choice *choice, unsigned int which, char *buf);

/* life/tenancy.c */
extern const struct attribute_group cxl_vfio_backing_group;
int cxl_vfio_backing_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_backing_exit(struct cxl_vfio_device *cxlv);
int cxl_vfio_backing_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_backing_close(struct cxl_vfio_device *cxlv);
int cxl_vfio_backing_idle(struct cxl_vfio_device *cxlv);

/* user/sysfs.c */
extern const struct attribute_group cxl_vfio_poison_group;

/* clear.c */
extern const struct attribute_group cxl_vfio_clear_group;
void cxl_vfio_clear_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_clear_dirty(struct cxl_vfio_device *cxlv);
void cxl_vfio_clear_lost(struct cxl_vfio_device *cxlv);
bool cxl_vfio_clear_precious(struct cxl_vfio_device *cxlv);
bool cxl_vfio_clear_used(struct cxl_vfio_device *cxlv);
bool cxl_vfio_clear_needed(struct cxl_vfio_device *cxlv);
const char *cxl_vfio_clear_obstacle(struct cxl_vfio_device *cxlv);
void cxl_vfio_clear_start(struct cxl_vfio_device *cxlv);
void cxl_vfio_clear_stop(struct cxl_vfio_device *cxlv);
int cxl_vfio_clear_wait(struct cxl_vfio_device *cxlv);

/* comp_regs.c */
int cxl_vfio_comp_regs_open(struct cxl_vfio_device *cxlv);

/* regs.c */
int cxl_vfio_regs_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_regs_close(struct cxl_vfio_device *cxlv);
u32 cxl_vfio_regs_state(struct cxl_vfio_regs *regs, struct cxlr_decode *decode);
void cxl_vfio_regs_reset_begin(struct cxl_vfio_device *cxlv);
void cxl_vfio_regs_begin_locked(struct cxl_vfio_regs *regs);
void cxl_vfio_regs_reset_end(struct cxl_vfio_device *cxlv, enum cxlr_reset kind, int ret);
bool cxl_vfio_regs_reset_give_up(struct cxl_vfio_device *cxlv);
u32 cxl_vfio_regs_take_status(struct cxl_vfio_device *cxlv, u32 at);
void cxl_vfio_regs_dvsec_read(struct cxl_vfio_device *cxlv, u32 pos, u8 *buf, u32 len);
int cxl_vfio_regs_dvsec_write(struct cxl_vfio_device *cxlv, u32 pos, const u8 *buf, u32 len);
int cxl_vfio_regs_cm_read(struct cxl_vfio_device *cxlv, u64 pos, unsigned int width, u64 *val);
int cxl_vfio_regs_cm_write(struct cxl_vfio_device *cxlv, u64 pos, unsigned int width, u64 val);

/* events.c */
void cxl_vfio_event(struct cxl_vfio_regs *regs, u32 type, const struct cxlr_decode *was);
bool cxl_vfio_events_full(struct cxl_vfio_device *cxlv);
bool cxl_vfio_events_room(const struct cxl_vfio_regs *regs);
int cxl_vfio_events_feature(struct cxl_vfio_device *cxlv, u32 flags, void __user *arg,
			    size_t argsz);
void cxl_vfio_events_open(struct cxl_vfio_regs *regs);
void cxl_vfio_events_close(struct cxl_vfio_regs *regs);

/* errors.c */
extern const struct pci_error_handlers cxl_vfio_err_handlers;

/* removal.c */
void cxl_vfio_removed(struct cxl_vfio_device *cxlv);
void cxl_vfio_request(struct vfio_device *vdev, unsigned int count);
bool cxl_vfio_leave_alone(struct cxl_vfio_device *cxlv);
void cxl_vfio_left_alone(struct cxl_vfio_device *cxlv, bool locked);

/* power.c */
void cxl_vfio_power_setup(void);
void cxl_vfio_power_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_power_exit(struct cxl_vfio_device *cxlv);
int cxl_vfio_power_get(struct cxl_vfio_device *cxlv);
void cxl_vfio_power_hold(struct cxl_vfio_device *cxlv);
void cxl_vfio_power_put(struct cxl_vfio_device *cxlv);

/* sleep.c */
int cxl_vfio_sleep_refuse(struct cxl_vfio_device *cxlv);
void cxl_vfio_sleep_allow(struct cxl_vfio_device *cxlv);

/* cxl_reset.c */
extern const struct attribute_group cxl_vfio_cxl_reset_group;
void cxl_vfio_cxl_reset_init(struct cxl_vfio_device *cxlv);
void cxl_vfio_cxl_reset_start(struct cxl_vfio_device *cxlv, bool clear, bool by_ioctl);
bool cxl_vfio_cxl_reset_by_ioctl(const struct cxl_vfio_device *cxlv);
int cxl_vfio_cxl_reset_and_wait(struct cxl_vfio_device *cxlv);
void cxl_vfio_cxl_reset_stop(struct cxl_vfio_device *cxlv);
bool cxl_vfio_cxl_reset_keep_off(struct cxl_vfio_device *cxlv);
bool cxl_vfio_cxl_reset_cancel(struct cxl_vfio_device *cxlv);
int cxl_vfio_cxl_reset_clear(struct cxl_vfio_device *cxlv);

/* bar.c */
extern const struct vfio_pci_device_ops cxl_vfio_pci_ops;
void cxl_vfio_bar_open(struct cxl_vfio_device *cxlv);
void cxl_vfio_bar_close(struct cxl_vfio_device *cxlv);
ssize_t cxl_vfio_bar_rw(struct cxl_vfio_device *cxlv, char __user *buf,
			size_t count, loff_t *ppos, bool iswrite);
bool cxl_vfio_bar_carved(struct cxl_vfio_device *cxlv, u64 start, u64 len);
int cxl_vfio_bar_caps(struct cxl_vfio_device *cxlv, struct vfio_info_cap *caps);

/* config.c */
ssize_t cxl_vfio_config_rw(struct cxl_vfio_device *cxlv, char __user *buf,
			   size_t count, loff_t *ppos, bool iswrite);

/* doe.c */
void cxl_vfio_doe_open(struct cxl_vfio_device *cxlv);

/* reset.c */
void cxl_vfio_reset_quiesce(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_prepare(struct cxl_vfio_device *cxlv);
int cxl_vfio_reset_restore(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_hang(struct cxl_vfio_device *cxlv);
int cxl_vfio_reset_end_hung(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_unbind(struct cxl_vfio_device *cxlv);
void cxl_vfio_reset_ended(struct cxl_vfio_device *cxlv, enum cxlr_reset kind, int ret);
void cxl_vfio_reset_done(struct cxl_vfio_device *cxlv);

#endif
