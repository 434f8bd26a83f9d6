// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: VFIO_CXL_STATE_ACCESSIBLE says whether the memory may be touched,
 * and an event comes when that changes: by what the user writes, by an error, by
 * memory that becomes active late. No call of a VMM waits for that memory;
 * the library's function does.
 *
 * How: QEMU holds the memory inactive on request. The machine slow-active has a
 * device whose memory takes seconds after each reset of the bus.
 *
 * Not covered: the events of resets, in test_events.c; VMMs that have the memory
 * as a BAR, in test_presentation.c.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfiocxl.h"

#define ACCESS		VFIO_CXL_EVENT_ACCESS
#define RESET_BEGIN	VFIO_CXL_EVENT_RESET_BEGIN
#define RESET_END	VFIO_CXL_EVENT_RESET_END
#define ENABLE		VFIO_CXL_EVENT_ENABLE
#define ACCESSIBLE	VFIO_CXL_STATE_ACCESSIBLE

/* One event of access, which comes of what the test has done before; what it leads to. */
static void check_access(struct vfio *vfio, int fd, uint32_t flags)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct events events;

	check_eq(poll(&ready, 1, 10000), 1);
	check_eq(events_signalled(fd), 1);
	events_get(vfio, &events, EVENTS_MAX);
	events_are(&events, (const uint32_t[]) { ACCESS, 0 });
	check_eq(events.event[0].flags, flags);
	check_eq(events.flags, flags);
}

/* By what the user writes: told before the write returns. What changes nothing is no event. */
static void test_follows_writes(void)
{
	uint8_t byte, *memory;
	struct vfio vfio;
	int fd;

	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, 2 * MIB);
	fd = events_open(&vfio);
	vfio_enable(&vfio, true, true);
	vfio_set_power(&vfio, 0);
	vfio_set_power(&vfio, 1);
	check_eq(events_signalled(fd), 0);

	vfio_enable(&vfio, false, false);
	check_access(&vfio, fd, 0);
	vfio_enable(&vfio, false, true);
	vfio_set_power(&vfio, 3);
	vfio_enable(&vfio, true, true);
	check_eq(events_signalled(fd), 0);
	check(!load(memory, &byte));
	vfio_set_power(&vfio, 0);
	check_access(&vfio, fd, ACCESSIBLE);
	check(load(memory, &byte));

	vfio_set_power(&vfio, 3);
	check_access(&vfio, fd, 0);
	vfio_set_power(&vfio, 0);
	check_access(&vfio, fd, ACCESSIBLE);
	vfio_enable(&vfio, false, false);
	check_access(&vfio, fd, 0);
	vfio_enable(&vfio, true, false);
	check_access(&vfio, fd, ACCESSIBLE);
}

/* A reset, and an error, end access and give it back: told by the driver alone. */
static void test_follows_error(void)
{
	struct events events;
	struct vfio vfio;
	int event;

	vfio_open(&vfio);
	events_open(&vfio);
	event = vfio_event(&vfio, VFIO_PCI_ERR_IRQ_INDEX);
	qmp_aer_error("POISON_TLP");
	check(vfio_event_met(event));
	events_until(&vfio, &events, ACCESS);
	check_eq(events.event[0].flags, 0);
	events_until(&vfio, &events, ACCESS);
	check_eq(events.event[0].flags, ACCESSIBLE);
	check_eq(events.flags, ACCESSIBLE);
}

/*
 * Memory that is not active after a reset becomes so when it pleases. Nobody asks for it in this
 * test but the driver.
 */
static void test_comes_when_active(void)
{
	const uint32_t types[] = { ACCESS, RESET_BEGIN, RESET_END, 0 };
	struct events events;
	struct vfio vfio;
	uint8_t byte;
	int fd;

	vfio_open(&vfio);
	fd = events_open(&vfio);
	qmp_set("mem-active", false);
	write_file(pci_path(pci_accel(), "reset"), "1");
	usleep(500000);
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, types);
	check_eq(events.flags, 0);
	check_eq(events_signalled(fd), 3);
	check_eq(__vfio_read(&vfio, &vfio.mem, 0, &byte, 1), -EIO);
	qmp_set("mem-active", true);
	check_access(&vfio, fd, ACCESSIBLE);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);

	/* It stops by itself, which is found out when the user asks; and comes back. */
	qmp_set("mem-active", false);
	events_get(&vfio, &events, 0);
	check_access(&vfio, fd, 0);
	qmp_set("mem-active", true);
	check_access(&vfio, fd, ACCESSIBLE);
}

/* The log says so when the time is over that the device names: 2 s here. The driver looks on. */
static void test_late_after_its_time(void)
{
	struct events events;
	unsigned int said;
	struct vfio vfio;
	int fd, kmsg;

	vfio_open(&vfio);
	qmp_set("mem-active", false);
	kmsg = kmsg_open();
	write_file(pci_path(pci_accel(), "reset"), "1");
	fd = events_open(&vfio);
	sleep(4);
	said = kmsg_said_error(kmsg, "did not become active");
	check_eq(events_signalled(fd), 0);
	events_get(&vfio, &events, EVENTS_MAX);
	check_eq(events.count, 0);
	check_eq(events.flags, 0);
	check_eq(said, 1);
	/* Too late, and told all the same: nobody asks. */
	qmp_set("mem-active", true);
	check_access(&vfio, fd, ACCESSIBLE);
}

/* After a reset of the bus: the memory is not accessible yet, and an event comes when it is. */
static void check_late(struct vfio *vfio, int fd)
{
	struct events events;
	uint8_t byte;

	events_get(vfio, &events, EVENTS_MAX);
	check_eq(events.flags, 0);
	check_eq(__vfio_read(vfio, &vfio->mem, 0, &byte, 1), -EIO);
	events_signalled(fd);
	check_eq(vfio_cxl_wait_accessible(vfio->device, fd, 20000), 0);
	vfio_read(vfio, &vfio->mem, 0, &byte, 1);
	check_access(vfio, fd, ACCESSIBLE);
}

/*
 * In the machine whose memory takes its time, in which each call would wait: it is not accessible
 * when they have returned.
 */
static void test_no_call_waits(void)
{
	uint8_t info[256];
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_close(&vfio);
	wait_until(pci_is_clear);
	write_file(pci_path(pci_accel(), "reset_method"), "cxl_bus");
	check_eq(__vfio_open_device(&vfio), 0);
	check_eq(__vfio_region_info(&vfio, VFIO_PCI_NUM_REGIONS, info, sizeof(info)), 0);
	vfio.mem.offset = ((struct vfio_region_info *)info)->offset;
	check_late(&vfio, events_open(&vfio));
	check_eq(__vfio_reset(&vfio), 0);
	check_late(&vfio, events_open(&vfio));
	check_eq(__vfio_hot_reset(&vfio), 0);
	check_late(&vfio, events_open(&vfio));
	vfio_close(&vfio);
	write_file(pci_path(pci_accel(), "reset_method"), "default");
}

static void *activate_later(__attribute__((unused)) void *unused)
{
	usleep(500000);
	qmp_set("mem-active", true);
	return NULL;
}

/* The library's wait: without an eventfd, and with the program's, which loses nothing. */
static void test_library_waits(void)
{
	const uint32_t types[] = { ENABLE, ACCESS, ACCESS, 0 };
	struct events events;
	struct vfio vfio;
	pthread_t thread;
	uint8_t byte;
	int fd;

	vfio_open(&vfio);
	check_eq(vfio_cxl_wait_accessible(-1, -1, 0), -EBADF);
	check_eq(vfio_cxl_wait_accessible(vfio.device, -1, 0), 0);
	vfio_enable(&vfio, false, false);
	check_eq(vfio_cxl_wait_accessible(vfio.device, -1, 0), -ETIMEDOUT);
	check_eq(vfio_cxl_wait_accessible(vfio.device, -1, 200), -ETIMEDOUT);
	vfio_enable(&vfio, true, false);

	qmp_set("mem-active", false);
	check_eq(__vfio_reset(&vfio), 0);
	check_eq(pthread_create(&thread, NULL, activate_later, NULL), 0);
	check_eq(vfio_cxl_wait_accessible(vfio.device, -1, 10000), 0);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(pthread_join(thread, NULL), 0);

	fd = events_open(&vfio);
	hdm_write(&vfio, CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	qmp_set("mem-active", false);
	check_eq(vfio_cxl_wait_accessible(vfio.device, fd, 100), -ETIMEDOUT);
	check_eq(pthread_create(&thread, NULL, activate_later, NULL), 0);
	check_eq(vfio_cxl_wait_accessible(vfio.device, fd, 10000), 0);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(pthread_join(thread, NULL), 0);
	check_eq(events_signalled(fd), 3);
	events_get(&vfio, &events, EVENTS_MAX);
	events_are(&events, types);
}

const struct test tests[] = {
	{ "follows_writes", test_follows_writes },
	{ "follows_error", test_follows_error },
	{ "comes_when_active", test_comes_when_active },
	{ "late_after_its_time", test_late_after_its_time },
	{ "library_waits", test_library_waits },
	{ "no_call_waits", test_no_call_waits, 60 },
	{ }
};
