// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the driver refuses each device that it cannot serve, with one
 * message that has the reason. A refused device, and a device that was bound and
 * unbound, leave nothing behind.
 *
 * How: some refusals need a machine of their own, which tests/suites names.
 * Each test compares what was there before with what is there afterwards: the
 * hardware by QEMU, /proc/iomem, and the CXL core's devices.
 *
 * Not covered: devices that are not QEMU's. What many cycles of bind and unbind
 * leak: test_cycles.c does that.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge.h"
#include "cxl_regs.h"
#include "harness.h"
#include "module.h"
#include "pci.h"
#include "qmp.h"
#include "slot.h"
#include "switch.h"
#include "vfio.h"

#define CXL_ACPI "/sys/bus/platform/drivers/cxl_acpi/"

/* What a binding could leave behind. */
struct traces {
	struct qmp_state hardware;
	char *iomem;
	unsigned int cxl_devices;
};

/* Devices of the CXL core that belong to a memory device. */
static unsigned int count_cxl_devices(void)
{
	static const char * const kinds[] = { "mem", "endpoint", "region" };
	DIR *dir = opendir("/sys/bus/cxl/devices");
	struct dirent *entry;
	unsigned int count = 0;
	size_t i;

	check(dir);
	while ((entry = readdir(dir)))
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			count += !strncmp(entry->d_name, kinds[i], strlen(kinds[i]));
	closedir(dir);
	return count;
}

/*
 * Not bound, but it was: with the first endpoint the CXL core maps the host
 * bridge's registers, and keeps them.
 */
static void unbind_after_use(void)
{
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	pci_unbind(pci_accel());
}

static void traces_read(struct traces *traces)
{
	qmp_state_read(&traces->hardware);
	traces->iomem = read_file("/proc/iomem");
	traces->cxl_devices = count_cxl_devices();
}

static void check_same(const struct traces *after, const struct traces *before)
{
	qmp_state_same(&after->hardware, &before->hardware);
	check_msg(!strcmp(after->iomem, before->iomem),
		  "/proc/iomem changed; before:\n%safter:\n%s", before->iomem, after->iomem);
	check_eq(after->cxl_devices, before->cxl_devices);
}

static void check_no_traces(const struct traces *before)
{
	struct traces after;

	traces_read(&after);
	check_same(&after, before);
}

/* An attempt to bind, and what the kernel said about it. */
struct attempt {
	struct traces before, after;
	int ret;
	bool bound;
	unsigned int errors;
	char message[1024];	/* the last of them */
};

/* Checks nothing, so that the caller can put back what it changed first. */
static void attempt(const char *device, struct attempt *attempt)
{
	unsigned int level;
	char text[1024];
	int kmsg;

	memset(attempt, 0, sizeof(*attempt));
	traces_read(&attempt->before);
	kmsg = kmsg_open();
	attempt->ret = __pci_bind(device);
	attempt->bound = pci_bound(device);
	if (attempt->bound)
		pci_unbind(device);
	traces_read(&attempt->after);
	while (kmsg_next(kmsg, text, sizeof(text), &level)) {
		if (level > 4)
			continue;
		note("%s", text);
		snprintf(attempt->message, sizeof(attempt->message), "%s", text);
		attempt->errors++;
	}
	close(kmsg);
}

/* The driver refused the device, with one message that has these words, and left nothing. */
static void check_refused(const char *device, const struct attempt *attempt, const char *words)
{
	check_lt(attempt->ret, 0);
	check(!attempt->bound);
	check_eq(attempt->errors, 1);
	check_has(attempt->message, PCI_DRIVER);
	check_has(attempt->message, device);
	check_msg(strstr(attempt->message, words), "the message does not say '%s'", words);
	check_same(&attempt->after, &attempt->before);
}

/* @property: of the accelerator, which is true but for this. */
static void check_refused_without(const char *property, const char *words)
{
	struct attempt accel;

	unbind_after_use();
	qmp_set(property, false);
	attempt(pci_accel(), &accel);
	qmp_set(property, true);
	check_refused(pci_accel(), &accel, words);
	pci_bind(pci_accel());
}

static void test_refuse_non_cxl_device(void)
{
	struct attempt other;

	attempt(pci_other(), &other);
	write_file(pci_path(pci_other(), "driver_override"), "\n");
	check_refused(pci_other(), &other, "not a CXL device");
}

static void test_refuse_uncommitted_decoder(void)
{
	struct attempt accel;

	attempt(pci_accel(), &accel);
	check_refused(pci_accel(), &accel, "not committed");
}

/* 8.2.4.20.12: with BI in the decoder and BI Enable clear, a device does what is undefined. */
static void test_refuse_bi_disabled(void)
{
	check_refused_without("bi-enable", "BI Enable is clear");
}

/* Nor could the driver restore what it cannot find. */
static void test_refuse_bi_not_listed(void)
{
	check_refused_without("bi-listed", "no BI Decoder");
}

/* A cache that cannot be denied is no cache of a device that is bound with "deny". */
static void check_deny_refused(const char *words)
{
	struct attempt accel;

	unbind_after_use();
	write_file(HOST_CACHE, "deny");
	attempt(pci_accel(), &accel);
	write_file(HOST_CACHE, "allow");
	check_refused(pci_accel(), &accel, words);
}

static void test_refuse_locked_cache(void)
{
	unbind_after_use();
	qmp_set("cache-enable", true);
	qmp_set("config-lock", true);
	check_deny_refused("CONFIG_LOCK");
	qmp_set("config-lock", false);
	qmp_set("cache-enable", false);
	pci_bind(pci_accel());
}

static void test_refuse_denied_cache_with_ats(void)
{
	check_deny_refused("pci=noats");
	check_eq(qmp_get("ats-enabled"), true);
}

static bool firmware_committed(struct vfio *vfio)
{
	struct vfio_device_info *info = vfio_device_info(vfio);
	const struct vfio_device_info_cap_cxl *cap;

	cap = vfio_cap(info, info->argsz, info->cap_offset, VFIO_DEVICE_INFO_CAP_CXL);
	check(cap);
	return cap->flags & VFIO_CXL_CAP_FIRMWARE_COMMITTED;
}

static void test_commit_by_driver(void)
{
	static struct bridge_state bridge, now;
	struct traces before;
	struct vfio vfio;
	unsigned int i;

	/* The CXL core keeps the host bridge's registers mapped from the first time on. */
	write_file(COMMIT_DECODERS, "1");
	pci_bind(pci_accel());
	pci_unbind(pci_accel());
	traces_read(&before);
	bridge_state_read(&bridge);
	check_eq(qmp_get("hdm0-control"), 0);
	for (i = 0; i < 3; i++) {
		volatile uint8_t *map;

		pci_bind(pci_accel());
		check_eq(qmp_get("hdm0-control"), CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED);
		vfio_open(&vfio);
		check(!firmware_committed(&vfio));
		check_eq(qmp_get("hdm0-size"), vfio.mem.size);
		bridge_state_read(&now);
		check_mem_ne(now.value, bridge.value, sizeof(now.value));
		check_eq(qmp_get("hdm0-mapped-size"), vfio.mem.size);
		map = vfio_mmap(&vfio, &vfio.mem, 0, vfio.mem.size);
		map[0] = i + 1;
		map[vfio.mem.size - 1] = i + 1;
		check_eq(__vfio_reset(&vfio), 0);
		check_eq(map[0] | map[vfio.mem.size - 1], i + 1);
		munmap((void *)map, vfio.mem.size);
		vfio_close(&vfio);
		pci_unbind(pci_accel());
		check_no_traces(&before);
		bridge_state_read(&now);
		bridge_state_same(&now, &bridge);
	}
	/* For what runs after this. */
	pci_bind(pci_accel());
}

/* Memory that takes its time to become active: nothing else gets its addresses meanwhile. */
static void test_committed_range_is_claimed(void)
{
	struct traces before;
	bool claimed = false;
	unsigned int i;
	int status;
	pid_t pid;

	write_file(COMMIT_DECODERS, "1");
	unbind_after_use();
	traces_read(&before);
	qmp_set("mem-active", false);
	pid = fork();
	if (!pid)
		_exit(!!__pci_bind(pci_accel()));
	for (i = 0; i < 100 && !claimed; i++) {
		char *iomem = read_file("/proc/iomem");

		claimed = strstr(iomem, PCI_DRIVER);
		free(iomem);
		usleep(10000);
	}
	qmp_set("mem-active", true);
	check_eq(waitpid(pid, &status, 0), pid);
	check(claimed);
	check_eq(status, 0);
	pci_unbind(pci_accel());
	check_no_traces(&before);
}

/* The CXL core has the host bridge's decoders, and not those that would be committed. */
static void test_refuse_commit_after_cxl_core(void)
{
	struct attempt accel;

	pci_unbind(pci_accel());
	module_unload("cxl_vfio_pci");
	module_load(MODULE_DRIVER, "commit_decoders=1");
	attempt(pci_accel(), &accel);
	check_refused(pci_accel(), &accel, "unbind and bind ACPI0017:00");
	write_file(CXL_ACPI "unbind", "ACPI0017:00");
	write_file(CXL_ACPI "bind", "ACPI0017:00");
	pci_bind(pci_accel());
}

/*
 * The second device below one host bridge: the CXL core looked at the bridge's decoders
 * when the first was bound. Refused, and the first goes on as before.
 */
static void test_refuse_commit_of_second_device(void)
{
	struct attempt second;
	struct vfio vfio;
	uint64_t word = 0;

	write_file(COMMIT_DECODERS, "1");
	vfio_open(&vfio);
	vfio_write(&vfio, &vfio.mem, 0, &word, sizeof(word));
	attempt(pci_nth_accel(1), &second);
	check_refused(pci_nth_accel(1), &second, "unbind and bind ACPI0017:00");
	word = 1;
	vfio_write(&vfio, &vfio.mem, 0, &word, sizeof(word));
	word = 0;
	vfio_read(&vfio, &vfio.mem, 0, &word, sizeof(word));
	check_eq(word, 1);
	vfio_close(&vfio);
}

/* Committed, as is the host bridge's, but not the switch's. */
static void test_refuse_unrouted_switch(void)
{
	struct switch_decoders decoders;
	struct attempt accel;

	unbind_after_use();
	switch_save(&decoders);
	switch_uncommit(0);
	attempt(pci_accel(), &accel);
	switch_program(&decoders);
	check_refused(pci_accel(), &accel, "but none of its switch's");
	check_has(accel.message, switch_upstream());
	pci_bind(pci_accel());
}

/* The host bridge's decoder is still committed, the device's is not, and a switch is between. */
static void test_refuse_commit_behind_switch(void)
{
	const struct slot_decoder decoder = slot_decoder();
	struct attempt accel;

	unbind_after_use();
	write_file(COMMIT_DECODERS, "1");
	pci_reset(pci_accel(), "cxl_bus");
	attempt(pci_accel(), &accel);
	write_file(COMMIT_DECODERS, "0");
	slot_commit(&decoder, 1);
	check_refused(pci_accel(), &accel, "behind a switch");
	pci_bind(pci_accel());
}

/* The machine 'uncommitted' has one for each thing that keeps the driver from committing. */
static void check_not_committed(unsigned int n, const char *words)
{
	const char *device = pci_nth_accel(n);
	struct attempt accel;

	write_file(COMMIT_DECODERS, "1");
	attempt(device, &accel);
	check_refused(device, &accel, words);
}

static void test_refuse_without_window_room(void)
{
	check_not_committed(1, "has so much room");
}

static void test_refuse_bridge_without_decoders(void)
{
	check_not_committed(2, "host bridge has no HDM decoders");
}

static void test_refuse_commit_without_bi(void)
{
	check_not_committed(3, "needs Back-Invalidate");
}

static void test_refuse_inactive_memory(void)
{
	check_refused_without("mem-active", "did not become active");
}

/* Memory that never was active, since power-on: that of endless-reset's second accelerator. */
static void test_refuse_memory_never_active(void)
{
	const char *device = pci_nth_accel(1);
	struct attempt accel;

	attempt(device, &accel);
	check_refused(device, &accel, "did not become active");
}

static void claim(uint64_t start, uint64_t size, bool ram)
{
	char parameters[128];

	snprintf(parameters, sizeof(parameters), "start=%#llx size=%#llx ram=%d",
		 (unsigned long long)start, (unsigned long long)size, ram);
	module_load(MODULE_CLAIM, parameters);
}

static void check_claimed(uint64_t start, uint64_t size, bool ram, const char *words)
{
	struct attempt accel;
	struct traces before;

	unbind_after_use();
	traces_read(&before);
	claim(start, size, ram);
	attempt(pci_accel(), &accel);
	module_unload("claim");
	check_refused(pci_accel(), &accel, words);
	check_no_traces(&before);
	pci_bind(pci_accel());
}

/* Somebody has all of the range, or a page in the midst of it. */
static void test_refuse_claimed_range(void)
{
	uint64_t start = qmp_get("hdm0-base"), size = qmp_get("hdm0-size");

	check_claimed(start, size, false, "in use");
	check_claimed(start + size / 2, PAGE, false, "in use");
}

static void test_refuse_system_ram(void)
{
	check_claimed(qmp_get("hdm0-base"), qmp_get("hdm0-size"), true, "System RAM");
}

/* Bound again, it works again, and finds the hardware as it was. */
static void test_rebind_keeps_hardware(void)
{
	struct traces bound, unbound;
	struct vfio vfio;
	unsigned int i;
	uint8_t *page, byte;

	unbind_after_use();
	traces_read(&unbound);
	pci_bind(pci_accel());
	traces_read(&bound);
	for (i = 0; i < 3; i++) {
		pci_unbind(pci_accel());
		check_no_traces(&unbound);
		pci_bind(pci_accel());
		vfio_open(&vfio);
		page = vfio_mmap(&vfio, &vfio.mem, 0, PAGE);
		check(load(page, &byte));
		/* A mapping holds the device, and unbinding would wait for it. */
		munmap(page, PAGE);
		vfio_close(&vfio);
		qmp_state_same(&unbound.hardware, &bound.hardware);
	}
}

static int __sleep(void)
{
	return __write_file("/sys/power/state", "freeze");
}

/* The system sleeps without the device only; as far as it gets with its processes frozen. */
static void test_system_sleep_refused_while_bound(void)
{
	int kmsg;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	write_file("/sys/power/pm_test", "freezer");
	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	kmsg = kmsg_open();
	check_eq(__sleep(), -EBUSY);
	check_eq(kmsg_said(kmsg, "the system cannot sleep"), 1);
	pci_unbind(pci_accel());
	check_eq(__sleep(), 0);
	pci_bind(pci_accel());
	check_eq(__sleep(), -EBUSY);
	write_file("/sys/power/pm_test", "none");
}

const struct test tests[] = {
	{ "refuse_non_cxl_device", test_refuse_non_cxl_device },
	{ "refuse_uncommitted_decoder", test_refuse_uncommitted_decoder },
	{ "refuse_without_window_room", test_refuse_without_window_room },
	{ "refuse_bridge_without_decoders", test_refuse_bridge_without_decoders },
	{ "refuse_commit_without_bi", test_refuse_commit_without_bi },
	{ "commit_by_driver", test_commit_by_driver },
	{ "committed_range_is_claimed", test_committed_range_is_claimed },
	{ "refuse_commit_after_cxl_core", test_refuse_commit_after_cxl_core },
	{ "refuse_commit_of_second_device", test_refuse_commit_of_second_device },
	{ "refuse_unrouted_switch", test_refuse_unrouted_switch },
	{ "refuse_commit_behind_switch", test_refuse_commit_behind_switch },
	{ "refuse_inactive_memory", test_refuse_inactive_memory, 300 },
	{ "refuse_memory_never_active", test_refuse_memory_never_active, 300 },
	{ "refuse_bi_disabled", test_refuse_bi_disabled },
	{ "refuse_bi_not_listed", test_refuse_bi_not_listed },
	{ "refuse_locked_cache", test_refuse_locked_cache },
	{ "refuse_denied_cache_with_ats", test_refuse_denied_cache_with_ats },
	{ "refuse_claimed_range", test_refuse_claimed_range },
	{ "refuse_system_ram", test_refuse_system_ram },
	{ "rebind_keeps_hardware", test_rebind_keeps_hardware },
	{ "system_sleep_refused_while_bound", test_system_sleep_refused_while_bound },
	{ }
};
