// SPDX-License-Identifier: GPL-2.0-only
/* VFIO_DEVICE_FEATURE_CXL_EVENTS: how a VMM hears of what became of the virtual registers. */
#include <linux/eventfd.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "user/user.h"

/* The ABI of today. An event grows at its end. */
static_assert(sizeof(struct vfio_cxl_event) == 64);
static_assert(sizeof(struct vfio_device_feature_cxl_events) == 64);

/* Of the first version. */
#define EVENT_SIZE_MIN	64

/* Taken out in one go; a larger buffer gets them in several. */
#define BATCH		8

/* How many events a user has room for, of @size bytes each; none where it asks for the state. */
static u32 count_room(size_t argsz, u32 size)
{
	if (!size)
		return 0;
	return min((argsz - sizeof(struct vfio_device_feature_cxl_events)) / size, BATCH);
}

static int copy_events(struct vfio_device_feature_cxl_events __user *arg,
		       const struct vfio_device_feature_cxl_events *state,
		       const struct vfio_cxl_event *batch)
{
	void __user *to = arg->events;
	u32 i;

	if (copy_to_user(arg, state, sizeof(*state)))
		return -EFAULT;
	for (i = 0; i < state->nr_events; i++, to += state->event_size)
		if (copy_to_user(to, &batch[i], state->event_size))
			return -EFAULT;
	return 0;
}

static int get_events(struct cxl_vfio_regs *regs,
		      struct vfio_device_feature_cxl_events __user *arg, size_t argsz)
{
	struct vfio_device_feature_cxl_events state;
	struct vfio_cxl_event batch[BATCH];
	u32 size, room;
	int ret;

	if (get_user(size, &arg->event_size))
		return -EFAULT;
	if (size && (size < EVENT_SIZE_MIN || size % sizeof(u64)))
		return -EINVAL;
	size = min(size, sizeof(*batch));
	room = count_room(argsz, size);

	/* One reader at a time, or two would get the same events. */
	guard(mutex)(&regs->events_reader);
	cxl_vfio_regs_peek(regs, &state, batch, room);
	state.event_size = size;
	ret = copy_events(arg, &state, batch);
	if (ret || !room)
		return ret;
	/* They leave the queue, unless a new one was begun meanwhile. */
	scoped_guard(mutex, &regs->lock)
		cxl_vfio_events_drop(&regs->events,
				     state.nr_events ? batch[state.nr_events - 1].seq : 0,
				     state.flags & VFIO_CXL_STATE_LOST);
	return 0;
}

static int set_trigger(struct cxl_vfio_regs *regs,
		       const struct vfio_device_feature_cxl_events __user *arg)
{
	struct vfio_device_feature_cxl_events set;
	struct eventfd_ctx *trigger = NULL;

	if (copy_from_user(&set, arg, sizeof(set)))
		return -EFAULT;
	/* All that follows the eventfd. */
	if (memchr_inv(&set.flags, 0, sizeof(set) - offsetof(typeof(set), flags)))
		return -EINVAL;
	if (set.eventfd != -1) {
		trigger = eventfd_ctx_fdget(set.eventfd);
		if (IS_ERR(trigger))
			return PTR_ERR(trigger) == -EINVAL ? -EBADF : PTR_ERR(trigger);
	}
	scoped_guard(mutex, &regs->lock)
		cxl_vfio_events_set_trigger(&regs->events, trigger);
	return 0;
}

/* VFIO_DEVICE_FEATURE_CXL_EVENTS. Returns 0 or -errno, as the UAPI header says. */
int cxl_vfio_events_feature(struct cxl_vfio_device *cxlv, u32 flags, void __user *arg,
			    size_t argsz)
{
	int ret = vfio_check_feature(flags, argsz,
				     VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET,
				     sizeof(struct vfio_device_feature_cxl_events));

	if (ret != 1)
		return ret;
	if (flags & VFIO_DEVICE_FEATURE_GET) {
		/* The device raises no interrupt when its memory stops being active. */
		cxl_vfio_access_update(cxlv);
		return get_events(&cxlv->regs, arg, argsz);
	}
	/* A VMM that gets events can follow a CXL Reset. One with the memory as a BAR need not. */
	scoped_guard(mutex, &cxlv->regs.lock)
		if (cxlv->memory_bar < 0)
			cxl_vfio_regs_offer_reset(&cxlv->regs, true);
	return set_trigger(&cxlv->regs, arg);
}
