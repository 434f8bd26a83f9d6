// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue of events, and the eventfd that says that there are some.
 */
#include <linux/eventfd.h>

#include "virt/virt.h"

/* So many events one write can lead to, at most. */
#define A_WRITE		6
/* A reset that is not the user's adds so many: begin, decommitted, enable, end. */
#define RESERVE		4

/* Caller holds the lock of the virtual registers, here and below. @event gets the next number. */
void cxl_vfio_events_push(struct cxl_vfio_events *events, const struct vfio_cxl_event *event)
{
	struct vfio_cxl_event *last;

	events->seq++;
	if (!events->trigger)
		return;
	if (events->count < ARRAY_SIZE(events->queue)) {
		last = &events->queue[(events->first + events->count++) %
				      ARRAY_SIZE(events->queue)];
		*last = *event;
		last->seq = events->seq;
	} else {
		events->lost = true;
	}
	eventfd_signal(events->trigger);
}

/* Is there room for what one write may lead to? What is kept free for resets is not a user's. */
bool cxl_vfio_events_room(const struct cxl_vfio_events *events)
{
	return !events->trigger || events->count + A_WRITE + RESERVE <= ARRAY_SIZE(events->queue);
}

/* Copies the oldest events, @room at most, which stay in the queue; returns how many. */
u32 cxl_vfio_events_copy(const struct cxl_vfio_events *events, struct vfio_cxl_event *batch,
			 u32 room)
{
	u32 i, count = min(room, events->count);

	for (i = 0; i < count; i++)
		batch[i] = events->queue[(events->first + i) % ARRAY_SIZE(events->queue)];
	return count;
}

/* The user has seen events up to number @last, 0 for none, and, by @lost, that some were lost. */
void cxl_vfio_events_drop(struct cxl_vfio_events *events, u64 last, bool lost)
{
	while (events->count && events->queue[events->first].seq <= last) {
		events->first = (events->first + 1) % ARRAY_SIZE(events->queue);
		events->count--;
	}
	if (lost)
		events->lost = false;
}

/*
 * Begins a new queue. @trigger is signalled from now on; NULL: nothing is queued. Returns the
 * former one, now the caller's.
 */
struct eventfd_ctx *cxl_vfio_events_set_trigger(struct cxl_vfio_events *events,
						struct eventfd_ctx *trigger)
{
	swap(events->trigger, trigger);
	events->first = 0;
	events->count = 0;
	events->lost = false;
	return trigger;
}

/* Sequence numbers count from now on. There is no trigger yet. */
void cxl_vfio_events_open(struct cxl_vfio_events *events)
{
	*events = (struct cxl_vfio_events) { };
}

void cxl_vfio_events_close(struct cxl_vfio_events *events)
{
	if (events->trigger)
		eventfd_ctx_put(events->trigger);
	events->trigger = NULL;
}
