// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a device that nobody has open suspends to D3hot when the
 * administrator allows that. Each access resumes it. It is then as it was, and
 * the next user finds zeros.
 *
 * How: the test sets power/control, and waits for D3hot. It opens, resets, reads
 * sysfs, changes the backing, and unbinds while the device is suspended. QEMU
 * reports the hardware's state after each resume.
 *
 * Not covered: D3cold, and suspend of the whole system, which test_bind.c tests.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "vfio.h"

/* Sleeps, each of them much disturbed: these, and one for so many cycles of the command line. */
#define RACE_SLEEPS	5
#define RACE_SHARE	20
#define BINDS		10

#define D0		0
#define D3HOT		3

static bool reads(const char *device, const char *file, const char *text)
{
	char *is = read_file(pci_path(device, file));
	bool same = !strncmp(is, text, strlen(text));

	free(is);
	return same;
}

static bool accel_asleep(void)
{
	return pci_asleep(pci_accel());
}

/* It goes to sleep as soon as it may; this has it try to, before it returns. */
static void try_to_sleep(const char *device)
{
	write_file(pci_path(device, "power/autosuspend_delay_ms"), "0");
}

static long count_suspends(const char *device)
{
	char *counts = pci_debugfs(device, "counts"), *at = strstr(counts, "sleeps ");
	long value;

	check(at);
	value = strtol(at + strlen("sleeps "), NULL, 10);
	free(counts);
	return value;
}

/* The device loses what it has on its way back to D0. */
static bool loses(void)
{
	uint8_t config[PAGE];

	pci_config(pci_accel(), config);
	return !(config[0x44] & 8);	/* No_Soft_Reset */
}

/* The page that such a device has lost is the first. */
static void use(struct vfio *vfio)
{
	static const uint8_t zero[PAGE];
	uint8_t *memory = vfio_mmap(vfio, &vfio->mem, 0, vfio->granule);

	check_mem_eq(memory, zero, PAGE);
	memset(memory, 0x5a, PAGE);
	munmap(memory, vfio->granule);
}

static void use_and_close(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	use(&vfio);
	vfio_close(&vfio);
}

/* The hardware in D0, after a first user. */
static void used(struct qmp_state *awake)
{
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	write_file(pci_path(pci_accel(), "power/control"), "on");
	write_file(pci_path(pci_accel(), "clear"), "auto");
	use_and_close();
	wait_until(pci_is_clear);
	check_eq(qmp_get("power-state"), D0);
	qmp_state_read(awake);
}

static void check_asleep(void)
{
	wait_until(accel_asleep);
	check_eq(qmp_get("power-state"), D3HOT);
	check_eq(qmp_get("hdm0-mapped-size"), 0);
}

static void check_awake(const struct qmp_state *was)
{
	struct qmp_state is;

	check_eq(qmp_get("power-state"), D0);
	qmp_state_read(&is);
	qmp_state_same(&is, was);
}

/* Closed and clear, it sleeps; opened, it is as it was, and its memory is zero. */
static void test_suspends_when_closed(void)
{
	struct qmp_state awake;
	struct vfio vfio;
	unsigned int i;
	uint64_t resets;

	used(&awake);
	pci_let_sleep(pci_accel());
	for (i = 0; i < 3; i++) {
		check_asleep();
		resets = qmp_get("resets-d3");
		vfio_open(&vfio);
		check_awake(&awake);
		check_eq(qmp_get("resets-d3"), resets + loses());
		use(&vfio);
		/* In use, it stays awake. */
		try_to_sleep(pci_accel());
		check(!accel_asleep());
		check_awake(&awake);
		vfio_close(&vfio);
	}
	check_asleep();
}

/* One that nobody has used yet has content, which it must not lose. */
static void test_never_used_content_is_kept(void)
{
	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	pci_bind(pci_accel());
	pci_let_sleep(pci_accel());
	if (!loses()) {
		check_asleep();
		return;
	}
	try_to_sleep(pci_accel());
	check(!accel_asleep());
	check_eq(count_suspends(pci_accel()), 0);
}

/* The same of what its user is to find again, by the administrator's word. */
static void test_attribute_never_keeps_content(void)
{
	struct qmp_state awake;
	struct vfio vfio;
	uint8_t byte;

	used(&awake);
	write_file(pci_path(pci_accel(), "clear"), "never");
	use_and_close();
	pci_let_sleep(pci_accel());
	if (loses()) {
		try_to_sleep(pci_accel());
		check(!accel_asleep());
	} else {
		check_asleep();
	}
	vfio_open(&vfio);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	vfio_close(&vfio);
	write_file(pci_path(pci_accel(), "clear"), "auto");
	check_eq(byte, 0x5a);
	check_asleep();
}

/* The administrator's word counts, whenever it comes. */
static void test_power_control_decides(void)
{
	struct qmp_state awake;

	used(&awake);
	try_to_sleep(pci_accel());
	check(!accel_asleep());
	pci_let_sleep(pci_accel());
	check_asleep();
	write_file(pci_path(pci_accel(), "power/control"), "on");
	check(!accel_asleep());
	check_awake(&awake);
	try_to_sleep(pci_accel());
	check_awake(&awake);
}

static void by_reset(void)
{
	pci_reset(pci_accel(), "flr");
}

/* Who resets a bus wakes nobody on it (reset_prepare()). */
static void by_bus_reset(void)
{
	char port[128];

	snprintf(port, sizeof(port), "%s/..", pci_accel());
	pci_reset_below(port);
}

static void by_look(void)
{
	char *state = pci_debugfs(pci_accel(), "state");
	bool live = strstr(state, "blocked\nreachable 1\n");

	check_msg(live, "not awake:\n%s", state);
	free(state);
}

static void by_backing(void)
{
	write_file(pci_path(pci_accel(), "backing"), "uncached");
	check_asleep();
	write_file(pci_path(pci_accel(), "backing"), "pfn");
}

static void by_clear(void)
{
	write_file(pci_path(pci_accel(), "clear"), "cpu");
	check_asleep();
	write_file(pci_path(pci_accel(), "clear"), "auto");
}

static void by_unbind(void)
{
	pci_unbind(pci_accel());
	check_eq(qmp_get("power-state"), D0);
	pci_bind(pci_accel());
	use_and_close();
	pci_let_sleep(pci_accel());
}

/* Each wakes it, if it has to, finds all in order, and lets it go to sleep again. */
static void test_each_access_resumes(void)
{
	static const struct {
		const char *name;
		void (*wake)(void);
	} ways[] = {
		{ "reset", by_reset },
		{ "bus reset", by_bus_reset },
		{ "look", by_look },
		{ "backing", by_backing },
		{ "clear", by_clear },
		{ "unbind", by_unbind },
	};
	struct qmp_state awake;
	unsigned int i;

	used(&awake);
	pci_let_sleep(pci_accel());
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		note("by %s", ways[i].name);
		check_asleep();
		ways[i].wake();
		check_asleep();
		write_file(pci_path(pci_accel(), "power/control"), "on");
		check_awake(&awake);
		use_and_close();
		pci_let_sleep(pci_accel());
	}
	check_asleep();
}

/* Signalled in D3hot (PCIe 5.3.1.4.1): heard, named, and forgotten by the device. */
static void test_error_signalled_in_d3hot(void)
{
	struct qmp_state awake;
	int kmsg;

	used(&awake);
	pci_let_sleep(pci_accel());
	check_asleep();
	kmsg = kmsg_open();
	qmp_set32("ras-correctable", 1 << 2);
	while (qmp_get("ras-correctable"))
		usleep(10000);
	check_asleep();
	check_eq(kmsg_said(kmsg, "CRC_Threshold"), 1);
	use_and_close();
}

/* With struct pages the kernel maps the memory all the time. */
static void check_backing_keeps_awake(const char *backing)
{
	struct qmp_state awake;
	long before;

	used(&awake);
	setenv("VFIO_BACKING", backing, 1);
	use_and_close();
	wait_until(pci_is_clear);
	before = count_suspends(pci_accel());
	pci_let_sleep(pci_accel());
	try_to_sleep(pci_accel());
	check(!accel_asleep());
	check_awake(&awake);
	check_eq(count_suspends(pci_accel()), before);
	write_file(pci_path(pci_accel(), "backing"), "pfn");
	check_asleep();
	setenv("VFIO_BACKING", "pfn", 1);
	use_and_close();
}

static void test_struct_pages_keep_awake(void)
{
	check_backing_keeps_awake("folio:0x200000");
	check_backing_keeps_awake("memmap");
}

/* A decoder that does not come back: nobody gets the memory, until a reset with which it does. */
static void test_decoder_lost_at_resume(void)
{
	struct qmp_state awake;
	int kmsg;

	used(&awake);
	pci_let_sleep(pci_accel());
	check_asleep();
	qmp_set("refuse-commit", true);
	kmsg = kmsg_open();
	write_file(pci_path(pci_accel(), "power/control"), "on");
	check_eq(qmp_get("power-state"), D0);
	check_eq(qmp_get("hdm0-mapped-size"), 0);
	/* It stays in D0, to be mended. */
	pci_let_sleep(pci_accel());
	try_to_sleep(pci_accel());
	check(!accel_asleep());
	qmp_set("refuse-commit", false);
	check_eq(kmsg_said(kmsg, "could not be restored"), 1);
	by_reset();
	check_asleep();
	write_file(pci_path(pci_accel(), "power/control"), "on");
	check_awake(&awake);
	use_and_close();
}

struct disturber {
	pthread_t thread;
	void (*disturb)(uint64_t random);
	uint64_t random;
	atomic_bool *stop;
	unsigned long times;
};

static void *disturb(void *data)
{
	struct disturber *disturber = data;

	while (!atomic_load(disturber->stop)) {
		disturber->disturb(random64(&disturber->random));
		usleep(random64(&disturber->random) % 50000);
		disturber->times++;
	}
	return NULL;
}

static void toggle_clear(uint64_t random)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/clear", pci_accel());
	write_file(path, random & 1 ? "auto" : "cpu");
}

static void look(uint64_t random)
{
	(void)random;
	free(pci_debugfs(pci_accel(), "state"));
}

/*
 * Around opens, which give up when somebody has the device lock (-EAGAIN); closes,
 * which let go of it before they restore what their reset took, for another reset to
 * save (vfio_pci_core_disable()); and whatever takes it.
 */
static pthread_mutex_t device_lock = PTHREAD_MUTEX_INITIALIZER;

static void toggle_control(uint64_t random)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/control", pci_accel());
	pthread_mutex_lock(&device_lock);
	write_file(path, random & 1 ? "auto" : "on");
	pthread_mutex_unlock(&device_lock);
}

static void reset_at_random(uint64_t random)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", pci_accel());
	usleep(random % 2000000);
	pthread_mutex_lock(&device_lock);
	write_file(path, "1");
	pthread_mutex_unlock(&device_lock);
}

/* Woken and sent to sleep at all moments of opening and closing, until it has slept often. */
static void test_suspend_against_open_and_close(void)
{
	static void (*const what[])(uint64_t random) = {
		toggle_control, toggle_clear, look, reset_at_random,
	};
	struct disturber disturbers[ARRAY_SIZE(what)] = { };
	struct qmp_state awake;
	unsigned int i, opens = 0;
	atomic_bool stop = false;
	struct vfio vfio;
	long before;

	used(&awake);
	pci_let_sleep(pci_accel());
	check_asleep();
	before = count_suspends(pci_accel());
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		disturbers[i].disturb = what[i];
		disturbers[i].random = seed + i;
		disturbers[i].stop = &stop;
		check_eq(pthread_create(&disturbers[i].thread, NULL, disturb, &disturbers[i]), 0);
	}
	while (count_suspends(pci_accel()) - before < RACE_SLEEPS + cycles / RACE_SHARE) {
		pthread_mutex_lock(&device_lock);
		vfio_open(&vfio);
		pthread_mutex_unlock(&device_lock);
		usleep(random64(&seed) % 20000);
		pthread_mutex_lock(&device_lock);
		vfio_close(&vfio);
		pthread_mutex_unlock(&device_lock);
		usleep(random64(&seed) % 400000);
		opens++;
	}
	atomic_store(&stop, true);
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		pthread_join(disturbers[i].thread, NULL);
		note("%lu times", disturbers[i].times);
		check_gt(disturbers[i].times, 0);
	}
	note("opened %u times, slept %ld times", opens, count_suspends(pci_accel()) - before);
	write_file(pci_path(pci_accel(), "clear"), "auto");
	use_and_close();
	pci_let_sleep(pci_accel());
	check_asleep();
	write_file(pci_path(pci_accel(), "power/control"), "on");
	check_awake(&awake);
	use_and_close();
}

static void bind_and_sleep(const char *device)
{
	unsigned int i;

	for (i = 0; i < BINDS; i++) {
		if (pci_bound(device))
			pci_unbind(device);
		pci_bind(device);
		pci_let_sleep(device);
		while (!pci_asleep(device))
			usleep(1000);
		check_gt(count_suspends(device), 0);
		check(reads(device, "power_state", "D3hot"));
		free(pci_debugfs(device, "state"));
	}
}

/* What one is told of its sleep does not depend on what becomes of another. */
static void test_two_devices_suspend_apart(void)
{
	const char *second = pci_nth_accel(1);
	pid_t child = fork();
	int status;

	if (!child) {
		bind_and_sleep(second);
		_exit(0);
	}
	bind_and_sleep(pci_accel());
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	use_and_close();
}

const struct test tests[] = {
	{ "suspends_when_closed", test_suspends_when_closed },
	{ "never_used_content_is_kept", test_never_used_content_is_kept },
	{ "attribute_never_keeps_content", test_attribute_never_keeps_content },
	{ "power_control_decides", test_power_control_decides },
	{ "each_access_resumes", test_each_access_resumes, 240 },
	{ "error_signalled_in_d3hot", test_error_signalled_in_d3hot },
	{ "struct_pages_keep_awake", test_struct_pages_keep_awake },
	{ "decoder_lost_at_resume", test_decoder_lost_at_resume },
	{ "suspend_against_open_and_close", test_suspend_against_open_and_close, 600 },
	{ "two_devices_suspend_apart", test_two_devices_suspend_apart, 120 },
	{ }
};
