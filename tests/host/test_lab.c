// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the tests can trust the emulated machine, and their own
 * connection to QEMU's monitor.
 *
 * How: each test repeats what once made other tests fail at random. One leaves
 * half a line in the monitor's input, one reads while the memory map changes, and
 * one waits for an interrupt window.
 *
 * Not covered: everything about the driver.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "kvm.h"
#include "qmp.h"

/* Half a line that an earlier user of the line left in the monitor's input. */
static void test_monitor_takes_half_a_line(void)
{
	static const char half[] = "{\"QMP\": {\"version\": {";
	int fd = open(QMP_LINE, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	check_ge(fd, 0);
	check_eq(write(fd, half, sizeof(half) - 1), sizeof(half) - 1);
	check_eq(close(fd), 0);
	check_eq(qmp_get("mem-active"), 1);
}

/* What the CXL window has past the accelerator's memory: nothing, which QEMU plays. */
static const volatile uint32_t *map_window(void)
{
	uint64_t end = qmp_get("hdm0-base") + qmp_get("hdm0-size");
	int mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	void *map;

	check_ge(mem, 0);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, mem, end);
	check_ne(map, MAP_FAILED);
	close(mem);
	return map;
}

/* A processor reads registers while what is before them in the address space comes and goes. */
static void test_reads_while_memory_map_changes(void)
{
	const volatile uint32_t *window = map_window();
	volatile unsigned long *rounds, before;
	unsigned int i;
	int status;
	pid_t child;

	rounds = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check_ne(rounds, MAP_FAILED);
	child = fork();
	check_ge(child, 0);
	if (!child) {
		while (!(window[0] | window[1] | window[2] | window[3]))
			++*rounds;
		_exit(0);
	}
	while (!*rounds)
		usleep(1000);
	before = *rounds;
	for (i = 0; i < 300; i++)
		qmp_set("mem-active", i % 2);
	check_gt(*rounds, before);
	check_eq(kill(child, SIGKILL), 0);
	check_eq(waitpid(child, &status, 0), child);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A guest is told of what it waits for before it goes on, if it goes on to leave at once. */
static void test_interrupt_window_before_exit(void)
{
	struct kvm kvm;

	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	check_eq(kvm_wait_for_window(&kvm, GIB, 1000), 0);
	kvm_close(&kvm);
}

const struct test tests[] = {
	{ "monitor_takes_half_a_line", test_monitor_takes_half_a_line },
	{ "reads_while_memory_map_changes", test_reads_while_memory_map_changes },
	{ "interrupt_window_before_exit", test_interrupt_window_before_exit },
	{ }
};
