/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtual registers, and the events that tell a VMM what became of them. */
#ifndef CXL_VFIO_VIRT_H
#define CXL_VFIO_VIRT_H

#include <linux/kfifo.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>

#include "engine.h"
#include "hdm.h"
#include "hw/hw.h"
#include "vfio_cxl.h"

struct eventfd_ctx;

/**
 * struct cxl_vfio_events - what became of the virtual registers
 * @trigger: signalled for every event; nothing is queued without it
 * @seq: of the newest event since open
 * @lost: an event has found @queue full, and the user was not told so yet
 * @queue: what the user has not read yet
 */
struct cxl_vfio_events {
	struct eventfd_ctx *trigger;
	u64 seq;
	bool lost;
	DECLARE_KFIFO(queue, struct vfio_cxl_event, 64);
};

/* What became of a CXL Reset that was asked for. */
enum cxl_vfio_request_phase {
	CXL_VFIO_REQUEST_NONE,		/* or it does not take place */
	CXL_VFIO_REQUEST_WANTED,	/* it has not begun */
	CXL_VFIO_REQUEST_BEGUN,		/* perhaps it has ended since */
};

/**
 * struct cxl_vfio_reset_request - a CXL Reset that the user asks for
 * @phase: of the last one
 * @clear: the device is to clear its memory
 * @by_ioctl: it is the machine's, not the guest's
 * @ended: some reset has
 */
struct cxl_vfio_reset_request {
	enum cxl_vfio_request_phase phase;
	bool clear;
	bool by_ioctl;
	wait_queue_head_t ended;
};

/**
 * struct cxl_vfio_regs - the virtual registers of the user
 * @core: the VFIO device, for its memory_lock and its memory enable
 * @hw: the physical device
 * @lock: guards what follows. Nests inside memory_lock; user memory is not
 *	  touched under it.
 * @memory: of both spaces; NULL while the device is not open
 * @dvsec: the CXL DVSECs, from config offset @dvsec_start on
 * @dvsec_start: bytes
 * @cm: the CM block, as long as the register region
 * @hdm: the virtual decoder, in @cm
 * @accessible: the user was told that the memory may be touched
 * @resetting: how many resets are under way; another may begin before a user's is told ended
 * @reset_failed: the last one did
 * @request: for a CXL Reset
 * @reset_caps: CXLR_CAP_RESET_* of the device, of which a user has all or none
 * @events: what a VMM is told
 * @events_reader: taken around a reader's use of @events, outside @lock
 */
struct cxl_vfio_regs {
	struct vfio_pci_core_device *core;
	struct cxl_vfio_hw *hw;
	struct mutex lock;	/* see above */
	void *memory;
	struct cxlr_space dvsec;
	u32 dvsec_start;
	struct cxlr_space cm;
	struct cxlr_hdm hdm;
	bool accessible;
	unsigned int resetting;
	bool reset_failed;
	u16 reset_caps;
	struct cxl_vfio_reset_request request;
	struct cxl_vfio_events events;
	struct mutex events_reader;	/* see above */
};

/* regs.c */
void cxl_vfio_regs_init(struct cxl_vfio_regs *regs, struct vfio_pci_core_device *core,
			struct cxl_vfio_hw *hw);
int cxl_vfio_regs_open(struct cxl_vfio_regs *regs);
void cxl_vfio_regs_close(struct cxl_vfio_regs *regs);
u32 cxl_vfio_regs_state(struct cxl_vfio_regs *regs, struct cxlr_decode *decode);
void cxl_vfio_regs_set_access(struct cxl_vfio_regs *regs, bool accessible);
void cxl_vfio_regs_reset_begin(struct cxl_vfio_regs *regs);
void cxl_vfio_regs_reset_end(struct cxl_vfio_regs *regs, enum cxlr_reset kind, int ret);
int cxl_vfio_regs_request_reset(struct cxl_vfio_regs *regs);
void cxl_vfio_regs_offer_reset(struct cxl_vfio_regs *regs, bool offer);
bool cxl_vfio_regs_reset_pending(const struct cxl_vfio_regs *regs);
bool cxl_vfio_regs_reset_wanted(struct cxl_vfio_regs *regs);
bool cxl_vfio_regs_reset_take(struct cxl_vfio_regs *regs);
void cxl_vfio_regs_reset_refuse(struct cxl_vfio_regs *regs);
bool cxl_vfio_regs_reset_give_up(struct cxl_vfio_regs *regs);
int cxl_vfio_regs_reset_result(struct cxl_vfio_regs *regs);
u32 cxl_vfio_regs_take_status(struct cxl_vfio_regs *regs, u32 at);
void cxl_vfio_regs_dvsec_read(struct cxl_vfio_regs *regs, u32 pos, u8 *buf, u32 len);
int cxl_vfio_regs_dvsec_write(struct cxl_vfio_regs *regs, u32 pos, const u8 *buf, u32 len);
int cxl_vfio_regs_cm_read(struct cxl_vfio_regs *regs, u64 pos, unsigned int width, u64 *val);
int cxl_vfio_regs_cm_write(struct cxl_vfio_regs *regs, u64 pos, unsigned int width, u64 val);
bool cxl_vfio_regs_events_full(struct cxl_vfio_regs *regs);
void cxl_vfio_regs_peek(struct cxl_vfio_regs *regs, struct vfio_device_feature_cxl_events *state,
			struct vfio_cxl_event *batch, u32 room);

/* events.c */
void cxl_vfio_events_push(struct cxl_vfio_events *events, struct vfio_cxl_event *event);
bool cxl_vfio_events_room(struct cxl_vfio_events *events);
void cxl_vfio_events_drop(struct cxl_vfio_events *events, u64 last, bool lost);
void cxl_vfio_events_set_trigger(struct cxl_vfio_events *events, struct eventfd_ctx *trigger);

#endif
