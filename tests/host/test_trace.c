// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the driver's tracepoints fire in the order that docs/sysfs.md
 * promises, and debugfs shows the true state and counts.
 *
 * How: the test traces in an instance of its own, uses the device, and looks for
 * the lines in order. It changes the state, and reads debugfs after each change.
 *
 * Not covered: the tracepoints' cost, and tracepoints of paths that only other
 * tests reach.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

/* A trace of its own, whatever else is traced. */
#define INSTANCE	"/sys/kernel/tracing/instances/test_trace/"

static void trace_begin(void)
{
	rmdir(INSTANCE);
	check_eq(mkdir(INSTANCE, 0700), 0);
	write_file(INSTANCE "events/cxl_vfio/enable", "1");
}

/* All of it so far; the test's own device is the only one that uses the driver. */
static char *trace_end(void)
{
	char *text;

	write_file(INSTANCE "events/cxl_vfio/enable", "0");
	text = read_file(INSTANCE "trace");
	rmdir(INSTANCE);
	return text;
}

/* They stand in the trace in this order, among others. */
static void check_traced(const char *trace, const char *const *wanted)
{
	const char *at = trace;

	for (; *wanted; wanted++) {
		at = strstr(at, *wanted);
		check_msg(at, "no '%s' where it should be in:\n%s", *wanted, trace);
		at += strlen(*wanted);
	}
}

static long count(const char *name)
{
	char *text = pci_debugfs(pci_accel(), "counts"), *at = strstr(text, name);
	long value;

	check(at && at[strlen(name)] == ' ');
	value = strtol(at + strlen(name), NULL, 10);
	free(text);
	return value;
}

static void test_tracepoints_of_one_user(void)
{
	static const char * const wanted[] = {
		"cxl_vfio_bind: ", " hpa=",
		"cxl_vfio_open: ",
		"cxl_vfio_reset_begin: ",
		"cxl_vfio_event: ", " access ",
		"cxl_vfio_event: ", " reset_begin ",
		"cxl_vfio_revoke: ", " why=reset blocked=reset",
		"cxl_vfio_allow: ", " why=reset blocked=\n",
		"cxl_vfio_event: ", " reset_end ",
		"cxl_vfio_reset_end: ", " kind=conventional error=0",
		"cxl_vfio_event: ", " access ",
		"cxl_vfio_event: ", " committed base=0x100000000 size=0x10000000",
		"cxl_vfio_close: ",
		"cxl_vfio_clear: ", " left=0",
		NULL
	};
	struct vfio vfio;
	char *trace;

	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	trace_begin();
	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	check_eq(__vfio_reset(&vfio), 0);
	vfio_enable(&vfio, true, false);
	hdm_place(&vfio, 4 * GIB, 256 * MIB, 0);
	vfio_close(&vfio);
	wait_until(pci_is_clear);
	trace = trace_end();
	check_traced(trace, wanted);
	free(trace);
}

/* A device that is none of ours. */
static void test_tracepoint_of_refused_bind(void)
{
	static const char * const wanted[] = { "cxl_vfio_refuse: ", " bind error=-", NULL };
	char *trace;

	trace_begin();
	check(__pci_bind(pci_other()) < 0 || !pci_bound(pci_other()));
	trace = trace_end();
	check_traced(trace, wanted);
	check_has(trace, pci_other());
	free(trace);
}

static void test_tracepoints_of_faults(void)
{
	static const char * const wanted[] = {
		"cxl_vfio_fault: ", " ret=NOPAGE",
		"cxl_vfio_revoke: ", " why= blocked=\n",
		"cxl_vfio_fault: ", " ret=SIGBUS",
		NULL
	};
	const volatile uint8_t *memory;
	struct vfio vfio;
	uint8_t byte;
	char *trace;
	long errors;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, 2 * MIB);
	errors = count("bus_errors");
	trace_begin();
	check(load(memory, &byte));
	check_eq(count("bus_errors"), errors);
	vfio_enable(&vfio, false, false);
	check(!load(memory, &byte));
	trace = trace_end();
	check_traced(trace, wanted);
	free(trace);
	check_eq(count("bus_errors"), errors + 1);
}

static long corrected_before;

static bool error_counted(void)
{
	return count("errors_corrected") > corrected_before;
}

/* A correctable error of the CXL protocols. */
static void test_tracepoint_of_protocol_error(void)
{
	static const char * const wanted[] = {
		"cxl_vfio_protocol_error: ", " correctable status=0x4", NULL
	};
	char *trace;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	corrected_before = count("errors_corrected");
	trace_begin();
	qmp_set32("ras-correctable", 4);
	wait_until(error_counted);
	trace = trace_end();
	check_traced(trace, wanted);
	free(trace);
}

static void test_debugfs_counts(void)
{
	static const char * const names[] = { "opens", "zaps", "commits", "resets", "clears" };
	long before[ARRAY_SIZE(names)];
	struct vfio vfio;
	size_t i;

	vfio_open(&vfio);
	vfio_close(&vfio);
	wait_until(pci_is_clear);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		before[i] = count(names[i]);
	check_eq(count("resets_failed"), 0);

	vfio_open(&vfio);
	check_eq(__vfio_reset(&vfio), 0);
	vfio_enable(&vfio, true, false);
	hdm_place(&vfio, 4 * GIB, 256 * MIB, 0);
	vfio_close(&vfio);
	wait_until(pci_is_clear);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		check_msg(count(names[i]) > before[i], "%s stays at %ld", names[i], before[i]);
	check_eq(count("resets_failed"), 0);
}

static void check_state(const char *line)
{
	char *text = pci_debugfs(pci_accel(), "state");

	check_has(text, line);
	free(text);
}

static void test_debugfs_state(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	check_state("in_use 1\nblocked\nreachable 1\n");
	check_eq(__vfio_reset(&vfio), 0);
	vfio_enable(&vfio, true, false);
	hdm_place(&vfio, 4 * GIB, 256 * MIB, 0);
	check_state("viral 0\n");
	qmp_set("viral", true);
	check_state("viral 1\n");
	qmp_set("viral", false);
	check_state("virtual decoder base 0x100000000 size 0x10000000 dpa 0x0 committed");
	vfio_close(&vfio);
	check_state("in_use 0\n");
	wait_until(pci_is_clear);
	check_state("uncleared 0\n");
}

const struct test tests[] = {
	{ "tracepoints_of_one_user", test_tracepoints_of_one_user },
	{ "tracepoint_of_refused_bind", test_tracepoint_of_refused_bind },
	{ "tracepoints_of_faults", test_tracepoints_of_faults },
	{ "tracepoint_of_protocol_error", test_tracepoint_of_protocol_error },
	{ "debugfs_counts", test_debugfs_counts },
	{ "debugfs_state", test_debugfs_state },
	{ }
};
