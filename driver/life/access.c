// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the user of the open device is told of access to the memory: whether it may be touched
 * (VFIO_CXL_STATE_ACCESSIBLE), by the rule that faults obey, and when that changes. After a reset a
 * device may take its time until its memory is active, and raises no interrupt then (8.1.3.8.2). So
 * the driver looks every CXL_VFIO_ACTIVE_POLL_MS until that time is over, then every LATE_POLL_MS.
 */
#include <linux/pci.h>

#include "life/life.h"

#define LATE_POLL_MS	1000

/*
 * May the memory still become active? With a reason there is nothing to look for: when one ends
 * that the user of an open device meets, cxl_vfio_access_begin() follows. A reset waits for
 * mem.lock before it begins, so none is met here.
 */
static bool is_settling(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_access *access = &cxlv->access;

	lockdep_assert_held(&cxlv->regs.lock);

	guard(rwsem_read)(&cxlv->mem.lock);
	if (access->settling &&
	    (cxlv->hw.reasons ||
	     cxl_vfio_dvsec_check_active(&cxlv->hw, access->since) != -EAGAIN)) {
		WRITE_ONCE(access->settling, false);
		wake_up_all(&access->settled);
	}
	return access->settling;
}

static void look_soon(struct cxl_vfio_device *cxlv)
{
	mod_delayed_work(system_long_wq, &cxlv->access.work,
			 msecs_to_jiffies(CXL_VFIO_ACTIVE_POLL_MS));
}

/* Unless it is soon already. */
static void look_later(struct cxl_vfio_device *cxlv)
{
	queue_delayed_work(system_long_wq, &cxlv->access.work, msecs_to_jiffies(LATE_POLL_MS));
}

static void start_settling(struct cxl_vfio_device *cxlv)
{
	cxlv->access.since = jiffies;
	WRITE_ONCE(cxlv->access.settling, true);
}

/* Caller holds memory_lock. Memory that stops being active by itself may come back by itself. */
static void publish_answer(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_regs *regs = &cxlv->regs;
	bool accessible, reason;

	lockdep_assert_held(&regs->lock);

	scoped_guard(rwsem_read, &cxlv->mem.lock) {
		accessible = cxl_vfio_mem_accessible(&cxlv->mem);
		reason = cxlv->hw.reasons;
	}
	if (!accessible && !reason && __vfio_pci_memory_enabled(&cxlv->core)) {
		if (regs->accessible) {
			start_settling(cxlv);
			look_soon(cxlv);
		} else {
			look_later(cxlv);
		}
	}
	cxl_vfio_regs_set_access(regs, accessible);
}

/*
 * @locked: memory_lock is held, by the caller. @begin: the memory may be becoming active. Settling
 * ends before the answer is looked for: what becomes active in between is not missed.
 */
static void look_at_memory(struct cxl_vfio_device *cxlv, bool locked, bool begin)
{
	guard(mutex)(&cxlv->regs.lock);
	if (!cxlv->regs.memory)
		return;
	if (begin)
		start_settling(cxlv);
	if (is_settling(cxlv) || !locked)
		look_soon(cxlv);
	if (locked)
		publish_answer(cxlv);
}

/* The caller may be a reset callback, in a user's reset, for which memory_lock is held. */
static void try_look(struct cxl_vfio_device *cxlv, bool begin)
{
	bool locked = down_read_trylock(&cxlv->core.memory_lock);

	look_at_memory(cxlv, locked, begin);
	if (locked)
		up_read(&cxlv->core.memory_lock);
}

static void access_work(struct work_struct *work)
{
	try_look(container_of(work, struct cxl_vfio_device, access.work.work), false);
}

/*
 * Tell the user of the open device whether the memory may be touched, if that has changed. Caller
 * holds memory_lock.
 */
void cxl_vfio_access_publish(struct cxl_vfio_device *cxlv)
{
	lockdep_assert_held(&cxlv->core.memory_lock);
	look_at_memory(cxlv, true, false);
}

/* The same without memory_lock. While another thread writes under it, the answer comes later. */
void cxl_vfio_access_update(struct cxl_vfio_device *cxlv)
{
	try_look(cxlv, false);
}

/* A reason not to touch the memory has ended, so the memory may be becoming active. */
void cxl_vfio_access_begin(struct cxl_vfio_device *cxlv)
{
	try_look(cxlv, true);
}

/* The device was opened. What its user finds then is no event. */
void cxl_vfio_access_open(struct cxl_vfio_device *cxlv)
{
	guard(rwsem_read)(&cxlv->core.memory_lock);
	guard(mutex)(&cxlv->regs.lock);
	start_settling(cxlv);
	if (is_settling(cxlv))
		look_soon(cxlv);
	scoped_guard(rwsem_read, &cxlv->mem.lock)
		cxlv->regs.accessible = cxl_vfio_mem_accessible(&cxlv->mem);
}

/* A reason not to touch the memory has begun, and the user's mappings are about to go. */
void cxl_vfio_access_end(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->regs.lock);
	cxl_vfio_regs_set_access(&cxlv->regs, false);
}

/*
 * Wait until the memory is active, or was for as long as the device names inactive (1 s to 256 s),
 * or may not be touched for another reason. No lock is held. Return: 0; -EINTR when killed.
 */
int cxl_vfio_access_wait(struct cxl_vfio_device *cxlv)
{
	cxl_vfio_access_update(cxlv);
	return wait_event_killable(cxlv->access.settled, !READ_ONCE(cxlv->access.settling)) ?
		-EINTR : 0;
}

/* Once in the life of the device. */
void cxl_vfio_access_init(struct cxl_vfio_device *cxlv)
{
	INIT_DELAYED_WORK(&cxlv->access.work, access_work);
	init_waitqueue_head(&cxlv->access.settled);
}

/* The virtual registers are gone, and nothing is published any more. */
void cxl_vfio_access_stop(struct cxl_vfio_device *cxlv)
{
	cancel_delayed_work_sync(&cxlv->access.work);
}
