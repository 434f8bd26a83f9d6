/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual registers: what a user has in place of the device's CXL registers, and
 * the events that tell a VMM what became of them.
 */
#ifndef CXL_VFIO_VIRT_H
#define CXL_VFIO_VIRT_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "engine.h"
#include "hdm.h"
#include "hw/hw.h"
#include "vfio_cxl.h"

struct cxl_vfio_device;
struct eventfd_ctx;

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

#endif
