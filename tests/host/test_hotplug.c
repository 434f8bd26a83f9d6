// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: an administrator powers off the device's slot and powers it on
 * again, whoever uses the device. Nothing of the device stays, and the next user
 * finds cleared memory.
 *
 * How: the test uses the slot's attribute in sysfs, and QEMU's standard hot-plug.
 * Some users leave when the driver asks them to; others must be killed. There
 * is a round for each 150 of --cycles, and one. The second round is the first one
 * of a device that came back.
 *
 * Not covered: removal without notice, which is in test_surprise.c. The debug
 * kernel, whose lockdep reports pciehp's own locks.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "cxl_regs.h"
#include "pci.h"
#include "qmp.h"
#include "slot.h"
#include "tenant.h"
#include "vfio.h"

static void test_power_off_while_closed(void)
{
	struct slot_decoder decoder = slot_decoder();
	unsigned int i;

	for (i = 0; i < cycles / 150 + 1; i++) {
		tenant_once();
		check_eq(__slot_off(), 0);
		check(tenant_is_gone());
		tenant_comes_back(&decoder);
	}
}

/* The driver waits for the user; the memory is there until then. */
static void touch_for_ever(struct vfio *vfio, volatile uint8_t *memory)
{
	unsigned int i;

	for (i = 0;; i++)
		memory[tenant_place(vfio, i % TENANT_PLACES)] = i;
}

static void test_power_off_waits_for_kill(void)
{
	struct slot_decoder decoder = slot_decoder();
	unsigned int i;
	int status;

	for (i = 0; i < 3; i++) {
		pid_t child = tenant_start(touch_for_ever);

		if (!fork()) {
			usleep(500000);
			kill(child, SIGKILL);
			exit(0);
		}
		check_eq(__slot_off(), 0);
		check_eq(waitpid(child, &status, 0), child);
		check_eq(WTERMSIG(status), SIGKILL);
		check(tenant_is_gone());
		tenant_comes_back(&decoder);
	}
}

/* The host wants the device back, and the memory is there until he has left. */
static void leave_when_asked(struct vfio *vfio, volatile uint8_t *memory)
{
	tenant_leaves_when_asked(vfio, memory);
	memory[0] = 1;
}

static void test_power_off_asks_user(void)
{
	struct slot_decoder decoder = slot_decoder();
	pid_t child = tenant_start(leave_when_asked);
	int status;

	check_eq(__slot_off(), 0);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check(tenant_is_gone());
	tenant_comes_back(&decoder);
}

/* What firmware should not have committed: refused, for its own reason, and nothing stays. */
static void check_refused_at_bind(const struct slot_decoder *decoders, unsigned int count,
				  const char *reason)
{
	char *before, *after;
	int kmsg;

	slot_on(count);
	slot_commit(decoders, count);
	before = read_file("/proc/iomem");
	kmsg = kmsg_open();
	check_lt(__pci_bind(pci_accel()), 0);
	check_msg(kmsg_said(kmsg, reason), "refused, but not because: %s", reason);
	after = read_file("/proc/iomem");
	check_msg(!strcmp(before, after), "/proc/iomem was\n%sand is\n%s", before, after);
	free(before);
	free(after);
	close(kmsg);
	check_eq(__slot_off(), 0);
	check(tenant_is_gone());
}

static void test_bad_decoders_refused_at_power_on(void)
{
	const struct slot_decoder good = slot_decoder();
	const uint32_t interleaved = good.ctrl | 1 << CXLR_HDM_CTRL_IW_SHIFT;
	const uint64_t part = CXLR_HDM_GRANULE;
	const struct slot_decoder two[] = {
		{ good.base, part, good.ctrl }, { good.base + part, part, good.ctrl },
	};
	const struct {
		struct slot_decoder decoder;
		const char *reason;
	} bad[] = {
		{ { 1ull << 45, good.size, good.ctrl }, "in no CXL window" },
		{ { good.base, 0, good.ctrl }, "decodes 0 bytes" },
		/* The host bridge's decoder is committed to all of it, and to nothing else. */
		{ { good.base, part, good.ctrl }, "none of its host bridge's" },
		{ { good.base - part, good.size, good.ctrl }, "none of its host bridge's" },
		{ { 0, part, good.ctrl }, "over System RAM" },
		{ { good.base, good.size, interleaved }, "interleaves" },
	};
	size_t i;

	/* With the first endpoint the CXL core maps the host bridge's registers, and keeps them. */
	tenant_once();
	check_eq(__slot_off(), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		note("%s", bad[i].reason);
		check_refused_at_bind(&bad[i].decoder, 1, bad[i].reason);
	}
	check_refused_at_bind(two, 2, "2 HDM decoders are committed");
	tenant_comes_back(&good);
}

/* The host bridge's decoder is committed, the device's is not: the driver makes up for it. */
static void test_driver_commits_after_power_on(void)
{
	const struct slot_decoder good = slot_decoder();

	tenant_once();
	check_eq(__slot_off(), 0);
	slot_on(1);
	write_file(COMMIT_DECODERS, "1");
	pci_bind(pci_accel());
	write_file(COMMIT_DECODERS, "0");
	check_eq(qmp_get("hdm0-base"), good.base);
	check_eq(qmp_get("hdm0-size"), good.size);
	tenant_once();
	pci_unbind(pci_accel());
	check_eq(qmp_get("hdm0-control") | qmp_get("hdm0-base") | qmp_get("hdm0-size"), 0);
	check_eq(__slot_off(), 0);
	check(tenant_is_gone());
	tenant_comes_back(&good);
}

const struct test tests[] = {
	{ "power_off_while_closed", test_power_off_while_closed, .timeout = 600 },
	{ "power_off_waits_for_kill", test_power_off_waits_for_kill },
	{ "power_off_asks_user", test_power_off_asks_user },
	{ "bad_decoders_refused_at_power_on", test_bad_decoders_refused_at_power_on },
	{ "driver_commits_after_power_on", test_driver_commits_after_power_on },
	{ }
};
