// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual registers: what a user reads and writes in place of the CXL
 * DVSECs and of the CM block. They are built at open and gone at close, by the
 * tables in registers/; the few that show what the device does now are read
 * from it at each access, and the few doorbells that reach it are here.
 */
#include <linux/pci.h>
#include <linux/slab.h>

#include "trace.h"
#include "virt/virt.h"

/*
 * What a user sees of the CM block, if the device has it; the rest is not
 * listed. Link, for one, is about a link that ends at the host's port.
 */
static const struct cxlr_map * const offered[] = { &cxlr_map_ras, &cxlr_map_hdm };

#define VIEWS_SAMPLED	(BIT(CXLR_VIEW_OPEN) | BIT(CXLR_VIEW_LIVE))
#define VIEWS_READ	(BIT(CXLR_VIEW_LIVE) | BIT(CXLR_VIEW_EDGE))

/* One of the two spaces, and the device's registers that it stands for. */
struct half {
	struct cxl_vfio_regs *regs;
	struct cxlr_space *space;
	u32 *seen;
	u64 (*read)(struct cxl_vfio_regs *regs, u32 at, unsigned int size);
};

static u64 read_config(struct cxl_vfio_regs *regs, u32 at, unsigned int size)
{
	struct pci_dev *pdev = regs->hw->pdev;
	u16 word;
	u32 val;

	at += regs->dvsec_start;
	if (size == 2) {
		pci_read_config_word(pdev, at, &word);
		return word;
	}
	pci_read_config_dword(pdev, at, &val);
	return val;
}

static u64 read_cm(struct cxl_vfio_regs *regs, u32 at, unsigned int size)
{
	void __iomem *reg = regs->hw->comp.base + regs->hw->comp.cm + at;

	return size == 8 ? readq(reg) : readl(reg);
}

static struct half dvsec_half(struct cxl_vfio_regs *regs)
{
	return (struct half) { regs, &regs->dvsec, regs->dvsec_seen, read_config };
}

static struct half cm_half(struct cxl_vfio_regs *regs)
{
	return (struct half) { regs, &regs->cm, regs->cm_seen, read_cm };
}

static bool no_answer(u64 val, unsigned int size)
{
	return val == GENMASK_ULL(8 * size - 1, 0);
}

/* Statuses are registers of 2 or 4 bytes. */
static u32 *seen_at(const struct half *half, u32 at)
{
	return &half->seen[at / sizeof(u32)];
}

/*
 * Take from the device what it says now. A status bit that it sets is set for
 * the user too, who clears the virtual one; the device's own is the host's.
 */
static void refresh(const struct half *half, const struct cxlr_slot *slot)
{
	const struct cxlr_reg *reg = slot->reg;
	unsigned int shift = 8 * (slot->at % sizeof(u32));
	u32 *seen = seen_at(half, slot->at);
	u32 now, risen;

	if (!(slot->views & VIEWS_READ))
		return;
	now = half->read(half->regs, slot->at, reg->size);
	if (no_answer(now, reg->size))
		return;
	if (slot->live)
		cxlr_set(half->space, slot->at, slot->live, now);
	risen = now & slot->edge & ~(*seen >> shift);
	*seen = (*seen & ~(slot->edge << shift)) | (now & slot->edge) << shift;
	if (risen)
		cxlr_set(half->space, slot->at, risen, risen);
}

/* A register of the CM block, if there is a user, and if that is shown it. */
static void refresh_status(const struct half *half, u32 at)
{
	const struct cxlr_slot *slot;

	if (!half->regs->memory)
		return;
	slot = cxlr_slot_at(half->space, at);
	if (slot)
		refresh(half, slot);
}

/*
 * The values that hold from open on. Errors of before are not this user's.
 * A register may have all bits set (GPF Phase 2 Power, 8.1.7.2). The first one of
 * either half has an id in it. False if the device does not answer.
 */
static bool sample(const struct half *half)
{
	const struct cxlr_slot *slot;
	u32 at;

	for (at = 0; at < half->space->size; at += half->space->grain) {
		u64 mask, now;

		slot = cxlr_slot_at(half->space, at);
		if (!slot || slot->at != at)
			continue;
		if (!(slot->views & (VIEWS_SAMPLED | VIEWS_READ)))
			continue;
		mask = cxlr_view_mask(slot->reg, VIEWS_SAMPLED);
		now = half->read(half->regs, at, slot->reg->size);
		if (no_answer(now, slot->reg->size) &&
		    no_answer(half->read(half->regs, 0, sizeof(u32)), sizeof(u32)))
			return false;
		cxlr_init(half->space, at, mask, now);
		*seen_at(half, at) |= ((u32)now & slot->edge) << 8 * (at % sizeof(u32));
	}
	return true;
}

/* Bytes of the PCIe DVSEC for CXL Devices, from the start of the DVSEC space. */
static u32 device_dvsec(struct cxl_vfio_regs *regs, u32 offset)
{
	return regs->hw->dvsec - regs->dvsec_start + offset;
}

/* Is the register there? Older revisions of the DVSEC end earlier. */
static bool has_dvsec(struct cxl_vfio_regs *regs, u32 offset)
{
	const struct cxlr_slot *slot = cxlr_slot_at(&regs->dvsec, device_dvsec(regs, offset));

	return slot && slot->at == device_dvsec(regs, offset);
}

static u16 get_dvsec(struct cxl_vfio_regs *regs, u32 offset)
{
	return !has_dvsec(regs, offset) ? 0 : cxlr_get(&regs->dvsec, device_dvsec(regs, offset));
}

static void set_dvsec(struct cxl_vfio_regs *regs, u32 offset, u64 mask, u64 val)
{
	if (has_dvsec(regs, offset))
		cxlr_set(&regs->dvsec, device_dvsec(regs, offset), mask, val);
}

static void init_dvsec(struct cxl_vfio_regs *regs, u32 offset, u64 mask, u64 val)
{
	if (has_dvsec(regs, offset))
		cxlr_init(&regs->dvsec, device_dvsec(regs, offset), mask, val);
}

/* The one range that is offered is the region. */
static void offer_ranges(struct cxl_vfio_regs *regs)
{
	u64 size = regs->mem_size;

	init_dvsec(regs, CXLR_DVSEC_CAP, CXLR_CAP_HDM_COUNT, 1 << CXLR_CAP_HDM_COUNT_SHIFT);
	init_dvsec(regs, CXLR_DVSEC_RANGE_SIZE_HIGH(0), U32_MAX, upper_32_bits(size));
	init_dvsec(regs, CXLR_DVSEC_RANGE_SIZE_LOW(0), CXLR_RANGE_SIZE_LOW_MASK,
		   lower_32_bits(size));
}

/*
 * 8.1.3.8: what the ranges decode when HDM decoders do not; firmware keeps the
 * two the same, so the range follows the decoder.
 */
static void place_range(struct cxl_vfio_regs *regs, u64 base)
{
	if (get_dvsec(regs, CXLR_DVSEC_LOCK) & CXLR_LOCK_CONFIG_LOCK)
		return;
	set_dvsec(regs, CXLR_DVSEC_RANGE_BASE_HIGH(0), U32_MAX, upper_32_bits(base));
	set_dvsec(regs, CXLR_DVSEC_RANGE_BASE_LOW(0), CXLR_RANGE_BASE_LOW_MASK,
		  lower_32_bits(base));
}

/**
 * cxl_vfio_regs_state - what the virtual registers amount to
 * @regs: the virtual registers; caller holds their lock
 * @decode: what the virtual decoder is programmed to
 *
 * Return: VFIO_CXL_STATE_*, but for those of the event queue.
 */
u32 cxl_vfio_regs_state(struct cxl_vfio_regs *regs, struct cxlr_decode *decode)
{
	u32 flags = 0;

	lockdep_assert_held(&regs->lock);

	if (cxlr_hdm_decode(&regs->hdm, 0, decode)) {
		flags |= VFIO_CXL_STATE_COMMITTED;
		if (decode->ctrl & CXLR_HDM_CTRL_LOCK)
			flags |= VFIO_CXL_STATE_LOCKED;
	}
	if (cxlr_hdm_enabled(&regs->hdm))
		flags |= VFIO_CXL_STATE_HDM_ENABLED;
	if (get_dvsec(regs, CXLR_DVSEC_CTRL) & CXLR_CTRL_MEM_ENABLE)
		flags |= VFIO_CXL_STATE_MEM_ENABLED;
	if (regs->resetting)
		flags |= VFIO_CXL_STATE_RESETTING;
	if (regs->reset_failed)
		flags |= VFIO_CXL_STATE_RESET_FAILED;
	return flags;
}

/* @was: what the decoder decoded before; NULL if it is what it decodes now. */
static void tell(struct cxl_vfio_regs *regs, u32 type, const struct cxlr_decode *was)
{
	struct vfio_cxl_event event = { .type = type };
	struct cxlr_decode decode;

	lockdep_assert_held(&regs->lock);

	event.flags = cxl_vfio_regs_state(regs, &decode);
	was = was ?: &decode;
	event.base = was->base;
	event.size = was->size;
	event.dpa = was->dpa;
	trace_cxl_vfio_event(&regs->hw->pdev->dev, type, was->base, was->size);
	if (type == VFIO_CXL_EVENT_COMMITTED)
		cxl_vfio_count(regs->hw, CXL_VFIO_COUNT_COMMITS);
	cxl_vfio_events_push(&regs->events, &event);
}

static void cm_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	struct cxl_vfio_regs *regs = space->owner;
	struct cxlr_decode decode;

	if (change->field->effect == CXLR_EFFECT_HDM_ENABLE)
		tell(regs, VFIO_CXL_EVENT_ENABLE, NULL);
	if (change->field->effect != CXLR_EFFECT_COMMIT)
		return;

	switch (cxlr_hdm_effect(&regs->hdm, change)) {
	case CXLR_HDM_COMMITTED:
		cxlr_hdm_decode(&regs->hdm, 0, &decode);
		place_range(regs, decode.base);
		tell(regs, VFIO_CXL_EVENT_COMMITTED, NULL);
		break;
	case CXLR_HDM_DECOMMITTED:
		place_range(regs, 0);
		tell(regs, VFIO_CXL_EVENT_DECOMMITTED, NULL);
		break;
	default:
		break;
	}
}

/* The device's cache is the user's to write back and to keep off. */
static void write_control2(struct cxl_vfio_regs *regs, u16 doorbell)
{
	u16 val = get_dvsec(regs, CXLR_DVSEC_CTRL2) & CXLR_CTRL2_DISABLE_CACHING;

	if (!regs->resetting && !cxl_vfio_holds(regs->hw, CXL_VFIO_WHY_HUNG))
		cxl_vfio_dvsec_write_control2(regs->hw, val | doorbell);
}

/* 8.1.3.5: how the last CXL Reset ended, until the next one begins. */
static void set_outcome(struct cxl_vfio_regs *regs, u16 outcome)
{
	set_dvsec(regs, CXLR_DVSEC_STATUS2, CXLR_STATUS2_RESET_COMPLETE |
		  CXLR_STATUS2_RESET_ERROR, outcome);
}

static void begin_locked(struct cxl_vfio_regs *regs)
{
	lockdep_assert_held(&regs->lock);

	if (regs->resetting++)
		return;
	regs->reset_failed = false;
	tell(regs, VFIO_CXL_EVENT_RESET_BEGIN, NULL);
}

/* None is under way. The caller starts it when it has released the lock. */
static void request_reset(struct cxl_vfio_regs *regs, bool clear, bool by_ioctl)
{
	begin_locked(regs);
	regs->request.clear = clear;
	regs->request.by_ioctl = by_ioctl;
	regs->request.phase = CXL_VFIO_REQUEST_WANTED;
}

static void dvsec_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	struct cxl_vfio_regs *regs = space->owner;

	switch (change->field->effect) {
	case CXLR_EFFECT_MEM_ENABLE:
		tell(regs, VFIO_CXL_EVENT_ENABLE, NULL);
		break;
	case CXLR_EFFECT_CACHING:
		write_control2(regs, 0);
		break;
	case CXLR_EFFECT_WBI:
		/* 8.1.3.4: while caching is allowed it has no defined effect. */
		if (change->after & CXLR_CTRL2_DISABLE_CACHING)
			write_control2(regs, CXLR_CTRL2_INITIATE_WBI);
		break;
	case CXLR_EFFECT_CXL_RESET:
		/* 8.1.3.4: a second request while one runs has no defined effect. */
		if (regs->resetting || regs->hw->pdev->current_state != PCI_D0)
			break;
		set_outcome(regs, 0);
		request_reset(regs, change->after & CXLR_CTRL2_RESET_MEM_CLR, false);
		break;
	default:
		break;
	}
}

/*
 * A CXL Reset that was asked for does not take place: another came first, or it cannot
 * begin. Its guest sees that in Status2. One that runs is not met here: it holds the
 * device lock, as each reset does.
 */
static bool cancel_locked(struct cxl_vfio_regs *regs)
{
	struct cxl_vfio_reset_request *request = &regs->request;

	lockdep_assert_held(&regs->lock);

	if (request->phase != CXL_VFIO_REQUEST_WANTED)
		return false;
	request->phase = CXL_VFIO_REQUEST_CANCELLED;
	if (!request->by_ioctl)
		set_outcome(regs, CXLR_STATUS2_RESET_ERROR);
	return true;
}

/**
 * cxl_vfio_regs_reset_begin - a reset of the device begins
 * @regs: the virtual registers; perhaps there are none, then nothing happens
 */
void cxl_vfio_regs_reset_begin(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!regs->memory)
		return;
	/* One that was asked for has begun for its user, and is overtaken. */
	if (!cancel_locked(regs))
		begin_locked(regs);
}

static void end_locked(struct cxl_vfio_regs *regs, enum cxlr_reset kind, int ret)
{
	struct cxlr_decode was, is;
	u32 before, changed;
	bool told;

	lockdep_assert_held(&regs->lock);

	before = cxl_vfio_regs_state(regs, &was);
	cxlr_reset(&regs->dvsec, kind);
	cxlr_reset(&regs->cm, kind);
	cxlr_hdm_reset(&regs->hdm);
	changed = before ^ cxl_vfio_regs_state(regs, &is);
	if (changed & VFIO_CXL_STATE_COMMITTED) {
		place_range(regs, 0);
		tell(regs, VFIO_CXL_EVENT_DECOMMITTED, &was);
	}
	if (changed & (VFIO_CXL_STATE_HDM_ENABLED | VFIO_CXL_STATE_MEM_ENABLED))
		tell(regs, VFIO_CXL_EVENT_ENABLE, NULL);
	if (kind == CXLR_RESET_CXL)
		set_outcome(regs, ret ? CXLR_STATUS2_RESET_ERROR : CXLR_STATUS2_RESET_COMPLETE);
	WRITE_ONCE(regs->reset_failed, ret);
	/* Of one that began before the device was open, no user was told. */
	told = regs->resetting;
	WRITE_ONCE(regs->resetting, max(regs->resetting, 1) - 1);
	if (regs->resetting)
		return;
	/* A reset may have let the device cache again. */
	write_control2(regs, 0);
	if (!told)
		return;
	tell(regs, VFIO_CXL_EVENT_RESET_END, NULL);
	wake_up_all(&regs->request.ended);
}

/**
 * cxl_vfio_regs_reset_end - a reset of the device has ended
 * @regs: the virtual registers; perhaps there are none, then nothing happens
 * @kind: what the reset did to the registers
 * @ret: 0, or why it failed
 */
void cxl_vfio_regs_reset_end(struct cxl_vfio_regs *regs, enum cxlr_reset kind, int ret)
{
	guard(mutex)(&regs->lock);
	if (regs->memory)
		end_locked(regs, kind, ret);
}

/**
 * cxl_vfio_regs_request_reset - ask for a CXL Reset
 * @regs: the virtual registers
 *
 * Of the machine, and without clearing the memory. The caller starts it.
 *
 * Return: 0; -EBUSY: a reset is under way already; -EAGAIN while the event queue is full.
 */
int cxl_vfio_regs_request_reset(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (regs->resetting)
		return -EBUSY;
	if (!cxl_vfio_events_room(&regs->events))
		return -EAGAIN;
	request_reset(regs, false, true);
	return 0;
}

/**
 * cxl_vfio_regs_reset_wanted - has a CXL Reset been asked for that has not begun?
 * @regs: the virtual registers
 */
bool cxl_vfio_regs_reset_wanted(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	return regs->request.phase == CXL_VFIO_REQUEST_WANTED;
}

/**
 * cxl_vfio_regs_reset_take - the CXL Reset that was asked for begins
 * @regs: the virtual registers
 *
 * Return: false if it has been cancelled.
 */
bool cxl_vfio_regs_reset_take(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (regs->request.phase != CXL_VFIO_REQUEST_WANTED)
		return false;
	regs->request.phase = CXL_VFIO_REQUEST_BEGUN;
	return true;
}

/**
 * cxl_vfio_regs_reset_cancel - the CXL Reset that was asked for does not take place
 * @regs: the virtual registers, which go
 */
void cxl_vfio_regs_reset_cancel(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	cancel_locked(regs);
}

/**
 * cxl_vfio_regs_reset_give_up - a CXL Reset that was asked for cannot begin
 * @regs: the virtual registers
 *
 * It leaves the registers alone, as an FLR does.
 *
 * Return: whether there was one.
 */
bool cxl_vfio_regs_reset_give_up(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!cancel_locked(regs))
		return false;
	end_locked(regs, CXLR_RESET_FLR, -EAGAIN);
	return true;
}

/**
 * cxl_vfio_regs_reset_refuse - a CXL Reset that was taken cannot be made
 * @regs: the virtual registers
 *
 * It leaves the registers alone as well, but for its own outcome in Status2.
 */
void cxl_vfio_regs_reset_refuse(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!regs->request.by_ioctl)
		set_outcome(regs, CXLR_STATUS2_RESET_ERROR);
	end_locked(regs, CXLR_RESET_FLR, -EBUSY);
}

/**
 * cxl_vfio_regs_reset_result - how did the CXL Reset end that was asked for?
 * @regs: the virtual registers
 *
 * Return: 0; -EIO if it failed; -EAGAIN if it did not take place.
 */
int cxl_vfio_regs_reset_result(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (regs->request.phase != CXL_VFIO_REQUEST_BEGUN)
		return -EAGAIN;
	return regs->reset_failed ? -EIO : 0;
}

/**
 * cxl_vfio_regs_events_full - must the user read events first?
 * @regs: the virtual registers
 */
bool cxl_vfio_regs_events_full(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	return !cxl_vfio_events_room(&regs->events);
}

/**
 * cxl_vfio_regs_peek - the state, and copies of the events that led to it
 * @regs: the virtual registers
 * @state: filled in
 * @batch: filled with up to @room events
 * @room: of @batch
 */
void cxl_vfio_regs_peek(struct cxl_vfio_regs *regs, struct vfio_device_feature_cxl_events *state,
			struct vfio_cxl_event *batch, u32 room)
{
	struct cxl_vfio_events *events = &regs->events;
	struct cxlr_decode decode;

	guard(mutex)(&regs->lock);
	*state = (struct vfio_device_feature_cxl_events) {
		.eventfd = -1, .seq = events->seq,
		.nr_events = cxl_vfio_events_copy(events, batch, room),
		.flags = cxl_vfio_regs_state(regs, &decode),
	};
	state->base = decode.base;
	state->size = decode.size;
	state->dpa = decode.dpa;
	if (events->count > state->nr_events)
		state->flags |= VFIO_CXL_STATE_MORE;
	if (events->lost)
		state->flags |= VFIO_CXL_STATE_LOST;
}

/**
 * cxl_vfio_regs_take_status - clear a status register of the device
 * @regs: the virtual registers, with its BARs decoded; perhaps not open
 * @at: of the register, which is RW1C, in the CM block; its mask comes right after it
 *
 * The user of the device sees in the virtual register what was set.
 *
 * Return: what was set and is not masked; 0 if the device does not answer.
 */
u32 cxl_vfio_regs_take_status(struct cxl_vfio_regs *regs, u32 at)
{
	void __iomem *status = regs->hw->comp.base + regs->hw->comp.cm + at;
	struct half half = cm_half(regs);
	u32 mask, is;

	guard(mutex)(&regs->lock);
	is = readl(status);
	mask = readl(status + sizeof(u32));
	if (PCI_POSSIBLE_ERROR(is))
		return 0;
	refresh_status(&half, at);
	writel(is, status);
	/* So that the same error is one more, the next time. */
	refresh_status(&half, at);
	return is & ~mask;
}

/**
 * cxl_vfio_regs_dvsec_read - read bytes of the CXL DVSECs
 * @regs: the virtual registers
 * @pos: in configuration space; all bytes are in CXL DVSECs
 * @buf: kernel memory
 * @len: bytes
 */
void cxl_vfio_regs_dvsec_read(struct cxl_vfio_regs *regs, u32 pos, u8 *buf, u32 len)
{
	const struct half half = dvsec_half(regs);
	u32 at, start = pos - regs->dvsec_start;
	const struct cxlr_slot *slot;

	guard(mutex)(&regs->lock);
	for (at = start; at < start + len; at = slot ? slot->at + slot->reg->size : at + 1) {
		slot = cxlr_slot_at(&regs->dvsec, at);
		if (slot && !regs->resetting)
			refresh(&half, slot);
	}
	cxlr_read_bytes(&regs->dvsec, start, buf, len);
}

/**
 * cxl_vfio_regs_dvsec_write - write bytes of the CXL DVSECs
 * @regs: the virtual registers
 * @pos: in configuration space; all bytes are in CXL DVSECs
 * @buf: kernel memory
 * @len: bytes
 *
 * Return: 0, or -EAGAIN while the event queue is full.
 */
int cxl_vfio_regs_dvsec_write(struct cxl_vfio_regs *regs, u32 pos, const u8 *buf, u32 len)
{
	guard(mutex)(&regs->lock);
	if (!cxl_vfio_events_room(&regs->events))
		return -EAGAIN;
	cxlr_write_bytes(&regs->dvsec, pos - regs->dvsec_start, buf, len);
	return 0;
}

/**
 * cxl_vfio_regs_cm_read - read a register of the virtual CM block
 * @regs: the virtual registers
 * @pos: bytes from the start of the block
 * @width: bytes
 * @val: the value
 *
 * Return: 0, or -EINVAL for an access that the register does not take (8.2.3).
 */
int cxl_vfio_regs_cm_read(struct cxl_vfio_regs *regs, u64 pos, unsigned int width, u64 *val)
{
	struct vfio_pci_core_device *core = regs->core;
	const struct cxlr_slot *slot;

	guard(mutex)(&regs->lock);
	slot = pos < regs->cm.size ? cxlr_slot_at(&regs->cm, pos) : NULL;
	/* Without the device's word, if it cannot be asked now; resets hold this lock. */
	if (slot && slot->views & VIEWS_READ && down_read_trylock(&core->memory_lock)) {
		const struct half half = cm_half(regs);

		if (__vfio_pci_memory_enabled(core) && !regs->resetting)
			refresh(&half, slot);
		up_read(&core->memory_lock);
	}
	return cxlr_read(&regs->cm, pos, width, val) ? 0 : -EINVAL;
}

/**
 * cxl_vfio_regs_cm_write - write a register of the virtual CM block
 * @regs: the virtual registers
 * @pos: bytes from the start of the block
 * @width: bytes
 * @val: the value
 *
 * Return: 0, -EINVAL as above, or -EAGAIN while the event queue is full.
 */
int cxl_vfio_regs_cm_write(struct cxl_vfio_regs *regs, u64 pos, unsigned int width, u64 val)
{
	guard(mutex)(&regs->lock);
	if (!cxl_vfio_events_room(&regs->events))
		return -EAGAIN;
	return cxlr_write(&regs->cm, pos, width, val) ? 0 : -EINVAL;
}

/* Of a DVSEC that no table describes a user sees the header, which all have alike. */
static bool place_dvsec(struct cxl_vfio_regs *regs, const struct cxlr_block *block)
{
	const struct cxlr_map *map = block->map ?: &cxlr_map_dvsec_gpf;
	u32 limit = block->map ? block->size : CXLR_DVSEC_HEADER_LEN;
	unsigned int units = 0;

	if (map->unit && limit > map->unit_first)
		units = min_t(u32, (limit - map->unit_first) / map->unit_stride, map->unit_max);
	return cxlr_space_place(&regs->dvsec, map, block->at - regs->dvsec_start, units, limit);
}

static bool place_dvsecs(struct cxl_vfio_regs *regs)
{
	unsigned int i;

	for (i = 0; i < regs->hw->dvsecs.count; i++)
		if (!place_dvsec(regs, &regs->hw->dvsecs.block[i]))
			return false;
	return true;
}

static bool is_offered(struct cxl_vfio_regs *regs, const struct cxlr_block *block)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offered); i++)
		if (block->map == offered[i])
			return block->at + block->map->size <=
			       cxl_vfio_comp_regs_size(&regs->hw->comp);
	return false;
}

/* 8.2.4.1: the array lists what is offered, where the device has it. */
static bool place_capabilities(struct cxl_vfio_regs *regs)
{
	const struct cxlr_blocks *caps = &regs->hw->comp.capabilities;
	struct cxlr_blocks shown = { };
	unsigned int i;

	for (i = 0; i < caps->count; i++) {
		struct cxlr_block block = caps->block[i];

		if (!is_offered(regs, &block))
			continue;
		block.version = min(block.version, block.map->version);
		shown.block[shown.count++] = block;
	}
	return cxlr_place_capabilities(&regs->cm, &shown, 1);
}

/*
 * One decoder of the region's size, at base 0 and not committed: the VMM is
 * the guest's firmware, and places it. The coherency is that of the physical
 * decoder; interleaving ends at the host.
 */
static bool place_decoder(struct cxl_vfio_regs *regs)
{
	const struct cxl_vfio_platform *platform = &regs->hw->platform;
	u32 ctrl = platform->decoder[regs->hw->decoder].ctrl;
	u64 size = regs->mem_size;
	struct cxlr_space *cm = &regs->cm;
	u32 hdm = regs->hw->comp.hdm;

	u32 model = ctrl & CXLR_HDM_CTRL_HOSTONLY ? 2 : 1;

	if (!cxlr_hdm_init(&regs->hdm, cm, hdm, 1, size,
			   model << CXLR_HDM_CAP_COHERENCY_SHIFT))
		return false;
	regs->hdm.bi_capable = ctrl & CXLR_HDM_CTRL_BI;
	regs->hdm.bi_only = ctrl & CXLR_HDM_CTRL_BI;
	cxlr_init(cm, hdm + CXLR_HDM_SIZE_LOW(0), U32_MAX, lower_32_bits(size));
	cxlr_init(cm, hdm + CXLR_HDM_SIZE_HIGH(0), U32_MAX, upper_32_bits(size));
	cxlr_init(cm, hdm + CXLR_HDM_CTRL(0), U32_MAX,
		  ctrl & (CXLR_HDM_CTRL_HOSTONLY | CXLR_HDM_CTRL_BI));
	return true;
}

static int build(struct cxl_vfio_regs *regs)
{
	const struct half dvsec = dvsec_half(regs), cm = cm_half(regs);
	bool answers;
	u16 command;

	if (!place_dvsecs(regs) || !place_capabilities(regs) || !place_decoder(regs)) {
		pci_err(regs->hw->pdev, "the CXL registers are laid out in no way that can be virtualised\n");
		return -EIO;
	}
	command = cxl_vfio_mmio_begin(regs->hw->pdev);
	answers = sample(&dvsec) && sample(&cm);
	cxl_vfio_mmio_end(regs->hw->pdev, command);
	if (!answers) {
		pci_err(regs->hw->pdev, "the CXL registers do not answer: is the device in reset?\n");
		return -EIO;
	}
	offer_ranges(regs);
	/* 9.7: a CXL Reset is of all functions, and only this one is the user's. */
	if (regs->hw->pdev->multifunction)
		init_dvsec(regs, CXLR_DVSEC_CAP, CXLR_CAP_RESET_CAPABLE | CXLR_CAP_RESET_MEM_CLR,
			   0);
	regs->dvsec.effect = dvsec_effect;
	regs->cm.effect = cm_effect;
	regs->dvsec.owner = regs;
	regs->cm.owner = regs;
	return 0;
}

/* Space for both halves: each its engine's memory, then what was seen of it. */
static size_t carve(struct cxl_vfio_regs *regs, void *memory, u32 dvsec_size, u32 cm_size)
{
	const size_t dvsec = cxlr_space_memory(dvsec_size, sizeof(u16));
	const size_t cm = cxlr_space_memory(cm_size, sizeof(u32));

	if (memory) {
		cxlr_space_init(&regs->dvsec, memory, dvsec_size, sizeof(u16));
		cxlr_space_init(&regs->cm, memory + dvsec, cm_size, sizeof(u32));
		regs->dvsec.hidden = BIT(CXLR_VIEW_ZERO);
		regs->cm.hidden = BIT(CXLR_VIEW_ZERO);
		regs->dvsec_seen = memory + dvsec + cm;
		regs->cm_seen = memory + dvsec + cm + dvsec_size;
	}
	return dvsec + cm + dvsec_size + cm_size;
}

/**
 * cxl_vfio_regs_init - once in the life of the device
 * @regs: the virtual registers
 * @core: the VFIO device
 * @hw: the physical device
 */
void cxl_vfio_regs_init(struct cxl_vfio_regs *regs, struct vfio_pci_core_device *core,
			struct cxl_vfio_hw *hw)
{
	regs->core = core;
	regs->hw = hw;
	mutex_init(&regs->lock);
	mutex_init(&regs->events_reader);
	init_waitqueue_head(&regs->request.ended);
}

/**
 * cxl_vfio_regs_open - build the virtual registers
 * @regs: they
 * @mem_size: bytes of the memory
 *
 * Undone by cxl_vfio_regs_close(). Return: 0, -ENOMEM, or -EIO, logged.
 */
int cxl_vfio_regs_open(struct cxl_vfio_regs *regs, u64 mem_size)
{
	u32 start = U32_MAX, end = 0, cm_size = cxl_vfio_comp_regs_size(&regs->hw->comp);
	void *memory;
	unsigned int i;
	int ret;

	for (i = 0; i < regs->hw->dvsecs.count; i++) {
		const struct cxlr_block *block = &regs->hw->dvsecs.block[i];

		start = min(start, block->at);
		end = max(end, ALIGN(block->at + block->size, sizeof(u64)));
	}
	memory = kvzalloc(carve(regs, NULL, end - start, cm_size), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return -ENOMEM;

	guard(mutex)(&regs->lock);
	carve(regs, memory, end - start, cm_size);
	regs->dvsec_start = start;
	regs->mem_size = mem_size;
	regs->resetting = 0;
	regs->reset_failed = false;
	regs->request.phase = CXL_VFIO_REQUEST_NONE;
	/* FLR keeps it (9.5), and the last close may have met a device that did not answer. */
	cxl_vfio_dvsec_write_control2(regs->hw, 0);
	ret = build(regs);
	if (ret) {
		kvfree(memory);
		return ret;
	}
	cxl_vfio_events_open(&regs->events);
	regs->memory = memory;
	return 0;
}

/**
 * cxl_vfio_regs_close - drop the virtual registers, and what they held of the device
 * @regs: they; no access comes any more, and no CXL Reset
 */
void cxl_vfio_regs_close(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!regs->memory)
		return;
	if (!cxl_vfio_holds(regs->hw, CXL_VFIO_WHY_HUNG))
		cxl_vfio_dvsec_write_control2(regs->hw, 0);
	cxl_vfio_events_close(&regs->events);
	kvfree(regs->memory);
	regs->memory = NULL;
}
