// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM is told: a queue of events, an eventfd that says that there are
 * some, and the state that they led to.
 */
#include <linux/eventfd.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "life/life.h"
#include "trace.h"

/* A reset that is not the user's adds so many: begin, decommitted, enable, end. */
#define RESERVE		4

/* Taken out in one go; a larger buffer gets them in several. */
#define BATCH		8

/**
 * cxl_vfio_event - something happened to the virtual registers
 * @regs: the virtual registers, as they are after it; caller holds their lock
 * @type: VFIO_CXL_EVENT_*
 * @was: what the decoder decoded before; NULL if it is what it decodes now
 */
void cxl_vfio_event(struct cxl_vfio_regs *regs, u32 type, const struct cxlr_decode *was)
{
	struct cxl_vfio_device *cxlv = container_of(regs, struct cxl_vfio_device, regs);
	struct cxl_vfio_events *events = &regs->events;
	struct cxlr_decode decode;
	u32 flags;

	lockdep_assert_held(&regs->lock);

	flags = cxl_vfio_regs_state(regs, &decode);
	was = was ?: &decode;
	trace_cxl_vfio_event(&cxlv->core.pdev->dev, type, was->base, was->size);
	if (type == VFIO_CXL_EVENT_COMMITTED)
		cxl_vfio_count(&cxlv->hw, CXL_VFIO_COUNT_COMMITS);

	events->seq++;
	if (!events->trigger)
		return;
	if (events->count < ARRAY_SIZE(events->queue))
		events->queue[(events->first + events->count++) % ARRAY_SIZE(events->queue)] =
			(struct vfio_cxl_event) {
				.seq = events->seq, .type = type, .flags = flags,
				.base = was->base, .size = was->size, .dpa = was->dpa,
			};
	else
		events->lost = true;
	eventfd_signal(events->trigger);
}

/**
 * cxl_vfio_events_room - is there room for what one write may lead to?
 * @regs: the virtual registers; caller holds their lock
 *
 * What is kept free for resets is not a user's to fill.
 */
bool cxl_vfio_events_room(const struct cxl_vfio_regs *regs)
{
	const struct cxl_vfio_events *events = &regs->events;

	lockdep_assert_held(&regs->lock);

	return !events->trigger ||
	       events->count + CXL_VFIO_EVENTS_A_WRITE + RESERVE <= ARRAY_SIZE(events->queue);
}

/**
 * cxl_vfio_events_full - must the user read events first?
 * @cxlv: the device, open
 */
bool cxl_vfio_events_full(struct cxl_vfio_device *cxlv)
{
	guard(mutex)(&cxlv->regs.lock);
	return !cxl_vfio_events_room(&cxlv->regs);
}

/* The state, and copies of up to @room events. */
static void peek(struct cxl_vfio_regs *regs, struct vfio_device_feature_cxl_events *state,
		 struct vfio_cxl_event *batch, u32 room)
{
	struct cxl_vfio_events *events = &regs->events;
	struct cxlr_decode decode;
	u32 i, count;

	guard(mutex)(&regs->lock);
	count = min(room, events->count);
	for (i = 0; i < count; i++)
		batch[i] = events->queue[(events->first + i) % ARRAY_SIZE(events->queue)];

	*state = (struct vfio_device_feature_cxl_events) {
		.eventfd = -1, .seq = events->seq, .nr_events = count,
		.flags = cxl_vfio_regs_state(regs, &decode),
	};
	state->base = decode.base;
	state->size = decode.size;
	state->dpa = decode.dpa;
	if (events->count > count)
		state->flags |= VFIO_CXL_STATE_MORE;
	if (events->lost)
		state->flags |= VFIO_CXL_STATE_LOST;
}

/* The user has them, so they leave the queue, unless a new one was begun meanwhile. */
static void consume(struct cxl_vfio_regs *regs, const struct vfio_device_feature_cxl_events *state,
		    u64 last)
{
	struct cxl_vfio_events *events = &regs->events;

	guard(mutex)(&regs->lock);
	while (events->count && events->queue[events->first].seq <= last) {
		events->first = (events->first + 1) % ARRAY_SIZE(events->queue);
		events->count--;
	}
	if (state->flags & VFIO_CXL_STATE_LOST)
		events->lost = false;
}

static int events_get(struct cxl_vfio_regs *regs,
		      struct vfio_device_feature_cxl_events __user *arg, size_t argsz)
{
	struct vfio_device_feature_cxl_events state;
	struct vfio_cxl_event batch[BATCH];
	u32 room = min((argsz - sizeof(state)) / sizeof(*batch), BATCH);

	/* One reader at a time, or two would get the same events. */
	guard(mutex)(&regs->events_reader);
	peek(regs, &state, batch, room);
	if (copy_to_user(arg, &state, sizeof(state)) ||
	    copy_to_user(arg->events, batch, state.nr_events * sizeof(*batch)))
		return -EFAULT;
	consume(regs, &state, state.nr_events ? batch[state.nr_events - 1].seq : 0);
	return 0;
}

static void set_trigger(struct cxl_vfio_regs *regs, struct eventfd_ctx *trigger)
{
	struct cxl_vfio_events *events = &regs->events;

	scoped_guard(mutex, &regs->lock) {
		swap(events->trigger, trigger);
		events->first = 0;
		events->count = 0;
		events->lost = false;
	}
	if (trigger)
		eventfd_ctx_put(trigger);
}

static int events_set(struct cxl_vfio_regs *regs,
		      const struct vfio_device_feature_cxl_events __user *arg)
{
	struct vfio_device_feature_cxl_events set;
	struct eventfd_ctx *trigger = NULL;

	if (copy_from_user(&set, arg, sizeof(set)))
		return -EFAULT;
	if (set.flags || set.seq || set.base || set.size || set.dpa || set.nr_events ||
	    set.reserved)
		return -EINVAL;
	if (set.eventfd != -1) {
		trigger = eventfd_ctx_fdget(set.eventfd);
		if (IS_ERR(trigger))
			return PTR_ERR(trigger) == -EINVAL ? -EBADF : PTR_ERR(trigger);
	}
	set_trigger(regs, trigger);
	return 0;
}

/**
 * cxl_vfio_events_feature - VFIO_DEVICE_FEATURE_CXL_EVENTS
 * @cxlv: the device, open
 * @flags: VFIO_DEVICE_FEATURE_GET, SET, PROBE
 * @arg: of the user
 * @argsz: bytes of it
 *
 * Return: 0 or -errno, as the UAPI header says.
 */
int cxl_vfio_events_feature(struct cxl_vfio_device *cxlv, u32 flags, void __user *arg,
			    size_t argsz)
{
	int ret = vfio_check_feature(flags, argsz,
				     VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET,
				     sizeof(struct vfio_device_feature_cxl_events));

	if (ret != 1)
		return ret;
	if (flags & VFIO_DEVICE_FEATURE_GET)
		return events_get(&cxlv->regs, arg, argsz);
	return events_set(&cxlv->regs, arg);
}

/* Sequence numbers count from open; nobody is told yet. Caller holds the lock. */
void cxl_vfio_events_open(struct cxl_vfio_regs *regs)
{
	regs->events = (struct cxl_vfio_events) { };
}

/* Caller holds the lock. */
void cxl_vfio_events_close(struct cxl_vfio_regs *regs)
{
	if (regs->events.trigger)
		eventfd_ctx_put(regs->events.trigger);
	regs->events.trigger = NULL;
}
