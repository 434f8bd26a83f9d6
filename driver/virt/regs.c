// SPDX-License-Identifier: GPL-2.0-only
/* The virtual registers: what a user has in place of CXL DVSECs and CM block, by registers/. */
#include <linux/pci.h>
#include <linux/slab.h>

#include "trace.h"
#include "virt/virt.h"

#define RESET_CAPS	(CXLR_CAP_RESET_CAPABLE | CXLR_CAP_RESET_MEM_CLR)

/* Views of fields that the device is asked for at each access. */
#define VIEWS_READ	(BIT(CXLR_VIEW_LIVE) | BIT(CXLR_VIEW_EDGE))
#define VIEWS_SAMPLED	(BIT(CXLR_VIEW_OPEN) | VIEWS_READ)

/* The device's register that @at of the space stands for. */
static u64 read_device(const struct cxlr_space *space, u32 at, unsigned int size)
{
	const struct cxl_vfio_regs *regs = space->owner;
	struct pci_dev *pdev = regs->hw->pdev;
	void __iomem *cm = regs->hw->comp.base + regs->hw->comp.cm;
	u16 word;
	u32 val;

	if (space == &regs->cm)
		return size == 8 ? readq(cm + at) : readl(cm + at);
	if (size == 2) {
		pci_read_config_word(pdev, regs->dvsec_start + at, &word);
		return word;
	}
	pci_read_config_dword(pdev, regs->dvsec_start + at, &val);
	return val;
}

static bool is_all_ones(u64 val, unsigned int size)
{
	return val == GENMASK_ULL(8 * size - 1, 0);
}

/* A status bit that the device sets is set for the user too; the device's own is the host's. */
static void refresh_register(struct cxlr_space *space, const struct cxlr_slot *slot)
{
	u64 now;

	if (!slot || !(slot->views & VIEWS_READ))
		return;
	now = read_device(space, slot->at, slot->reg->size);
	if (!is_all_ones(now, slot->reg->size))
		cxlr_follow(space, slot->at, now);
}

/*
 * The values that hold from open on. Errors of before are not this user's.
 * A register may have all bits set (GPF Phase 2 Power, 8.1.7.2). The first one of
 * either space has an id in it. False if the device does not answer.
 */
static bool sample_space(struct cxlr_space *space)
{
	const struct cxlr_slot *slot;
	u32 at;
	u64 now;

	for (at = 0; at < space->size; at += space->grain) {
		slot = cxlr_slot_at(space, at);
		if (!slot || slot->at != at || !(slot->views & VIEWS_SAMPLED))
			continue;
		now = read_device(space, at, slot->reg->size);
		if (is_all_ones(now, slot->reg->size) &&
		    is_all_ones(read_device(space, 0, sizeof(u32)), sizeof(u32)))
			return false;
		cxlr_sample(space, at, now);
	}
	return true;
}

/* A register of the CXL Device DVSEC; NULL: older revisions of that end earlier. */
static const struct cxlr_slot *find_dvsec(struct cxl_vfio_regs *regs, u32 offset)
{
	u32 at = regs->hw->dvsec - regs->dvsec_start + offset;
	const struct cxlr_slot *slot = cxlr_slot_at(&regs->dvsec, at);

	return slot && slot->at == at ? slot : NULL;
}

static u16 get_dvsec(struct cxl_vfio_regs *regs, u32 offset)
{
	const struct cxlr_slot *slot = find_dvsec(regs, offset);

	return slot ? cxlr_get(&regs->dvsec, slot->at) : 0;
}

static void set_dvsec(struct cxl_vfio_regs *regs, u32 offset, u64 mask, u64 val)
{
	const struct cxlr_slot *slot = find_dvsec(regs, offset);

	if (slot)
		cxlr_set(&regs->dvsec, slot->at, mask, val);
}

static void init_dvsec(struct cxl_vfio_regs *regs, u32 offset, u64 mask, u64 val)
{
	const struct cxlr_slot *slot = find_dvsec(regs, offset);

	if (slot)
		cxlr_init(&regs->dvsec, slot->at, mask, val);
}

/*
 * May the guest start a CXL Reset, if the device has that? BARs and memory are out of reach
 * meanwhile, and KVM_RUN fails with -EFAULT when the guest touches them, which ends most VMs. So
 * that is for a VMM that takes the mappings out of its guest first. Caller holds the lock.
 */
void cxl_vfio_regs_offer_reset(struct cxl_vfio_regs *regs, bool offer)
{
	lockdep_assert_held(&regs->lock);

	init_dvsec(regs, CXLR_DVSEC_CAP, RESET_CAPS, offer ? regs->reset_caps : 0);
}

/* The one range that is offered is the region. */
static void offer_ranges(struct cxl_vfio_regs *regs)
{
	u64 size = regs->hdm.capacity;

	init_dvsec(regs, CXLR_DVSEC_CAP, CXLR_CAP_HDM_COUNT, 1 << CXLR_CAP_HDM_COUNT_SHIFT);
	init_dvsec(regs, CXLR_DVSEC_RANGE_SIZE_HIGH(0), U32_MAX, upper_32_bits(size));
	init_dvsec(regs, CXLR_DVSEC_RANGE_SIZE_LOW(0), CXLR_RANGE_SIZE_LOW_MASK,
		   lower_32_bits(size));
}

/* 8.1.3.1, 8.1.3.7, 8.2.1.3: as of a device that has none. */
static void hide_cache(struct cxl_vfio_regs *regs)
{
	const struct cxlr_block *link = cxlr_block_find(&regs->hw->dvsecs,
							CXLR_DVSEC_ID_FLEX_BUS_PORT);
	u32 at;

	init_dvsec(regs, CXLR_DVSEC_CAP, CXLR_CAP_CACHE_CAPABLE | CXLR_CAP_CACHE_WBI_CAPABLE, 0);
	init_dvsec(regs, CXLR_DVSEC_CAP2, CXLR_CAP2_CACHE_SIZE_UNIT |
		   CXLR_CAP2_NO_CLEAN_WRITEBACK | CXLR_CAP2_CACHE_SIZE, 0);
	/* Capability, Control and Status, of 16 bits each. */
	for (at = CXLR_FLEX_BUS_CAP; link && at <= CXLR_FLEX_BUS_STATUS; at += sizeof(u16))
		if (at + sizeof(u16) <= link->size)
			cxlr_init(&regs->dvsec, link->at - regs->dvsec_start + at,
				  CXLR_FLEX_BUS_CACHE, 0);
}

/* 8.1.3.8: firmware keeps the range and the decoder the same, so the range follows. */
static void place_range(struct cxl_vfio_regs *regs, u64 base)
{
	if (get_dvsec(regs, CXLR_DVSEC_LOCK) & CXLR_LOCK_CONFIG_LOCK)
		return;
	set_dvsec(regs, CXLR_DVSEC_RANGE_BASE_HIGH(0), U32_MAX, upper_32_bits(base));
	set_dvsec(regs, CXLR_DVSEC_RANGE_BASE_LOW(0), CXLR_RANGE_BASE_LOW_MASK,
		  lower_32_bits(base));
}

/* Has a CXL Reset been asked for that has not begun? Also without the lock, for waiting threads. */
static bool is_requested(const struct cxl_vfio_regs *regs)
{
	/* With cxl_vfio_regs_reset_take(): one that has begun is seen as under way. */
	return smp_load_acquire(&regs->request.phase) == CXL_VFIO_REQUEST_WANTED;
}

/*
 * What the virtual registers amount to: VFIO_CXL_STATE_*, but for those of the event queue, and
 * what the virtual decoder is programmed to. Caller holds the lock.
 */
u32 cxl_vfio_regs_state(struct cxl_vfio_regs *regs, struct cxlr_decode *decode)
{
	u32 flags = 0;

	lockdep_assert_held(&regs->lock);

	if (cxlr_hdm_decode(&regs->hdm, 0, decode))
		flags |= VFIO_CXL_STATE_COMMITTED |
			 (decode->ctrl & CXLR_HDM_CTRL_LOCK ? VFIO_CXL_STATE_LOCKED : 0);
	if (cxlr_hdm_enabled(&regs->hdm))
		flags |= VFIO_CXL_STATE_HDM_ENABLED;
	if (get_dvsec(regs, CXLR_DVSEC_CTRL) & CXLR_CTRL_MEM_ENABLE)
		flags |= VFIO_CXL_STATE_MEM_ENABLED;
	if (regs->accessible)
		flags |= VFIO_CXL_STATE_ACCESSIBLE;
	/* One that begins is both for a moment (cxl_vfio_regs_reset_take()). */
	if (regs->resetting)
		flags |= VFIO_CXL_STATE_RESETTING;
	else if (is_requested(regs))
		flags |= VFIO_CXL_STATE_RESET_REQUESTED;
	if (regs->reset_failed)
		flags |= VFIO_CXL_STATE_RESET_FAILED;
	return flags;
}

/* @was: what the decoder decoded before; NULL if it is what it decodes now. */
static void tell_user(struct cxl_vfio_regs *regs, u32 type, const struct cxlr_decode *was)
{
	struct cxlr_decode is;
	struct vfio_cxl_event event = { .type = type, .flags = cxl_vfio_regs_state(regs, &is) };

	was = was ?: &is;
	event.base = was->base;
	event.size = was->size;
	event.dpa = was->dpa;
	trace_cxl_vfio_event(&regs->hw->pdev->dev, type, was->base, was->size);
	if (type == VFIO_CXL_EVENT_COMMITTED)
		cxl_vfio_count(regs->hw, CXL_VFIO_COUNT_COMMITS);
	cxl_vfio_events_push(&regs->events, &event);
}

/*
 * Publish whether the memory may be touched, if that has changed: not in a reset, whatever the
 * device says by then. Caller holds the lock.
 */
void cxl_vfio_regs_set_access(struct cxl_vfio_regs *regs, bool accessible)
{
	lockdep_assert_held(&regs->lock);

	accessible = accessible && !regs->resetting;
	if (!regs->memory || regs->accessible == accessible)
		return;
	regs->accessible = accessible;
	tell_user(regs, VFIO_CXL_EVENT_ACCESS, NULL);
}

static void apply_cm_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	struct cxl_vfio_regs *regs = space->owner;
	enum cxlr_hdm_event event = CXLR_HDM_NOTHING;
	struct cxlr_decode decode;

	if (change->field->effect == CXLR_EFFECT_HDM_ENABLE)
		tell_user(regs, VFIO_CXL_EVENT_ENABLE, NULL);
	else if (change->field->effect == CXLR_EFFECT_COMMIT)
		event = cxlr_hdm_effect(&regs->hdm, change);
	if (event == CXLR_HDM_COMMITTED) {
		cxlr_hdm_decode(&regs->hdm, 0, &decode);
		place_range(regs, decode.base);
		tell_user(regs, VFIO_CXL_EVENT_COMMITTED, NULL);
	} else if (event == CXLR_HDM_DECOMMITTED) {
		place_range(regs, 0);
		tell_user(regs, VFIO_CXL_EVENT_DECOMMITTED, NULL);
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
	set_dvsec(regs, CXLR_DVSEC_STATUS2,
		  CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR, outcome);
}

static void note_reset_begin(struct cxl_vfio_regs *regs)
{
	lockdep_assert_held(&regs->lock);

	cxl_vfio_regs_set_access(regs, false);
	WRITE_ONCE(regs->resetting, regs->resetting + 1);
	if (regs->resetting > 1)
		return;
	regs->reset_failed = false;
	tell_user(regs, VFIO_CXL_EVENT_RESET_BEGIN, NULL);
}

/* Is a reset under way, or asked for? Also without the lock, for waiting threads. */
bool cxl_vfio_regs_reset_pending(const struct cxl_vfio_regs *regs)
{
	return is_requested(regs) || READ_ONCE(regs->resetting);
}

/* None is under way. The caller starts it when it has released the lock. */
static void post_request(struct cxl_vfio_regs *regs, bool clear, bool by_ioctl)
{
	regs->request.clear = clear;
	regs->request.by_ioctl = by_ioctl;
	WRITE_ONCE(regs->request.phase, CXL_VFIO_REQUEST_WANTED);
}

static void apply_dvsec_effect(struct cxlr_space *space, const struct cxlr_change *change)
{
	struct cxl_vfio_regs *regs = space->owner;

	switch (change->field->effect) {
	case CXLR_EFFECT_MEM_ENABLE:
		tell_user(regs, VFIO_CXL_EVENT_ENABLE, NULL);
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
		if (cxl_vfio_regs_reset_pending(regs) ||
		    regs->hw->pdev->current_state != PCI_D0)
			break;
		set_outcome(regs, 0);
		post_request(regs, change->after & CXLR_CTRL2_RESET_MEM_CLR, false);
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
static bool cancel_request(struct cxl_vfio_regs *regs)
{
	lockdep_assert_held(&regs->lock);

	if (!is_requested(regs))
		return false;
	WRITE_ONCE(regs->request.phase, CXL_VFIO_REQUEST_NONE);
	if (!regs->request.by_ioctl)
		set_outcome(regs, CXLR_STATUS2_RESET_ERROR);
	return true;
}

/* A reset of the device begins. Perhaps the device is not open, then nothing happens. */
void cxl_vfio_regs_reset_begin(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!regs->memory)
		return;
	cancel_request(regs);
	note_reset_begin(regs);
}

static void note_reset_end(struct cxl_vfio_regs *regs, enum cxlr_reset kind, int ret)
{
	struct cxlr_decode was, is;
	u32 changed, before = cxl_vfio_regs_state(regs, &was);
	bool told;

	cxlr_reset(&regs->dvsec, kind);
	cxlr_reset(&regs->cm, kind);
	cxlr_hdm_reset(&regs->hdm);
	changed = before ^ cxl_vfio_regs_state(regs, &is);
	if (changed & VFIO_CXL_STATE_COMMITTED) {
		place_range(regs, 0);
		tell_user(regs, VFIO_CXL_EVENT_DECOMMITTED, &was);
	}
	if (changed & (VFIO_CXL_STATE_HDM_ENABLED | VFIO_CXL_STATE_MEM_ENABLED))
		tell_user(regs, VFIO_CXL_EVENT_ENABLE, NULL);
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
	tell_user(regs, VFIO_CXL_EVENT_RESET_END, NULL);
	wake_up_all(&regs->request.ended);
}

/* The reset has ended. @kind is what it did to the registers, @ret 0 or why it failed. */
void cxl_vfio_regs_reset_end(struct cxl_vfio_regs *regs, enum cxlr_reset kind, int ret)
{
	guard(mutex)(&regs->lock);
	if (regs->memory)
		note_reset_end(regs, kind, ret);
}

/*
 * Asks for a CXL Reset of the machine, without clearing the memory. The caller starts it.
 * Returns 0; -EBUSY: a reset is under way already; -EAGAIN while the event queue is full.
 */
int cxl_vfio_regs_request_reset(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (cxl_vfio_regs_reset_pending(regs))
		return -EBUSY;
	if (!cxl_vfio_events_room(&regs->events))
		return -EAGAIN;
	post_request(regs, false, true);
	return 0;
}

/* Has a CXL Reset been asked for that has not begun? */
bool cxl_vfio_regs_reset_wanted(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	return is_requested(regs);
}

/* The CXL Reset that was asked for begins; false if it has been cancelled. */
bool cxl_vfio_regs_reset_take(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!is_requested(regs))
		return false;
	note_reset_begin(regs);
	/* For cxl_vfio_regs_reset_pending(), which looks at the phase first. */
	smp_store_release(&regs->request.phase, CXL_VFIO_REQUEST_BEGUN);
	return true;
}

/* One that was asked for cannot begin. It was no reset, and no event. False: there was none. */
bool cxl_vfio_regs_reset_give_up(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!cancel_request(regs))
		return false;
	wake_up_all(&regs->request.ended);
	return true;
}

/* One that was taken cannot be made. It leaves the registers alone, but for Status2. */
void cxl_vfio_regs_reset_refuse(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!regs->request.by_ioctl)
		set_outcome(regs, CXLR_STATUS2_RESET_ERROR);
	note_reset_end(regs, CXLR_RESET_FLR, -EBUSY);
}

/* How did the CXL Reset end that was asked for? 0, -EIO, or -EAGAIN: it did not take place. */
int cxl_vfio_regs_reset_result(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (regs->request.phase != CXL_VFIO_REQUEST_BEGUN)
		return -EAGAIN;
	return regs->reset_failed ? -EIO : 0;
}

/* Must the user read events first? */
bool cxl_vfio_regs_events_full(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	return !cxl_vfio_events_room(&regs->events);
}

/* Copies the state to @state, and up to @room of the events that led to it to @batch. */
void cxl_vfio_regs_peek(struct cxl_vfio_regs *regs, struct vfio_device_feature_cxl_events *state,
			struct vfio_cxl_event *batch, u32 room)
{
	struct cxl_vfio_events *events = &regs->events;
	struct cxlr_decode decode;

	guard(mutex)(&regs->lock);
	*state = (struct vfio_device_feature_cxl_events) {
		.eventfd = -1, .seq = events->seq,
		.nr_events = kfifo_out_peek(&events->queue, batch, room),
		.flags = cxl_vfio_regs_state(regs, &decode),
	};
	state->base = decode.base;
	state->size = decode.size;
	state->dpa = decode.dpa;
	if (kfifo_len(&events->queue) > state->nr_events)
		state->flags |= VFIO_CXL_STATE_MORE;
	if (events->lost)
		state->flags |= VFIO_CXL_STATE_LOST;
}

/*
 * Clears a status register of the device, which is RW1C and in the CM block, @at from its
 * start; its mask comes right after it. BARs are decoded; perhaps the device is not open. Its
 * user sees in the virtual register what was set. Returns what was set and is not masked; 0 if
 * the device does not answer.
 */
u32 cxl_vfio_regs_take_status(struct cxl_vfio_regs *regs, u32 at)
{
	void __iomem *status = regs->hw->comp.base + regs->hw->comp.cm + at;
	const struct cxlr_slot *slot;
	u32 mask, is;

	guard(mutex)(&regs->lock);
	slot = regs->memory ? cxlr_slot_at(&regs->cm, at) : NULL;
	is = readl(status);
	mask = readl(status + sizeof(u32));
	if (PCI_POSSIBLE_ERROR(is))
		return 0;
	refresh_register(&regs->cm, slot);
	writel(is, status);
	/* So that the same error is one more, the next time. */
	refresh_register(&regs->cm, slot);
	return is & ~mask;
}

/* Reads bytes of configuration space at @pos, all of them in CXL DVSECs. */
void cxl_vfio_regs_dvsec_read(struct cxl_vfio_regs *regs, u32 pos, u8 *buf, u32 len)
{
	u32 at, start = pos - regs->dvsec_start;
	const struct cxlr_slot *slot;

	guard(mutex)(&regs->lock);
	for (at = start; at < start + len; at = slot ? slot->at + slot->reg->size : at + 1) {
		slot = cxlr_slot_at(&regs->dvsec, at);
		if (!regs->resetting)
			refresh_register(&regs->dvsec, slot);
	}
	cxlr_read_bytes(&regs->dvsec, start, buf, len);
}

/* Writes bytes, as cxl_vfio_regs_dvsec_read(). Returns 0, or -EAGAIN: the event queue is full. */
int cxl_vfio_regs_dvsec_write(struct cxl_vfio_regs *regs, u32 pos, const u8 *buf, u32 len)
{
	guard(mutex)(&regs->lock);
	if (!cxl_vfio_events_room(&regs->events))
		return -EAGAIN;
	cxlr_write_bytes(&regs->dvsec, pos - regs->dvsec_start, buf, len);
	return 0;
}

/*
 * Reads a register of the virtual CM block, @pos bytes from its start. Returns 0, or -EINVAL
 * for an access that the register does not take (8.2.3).
 */
int cxl_vfio_regs_cm_read(struct cxl_vfio_regs *regs, u64 pos, unsigned int width, u64 *val)
{
	struct vfio_pci_core_device *core = regs->core;
	const struct cxlr_slot *slot;

	guard(mutex)(&regs->lock);
	slot = pos < regs->cm.size ? cxlr_slot_at(&regs->cm, pos) : NULL;
	/* Without the device's word, if it cannot be asked now; resets hold this lock. */
	if (slot && slot->views & VIEWS_READ && down_read_trylock(&core->memory_lock)) {
		if (__vfio_pci_memory_enabled(core) && !regs->resetting)
			refresh_register(&regs->cm, slot);
		up_read(&core->memory_lock);
	}
	return cxlr_read(&regs->cm, pos, width, val) ? 0 : -EINVAL;
}

/* Writes one. Returns 0, -EINVAL as above, or -EAGAIN while the event queue is full. */
int cxl_vfio_regs_cm_write(struct cxl_vfio_regs *regs, u64 pos, unsigned int width, u64 val)
{
	guard(mutex)(&regs->lock);
	if (!cxl_vfio_events_room(&regs->events))
		return -EAGAIN;
	return cxlr_write(&regs->cm, pos, width, val) ? 0 : -EINVAL;
}

/* Of a DVSEC that no table describes a user sees the header, which all have alike. */
static bool place_dvsecs(struct cxl_vfio_regs *regs)
{
	const struct cxlr_block *block = regs->hw->dvsecs.block;
	unsigned int i, units;

	for (i = 0; i < regs->hw->dvsecs.count; i++, block++) {
		const struct cxlr_map *map = block->map ?: &cxlr_map_dvsec_gpf;
		u32 limit = block->map ? block->size : CXLR_DVSEC_HEADER_LEN;

		units = 0;
		if (map->unit && limit > map->unit_first)
			units = min_t(u32, (limit - map->unit_first) / map->unit_stride,
				      map->unit_max);
		if (!cxlr_space_place(&regs->dvsec, map, block->at - regs->dvsec_start, units,
				      limit))
			return false;
	}
	return true;
}

/*
 * 8.2.4.1: the array lists what is offered, where the device has it. Link, for one, is about a link
 * that ends at the host's port.
 */
static bool place_capabilities(struct cxl_vfio_regs *regs)
{
	const struct cxlr_blocks *caps = &regs->hw->comp.capabilities;
	struct cxlr_blocks shown = { };
	struct cxlr_block block;
	unsigned int i;

	for (i = 0; i < caps->count; i++) {
		block = caps->block[i];
		if ((block.map != &cxlr_map_ras && block.map != &cxlr_map_hdm) ||
		    block.at + block.map->size > regs->cm.size)
			continue;
		block.version = min(block.version, block.map->version);
		shown.block[shown.count++] = block;
	}
	return cxlr_place_capabilities(&regs->cm, &shown, 1);
}

/*
 * One decoder of the region's size, at base 0 and not committed: the VMM is the guest's firmware,
 * and places it. The coherency is that of the physical decoder; interleaving ends at the host.
 */
static bool place_decoder(struct cxl_vfio_regs *regs)
{
	const struct cxl_vfio_decoder *decoder = &regs->hw->platform.decoder[regs->hw->decoder];
	u32 hdm = regs->hw->comp.hdm, ctrl = decoder->ctrl;
	u32 model = ctrl & CXLR_HDM_CTRL_HOSTONLY ? 2 : 1;
	struct cxlr_space *cm = &regs->cm;

	if (!cxlr_hdm_init(&regs->hdm, cm, hdm, 1, decoder->size,
			   model << CXLR_HDM_CAP_COHERENCY_SHIFT))
		return false;
	regs->hdm.bi_capable = ctrl & CXLR_HDM_CTRL_BI;
	regs->hdm.bi_only = ctrl & CXLR_HDM_CTRL_BI;
	cxlr_init(cm, hdm + CXLR_HDM_SIZE_LOW(0), U32_MAX, lower_32_bits(decoder->size));
	cxlr_init(cm, hdm + CXLR_HDM_SIZE_HIGH(0), U32_MAX, upper_32_bits(decoder->size));
	cxlr_init(cm, hdm + CXLR_HDM_CTRL(0), U32_MAX,
		  ctrl & (CXLR_HDM_CTRL_HOSTONLY | CXLR_HDM_CTRL_BI));
	return true;
}

static int fill_spaces(struct cxl_vfio_regs *regs)
{
	struct pci_dev *pdev = regs->hw->pdev;
	bool answers;
	u16 command;

	if (!place_dvsecs(regs) || !place_capabilities(regs) || !place_decoder(regs)) {
		pci_err(pdev, "the CXL registers are laid out in no way that can be virtualised\n");
		return -EIO;
	}
	command = cxl_vfio_mmio_begin(pdev);
	answers = sample_space(&regs->dvsec) && sample_space(&regs->cm);
	cxl_vfio_mmio_end(pdev, command);
	if (!answers) {
		pci_err(pdev, "the CXL registers do not answer: is the device in reset?\n");
		return -EIO;
	}
	offer_ranges(regs);
	if (!cxl_vfio_has_cache(regs->hw))
		hide_cache(regs);
	/* 9.7: a CXL Reset is of all functions, and only this one is the user's. */
	regs->reset_caps = pdev->multifunction ? 0 : get_dvsec(regs, CXLR_DVSEC_CAP) & RESET_CAPS;
	cxl_vfio_regs_offer_reset(regs, false);
	regs->dvsec.effect = apply_dvsec_effect;
	regs->cm.effect = apply_cm_effect;
	return 0;
}

/* Once in the life of the device. */
void cxl_vfio_regs_init(struct cxl_vfio_regs *regs, struct vfio_pci_core_device *core,
			struct cxl_vfio_hw *hw)
{
	regs->core = core;
	regs->hw = hw;
	mutex_init(&regs->lock);
	INIT_KFIFO(regs->events.queue);
	mutex_init(&regs->events_reader);
	init_waitqueue_head(&regs->request.ended);
}

static void init_space(struct cxl_vfio_regs *regs, struct cxlr_space *space, void *memory,
		       u32 size, u32 grain)
{
	cxlr_space_init(space, memory, size, grain);
	space->hidden = BIT(CXLR_VIEW_ZERO);
	space->owner = regs;
}

/* Builds the virtual registers, until cxl_vfio_regs_close(). Returns 0, -ENOMEM; -EIO, logged. */
int cxl_vfio_regs_open(struct cxl_vfio_regs *regs)
{
	u32 start = U32_MAX, end = 0, cm_size = cxl_vfio_comp_regs_size(&regs->hw->comp);
	const struct cxlr_block *block = regs->hw->dvsecs.block;
	size_t dvsec_memory;
	void *memory;
	unsigned int i;
	int ret;

	for (i = 0; i < regs->hw->dvsecs.count; i++, block++) {
		start = min(start, block->at);
		end = max(end, ALIGN(block->at + block->size, sizeof(u64)));
	}
	dvsec_memory = cxlr_space_memory(end - start, sizeof(u16));
	memory = kvzalloc(dvsec_memory + cxlr_space_memory(cm_size, sizeof(u32)),
			  GFP_KERNEL_ACCOUNT);
	if (!memory)
		return -ENOMEM;

	guard(mutex)(&regs->lock);
	init_space(regs, &regs->dvsec, memory, end - start, sizeof(u16));
	init_space(regs, &regs->cm, memory + dvsec_memory, cm_size, sizeof(u32));
	regs->dvsec_start = start;
	regs->resetting = 0;
	regs->reset_failed = false;
	regs->request.phase = CXL_VFIO_REQUEST_NONE;
	/* FLR keeps it (9.5), and the last close may have met a device that did not answer. */
	cxl_vfio_dvsec_write_control2(regs->hw, 0);
	ret = fill_spaces(regs);
	if (ret) {
		kvfree(memory);
		return ret;
	}
	regs->events.seq = 0;
	regs->accessible = false;
	regs->memory = memory;
	return 0;
}

/* Drops what they held of the device as well. No access comes any more, and no CXL Reset. */
void cxl_vfio_regs_close(struct cxl_vfio_regs *regs)
{
	guard(mutex)(&regs->lock);
	if (!regs->memory)
		return;
	if (!cxl_vfio_holds(regs->hw, CXL_VFIO_WHY_HUNG))
		cxl_vfio_dvsec_write_control2(regs->hw, 0);
	cxl_vfio_events_set_trigger(&regs->events, NULL);
	kvfree(regs->memory);
	regs->memory = NULL;
}
