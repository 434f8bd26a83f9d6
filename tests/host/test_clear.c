// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the next user of a device finds zeros in all of its memory.
 * That holds however the last user ended, whatever cleared the memory, and
 * whatever happened between the two users.
 *
 * How: one user leaves a secret in the memory and closes the device, or dies. The
 * next user reads all of it. The attributes choose between CXL Reset and the
 * processors; QEMU makes CXL Resets fail.
 *
 * Not covered: caches of the device, and engines with memory of their own: the
 * emulated device has none. Surprise removal while the driver clears is in
 * test_surprise.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define STEP	(64 * MIB)	/* between pages with a secret */

static void set_method(const char *method)
{
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	write_file(pci_path(pci_accel(), "clear"), method);
}

static uint64_t uncleared(void)
{
	char *text = read_file(pci_path(pci_accel(), "uncleared_bytes"));
	uint64_t bytes = strtoull(text, NULL, 0);

	free(text);
	return bytes;
}

/* By a mapping, and the last page as write() does it. */
static void leave_secrets(struct vfio *vfio)
{
	uint8_t secret[PAGE];
	uint64_t at;

	fill_random(secret, sizeof(secret), 1);
	for (at = 0; at < vfio->mem.size; at += STEP) {
		uint64_t len = vfio->granule > MIB ? vfio->granule : MIB;
		uint8_t *window = vfio_mmap(vfio, &vfio->mem, at / len * len, len);

		memcpy(window + at % len, secret, PAGE);
		munmap(window, len);
	}
	vfio_write(vfio, &vfio->mem, vfio->mem.size - PAGE, secret, PAGE);
}

/*
 * The first secret, by its offset; the size if there is none. They are pages, and few
 * words of a page are zero by chance.
 */
static uint64_t find_secret(struct vfio *vfio)
{
	const size_t step = 256;
	uint8_t *memory = vfio_mmap(vfio, &vfio->mem, 0, vfio->mem.size);
	uint64_t at;

	for (at = 0; at < vfio->mem.size && !*(uint64_t *)(memory + at); at += step)
		;
	munmap(memory, vfio->mem.size);
	return at;
}

static void check_nothing_left(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	check_eq(find_secret(&vfio), vfio.mem.size);
	/* It is this user's now. */
	check_eq(uncleared(), vfio.mem.size);
	vfio_close(&vfio);
}

static void use_and_close(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	leave_secrets(&vfio);
	check_eq(find_secret(&vfio), 0);
	vfio_close(&vfio);
}

/* The first word that is not zero, by its offset; the size if there is none. */
static uint64_t find_word(struct vfio *vfio)
{
	volatile uint64_t *memory = vfio_mmap(vfio, &vfio->mem, 0, vfio->mem.size);
	uint64_t i, words = vfio->mem.size / sizeof(*memory);

	for (i = 0; i < words && !memory[i]; i++)
		;
	munmap((void *)memory, vfio->mem.size);
	return i * sizeof(*memory);
}

/*
 * Whoever had the device before this test, and however he ended (tests/guest/life): no
 * word is left of him. That one would have been seen is shown as well.
 */
static void test_next_user_finds_no_data(void)
{
	const uint8_t byte = 1;
	struct vfio vfio;
	uint64_t place;

	vfio_open(&vfio);
	check_eq(find_word(&vfio), vfio.mem.size);
	place = random64(&seed) % vfio.mem.size;
	vfio_write(&vfio, &vfio.mem, place, &byte, 1);
	check_eq(find_word(&vfio), place / 8 * 8);
	vfio_close(&vfio);
}

/* The device does it, by one more CXL Reset, and nobody has to ask for that. */
static void test_cleared_by_cxl_reset(void)
{
	uint64_t resets;
	struct qmp_state before, after;

	set_method("auto");
	use_and_close();
	wait_until(pci_is_clear);
	qmp_state_read(&before);
	resets = qmp_get("resets-cxl");
	use_and_close();
	wait_until(pci_is_clear);
	check_eq(qmp_get("resets-cxl"), resets + 1);
	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_nothing_left();
}

/*
 * While a device with ATS is reset, the IOMMU core attaches it to no domain: VFIO_SET_IOMMU would
 * fail for a user that opens the device at once. So the driver clears at the open.
 */
static void test_ats_clears_at_open(void)
{
	unsigned int i;
	uint64_t resets;

	set_method("auto");
	use_and_close();
	resets = qmp_get("resets-cxl");
	for (i = 0; i < 3; i++) {
		/* A reset that began at the close would go on for 100 ms. */
		usleep(40000);
		use_and_close();
	}
	check_eq(qmp_get("resets-cxl"), resets + 3);
	check_nothing_left();
}

/* The processors do it: in the background when the device is closed, or by the next open. */
static void test_cleared_by_cpu(void)
{
	uint64_t resets;

	set_method("cpu");
	resets = qmp_get("resets-cxl");
	use_and_close();
	wait_until(pci_is_clear);
	check_nothing_left();
	use_and_close();
	check_nothing_left();
	check_eq(qmp_get("resets-cxl"), resets);
}

/* A CXL Reset that clears nothing, and says so. */
static void test_cleared_though_cxl_reset_fails(void)
{
	uint64_t resets;

	/* Bound as new. */
	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	set_method("auto");
	resets = qmp_get("resets-cxl");
	qmp_set("fail-reset", true);
	use_and_close();
	check_nothing_left();
	/* Tried once, by the first open; then the processors do it. */
	check_eq(qmp_get("resets-cxl"), resets + 1);
	qmp_set("fail-reset", false);
	/* Bound again, it is given another chance. */
	pci_unbind(pci_accel());
}

/* Only if the administrator says so. */
static void test_attribute_never_keeps_content(void)
{
	struct vfio vfio;

	set_method("never");
	use_and_close();
	sleep(1);
	check(!pci_is_clear());
	vfio_open(&vfio);
	check_eq(find_secret(&vfio), 0);
	vfio_close(&vfio);
	set_method("auto");
	check_nothing_left();
}

/* Whoever had it before the driver was bound is a user like any other. */
static void test_cleared_after_bind(void)
{
	set_method("never");
	use_and_close();
	pci_unbind(pci_accel());
	pci_bind(pci_accel());
	check(!pci_is_clear());
	check_nothing_left();
}

/* Pages that a pipe has of it are cleared when they have come out of there. */
static void test_pinned_pages_cleared_on_release(void)
{
	struct iovec page = { .iov_len = PAGE };
	uint8_t secret[PAGE];
	struct vfio vfio;
	int pipes[2];

	set_method("cpu");
	vfio_open(&vfio);
	leave_secrets(&vfio);
	check_eq(pipe(pipes), 0);
	page.iov_base = vfio_mmap(&vfio, &vfio.mem, 0, vfio.granule);
	check_eq(vmsplice(pipes[1], &page, 1, 0), PAGE);
	munmap(page.iov_base, vfio.granule);
	vfio_close(&vfio);
	sleep(1);
	check(!pci_is_clear());
	check_eq(read(pipes[0], secret, PAGE), PAGE);
	check_nothing_left();
}

/* A user who has left secrets, and does this over and over, is killed after a while. */
static void kill_user(void (*act)(struct vfio *vfio), useconds_t after)
{
	int ready[2], status;
	pid_t child;
	char byte;

	check_eq(pipe(ready), 0);
	child = fork();
	if (!child) {
		struct vfio vfio;

		vfio_open(&vfio);
		leave_secrets(&vfio);
		check_eq(write(ready[1], "", 1), 1);
		for (;;)
			act(&vfio);
	}
	check_eq(read(ready[0], &byte, 1), 1);
	usleep(after);
	kill(child, SIGKILL);
	check_eq(waitpid(child, &status, 0), child);
	close(ready[0]);
	close(ready[1]);
}

static void do_nothing(struct vfio *vfio)
{
	(void)vfio;
	pause();
}

static void test_cleared_after_killed_user(void)
{
	set_method("cpu");
	kill_user(do_nothing, 0);
	check_nothing_left();
}

static void function_reset(struct vfio *vfio)
{
	__vfio_reset(vfio);
}

static void bus_reset(struct vfio *vfio)
{
	__vfio_hot_reset(vfio);
}

static void device_reset(struct vfio *vfio)
{
	cxl_reset_start(vfio, false);
	usleep(1000);
}

/* In the middle of a reset of each kind, again and again, wherever that is. */
static void test_cleared_after_kill_in_reset(void)
{
	static void (*const resets[])(struct vfio *vfio) = {
		function_reset, bus_reset, device_reset,
	};
	unsigned int i;

	for (i = 0; i < 3 * ARRAY_SIZE(resets); i++) {
		set_method(i % 2 ? "cpu" : "auto");
		kill_user(resets[i % ARRAY_SIZE(resets)], i * 17000);
		check_nothing_left();
	}
}

/* An open that waits for the processors is killed; what it waited for is done all the same. */
static void test_killed_open_still_clears(void)
{
	uint64_t size, left;
	int status;
	pid_t child;

	set_method("never");
	use_and_close();
	size = uncleared();
	pci_unbind(pci_accel());
	set_method("cpu");
	child = fork();
	if (!child) {
		struct vfio vfio;

		check(freopen("/dev/null", "w", stdout));
		vfio_open(&vfio);
		pause();
	}
	/* It has begun, and has much to do. */
	while (uncleared() == size)
		usleep(1000);
	left = uncleared();
	kill(child, SIGKILL);
	check_eq(waitpid(child, &status, 0), child);
	check_gt(left, 0);
	check_lt(left, size);
	wait_until(pci_is_clear);
	check_nothing_left();
}

/* Resets by the administrator, which the memory outlives, while it is being cleared. */
static void test_cleared_across_resets(void)
{
	unsigned int i;

	set_method("cpu");
	use_and_close();
	check(!pci_is_clear());
	for (i = 0; i < 10; i++) {
		write_file(pci_path(pci_accel(), "reset"), "1");
		usleep(20000);
	}
	check_nothing_left();
}

/* Another backing while it is being cleared by way of the old one, and no backing at all. */
static void test_cleared_across_backing_change(void)
{
	static const char * const others[] = { "uncached", "memmap", "folio", "pfn" };
	unsigned int i;

	set_method("cpu");
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		use_and_close();
		check(!pci_is_clear());
		pci_forget_type1();
		write_file(pci_path(pci_accel(), "backing"), others[i]);
		check_nothing_left();
	}
	use_and_close();
	pci_unbind(pci_accel());
	check_nothing_left();
}

/* Memory that cannot be reached now can be read by the device itself all the same. */
static void test_open_waits_for_inactive_memory(void)
{
	static const char path[] = "/sys/module/cxl_vfio_pci/parameters/clear";
	uint64_t size;
	int status;
	pid_t child;

	check_eq(__write_file(path, "sometimes"), -EINVAL);
	check_eq(__write_file(pci_path(pci_accel(), "clear"), "often"), -EINVAL);

	set_method("never");
	use_and_close();
	size = uncleared();
	pci_unbind(pci_accel());
	set_method("cpu");
	qmp_set("mem-active", false);
	child = fork();
	if (!child) {
		struct vfio vfio;

		check(freopen("/dev/null", "w", stdout));
		vfio_open(&vfio);
		_exit(0);
	}
	sleep(3);
	check_eq(waitpid(child, &status, WNOHANG), 0);
	check_eq(uncleared(), size);
	kill(child, SIGKILL);
	check_eq(waitpid(child, &status, 0), child);
	qmp_set("mem-active", true);
	check_nothing_left();
}

/* The writer of an attribute, once it is in write(). */
static pid_t start_writer(const char *attribute, const char *value)
{
	int file = open(pci_path(pci_accel(), attribute), O_WRONLY);
	char path[32], *call;
	unsigned int i;
	pid_t pid;

	check_ge(file, 0);
	pid = fork();
	if (!pid)
		_exit(write(file, value, strlen(value)) < 0);
	close(file);
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	for (i = 0; i < 100; i++) {
		bool writes;

		call = read_file(path);
		writes = !strncmp(call, "1 ", 2);
		free(call);
		if (writes)
			break;
		usleep(1000);
	}
	return pid;
}

/* Did it die before clearing ended? */
static bool dies_while_clearing(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	check_eq(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && pci_is_clearing();
}

/* Is the device in the CXL Reset that clears? */
static bool in_reset(void)
{
	char *state = pci_debugfs(pci_accel(), "state");
	bool in = strstr(state, "cxl_reset");

	free(state);
	return in;
}

/*
 * Writers of attributes wait until the device has cleared its memory, one for the end of its CXL
 * Reset, another for the lock that the former has. Killed, each ends at once, has changed nothing,
 * and the memory is cleared all the same.
 */
static void test_killed_writers_end(void)
{
	static const struct {
		const char *attribute, *value, *before;
	} writers[] = {
		{ "backing", "uncached", "[pfn]" },
		{ "host_cache", "deny", "[allow]" },
		{ "type1_dma", "refuse", "[allow]" },
		{ "host_cache", "deny", "[allow]" },
	};
	pid_t pids[ARRAY_SIZE(writers)];
	struct vfio vfio;
	unsigned int i;

	set_method("auto");
	vfio_open(&vfio);
	vfio_write(&vfio, &vfio.mem, 0, &(uint8_t){ 1 }, 1);
	qmp_set("hold-reset", true);
	vfio_close(&vfio);
	wait_until(in_reset);
	for (i = 0; i < 3; i++)
		pids[i] = start_writer(writers[i].attribute, writers[i].value);
	while (i--)
		check(dies_while_clearing(pids[i]));
	check(dies_while_clearing(start_writer(writers[3].attribute, writers[3].value)));
	qmp_set("hold-reset", false);
	wait_until(pci_is_clear);
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		char *now = read_file(pci_path(pci_accel(), writers[i].attribute));

		check_has(now, writers[i].before);
		free(now);
	}
}

const struct test tests[] = {
	{ "next_user_finds_no_data", test_next_user_finds_no_data, 120 },
	{ "cleared_by_cxl_reset", test_cleared_by_cxl_reset },
	{ "ats_clears_at_open", test_ats_clears_at_open },
	{ "cleared_by_cpu", test_cleared_by_cpu, 120 },
	{ "cleared_though_cxl_reset_fails", test_cleared_though_cxl_reset_fails, 120 },
	{ "attribute_never_keeps_content", test_attribute_never_keeps_content, 120 },
	{ "cleared_after_bind", test_cleared_after_bind, 120 },
	{ "pinned_pages_cleared_on_release", test_pinned_pages_cleared_on_release, 120 },
	{ "cleared_after_killed_user", test_cleared_after_killed_user, 120 },
	{ "cleared_after_kill_in_reset", test_cleared_after_kill_in_reset, 240 },
	{ "killed_open_still_clears", test_killed_open_still_clears, 120 },
	{ "killed_writers_end", test_killed_writers_end },
	{ "cleared_across_resets", test_cleared_across_resets, 120 },
	{ "cleared_across_backing_change", test_cleared_across_backing_change, 240 },
	{ "open_waits_for_inactive_memory", test_open_waits_for_inactive_memory, 120 },
	{ }
};
