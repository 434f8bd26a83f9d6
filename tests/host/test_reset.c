// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a reset by the user or by the administrator takes place, and
 * revokes the memory meanwhile. Afterwards the decoder is as it was, and mappings
 * work again by themselves. A decoder that does not come back leaves the memory
 * unreachable, with a message.
 *
 * How: QEMU counts resets, reports the decoder, and ignores writes to it on
 * request. Threads touch the memory while resets run.
 *
 * Not covered: CXL Reset, in test_cxl_reset.c. Resets above a switch, in
 * test_switch.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define WINDOW	(4 * MIB)

struct session {
	struct vfio vfio;
	struct qmp_state before;
	uint8_t *window;
	uint64_t resets;
};

/* A device in use, with data in its memory. */
static void setup(struct session *session, const char *counter)
{
	vfio_open(&session->vfio);
	session->window = vfio_mmap(&session->vfio, &session->vfio.mem, 0, WINDOW);
	fill_random(session->window, PAGE, 1);
	qmp_state_read(&session->before);
	session->resets = qmp_get(counter);
}

/* After a reset: it happened, nothing of the host's is lost, and the data path is back. */
static void check_restored(struct session *session, const char *counter)
{
	uint8_t want[PAGE], got[PAGE];
	struct qmp_state after;
	long faults;

	check_gt(qmp_get(counter), session->resets);
	qmp_state_read(&after);
	qmp_state_same(&after, &session->before);

	vfio_enable(&session->vfio, true, false);
	faults = minor_faults();
	got[0] = *(volatile uint8_t *)session->window;
	check_gt(minor_faults(), faults);

	/* None of these resets clears memory (docs/accelerator.md). */
	fill_random(want, sizeof(want), 1);
	check_mem_eq(session->window, want, sizeof(want));
	vfio_read(&session->vfio, &session->vfio.mem, 0, got, sizeof(got));
	check_mem_eq(got, want, sizeof(got));
	fill_random(session->window + 2 * MIB, PAGE, 2);
	vfio_read(&session->vfio, &session->vfio.mem, 2 * MIB, got, sizeof(got));
	check_mem_eq(session->window + 2 * MIB, got, sizeof(got));
}

static void test_ioctl_reset_restores(void)
{
	struct session session;

	setup(&session, "resets-function");
	check_eq(__vfio_reset(&session.vfio), 0);
	check_restored(&session, "resets-function");
}

static void test_hot_reset_restores(void)
{
	struct session session;

	setup(&session, "resets-bus");
	check_eq(__vfio_hot_reset(&session.vfio), 0);
	check_restored(&session, "resets-bus");
}

/* The administrator resets a device that is in use. */
static void test_sysfs_reset_restores_in_use(void)
{
	struct session session;

	setup(&session, "resets-bus");
	pci_reset(pci_accel(), "cxl_bus");
	check_restored(&session, "resets-bus");
}

/* The bus reset finds the decoder with memory off, as a VMM's first reset does. */
static void test_bus_reset_while_disabled(void)
{
	struct session session;
	uint16_t command;

	setup(&session, "resets-bus");
	vfio_enable(&session.vfio, false, false);
	check_eq(__vfio_hot_reset(&session.vfio), 0);
	vfio_read(&session.vfio, &session.vfio.config, 4, &command, sizeof(command));
	check_eq(command & 2, 0);
	check_restored(&session, "resets-bus");
}

struct toucher {
	const volatile uint8_t *memory;
	atomic_bool stop;
	unsigned long loads, refused;
};

static void *touch(void *data)
{
	struct toucher *toucher = data;
	uint8_t byte;
	size_t at;

	for (at = 0; !atomic_load(&toucher->stop); at = (at + 97 * PAGE) % WINDOW) {
		if (load(toucher->memory + at, &byte))
			toucher->loads++;
		else
			toucher->refused++;
	}
	return NULL;
}

/* Faults against resets: each load has the memory or SIGBUS, and both ends come to an end. */
static void test_faults_against_resets(void)
{
	struct toucher toucher = { };
	struct session session;
	pthread_t thread;
	unsigned int i;

	setup(&session, "resets-bus");
	toucher.memory = session.window;
	check_eq(pthread_create(&thread, NULL, touch, &toucher), 0);
	for (i = 0; i < 5; i++) {
		usleep(20000);
		if (i % 2)
			check_eq(__vfio_reset(&session.vfio), 0);
		else
			vfio_hot_reset(&session.vfio);
		vfio_enable(&session.vfio, true, false);
	}
	atomic_store(&toucher.stop, true);
	pthread_join(thread, NULL);
	note("%lu loads, %lu refused", toucher.loads, toucher.refused);
	check_gt(toucher.loads, 0);
	/* The last reset may have been met by a fault that put a mapping back. */
	vfio_enable(&session.vfio, false, false);
	check_restored(&session, "resets-bus");
}

/*
 * The hardware refuses to take its decoder back: the memory is out of reach,
 * and the log says why. A reset after the hardware has come to its senses
 * brings it back.
 */
static void test_decoder_lost_until_next_reset(void)
{
	unsigned int said;
	struct qmp_state after;
	struct session session;
	uint8_t byte = 0;
	bool loaded;
	ssize_t ret;
	int kmsg;

	setup(&session, "resets-bus");
	kmsg = kmsg_open();
	qmp_set("refuse-commit", true);
	__vfio_hot_reset(&session.vfio);
	vfio_enable(&session.vfio, true, false);

	ret = __vfio_read(&session.vfio, &session.vfio.mem, 0, &byte, 1);
	loaded = load(session.window, &byte);
	said = kmsg_said_error(kmsg, "could not be restored");

	qmp_set("refuse-commit", false);
	check_eq(__vfio_hot_reset(&session.vfio), 0);
	check_eq(ret, -EIO);
	check(!loaded);
	check_eq(said, 1);

	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);
	vfio_enable(&session.vfio, true, false);
	check(load(session.window, &byte));
}

/* The VFIO core resets at close, and tells nobody: decoder and lock are there all the same. */
static void test_reset_at_close_restores(void)
{
	struct qmp_state after;
	struct session session;

	setup(&session, "resets-bus");
	/* No reset but the core's, and the data stay. */
	write_file(pci_path(pci_accel(), "clear"), "never");
	write_file(pci_path(pci_accel(), "reset_method"), "cxl_bus");
	munmap(session.window, WINDOW);
	vfio_close(&session.vfio);
	write_file(pci_path(pci_accel(), "reset_method"), "default");
	check_gt(qmp_get("resets-bus"), session.resets);
	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);

	vfio_open(&session.vfio);
	session.window = vfio_mmap(&session.vfio, &session.vfio.mem, 0, WINDOW);
	check_restored(&session, "resets-bus");
	write_file(pci_path(pci_accel(), "clear"), "auto");
}

/*
 * The device does not answer while its user closes it, so nothing can be taken back then. FLR,
 * which the next open makes, keeps Control2 (9.5); of a CXL Reset that clears, none is made.
 */
static void test_silent_close_leaves_no_control2(void)
{
	struct session session;

	setup(&session, "resets-function");
	dvsec_write(&session.vfio, CXLR_DVSEC_CTRL2, CXLR_CTRL2_DISABLE_CACHING);
	check_eq(qmp_get("dvsec-control2"), CXLR_CTRL2_DISABLE_CACHING);
	write_file(pci_path(pci_accel(), "clear"), "never");
	munmap(session.window, WINDOW);
	qmp_set("silent", true);
	vfio_close(&session.vfio);
	qmp_set("silent", false);
	check_eq(qmp_get("dvsec-control2"), CXLR_CTRL2_DISABLE_CACHING);

	vfio_open(&session.vfio);
	check_eq(qmp_get("dvsec-control2"), 0);
	session.window = vfio_mmap(&session.vfio, &session.vfio.mem, 0, WINDOW);
	check_restored(&session, "resets-function");
	write_file(pci_path(pci_accel(), "clear"), "auto");
}

/* Nothing of all that outlives the binding. */
static void test_rebind_makes_usable(void)
{
	struct vfio vfio;
	uint8_t byte;

	pci_unbind(pci_accel());
	vfio_open(&vfio);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
}

/* --- how often the processors' caches are flushed */

#define TRACE	"/sys/kernel/tracing"
#define FLUSHES	10

static void count_no_flushes(void)
{
	__write_file(TRACE "/events/kprobes/cxl_flush/enable", "0");
	__write_file(TRACE "/kprobe_events", "-:cxl_flush");
}

/* Another test's may be there. */
static void count_flushes(void)
{
	count_no_flushes();
	write_file(TRACE "/kprobe_events", "p:cxl_flush cpu_cache_invalidate_memregion");
	write_file(TRACE "/events/kprobes/cxl_flush/enable", "1");
}

static unsigned long flushes(void)
{
	return number_after(read_file(TRACE "/kprobe_profile"), "cxl_flush");
}

/*
 * A flush stops all processors, so a guest that resets its device again and again does not cause
 * one each time. But no dirty line is left when the device stops decoding, as it does at close.
 */
static void test_caches_flushed_if_touched(void)
{
	struct session session;
	unsigned long before;
	unsigned int i;
	struct timespec start, end;
	bool pages;

	setup(&session, "resets-bus");
	pages = session.vfio.backing == VFIO_CXL_BACKING_FOLIO;
	count_flushes();
	before = flushes();
	vfio_hot_reset(&session.vfio);
	check_eq(flushes(), before + 1);

	/* Not more often than every 100 ms, however often the memory is written in between. */
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (i = 0; i < FLUSHES; i++) {
		vfio_enable(&session.vfio, true, false);
		session.window[0] = 1;
		check_eq(__vfio_reset(&session.vfio), 0);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	check_eq(flushes(), before + 1 + FLUSHES);
	check_ge((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000,
		 (FLUSHES - 2) * 100);

	/* Pages may be written by a process that has pinned them. */
	before = flushes();
	vfio_hot_reset(&session.vfio);
	check_eq(flushes(), before + pages);

	vfio_enable(&session.vfio, true, false);
	session.window[0] = 1;
	before = flushes();
	munmap(session.window, WINDOW);
	/* Or clearing would flush as well. */
	write_file(pci_path(pci_accel(), "clear"), "never");
	vfio_close(&session.vfio);
	check_eq(flushes(), before + 1);
	write_file(pci_path(pci_accel(), "clear"), "auto");
	count_no_flushes();
}

static void wait_for_memory(struct session *session)
{
	uint8_t byte;

	while (!load(session->window, &byte))
		usleep(10000);
}

/* Recovery may reset a link; through one that is down no line is written back. */
static void test_caches_flushed_if_link_works(void)
{
	struct session session;
	unsigned long before;
	int event;

	setup(&session, "resets-bus");
	event = vfio_event(&session.vfio, VFIO_PCI_ERR_IRQ_INDEX);
	count_flushes();
	before = flushes();
	session.window[0] = 1;
	qmp_aer_error("POISON_TLP");
	check(vfio_event_met(event));
	check_eq(flushes(), before + 1);
	wait_for_memory(&session);

	session.window[0] = 1;
	qmp_aer_error("MALF_TLP");
	check(vfio_event_met(event));
	wait_for_memory(&session);
	check_eq(flushes(), before + 1);
	check_gt(qmp_get("resets-bus"), session.resets);
	count_no_flushes();
}

const struct test tests[] = {
	{ "ioctl_reset_restores", test_ioctl_reset_restores },
	{ "hot_reset_restores", test_hot_reset_restores },
	{ "sysfs_reset_restores_in_use", test_sysfs_reset_restores_in_use },
	{ "bus_reset_while_disabled", test_bus_reset_while_disabled },
	{ "faults_against_resets", test_faults_against_resets },
	{ "decoder_lost_until_next_reset", test_decoder_lost_until_next_reset },
	{ "reset_at_close_restores", test_reset_at_close_restores },
	{ "rebind_makes_usable", test_rebind_makes_usable },
	{ "caches_flushed_if_touched", test_caches_flushed_if_touched },
	{ "caches_flushed_if_link_works", test_caches_flushed_if_link_works },
	{ "silent_close_leaves_no_control2", test_silent_close_leaves_no_control2 },
	{ }
};
