// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: VFIO_DEVICE_FEATURE_CXL_EVENTS tells a VMM what happens to the
 * virtual registers. A VMM gets each event once, in order, with the state that it
 * led to. No event is lost without notice. The driver refuses a write whose event
 * would find no room.
 *
 * How: the test writes registers, and compares the events with what those writes
 * must cause. One thread writes while another reads, a hundred thousand times.
 *
 * Not covered: what the registers themselves keep: test_registers.c and
 * test_dvsec.c test that. test_access.c has more of events of access.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"

#define GRANULE		((uint64_t)CXLR_HDM_GRANULE)
#define PLACE		0x700000000ull
#define STATE		sizeof(struct vfio_device_feature_cxl_events)
#define EVENT		sizeof(struct vfio_cxl_event)

#define COMMITTED	VFIO_CXL_EVENT_COMMITTED
#define DECOMMITTED	VFIO_CXL_EVENT_DECOMMITTED
#define RESET_BEGIN	VFIO_CXL_EVENT_RESET_BEGIN
#define RESET_END	VFIO_CXL_EVENT_RESET_END
#define ENABLE		VFIO_CXL_EVENT_ENABLE
#define ACCESS		VFIO_CXL_EVENT_ACCESS
#define ACCESSIBLE	VFIO_CXL_STATE_ACCESSIBLE

/* The ioctl with any flags and sizes; @payload follows the header. */
static int feature(struct vfio *vfio, uint32_t flags, uint32_t payload, void *data)
{
	uint8_t buf[PAGE] = { };
	struct vfio_device_feature *header = (void *)buf;
	int ret;

	header->argsz = sizeof(*header) + payload;
	header->flags = flags | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	if (data)
		memcpy(header->data, data, STATE);
	ret = ioctl(vfio->device, VFIO_DEVICE_FEATURE, header) ? -errno : 0;
	if (data)
		memcpy(data, header->data, STATE);
	return ret;
}

static void test_feature_is_probed(void)
{
	const uint32_t get = VFIO_DEVICE_FEATURE_GET, set = VFIO_DEVICE_FEATURE_SET;
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(feature(&vfio, VFIO_DEVICE_FEATURE_PROBE | get, 0, NULL), 0);
	check_eq(feature(&vfio, VFIO_DEVICE_FEATURE_PROBE | set, 0, NULL), 0);
	check_eq(feature(&vfio, VFIO_DEVICE_FEATURE_PROBE | get | set, 0, NULL), 0);
}

static void test_bad_arguments(void)
{
	const uint32_t get = VFIO_DEVICE_FEATURE_GET, set = VFIO_DEVICE_FEATURE_SET;
	struct vfio_device_feature_cxl_events state;
	void *nowhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device_feature *header;
	struct events events;
	struct vfio vfio;
	int good, pages;
	uint8_t *end;

	vfio_open(&vfio);
	good = events_open(&vfio);
	memset(&state, 0, sizeof(state));
	state.eventfd = good;

	check_eq(feature(&vfio, 0, STATE, &state), -EINVAL);
	check_eq(feature(&vfio, get | set, STATE, &state), -EINVAL);
	check_eq(feature(&vfio, get | 1 << 20, STATE, &state), -EINVAL);
	check_eq(feature(&vfio, get, STATE - 1, NULL), -EINVAL);
	check_eq(feature(&vfio, get, 0, NULL), -EINVAL);
	check_eq(feature(&vfio, set, STATE - 1, &state), -EINVAL);

	state.flags = VFIO_CXL_STATE_MORE;
	check_eq(feature(&vfio, set, STATE, &state), -EINVAL);
	state.flags = 0;
	state.nr_events = 1;
	check_eq(feature(&vfio, set, STATE, &state), -EINVAL);
	state.nr_events = 0;
	state.event_size = EVENT;
	check_eq(feature(&vfio, set, STATE, &state), -EINVAL);
	state.event_size = 0;
	state.reserved[1] = 1;
	check_eq(feature(&vfio, set, STATE, &state), -EINVAL);
	state.reserved[1] = 0;

	state.event_size = EVENT - 8;
	check_eq(feature(&vfio, get, STATE, &state), -EINVAL);
	state.event_size = EVENT + 4;
	check_eq(feature(&vfio, get, STATE, &state), -EINVAL);
	state.event_size = 0;

	check_eq(__events_set(&vfio, 1000), -EBADF);
	pages = open("/dev/null", O_RDWR);
	check_eq(__events_set(&vfio, pages), -EBADF);
	check_eq(__events_set(&vfio, vfio.device), -EBADF);
	check_lt(__events_set(&vfio, -2), 0);

	check_eq(ioctl(vfio.device, VFIO_DEVICE_FEATURE, nowhere), -1);
	check_eq(errno, EFAULT);
	/* The header is there, what follows it is not. */
	end = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check_eq(mprotect(end + PAGE, PAGE, PROT_NONE), 0);
	header = (void *)(end + PAGE - sizeof(*header));
	header->argsz = sizeof(*header) + STATE;
	header->flags = get | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	check_eq(ioctl(vfio.device, VFIO_DEVICE_FEATURE, header), -1);
	check_eq(errno, EFAULT);
	header->flags = set | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	check_eq(ioctl(vfio.device, VFIO_DEVICE_FEATURE, header), -1);
	check_eq(errno, EFAULT);

	/* None of that has ended what was set, or taken an event. */
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_eq(events_signalled(good), 1);
	/* One event fits before the page that is not there: it is not lost. */
	header = (void *)(end + PAGE - sizeof(*header) - STATE);
	((struct vfio_device_feature_cxl_events *)header->data)->event_size = EVENT;
	header->argsz = sizeof(*header) + STATE + EVENT;
	header->flags = get | VFIO_DEVICE_FEATURE_CXL_EVENTS;
	check_eq(ioctl(vfio.device, VFIO_DEVICE_FEATURE, header), -1);
	check_eq(errno, EFAULT);
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, (const uint32_t[]) { COMMITTED, 0 });
}

/* Each write that leads to something, what it leads to, and the state with it. */
static void test_order_and_state(void)
{
	const uint32_t types[] = {
		ENABLE, COMMITTED, ENABLE, DECOMMITTED, COMMITTED, ENABLE, ENABLE, 0,
	};
	const uint32_t committed = VFIO_CXL_STATE_COMMITTED, hdm = VFIO_CXL_STATE_HDM_ENABLED;
	const uint32_t memory = VFIO_CXL_STATE_MEM_ENABLED, locked = VFIO_CXL_STATE_LOCKED;
	/* The virtual registers have no part in ACCESSIBLE. */
	const uint32_t flags[] = {
		hdm, hdm | committed, hdm | committed | memory, hdm | memory,
		hdm | memory | committed | locked, memory | committed | locked, committed | locked,
	};
	struct events events;
	struct vfio vfio;
	unsigned int i;
	int fd;

	vfio_open(&vfio);
	fd = events_open(&vfio);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.flags, ACCESSIBLE);
	check_eq(events.base, 0);
	check_eq(events.size, vfio.mem.size);
	check_eq(events_signalled(fd), 0);

	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, CXLR_CTRL_MEM_ENABLE);
	hdm_uncommit(&vfio, 0);
	hdm_place(&vfio, 2 * PLACE, GRANULE, CXLR_HDM_CTRL_LOCK);
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, 0);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0);

	check_eq(events_signalled(fd), ARRAY_SIZE(flags));
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, types);
	for (i = 0; i < ARRAY_SIZE(flags); i++)
		check_eq(events.event[i].flags, flags[i] | ACCESSIBLE);
	check_eq(events.event[1].base, PLACE);
	check_eq(events.event[1].size, vfio.mem.size);
	check_eq(events.event[3].base, PLACE);
	check_eq(events.event[3].size, vfio.mem.size);
	check_eq(events.event[4].base, 2 * PLACE);
	check_eq(events.event[4].size, GRANULE);
	check_eq(events.event[4].dpa, 0);
	check_eq(events.flags, committed | locked | ACCESSIBLE);
	check_eq(events.base, 2 * PLACE);
	check_eq(events.size, GRANULE);
	check_eq(events.seq, events.event[events.count - 1].seq);
	check_eq(events.event[0].seq, 1);
}

/* What commits, and what lets go, is told as it was, whatever the registers say later. */
static void test_decoder_values_when_committed(void)
{
	struct events events;
	struct vfio vfio;

	vfio_open(&vfio);
	events_open(&vfio);
	hdm_program(&vfio, PLACE, GRANULE, 3 * GRANULE);
	events_get(&vfio, &events, 0);
	check_eq(events.base, PLACE);
	check_eq(events.size, GRANULE);
	check_eq(events.dpa, 0);
	hdm_commit(&vfio, 0);
	events_get(&vfio, &events, 0);
	check_eq(events.dpa, 3 * GRANULE);
	hdm_uncommit(&vfio, 0);
	hdm_place(&vfio, 2 * PLACE, 2 * GRANULE, CXLR_HDM_CTRL_LOCK);
	check_eq(__vfio_reset(&vfio), 0);

	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, (const uint32_t[]) { COMMITTED, DECOMMITTED, COMMITTED, ACCESS,
						 RESET_BEGIN, DECOMMITTED, RESET_END, ACCESS, 0 });
	check_eq(events.event[0].base, PLACE);
	check_eq(events.event[0].size, GRANULE);
	check_eq(events.event[0].dpa, 3 * GRANULE);
	check_eq(events.event[1].base, PLACE);
	check_eq(events.event[1].size, GRANULE);
	check_eq(events.event[1].dpa, 3 * GRANULE);
	check_eq(events.event[2].dpa, 0);
	check_eq(events.event[5].base, 2 * PLACE);
	check_eq(events.event[5].size, 2 * GRANULE);
	check_eq(events.event[5].dpa, 0);
	check_eq(events.event[6].base, 0);
	check_eq(events.event[6].size, vfio.mem.size);
	check_eq(events.base, 0);
	check_eq(events.size, vfio.mem.size);
	check_eq(events.dpa, 0);
}

/* What changes nothing is no event: the same again, a commit that fails, what is locked. */
static void test_no_event_without_change(void)
{
	struct events events;
	struct vfio vfio;
	int fd;

	vfio_open(&vfio);
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, CXLR_CTRL_MEM_ENABLE);
	fd = events_open(&vfio);
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, 0xffffffff);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0xffff);
	hdm_program(&vfio, PLACE, vfio.mem.size + GRANULE, 0);
	check(hdm_commit(&vfio, 0) & CXLR_HDM_CTRL_ERROR);
	hdm_uncommit(&vfio, 0);
	hdm_program(&vfio, 0, 0, 0);
	dvsec_set_range_base(&vfio, 0, PLACE);
	check_eq(events_signalled(fd), 0);

	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	check_eq(events_signalled(fd), 1);
	hdm_uncommit(&vfio, 0);
	hdm_commit(&vfio, 0);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, 0);
	check_eq(events_signalled(fd), 0);
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, (const uint32_t[]) { COMMITTED, 0 });
}

/* So many events: HDM Decoder Enable changes as often. */
static void make_events(struct vfio *vfio, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		hdm_write(vfio, CXLR_HDM_GLOBAL_CTRL, i % 2 ? 0 : CXLR_HDM_GLOBAL_ENABLE);
}

/* With room for no event, none is taken; with room for some, the oldest; and it says of more. */
static void test_read_in_parts(void)
{
	struct vfio_device_feature_cxl_events state = { };
	uint64_t first, expected;
	struct events events;
	struct vfio vfio;
	unsigned int i;

	vfio_open(&vfio);
	events_open(&vfio);
	make_events(&vfio, 10);
	for (i = 0; i < 3; i++) {
		events_get(&vfio, &events, 0);
		check_eq(events.count, 0);
		check_eq(events.flags, VFIO_CXL_STATE_MORE | ACCESSIBLE);
	}
	/* Almost enough for one. */
	state.event_size = EVENT;
	check_eq(feature(&vfio, VFIO_DEVICE_FEATURE_GET, STATE + EVENT - 1, &state), 0);
	check_eq(state.nr_events, 0);

	first = events.seq - 9;
	for (expected = first, i = 0; i < 7; i++, expected++) {
		events_get(&vfio, &events, 1);
		check_eq(events.count, 1);
		check_eq(events.event[0].seq, expected);
		check_eq(events.event[0].type, ENABLE);
		check_eq(events.flags, VFIO_CXL_STATE_MORE | ACCESSIBLE);
		check_eq(events.seq, first + 9);
	}
	events_get(&vfio, &events, 3);
	check_eq(events.count, 3);
	check_eq(events.event[0].seq, expected);
	check_eq(events.event[2].seq, events.seq);
	check_eq(events.flags, ACCESSIBLE);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.seq, first + 9);
}

/* A program of a later header asks for larger events, and gets those of today; as many as fit. */
static void test_larger_events(void)
{
	const uint32_t larger = EVENT + 16;
	struct {
		struct vfio_device_feature header;
		struct vfio_device_feature_cxl_events state;
		uint8_t events[3 * EVENT];
	} ask = {
		.header.argsz = sizeof(ask),
		.header.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_CXL_EVENTS,
		.state.event_size = larger,
	};
	struct vfio_cxl_event event;
	struct events events;
	struct vfio vfio;
	unsigned int i;

	vfio_open(&vfio);
	events_open(&vfio);
	make_events(&vfio, 4);
	check_eq(ioctl(vfio.device, VFIO_DEVICE_FEATURE, &ask), 0);
	check_eq(ask.state.event_size, EVENT);
	check_eq(ask.state.nr_events, 3);
	for (i = 0; i < 3; i++) {
		memcpy(&event, ask.events + i * EVENT, EVENT);
		check_eq(event.type, ENABLE);
		check_eq(event.seq, i + 1);
		check_eq(event.reserved[0] | event.reserved[1] | event.reserved[2], 0);
	}
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 1);
}

/* Take all that is in the queue; how many, with numbers that follow each other from *@next on. */
static unsigned long drain(struct vfio *vfio, uint64_t *next)
{
	unsigned long count = 0;
	struct events events;
	unsigned int i;

	do {
		events_get(vfio, &events, EVENTS_MAX);
		check_eq(events.flags & VFIO_CXL_STATE_LOST, 0);
		for (i = 0; i < events.count; i++)
			check_eq(events.event[i].seq, (*next)++);
		count += events.count;
	} while (events.flags & VFIO_CXL_STATE_MORE);
	return count;
}

/* A writer whom nobody reads after is held up, and what was not written has not changed. */
static void test_full_queue_holds_writer(void)
{
	uint32_t committed = CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED, was;
	uint16_t enable = CXLR_CTRL_MEM_ENABLE, flr = PCI_EXP_DEVCTL_BCR_FLR, off = 0, d3hot = 3;
	unsigned long written = 0;
	uint64_t next = 1, resets;
	struct vfio vfio;
	ssize_t ret;
	int fd;

	vfio_open(&vfio);
	fd = events_open(&vfio);
	hdm_program(&vfio, PLACE, vfio.mem.size, 0);
	for (was = 0;; was ^= committed, written++) {
		check_eq(hdm_read(&vfio, CXLR_HDM_CTRL(0)), was);
		ret = __hdm_write(&vfio, CXLR_HDM_CTRL(0), was ? 0 : CXLR_HDM_CTRL_COMMIT);
		if (ret != 4)
			break;
		check_lt(written, 100000);
	}
	check_eq(ret, -EAGAIN);
	note("after %lu events", written);
	check_eq(hdm_read(&vfio, CXLR_HDM_CTRL(0)), was);
	check_eq(__vfio_write(&vfio, &vfio.config, DVSEC_AT + CXLR_DVSEC_CTRL, &enable, 2),
		 -EAGAIN);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), CXLR_CTRL_IO_ENABLE);
	check_eq(__hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE), -EAGAIN);
	check_eq(hdm_read(&vfio, CXLR_HDM_GLOBAL_CTRL), 0);
	check_eq(events_signalled(fd), written);
	/* Resets are told as well; none took place. */
	resets = qmp_get("resets-function");
	check_eq(__vfio_write(&vfio, &vfio.config, EXP_AT + PCI_EXP_DEVCTL, &flr, 2), -EAGAIN);
	check_eq(__vfio_reset(&vfio), -EAGAIN);
	check_eq(__vfio_hot_reset(&vfio), -EAGAIN);
	check_eq(qmp_get("resets-function"), resets);
	/* So is what ends access to the memory. */
	check_eq(__vfio_write(&vfio, &vfio.config, PCI_COMMAND, &off, 2), -EAGAIN);
	check_eq(__vfio_write(&vfio, &vfio.config, PM_AT + PCI_PM_CTRL, &d3hot, 2), -EAGAIN);
	check_eq(config_read(&vfio, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
	check_eq(config_read(&vfio, PM_AT + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK, 0);
	/* What leads to no event is not held up. */
	vfio_write(&vfio, &vfio.mem, 0, &flr, 2);
	vfio_write(&vfio, &vfio.bar, CXL_ACCEL_SCRATCH_OFFSET, &flr, 2);

	check_eq(drain(&vfio, &next), written);
	check_eq(hdm_uncommit(&vfio, 0), 0);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, enable);
	check_eq(drain(&vfio, &next), was ? 2 : 1);
	check_eq(__vfio_reset(&vfio), 0);
}

/*
 * The memory is accessible outside of the reset, and not while it is RESETTING. The last event,
 * that of access, may come a moment later.
 */
static void check_reset(struct vfio *vfio, const uint32_t *types, uint32_t flags)
{
	bool resetting = types[0] == RESET_END;
	struct events events, last;
	unsigned int i;

	events_until(vfio, &events, RESET_END);
	events_until(vfio, &last, ACCESS);
	check_eq(last.count, 1);
	events.event[events.count++] = last.event[0];
	events_are(&events, types);
	for (i = 0; i < events.count; i++) {
		if (types[i] == RESET_BEGIN || types[i] == RESET_END)
			resetting = types[i] == RESET_BEGIN;
		check_eq(events.event[i].flags & VFIO_CXL_STATE_RESETTING,
			 resetting ? VFIO_CXL_STATE_RESETTING : 0);
		check_eq(events.event[i].flags & ACCESSIBLE,
			 i == events.count - 1 ? ACCESSIBLE : 0);
	}
	events_get(vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.flags, flags | ACCESSIBLE);
}

/* Others can reset faster than a user reads; that is told, and the numbers say how many. */
static void test_lost_events_are_counted(void)
{
	const uint32_t pair[] = { ACCESS, RESET_BEGIN, RESET_END, ACCESS, 0 };
	unsigned int i, got = 0, begun = 0;
	uint64_t seq, last = 0;
	struct events events;
	struct vfio vfio;

	vfio_open(&vfio);
	events_open(&vfio);
	while (__hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE) == 4)
		if (__hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, 0) != 4)
			break;
	for (i = 0; i < 6; i++)
		write_file(pci_path(pci_accel(), "reset"), "1");
	/* It is told until events are taken, once. */
	for (i = 0; i < 3; i++) {
		events_get(&vfio, &events, 0);
		check(events.flags & VFIO_CXL_STATE_LOST);
		check_eq(events.flags & VFIO_CXL_STATE_RESETTING, 0);
	}
	seq = events.seq;
	do {
		events_get(&vfio, &events, EVENTS_MAX);
		check_eq(events.flags & VFIO_CXL_STATE_LOST, got ? 0 : VFIO_CXL_STATE_LOST);
		check_eq(events.seq, seq);
		for (i = 0; i < events.count; i++, got++) {
			check_gt(events.event[i].seq, last);
			last = events.event[i].seq;
			/* Where the queue was full, at most an end is missing. */
			begun += events.event[i].type == RESET_BEGIN;
			begun -= events.event[i].type == RESET_END;
			check_le(begun, 1);
		}
	} while (events.flags & VFIO_CXL_STATE_MORE);
	check_lt(got, seq);
	/* And all is well from here on. */
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, (const uint32_t[]) { COMMITTED, 0 });
	check_eq(events.event[0].seq, seq + 1);
	config_flr(&vfio);
	check_reset(&vfio, pair, events.flags);
}

struct writer {
	struct vfio *vfio;
	unsigned long pairs;
	unsigned long again;
};

static void write_at_last(struct writer *writer, uint32_t offset, uint32_t value)
{
	ssize_t ret;

	while ((ret = __hdm_write(writer->vfio, offset, value)) == -EAGAIN) {
		writer->again++;
		sched_yield();
	}
	check_eq(ret, 4);
}

/* The base of each commit says which one it is. */
static uint64_t nth_base(unsigned long n)
{
	return (n % 1000 + 1) * GRANULE;
}

static void *commit_and_uncommit(void *data)
{
	struct writer *writer = data;
	unsigned long n;

	for (n = 0; n < writer->pairs; n++) {
		write_at_last(writer, CXLR_HDM_BASE_LOW(0), nth_base(n));
		write_at_last(writer, CXLR_HDM_BASE_HIGH(0), nth_base(n) >> 32);
		write_at_last(writer, CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT);
		write_at_last(writer, CXLR_HDM_CTRL(0), 0);
	}
	return NULL;
}

static void check_event(const struct vfio_cxl_event *event, uint64_t n)
{
	if (event->seq != n + 1 || event->type != (n % 2 ? DECOMMITTED : COMMITTED) ||
	    event->base != nth_base(n / 2) ||
	    event->flags != ((n % 2 ? 0 : VFIO_CXL_STATE_COMMITTED) | ACCESSIBLE))
		fail(__FILE__, __LINE__, "event %llu: seq %llu, type %u, base %#llx, flags %#x",
		     (unsigned long long)n, (unsigned long long)event->seq, event->type,
		     (unsigned long long)event->base, event->flags);
}

/* One thread writes, one reads when the eventfd says so. */
static void test_none_lost_with_reader(void)
{
	/* By --accesses: 100000 writes of Commit, or fewer on a slow kernel. */
	struct writer writer = { .pairs = accesses / 40 };
	uint64_t seen = 0, signalled = 0;
	struct events events;
	struct pollfd ready;
	struct vfio vfio;
	pthread_t thread;
	unsigned int i;

	vfio_open(&vfio);
	hdm_program(&vfio, 0, GRANULE, 0);
	ready = (struct pollfd) { .fd = events_open(&vfio), .events = POLLIN };
	writer.vfio = &vfio;
	check_eq(pthread_create(&thread, NULL, commit_and_uncommit, &writer), 0);
	while (seen < 2 * writer.pairs) {
		check_eq(poll(&ready, 1, 60000), 1);
		signalled += events_signalled(ready.fd);
		do {
			events_get(&vfio, &events, EVENTS_MAX);
			check_eq(events.flags & VFIO_CXL_STATE_LOST, 0);
			for (i = 0; i < events.count; i++)
				check_event(&events.event[i], seen++);
		} while (events.flags & VFIO_CXL_STATE_MORE);
	}
	pthread_join(thread, NULL);
	signalled += events_signalled(ready.fd);
	note("%llu events, %lu writes held up", (unsigned long long)seen, writer.again);
	check_eq(seen, 2 * writer.pairs);
	check_eq(signalled, seen);
	check_eq(events.seq, seen);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
}

/* Who asks for no events is never held up. */
static void test_no_eventfd_never_held(void)
{
	struct events events;
	struct vfio vfio;
	unsigned int i;
	int fd;

	vfio_open(&vfio);
	hdm_program(&vfio, PLACE, vfio.mem.size, 0);
	for (i = 0; i < 2000; i++) {
		hdm_write(&vfio, CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT);
		hdm_write(&vfio, CXLR_HDM_CTRL(0), 0);
	}
	hdm_write(&vfio, CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT);
	/* The state can be read all the same. */
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.flags, VFIO_CXL_STATE_COMMITTED | ACCESSIBLE);
	check_eq(events.base, PLACE);
	check_eq(events.seq, 4001);

	/* The same after an end of it. */
	fd = events_open(&vfio);
	hdm_uncommit(&vfio, 0);
	check_eq(events_signalled(fd), 1);
	events_set(&vfio, -1);
	make_events(&vfio, 2000);
	check_eq(events_signalled(fd), 0);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.flags, ACCESSIBLE);
	events_set(&vfio, -1);
}

/* Another eventfd begins with an empty queue; numbers go on. */
static void test_new_eventfd_empties_queue(void)
{
	struct events events;
	int first, second;
	struct vfio vfio;
	uint64_t seq;

	vfio_open(&vfio);
	first = events_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	events_get(&vfio, &events, 0);
	seq = events.seq;
	second = events_open(&vfio);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.seq, seq);
	check_eq(events_signalled(second), 0);

	check_eq(events_signalled(first), 1);
	hdm_uncommit(&vfio, 0);
	check_eq(events_signalled(first), 0);
	check_eq(events_signalled(second), 1);
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, (const uint32_t[]) { DECOMMITTED, 0 });
	check_eq(events.event[0].seq, seq + 1);

	/* The same one again, and one whose number is closed: the device holds it. */
	events_set(&vfio, second);
	close(first);
	first = dup(second);
	close(second);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_eq(events_signalled(first), 1);
}

/* It ends with the device's file; the next user begins at none. */
static void test_close_ends_queue(void)
{
	struct events events;
	struct vfio vfio;
	int fd;

	vfio_open(&vfio);
	fd = events_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	check_eq(events_signalled(fd), 1);
	vfio_close(&vfio);
	check_eq(events_signalled(fd), 0);

	vfio_open(&vfio);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.seq, 0);
	check_eq(events.flags, ACCESSIBLE);
	check_eq(events.base, 0);
	check_eq(events.size, vfio.mem.size);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	check_eq(events_signalled(fd), 0);
}

static void test_events_of_each_reset(void)
{
	const uint32_t all[] = {
		ACCESS, RESET_BEGIN, DECOMMITTED, ENABLE, RESET_END, ACCESS, 0
	};
	const uint32_t lets_go[] = { ACCESS, RESET_BEGIN, DECOMMITTED, RESET_END, ACCESS, 0 };
	const uint32_t nothing_held[] = { ACCESS, RESET_BEGIN, RESET_END, ACCESS, 0 };
	const uint32_t hdm = VFIO_CXL_STATE_HDM_ENABLED, committed = VFIO_CXL_STATE_COMMITTED;
	struct events events;
	struct vfio vfio;

	vfio_open(&vfio);
	events_open(&vfio);
	check_eq(__vfio_reset(&vfio), 0);
	check_reset(&vfio, nothing_held, 0);

	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	dvsec_write(&vfio, CXLR_DVSEC_CTRL, CXLR_CTRL_MEM_ENABLE);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(__vfio_reset(&vfio), 0);
	check_reset(&vfio, all, 0);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_CTRL), CXLR_CTRL_IO_ENABLE);

	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(__vfio_hot_reset(&vfio), 0);
	check_reset(&vfio, lets_go, 0);

	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	events_get(&vfio, &events, EVENTS_MAX);
	cxl_reset(&vfio, false);
	check_reset(&vfio, all, 0);

	/* By the administrator. */
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	events_get(&vfio, &events, EVENTS_MAX);
	write_file(pci_path(pci_accel(), "reset_method"), "cxl_bus");
	write_file(pci_path(pci_accel(), "reset"), "1");
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_reset(&vfio, lets_go, 0);

	/* By the guest; CXL.mem has no part in it (9.5). */
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	events_get(&vfio, &events, EVENTS_MAX);
	config_flr(&vfio);
	check_reset(&vfio, nothing_held, hdm | committed);
}

/*
 * A CXL Reset, in the middle of which the user gets its first event and names an eventfd, or none:
 * the state then is in @events. Where everything stood still, the reset may have ended; so this is
 * tried again.
 */
static void name_eventfd_in_reset(struct vfio *vfio, int fd, struct events *events)
{
	unsigned int tries = 0;
	uint64_t begin;

	do {
		check_lt(tries++, 5);
		events_open(vfio);
		events_get(vfio, events, 0);
		begin = events->seq + 2;
		cxl_reset_start(vfio, false);
		events_until(vfio, events, RESET_BEGIN);
		events_are(events, (const uint32_t[]) { ACCESS, RESET_BEGIN, 0 });
		check_eq(events->event[1].seq, begin);
		events_set(vfio, fd);
		events_get(vfio, events, EVENTS_MAX);
	} while (cxl_reset_wait(vfio) && events->flags != VFIO_CXL_STATE_RESETTING);
	check_eq(events->count, 0);
	check_eq(events->seq, begin);
}

/*
 * A reset is a pair of events, also for a user that gets them one at a time. A queue that begins in
 * the middle has the end alone, and the state says of what; after the end it has nothing.
 */
static void test_queue_begins_in_reset(void)
{
	const uint32_t end[] = { RESET_END, ACCESS, 0 };
	struct events events;
	struct vfio vfio;
	uint64_t begin;
	int fd;

	vfio_open(&vfio);
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	name_eventfd_in_reset(&vfio, fd, &events);
	begin = events.seq;
	check_reset(&vfio, end, 0);
	check_eq(events_signalled(fd), 2);
	events_get(&vfio, &events, 0);
	check_eq(events.seq, begin + 2);

	name_eventfd_in_reset(&vfio, -1, &events);
	begin = events.seq;
	do
		events_get(&vfio, &events, 0);
	while (!(events.flags & ACCESSIBLE));
	events_set(&vfio, fd);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.flags, ACCESSIBLE);
	check_eq(events.seq, begin + 2);
	check_eq(events_signalled(fd), 0);
}

/* A reset that fails is told, and one that makes up for it. */
static void test_events_of_failed_reset(void)
{
	const uint32_t types[] = { ACCESS, RESET_BEGIN, RESET_END, ACCESS, 0 };
	struct vfio vfio;

	vfio_open(&vfio);
	events_open(&vfio);
	qmp_set("fail-reset", true);
	cxl_reset_start(&vfio, false);
	cxl_reset_wait(&vfio);
	qmp_set("fail-reset", false);
	check_reset(&vfio, types, VFIO_CXL_STATE_RESET_FAILED);
	check_eq(__vfio_hot_reset(&vfio), 0);
	check_reset(&vfio, types, 0);
}

/* A hot reset that does not get to the device is none: nothing of the guest's is lost by it. */
static void test_masked_hot_reset_fails(void)
{
	const uint32_t types[] = { ACCESS, RESET_BEGIN, RESET_END, ACCESS, 0 };
	const uint32_t lets_go[] = { ACCESS, RESET_BEGIN, DECOMMITTED, RESET_END, ACCESS, 0 };
	struct events events;
	struct vfio vfio;
	unsigned int said;
	int ret, kmsg;

	vfio_open(&vfio);
	events_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, CXLR_HDM_CTRL_LOCK);
	dvsec_write(&vfio, CXLR_DVSEC_LOCK, CXLR_LOCK_CONFIG_LOCK);
	events_get(&vfio, &events, EVENTS_MAX);
	kmsg = kmsg_open();
	qmp_set("ignore-bus-reset", true);
	ret = __vfio_hot_reset(&vfio);
	qmp_set("ignore-bus-reset", false);
	said = kmsg_said_error(kmsg, "did not reach the device");
	check_eq(ret, -EIO);
	check_eq(said, 1);
	check_reset(&vfio, types, VFIO_CXL_STATE_COMMITTED | VFIO_CXL_STATE_LOCKED |
				  VFIO_CXL_STATE_RESET_FAILED);
	check_eq(hdm_base(&vfio), PLACE);
	check_eq(dvsec_read(&vfio, CXLR_DVSEC_LOCK), CXLR_LOCK_CONFIG_LOCK);

	check_eq(__vfio_hot_reset(&vfio), 0);
	check_reset(&vfio, lets_go, 0);
}

/* The PCI core begins one, and fails: here, since it finds that the port has come to mask it. */
static void test_reset_that_pci_core_fails(void)
{
	const uint32_t types[] = { ACCESS, RESET_BEGIN, RESET_END, ACCESS, 0 };
	const uint32_t lets_go[] = { ACCESS, RESET_BEGIN, DECOMMITTED, RESET_END, ACCESS, 0 };
	struct events events;
	struct vfio vfio;
	int ret;

	vfio_open(&vfio);
	events_open(&vfio);
	hdm_place(&vfio, PLACE, vfio.mem.size, 0);
	events_get(&vfio, &events, EVENTS_MAX);
	pci_unmask_bus_reset(pci_accel(), true);
	write_file(pci_path(pci_accel(), "reset_method"), "bus");
	pci_unmask_bus_reset(pci_accel(), false);
	ret = __vfio_reset(&vfio);
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_eq(ret, -ENOTTY);
	check_reset(&vfio, types, VFIO_CXL_STATE_COMMITTED | VFIO_CXL_STATE_RESET_FAILED);
	check_eq(hdm_base(&vfio), PLACE);

	check_eq(__vfio_reset(&vfio), 0);
	check_reset(&vfio, lets_go, 0);
}

const struct test tests[] = {
	{ "feature_is_probed", test_feature_is_probed },
	{ "bad_arguments", test_bad_arguments },
	{ "order_and_state", test_order_and_state },
	{ "decoder_values_when_committed", test_decoder_values_when_committed },
	{ "no_event_without_change", test_no_event_without_change },
	{ "read_in_parts", test_read_in_parts },
	{ "larger_events", test_larger_events },
	{ "full_queue_holds_writer", test_full_queue_holds_writer },
	{ "lost_events_are_counted", test_lost_events_are_counted },
	{ "none_lost_with_reader", test_none_lost_with_reader, 120 },
	{ "no_eventfd_never_held", test_no_eventfd_never_held },
	{ "new_eventfd_empties_queue", test_new_eventfd_empties_queue },
	{ "close_ends_queue", test_close_ends_queue },
	{ "events_of_each_reset", test_events_of_each_reset },
	{ "queue_begins_in_reset", test_queue_begins_in_reset },
	{ "events_of_failed_reset", test_events_of_failed_reset },
	{ "masked_hot_reset_fails", test_masked_hot_reset_fails },
	{ "reset_that_pci_core_fails", test_reset_that_pci_core_fails },
	{ }
};
