// SPDX-License-Identifier: GPL-2.0-only
/* A queue of events, and the eventfd that says that there are some. */
#include <linux/eventfd.h>
#include <linux/kfifo.h>

#include "virt/virt.h"

/* So many events one write can lead to, at most: an enable, and those of a CXL Reset. */
#define A_WRITE		8
/*
 * A reset that is not the user's adds so many: access, begin, decommitted, enable, end, access.
 * So does what began with a write before, and ends after it: one access.
 */
#define RESERVE		8

/* Caller holds the lock of the virtual registers, here and below. @event gets the next number. */
void cxl_vfio_events_push(struct cxl_vfio_events *events, struct vfio_cxl_event *event)
{
	event->seq = ++events->seq;
	if (!events->trigger)
		return;
	if (!kfifo_put(&events->queue, *event))
		events->lost = true;
	eventfd_signal(events->trigger);
}

/* Is there room for what one write may lead to? What is kept free for resets is not a user's. */
bool cxl_vfio_events_room(struct cxl_vfio_events *events)
{
	return !events->trigger || kfifo_avail(&events->queue) >= A_WRITE + RESERVE;
}

/* The user has seen events up to number @last, 0 for none, and, by @lost, that some were lost. */
void cxl_vfio_events_drop(struct cxl_vfio_events *events, u64 last, bool lost)
{
	struct vfio_cxl_event first;

	while (kfifo_peek(&events->queue, &first) && first.seq <= last)
		kfifo_skip(&events->queue);
	if (lost)
		events->lost = false;
}

/* Begins a new queue. @trigger is the queue's from now on, to signal; NULL: nothing is queued. */
void cxl_vfio_events_set_trigger(struct cxl_vfio_events *events, struct eventfd_ctx *trigger)
{
	if (events->trigger)
		eventfd_ctx_put(events->trigger);
	events->trigger = trigger;
	kfifo_reset(&events->queue);
	events->lost = false;
}
