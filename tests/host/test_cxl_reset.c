// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a user starts a CXL Reset (CXL 3.1, 9.7) by the DVSEC's
 * Control2, or by VFIO_DEVICE_RESET. The write to Control2 returns at once, and
 * Status2 says when the reset ended and how. Meanwhile nobody reaches the memory;
 * afterwards mappings work again by themselves, and the host's registers are as
 * they were.
 *
 * How: QEMU counts the resets, and makes them fail on request. The machine
 * slow-reset has a device that takes its time. The machine endless-reset has one
 * whose CXL Reset never ends.
 *
 * Not covered: devices of several functions, and devices with memory that
 * survives a reset by specification. Events of resets are in test_events.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"

/* The kernel's last word on a correctable error, which the driver has been told of by then. */
#define CORRECTABLE	"severity=Correctable"

#define PLACE		0x700000000ull
#define WINDOW		(4 * MIB)
#define ENDED		(CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR)

struct session {
	struct vfio vfio;
	struct qmp_state before;
	uint64_t resets;
	uint8_t *window, *end;
};

static void setup(struct session *session)
{
	struct vfio *vfio = &session->vfio;

	vfio_open(vfio);
	session->window = vfio_mmap(vfio, &vfio->mem, 0, WINDOW);
	session->end = vfio_mmap(vfio, &vfio->mem, vfio->mem.size - WINDOW, WINDOW);
	fill_random(session->window, WINDOW, 1);
	fill_random(session->end, WINDOW, 2);
	qmp_state_read(&session->before);
	session->resets = qmp_get("resets-cxl");
	hdm_place(vfio, PLACE, vfio->mem.size, CXLR_HDM_CTRL_LOCK);
}

static void leave(struct session *session)
{
	munmap(session->window, WINDOW);
	munmap(session->end, WINDOW);
	vfio_close(&session->vfio);
}

/* One reset took place, the host's registers are as before it, and mappings work by themselves. */
static void check_after(struct session *session, unsigned int resets)
{
	struct vfio *vfio = &session->vfio;
	struct qmp_state after;
	uint8_t by_read;

	check_eq(qmp_get("resets-cxl"), session->resets + resets);
	qmp_state_read(&after);
	qmp_state_same(&after, &session->before);
	/* 9.7: the virtual decoder has let go, lock or not. */
	check_eq(hdm_read(vfio, CXLR_HDM_CTRL(0)), 0);
	check_eq(hdm_size(vfio), vfio->mem.size);
	check_eq(dvsec_range_base(vfio, 0), 0);

	session->window[7] = 0x5a;
	vfio_read(vfio, &vfio->mem, 7, &by_read, 1);
	check_eq(by_read, 0x5a);
	hdm_place(vfio, 2 * PLACE, vfio->mem.size, 0);
}

static void test_complete_keeps_content(void)
{
	uint8_t *want = malloc(WINDOW);
	struct session session;
	long faults;

	setup(&session);
	cxl_reset(&session.vfio, false);
	fill_random(want, WINDOW, 1);
	/* The mappings were taken away, and come back by themselves. */
	faults = minor_faults();
	check_mem_eq(session.window, want, WINDOW);
	check_gt(minor_faults(), faults);
	fill_random(want, WINDOW, 2);
	check_mem_eq(session.end, want, WINDOW);
	/* Done, until the next one begins. */
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), CXLR_STATUS2_RESET_COMPLETE);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_CTRL2), 0);
	check_after(&session, 1);
	/* A user's reset of another kind takes that back (8.1.3.5). */
	check_eq(__vfio_reset(&session.vfio), 0);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
}

/* CXL Reset Mem Clr Enable: content is gone, from the first byte to the last. */
static void test_mem_clr_clears_content(void)
{
	uint8_t *zero = calloc(1, WINDOW);
	struct session session;

	setup(&session);
	check_mem_ne(session.window, zero, WINDOW);
	check_mem_ne(session.end, zero, WINDOW);
	cxl_reset(&session.vfio, true);
	check_mem_eq(session.window, zero, WINDOW);
	check_mem_eq(session.end, zero, WINDOW);
	check_eq(qmp_get("dvsec-control2") & CXLR_CTRL2_RESET_MEM_CLR, 0);
	check_after(&session, 1);
}

/* A doorbell is a one that is written: not a zero, and not a one beside it. */
static void test_no_reset_without_doorbell(void)
{
	struct session session;

	setup(&session);
	dvsec_write(&session.vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_RESET_MEM_CLR);
	config_write(&session.vfio, DVSEC_AT + CXLR_DVSEC_CTRL2 + 1, 1, 0xff);
	config_write(&session.vfio, DVSEC_AT + CXLR_DVSEC_STATUS2, 2, 0xffff);
	config_write(&session.vfio, DVSEC_AT + CXLR_DVSEC_CTRL2, 1, 0);
	usleep(50000);
	check_eq(qmp_get("resets-cxl"), session.resets);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
	check_eq(hdm_read(&session.vfio, CXLR_HDM_CTRL(0)) & CXLR_HDM_CTRL_COMMITTED,
		 CXLR_HDM_CTRL_COMMITTED);
}

/* The byte that has the doorbell, and a write that begins before the DVSEC, ring it as well. */
static void test_doorbell_by_any_width(void)
{
	uint8_t straddle[CXLR_DVSEC_CTRL2 + 3] = { };
	struct session session;

	setup(&session);
	config_write(&session.vfio, DVSEC_AT + CXLR_DVSEC_CTRL2, 1, CXLR_CTRL2_INITIATE_RESET);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_COMPLETE);
	straddle[CXLR_DVSEC_CTRL2 + 2] = CXLR_CTRL2_INITIATE_RESET;
	vfio_write(&session.vfio, &session.vfio.config, DVSEC_AT - 2, straddle, sizeof(straddle));
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_COMPLETE);
	check_after(&session, 2);
}

/*
 * The device says that the reset failed: so does Status2, and the log, once.
 * The decoders are put back all the same, so what the memory had is there; the
 * next reset may succeed.
 */
static void test_failed_reset_is_reported(void)
{
	uint8_t *want = malloc(WINDOW);
	unsigned int said;
	struct session session;
	struct events state;
	uint16_t status;
	int kmsg;

	setup(&session);
	kmsg = kmsg_open();
	qmp_set("fail-reset", true);
	cxl_reset_start(&session.vfio, true);
	status = cxl_reset_wait(&session.vfio);
	qmp_set("fail-reset", false);
	events_get(&session.vfio, &state, 0);
	said = kmsg_said_error(kmsg, "CXL Reset");

	check_eq(status, CXLR_STATUS2_RESET_ERROR);
	check_eq(state.flags, VFIO_CXL_STATE_RESET_FAILED | VFIO_CXL_STATE_ACCESSIBLE);
	check_eq(said, 1);
	fill_random(want, WINDOW, 1);
	check_mem_eq(session.window, want, WINDOW);
	check_after(&session, 1);

	cxl_reset(&session.vfio, true);
	events_get(&session.vfio, &state, 0);
	check_eq(state.flags, VFIO_CXL_STATE_ACCESSIBLE);
	check_after(&session, 2);
}

/* None begins before the last one has ended; how many there were. */
static unsigned int count_resets(struct vfio *vfio)
{
	unsigned int i, begun = 0, ended = 0;
	struct events events;

	events_get(vfio, &events, EVENTS_MAX);
	for (i = 0; i < events.count; i++) {
		begun += events.event[i].type == VFIO_CXL_EVENT_RESET_BEGIN;
		check(!(events.event[i].flags & VFIO_CXL_STATE_RESET_REQUESTED) ||
		      !(events.event[i].flags & VFIO_CXL_STATE_RESETTING));
		ended += events.event[i].type == VFIO_CXL_EVENT_RESET_END;
		check(begun == ended || begun == ended + 1);
	}
	check_eq(begun, ended);
	return begun;
}

/* The memory goes, once a reset was asked for, before Status2 says that it ended. */
static void lose_memory(struct session *session)
{
	uint8_t byte;

	while (load(session->window, &byte))
		check_eq(dvsec_read(&session->vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
	check_eq(dvsec_read(&session->vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
}

/* A CXL Reset that has begun, and does not end before hold-reset is off again. */
static void start_held(struct session *session, bool mem_clr)
{
	qmp_set("hold-reset", true);
	cxl_reset_start(&session->vfio, mem_clr);
	lose_memory(session);
}

/* The write returns before the end, and asking again meanwhile changes nothing (8.1.3.4). */
static void test_under_way_is_visible(void)
{
	struct session session;
	uint8_t want[PAGE];

	setup(&session);
	events_open(&session.vfio);
	start_held(&session, false);
	cxl_reset_start(&session.vfio, false);
	qmp_set("hold-reset", false);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_COMPLETE);
	fill_random(want, sizeof(want), 1);
	check_mem_eq(session.window, want, sizeof(want));
	check_eq(count_resets(&session.vfio), 1);
	check_after(&session, 1);
}

/* Reads of the host's, which wait while the device is in a CXL Reset. */
static void *read_as_host(void *stop)
{
	uint8_t bytes[4096];

	while (!atomic_load((atomic_bool *)stop)) {
		pci_config(pci_accel(), bytes);
		usleep(1000);
	}
	return NULL;
}

/* What a guest may read meanwhile. */
static void read_as_guest(struct vfio *vfio)
{
	config_read(vfio, PCI_VENDOR_ID, 4);
	config_read(vfio, EXP_AT + PCI_EXP_DEVCTL, 2);
	config_read(vfio, AER_AT, 4);
	/* A VMM that resets the machine now finds the device in D0. */
	check_eq(config_read(vfio, PM_AT + PCI_PM_CTRL, 2) & PCI_PM_CTRL_STATE_MASK, 0);
	hdm_read(vfio, CXLR_HDM_CTRL(0));
	dvsec_read32(vfio, CXLR_DVSEC_STATUS2);
}

#define REGIONS		(VFIO_PCI_NUM_REGIONS + 2)

/* What the VMM is told of the device, and whether it may set up an interrupt. */
struct answers {
	struct vfio_irq_info irq[VFIO_PCI_NUM_IRQS];
	struct vfio_region_info region[REGIONS];
	int region_error[REGIONS];
	int set_irqs;
};

static void ask(struct vfio *vfio, int event, struct answers *answers)
{
	unsigned int i;

	memset(answers, 0, sizeof(*answers));
	for (i = 0; i < ARRAY_SIZE(answers->irq); i++) {
		answers->irq[i].argsz = sizeof(answers->irq[i]);
		answers->irq[i].index = i;
		check_eq(ioctl(vfio->device, VFIO_DEVICE_GET_IRQ_INFO, &answers->irq[i]), 0);
	}
	for (i = 0; i < REGIONS; i++)
		answers->region_error[i] = __vfio_region_info(vfio, i, &answers->region[i],
							      sizeof(answers->region[i]));
	answers->set_irqs = __vfio_set_eventfds(vfio, VFIO_PCI_ERR_IRQ_INDEX, &event, 1);
}

/* How many vectors, by the field @mask of a capability. */
static uint32_t count_vectors(struct vfio *vfio, uint8_t id, uint16_t mask)
{
	uint32_t at = config_read(vfio, PCI_CAPABILITY_LIST, 1);

	while (at && config_read(vfio, at, 1) != id)
		at = config_read(vfio, at + PCI_CAP_LIST_NEXT, 1);
	return at ? config_read(vfio, at + PCI_MSI_FLAGS, 2) & mask : 0;
}

/* A guest's CXL Reset holds up none of the VMM's threads that asks for these. */
static void test_vmm_is_not_held_up(void)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct answers before, meanwhile;
	struct session session;
	uint64_t forbidden;

	setup(&session);
	ask(&session.vfio, event, &before);
	check_eq(before.set_irqs, 0);
	check_eq(before.irq[VFIO_PCI_MSI_IRQ_INDEX].count, 0);
	check_eq(before.irq[VFIO_PCI_MSIX_IRQ_INDEX].count,
		 count_vectors(&session.vfio, PCI_CAP_ID_MSIX, PCI_MSIX_FLAGS_QSIZE) + 1);
	before.set_irqs = -EAGAIN;
	memset(&before.region[VFIO_PCI_ROM_REGION_INDEX], 0, sizeof(before.region[0]));
	before.region_error[VFIO_PCI_ROM_REGION_INDEX] = -EAGAIN;
	forbidden = qmp_get("forbidden-accesses");
	qmp_set("hold-reset", true);
	cxl_reset_start(&session.vfio, false);
	while (config_read(&session.vfio, PCI_VENDOR_ID, 4) != UINT32_MAX)
		check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
	ask(&session.vfio, event, &meanwhile);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
	qmp_set("hold-reset", false);
	meanwhile.region[VFIO_PCI_ROM_REGION_INDEX] = before.region[VFIO_PCI_ROM_REGION_INDEX];
	check_mem_eq(&meanwhile, &before, sizeof(before));
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_COMPLETE);
	check_eq(qmp_get("forbidden-accesses"), forbidden);
	check_after(&session, 1);
	check_eq(__vfio_set_eventfds(&session.vfio, VFIO_PCI_ERR_IRQ_INDEX, &event, 1), 0);
	close(event);
}

/* 9.7.3, with driver, guest and host: the device counts what it is asked in its reset. */
static void test_device_is_left_alone(void)
{
	atomic_bool stop = false;
	struct session session;
	uint64_t forbidden;
	pthread_t host;

	setup(&session);
	check_eq(pthread_create(&host, NULL, read_as_host, &stop), 0);
	forbidden = qmp_get("forbidden-accesses");
	cxl_reset_start(&session.vfio, false);
	/* It begins by itself; then all is ones, as from a device that does not answer. */
	while (config_read(&session.vfio, PCI_VENDOR_ID, 4) != UINT32_MAX)
		check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
	do {
		read_as_guest(&session.vfio);
	} while (!(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED));
	atomic_store(&stop, true);
	check_eq(pthread_join(host, NULL), 0);
	check_eq(qmp_get("forbidden-accesses"), forbidden);
	check_eq(config_read(&session.vfio, PCI_VENDOR_ID, 2), 0x1af4);
	check_after(&session, 1);
}

/* Another reset waits for the CXL Reset that is under way, and then takes place. */
static void reset_then(struct vfio *vfio, int (*reset)(struct vfio *vfio), const char *counter)
{
	uint64_t before = qmp_get(counter);

	check_eq(reset(vfio), 0);
	check_gt(qmp_get(counter), before);
	vfio_enable(vfio, true, false);

	check_eq(dvsec_read(vfio, CXLR_DVSEC_STATUS2), 0);
	check_eq(dvsec_read(vfio, CXLR_DVSEC_CTRL2), 0);
	check_eq(hdm_read(vfio, CXLR_HDM_CTRL(0)), 0);
}

/* The same machine: the user goes, or wants another reset, while it is under way. */
static void test_overtaken_by_close_and_resets(void)
{
	struct qmp_state after;
	struct session session;

	setup(&session);
	cxl_reset_start(&session.vfio, true);
	leave(&session);
	/* Who opens next waits for the memory. */
	vfio_open(&session.vfio);
	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);
	vfio_close(&session.vfio);

	setup(&session);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
	start_held(&session, true);
	qmp_set("hold-reset", false);
	reset_then(&session.vfio, __vfio_reset, "resets-function");
	check_after(&session, 1);
	start_held(&session, true);
	qmp_set("hold-reset", false);
	reset_then(&session.vfio, __vfio_hot_reset, "resets-bus");
	check_after(&session, 2);
}

/*
 * The same machine: memory disabled meanwhile. The device loses the write, or
 * takes it before it begins; in neither case is the memory lost.
 */
static void test_memory_disabled_during_reset(void)
{
	struct session session;
	unsigned int i;
	uint8_t byte;

	setup(&session);
	for (i = 0; i < 4; i++) {
		cxl_reset_start(&session.vfio, false);
		vfio_enable(&session.vfio, false, false);
		/* From the moment in which its end can be seen, nothing is lost. */
		while (!(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED))
			;
		vfio_enable(&session.vfio, true, false);
		check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED,
			 CXLR_STATUS2_RESET_COMPLETE);
		check(load(session.window, &byte));
	}
	check_after(&session, i);
}

/*
 * A conventional reset in the very moment in which a CXL Reset was asked for.
 * When it has been done, nothing of the CXL Reset is left to come.
 */
static void test_overtaken_at_start(void)
{
	unsigned int i, done = 0;
	struct session session;
	struct qmp_state after;
	uint64_t count;
	uint8_t byte;

	setup(&session);
	for (i = 0; i < 8; i++) {
		cxl_reset_start(&session.vfio, true);
		if (i % 2 ? __vfio_hot_reset(&session.vfio) : __vfio_reset(&session.vfio)) {
			/* Refused: the other one goes on to its end. */
			cxl_reset_wait(&session.vfio);
			continue;
		}
		done++;
		vfio_enable(&session.vfio, true, false);
		/* Nothing is under way that would lose this write. */
		check(config_read(&session.vfio, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
		check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
		check_eq(hdm_read(&session.vfio, CXLR_HDM_CTRL(0)), 0);
		count = qmp_get("resets-cxl");
		hdm_place(&session.vfio, PLACE, session.vfio.mem.size, 0);
		session.window[0] = 0x77;
		usleep(100000);
		check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
		check_eq(hdm_read(&session.vfio, CXLR_HDM_CTRL(0)),
			 CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED);
		check_eq(qmp_get("resets-cxl"), count);
		check(load(session.window, &byte));
		check_eq(byte, 0x77);
	}
	note("%u times of %u", done, i);
	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);
}

static void sysfs_flr(void)
{
	write_file(pci_path(pci_accel(), "reset_method"), "flr");
	write_file(pci_path(pci_accel(), "reset"), "1");
	write_file(pci_path(pci_accel(), "reset_method"), "default");
}

/* FLR has no part in how a CXL Reset ended (9.5), whoever does it: a guest that polls sees it. */
static void test_flr_keeps_reset_status(void)
{
	struct session session;
	uint64_t flrs;

	setup(&session);
	cxl_reset(&session.vfio, false);
	flrs = qmp_get("resets-function");
	sysfs_flr();
	check_gt(qmp_get("resets-function"), flrs);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), CXLR_STATUS2_RESET_COMPLETE);
	vfio_enable(&session.vfio, true, false);
	config_flr(&session.vfio);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), CXLR_STATUS2_RESET_COMPLETE);
	vfio_enable(&session.vfio, true, false);
	check_after(&session, 1);

	qmp_set("fail-reset", true);
	cxl_reset_start(&session.vfio, false);
	cxl_reset_wait(&session.vfio);
	qmp_set("fail-reset", false);
	sysfs_flr();
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), CXLR_STATUS2_RESET_ERROR);
	/* The next one begins with neither, and this one's end is its own. */
	vfio_enable(&session.vfio, true, false);
	cxl_reset(&session.vfio, false);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), CXLR_STATUS2_RESET_COMPLETE);
}

/*
 * The administrator's FLR in the moment in which a CXL Reset was asked for: it
 * takes place, or it failed, and the guest is told which.
 */
static void test_flr_at_start(void)
{
	unsigned int i, complete = 0;
	struct session session;
	struct events state;
	uint16_t status;
	uint64_t resets;

	setup(&session);
	for (i = 0; i < 8; i++) {
		resets = qmp_get("resets-cxl");
		cxl_reset_start(&session.vfio, false);
		sysfs_flr();
		status = cxl_reset_wait(&session.vfio);
		complete += status == CXLR_STATUS2_RESET_COMPLETE;
		check_eq(qmp_get("resets-cxl") - resets, status == CXLR_STATUS2_RESET_COMPLETE);
		/* The device and its memory are none the worse for it. */
		events_get(&session.vfio, &state, 0);
		check_eq(state.flags & (VFIO_CXL_STATE_RESETTING | VFIO_CXL_STATE_RESET_FAILED), 0);
		vfio_enable(&session.vfio, true, false);
		session.window[0] = i;
	}
	note("%u of %u took place", complete, i);

	/* Who opens next has asked for none. */
	cxl_reset_start(&session.vfio, false);
	leave(&session);
	vfio_open(&session.vfio);
	sysfs_flr();
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
}

/* A process that unbinds the device when it is told to; without anything of the device open. */
static pid_t unbinder(int *tell)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	check_eq(pipe(ends), 0);
	pid = fork();
	check_ge(pid, 0);
	if (!pid) {
		close(ends[1]);
		if (read(ends[0], &byte, 1) == 1)
			pci_unbind(pci_accel());
		_exit(0);
	}
	close(ends[0]);
	*tell = ends[1];
	return pid;
}

/* Configuration space keeps what is written, though a reset looks again and again. */
static void check_no_write_lost(struct vfio *vfio)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		config_write(vfio, PCI_INTERRUPT_LINE, 1, i & 0xff);
		check_eq(config_read(vfio, PCI_INTERRUPT_LINE, 1), i & 0xff);
	}
}

/*
 * While an unbind waits for the user to go, it has the device's lock: no reset
 * begins, and nothing is taken away for one. The next user starts afresh.
 */
static void test_no_reset_during_unbind(void)
{
	const uint32_t requested = VFIO_CXL_STATE_RESET_REQUESTED;
	struct session session;
	struct events state;
	uint8_t byte;
	int tell, ret;
	pid_t pid;

	pid = unbinder(&tell);
	setup(&session);
	check_eq(write(tell, "", 1), 1);
	while (!(ret = __vfio_reset(&session.vfio)))
		usleep(10000);
	check_eq(ret, -EBUSY);
	vfio_enable(&session.vfio, true, false);
	session.resets = qmp_get("resets-cxl");

	cxl_reset_start(&session.vfio, true);
	check_no_write_lost(&session.vfio);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2) & ENDED, 0);
	events_get(&session.vfio, &state, 0);
	check_eq(state.flags, requested | VFIO_CXL_STATE_ACCESSIBLE);
	check_eq(__vfio_reset(&session.vfio), -EBUSY);
	events_get(&session.vfio, &state, 0);
	check_eq(state.flags, requested | VFIO_CXL_STATE_ACCESSIBLE);
	check(load(session.window, &byte));
	vfio_enable(&session.vfio, false, false);
	check(!load(session.window, &byte));
	check_eq(qmp_get("resets-cxl"), session.resets);

	leave(&session);
	check_eq(waitpid(pid, NULL, 0), pid);
	check_eq(qmp_get("resets-cxl"), session.resets);
	vfio_open(&session.vfio);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
}

/* FLR is the PCI core's choice again. */
static void check_flr(struct vfio *vfio)
{
	reset_then(vfio, __vfio_reset, "resets-function");
}

enum left { LEFT_ASKED, LEFT_BEGUN, LEFT_FAILED, LEFT_COUNT };

/*
 * The user goes when he has asked for it, when the device has begun, or when its time is
 * over. The next one finds all in order: what does not end by itself was ended for him.
 */
static void check_left(struct session *session, enum left when)
{
	const struct qmp_state before = session->before;
	uint64_t resets = qmp_get("resets-cxl");

	cxl_reset_start(&session->vfio, false);
	while (when == LEFT_BEGUN && qmp_get("resets-cxl") == resets)
		usleep(1000);
	if (when == LEFT_FAILED)
		check_eq(cxl_reset_wait(&session->vfio), CXLR_STATUS2_RESET_ERROR);
	leave(session);
	setup(session);
	qmp_state_same(&session->before, &before);
	check_flr(&session->vfio);
}

/* He is asked to go by an unbind, so the device is locked; who binds it next finds it in order. */
static void test_hung_then_unbound(void)
{
	struct session session;
	struct qmp_state before;
	int tell, asked;
	pid_t pid;

	pid = unbinder(&tell);
	setup(&session);
	before = session.before;
	asked = vfio_event(&session.vfio, VFIO_PCI_REQ_IRQ_INDEX);
	cxl_reset_start(&session.vfio, false);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_ERROR);
	check_eq(write(tell, "", 1), 1);
	check(vfio_event_met(asked));
	check_eq(__vfio_reset(&session.vfio), -EBUSY);

	leave(&session);
	check_eq(waitpid(pid, NULL, 0), pid);
	setup(&session);
	qmp_state_same(&session.before, &before);
	check_flr(&session.vfio);
}

/*
 * In a machine whose device never ends a CXL Reset. The write that starts it
 * returns, and all answers are a device's in reset: Status2 says neither done
 * nor failed, the memory cannot be reached. That lasts until the time that the
 * device itself names is over; then it failed.
 */
static void test_hung_times_out(void)
{
	struct session session;
	struct events events;
	uint8_t byte = 0;
	enum left when;

	setup(&session);
	events_open(&session.vfio);
	cxl_reset_start(&session.vfio, false);
	/* The events are told in order, so this is a look at the time in between. */
	events_until(&session.vfio, &events, VFIO_CXL_EVENT_RESET_BEGIN);
	check_eq(events.flags & VFIO_CXL_STATE_RESETTING, VFIO_CXL_STATE_RESETTING);
	lose_memory(&session);
	check_eq(__vfio_read(&session.vfio, &session.vfio.mem, 0, &byte, 1), -EIO);
	check_eq(__vfio_write(&session.vfio, &session.vfio.mem, 0, &byte, 1), -EIO);

	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_ERROR);
	check(!load(session.window, &byte));
	check_eq(__vfio_read(&session.vfio, &session.vfio.mem, 0, &byte, 1), -EIO);

	/* A conventional reset ends even that. */
	reset_then(&session.vfio, __vfio_hot_reset, "resets-bus");
	check_after(&session, 1);

	for (when = 0; when < LEFT_COUNT; when++)
		check_left(&session, when);
}

static void reset_by(const char *method)
{
	write_file(pci_path(pci_accel(), "vfio_reset"), method);
}

/*
 * VFIO_DEVICE_RESET as a CXL Reset: the machine's, so the virtual decoder is free, and
 * there is no word of it in Status2.
 */
static void test_ioctl_resets_by_cxl(void)
{
	struct session session;
	uint8_t want[PAGE];
	uint64_t flrs;
	int ret;

	setup(&session);
	check_eq(__write_file(pci_path(pci_accel(), "vfio_reset"), "flr"), -EINVAL);
	reset_by("cxl");
	flrs = qmp_get("resets-function");
	ret = __vfio_reset(&session.vfio);
	reset_by("pci");
	check_eq(ret, 0);
	check_eq(qmp_get("resets-function"), flrs);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS2), 0);
	fill_random(want, sizeof(want), 1);
	check_mem_eq(session.window, want, sizeof(want));
	check_after(&session, 1);

	check_eq(__vfio_reset(&session.vfio), 0);
	check_gt(qmp_get("resets-function"), flrs);
	check_eq(qmp_get("resets-cxl"), session.resets + 1);
}

/* Where that fails, the device is reset as the PCI core does it. */
static void test_ioctl_falls_back_on_failure(void)
{
	struct session session;
	uint64_t flrs;
	int ret;

	setup(&session);
	flrs = qmp_get("resets-function");
	reset_by("cxl");
	qmp_set("fail-reset", true);
	ret = __vfio_reset(&session.vfio);
	qmp_set("fail-reset", false);
	reset_by("pci");
	check_eq(ret, 0);
	check_gt(qmp_get("resets-function"), flrs);
	check_after(&session, 1);
}

static uint64_t state_flags(struct vfio *vfio)
{
	struct events state;

	events_get(vfio, &state, 0);
	return state.flags;
}

/*
 * In the machine whose device takes its time: who waits for the reset can be killed, and
 * the reset goes on. As above, once of some is enough.
 */
static void test_ioctl_killed_reset_goes_on(void)
{
	unsigned int i, seen = 0;
	struct session session;
	pid_t child;

	setup(&session);
	reset_by("cxl");
	for (i = 0; i < 3; i++) {
		child = fork();
		check_ge(child, 0);
		if (!child)
			_exit(__vfio_reset(&session.vfio) ? 1 : 0);
		while (!(state_flags(&session.vfio) & VFIO_CXL_STATE_RESETTING)) {
			/* It was over before anybody looked. */
			if (waitpid(child, NULL, WNOHANG) == child)
				break;
			usleep(1000);
		}
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		seen += !!(state_flags(&session.vfio) & VFIO_CXL_STATE_RESETTING);
		while (state_flags(&session.vfio) & VFIO_CXL_STATE_RESETTING)
			usleep(10000);
	}
	reset_by("pci");
	note("seen %u times of %u", seen, i);
	check(seen);
	check_after(&session, i);
}

/* The same machine: a guest's own is under way. Both take place. */
static void test_ioctl_after_guest_reset(void)
{
	struct session session;
	int ret;

	setup(&session);
	reset_by("cxl");
	cxl_reset_start(&session.vfio, false);
	ret = __vfio_reset(&session.vfio);
	reset_by("pci");
	check_eq(ret, 0);
	check_after(&session, 2);
}

static int sysfs_reset(__attribute__((unused)) struct vfio *vfio)
{
	write_file(pci_path(pci_accel(), "reset"), "1");
	return 0;
}

/*
 * And one that never ends is over when the device's own time is. Whoever resets the
 * device then, and would have had FLR, which does not end that, gets the bus's reset.
 */
static void test_ioctl_hung_times_out(void)
{
	int (*resets[])(struct vfio *vfio) = { __vfio_reset, sysfs_reset };
	struct session session;
	unsigned int i;
	uint64_t flrs;
	uint8_t byte;
	int ret;

	setup(&session);
	flrs = qmp_get("resets-function");
	for (i = 0; i < ARRAY_SIZE(resets); i++) {
		reset_by("cxl");
		ret = __vfio_reset(&session.vfio);
		check_eq(ret, -ETIMEDOUT);
		check(!load(session.window, &byte));
		/* By the same ioctl: not as the same reset again. */
		reset_then(&session.vfio, resets[i], "resets-bus");
		reset_by("pci");
		check_after(&session, i + 1);
	}
	check_eq(qmp_get("resets-function"), flrs);
	check_flr(&session.vfio);
}

/*
 * The administrator has left the device FLR alone. A reset that cannot be made is not
 * taken for the end of the one that does not end; VFIO's hot reset is.
 */
static void test_hung_only_flr_available(void)
{
	struct session session;
	uint8_t byte;

	setup(&session);
	write_file(pci_path(pci_accel(), "reset_method"), "flr");
	cxl_reset_start(&session.vfio, false);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_ERROR);
	check(__write_file(pci_path(pci_accel(), "reset"), "1"));
	check(!load(session.window, &byte));
	check_eq(__vfio_reset(&session.vfio), -ENOTTY);
	check(!load(session.window, &byte));
	reset_then(&session.vfio, __vfio_hot_reset, "resets-bus");
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_after(&session, 1);
}

/* What cannot be reset now keeps its virtual registers: by Control2, and by the PCI core. */
static void test_refused_keeps_registers(void)
{
	const uint32_t control = CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED;
	struct session session;
	uint32_t second, third;
	int ret;

	setup(&session);
	write_file(pci_path(pci_accel(), "reset_method"), "flr");
	cxl_reset_start(&session.vfio, false);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_ERROR);
	hdm_place(&session.vfio, PLACE, session.vfio.mem.size, 0);
	cxl_reset_start(&session.vfio, false);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_ERROR);
	second = hdm_read(&session.vfio, CXLR_HDM_CTRL(0));
	ret = __vfio_reset(&session.vfio);
	third = hdm_read(&session.vfio, CXLR_HDM_CTRL(0));

	reset_then(&session.vfio, __vfio_hot_reset, "resets-bus");
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_eq(second, control);
	check_eq(ret, -ENOTTY);
	check_eq(third, control);
	check_after(&session, 1);
}

/* An FLR by the Advanced Features capability: like that of Device Control, it waits for room. */
static void test_flr_by_advanced_features(void)
{
	const uint8_t flr = PCI_AF_CTRL_FLR;
	uint16_t control = CXLR_CTRL_MEM_ENABLE;
	struct session session;
	struct events events;
	uint64_t flrs;

	setup(&session);
	check_eq(config_read(&session.vfio, AF_AT, 1), PCI_CAP_ID_AF);
	events_open(&session.vfio);
	flrs = qmp_get("resets-function");
	while (__vfio_write(&session.vfio, &session.vfio.config, DVSEC_AT + CXLR_DVSEC_CTRL,
			    &control, sizeof(control)) > 0)
		control ^= CXLR_CTRL_MEM_ENABLE;
	check_eq(__vfio_write(&session.vfio, &session.vfio.config, AF_AT + PCI_AF_CTRL, &flr, 1),
		 -EAGAIN);
	check_eq(qmp_get("resets-function"), flrs);
	do
		events_get(&session.vfio, &events, EVENTS_MAX);
	while (events.count);
	config_write(&session.vfio, AF_AT + PCI_AF_CTRL, 1, flr);
	check_eq(qmp_get("resets-function"), flrs + 1);
	events_until(&session.vfio, &events, VFIO_CXL_EVENT_RESET_END);
}

/* One that hangs is left alone, its RAS registers too: it tells of its errors afterwards. */
static void test_hung_keeps_errors(void)
{
	const uint32_t error = 1 << 2;
	struct session session;
	int kmsg;

	setup(&session);
	cxl_reset_start(&session.vfio, false);
	check_eq(cxl_reset_wait(&session.vfio), CXLR_STATUS2_RESET_ERROR);
	kmsg = kmsg_open();
	qmp_set32("ras-correctable", error);
	kmsg_wait(kmsg, CORRECTABLE);
	usleep(300000);
	check_eq(qmp_get("ras-correctable"), error);
	reset_then(&session.vfio, __vfio_hot_reset, "resets-bus");
	check_eq(qmp_get("ras-correctable"), 0);
	check_eq(kmsg_said(kmsg, "correctable CXL errors: CRC_Threshold"), 1);
	close(kmsg);
	check_after(&session, 1);
}

/* The same, of the one that is to clear the memory: nobody opens the device in it. */
static void test_hung_while_clearing(void)
{
	struct vfio vfio;
	int kmsg;

	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	pci_bind(pci_accel());
	write_file(pci_path(pci_accel(), "reset_method"), "flr");
	kmsg = kmsg_open();
	check_eq(__vfio_open_device(&vfio), -EIO);
	check(kmsg_said(kmsg, "still in a CXL Reset"));
	close(kmsg);
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	vfio_open(&vfio);
	/* It may have left out FLR when it was written. */
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_flr(&vfio);
}

const struct test tests[] = {
	{ "complete_keeps_content", test_complete_keeps_content },
	{ "mem_clr_clears_content", test_mem_clr_clears_content },
	{ "no_reset_without_doorbell", test_no_reset_without_doorbell },
	{ "doorbell_by_any_width", test_doorbell_by_any_width },
	{ "failed_reset_is_reported", test_failed_reset_is_reported },
	{ "under_way_is_visible", test_under_way_is_visible },
	{ "device_is_left_alone", test_device_is_left_alone },
	{ "vmm_is_not_held_up", test_vmm_is_not_held_up },
	{ "overtaken_by_close_and_resets", test_overtaken_by_close_and_resets },
	{ "overtaken_at_start", test_overtaken_at_start },
	{ "flr_keeps_reset_status", test_flr_keeps_reset_status },
	{ "flr_at_start", test_flr_at_start },
	{ "no_reset_during_unbind", test_no_reset_during_unbind },
	{ "memory_disabled_during_reset", test_memory_disabled_during_reset },
	{ "hung_times_out", test_hung_times_out },
	{ "hung_then_unbound", test_hung_then_unbound },
	{ "ioctl_resets_by_cxl", test_ioctl_resets_by_cxl },
	{ "ioctl_falls_back_on_failure", test_ioctl_falls_back_on_failure },
	{ "ioctl_killed_reset_goes_on", test_ioctl_killed_reset_goes_on },
	{ "ioctl_after_guest_reset", test_ioctl_after_guest_reset },
	{ "ioctl_hung_times_out", test_ioctl_hung_times_out },
	{ "flr_by_advanced_features", test_flr_by_advanced_features },
	{ "hung_only_flr_available", test_hung_only_flr_available },
	{ "refused_keeps_registers", test_refused_keeps_registers },
	{ "hung_keeps_errors", test_hung_keeps_errors },
	{ "hung_while_clearing", test_hung_while_clearing },
	{ }
};
