// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a memory error in the device's memory signals the process that met
 * it, and of the others that map the page those that asked for it (PR_MCE_KILL_EARLY).
 * No other process hears of it. A guest that has the page goes on.
 * The next user gets the page back when the administrator forgets the error.
 *
 * How: the test reports errors as firmware would, by hard_offline_page, and as
 * the machine would, by QEMU's machine check.
 *
 * Not covered: poison that the device itself reports by CXL. The machine check
 * with the backing pfn, since the kernel warns there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "harness.h"
#include "kvm.h"
#include "module.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

static volatile sig_atomic_t signals;
static siginfo_t last;

static void note_signal(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	last = *info;
	signals++;
}

static void catch_sigbus(void)
{
	struct sigaction action = { .sa_sigaction = note_signal, .sa_flags = SA_SIGINFO };

	check_eq(sigaction(SIGBUS, &action, NULL), 0);
	signals = 0;
}

static unsigned long poisoned_pages(void)
{
	char *text = read_file(pci_path(pci_accel(), "poisoned_pages"));
	unsigned long count = strtoul(text, NULL, 0);

	free(text);
	return count;
}

static size_t window(const struct vfio *vfio)
{
	return vfio->granule > 8 * MIB ? vfio->granule : 8 * MIB;
}

static void forget(struct vfio *vfio)
{
	cxl_reset(vfio, true);
	check_eq(poisoned_pages(), 0);
}

/* The process that meets it gets SIGBUS, with the page's address; all else is as it was. */
static void test_mapping_process_gets_sigbus(void)
{
	struct vfio vfio;
	uint8_t *memory;
	uint64_t bad;

	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, vfio.granule, window(&vfio));
	bad = 4 * MIB + 5 * PAGE;
	memory[bad] = 1;
	memory[bad + PAGE] = 2;
	memory[0] = 3;
	catch_sigbus();
	report_error(vfio.granule + bad);
	check_eq(signals, 1);
	check_eq(last.si_code, BUS_MCEERR_AR);
	/* The page, or the leaf that has it: the kernel's choice. */
	note("si_addr is the page's, size 2^%d", last.si_addr_lsb);
	check((uint8_t *)last.si_addr >= memory &&
	      (uint8_t *)last.si_addr <= memory + bad &&
	      (uint8_t *)last.si_addr + (1ul << last.si_addr_lsb) > memory + bad);
	check_eq(1ul << last.si_addr_lsb, vfio.granule);
	check_eq(poisoned_pages(), 1);

	check_eq(memory[bad + PAGE], 2);
	check_eq(memory[0], 3);
	memory[bad + PAGE] = 4;
	check_eq(memory[bad + PAGE], 4);
	check_eq(signals, 1);

	/* The same page again is no more of them, and another one is. */
	memory[bad] = 5;
	report_error(vfio.granule + bad);
	check_eq(signals, 2);
	check_eq(poisoned_pages(), 1);
	memory[bad + 2 * PAGE] = 6;
	report_error(vfio.granule + bad + 2 * PAGE);
	check_eq(signals, 3);
	check_eq(poisoned_pages(), 2);
	/* One that nobody has touched yet. */
	report_error(vfio.mem.size - PAGE);
	check_eq(signals, 3);
	check_eq(poisoned_pages(), 3);
	forget(&vfio);
}

/* The first byte is no test of whether the memory may be touched: the state tells. */
static void test_first_byte_leaves_access(void)
{
	struct events events;
	struct vfio vfio;
	uint8_t *memory;

	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	memory[0] = 1;
	catch_sigbus();
	report_error(0);
	check_eq(signals, 1);
	events_get(&vfio, &events, 0);
	check_eq(events.flags, VFIO_CXL_STATE_ACCESSIBLE);
	memory[vfio.granule] = 1;
	check_eq(signals, 1);
	forget(&vfio);
}

/* What copies between the page and this process by the kernel's direct map: bytes, or an error. */
static ssize_t read_by_direct_map(uint8_t *page)
{
	uint8_t copy[PAGE];
	struct iovec local = { copy, PAGE }, remote = { page, PAGE };
	ssize_t ret = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

	return ret < 0 ? -errno : ret;
}

/*
 * The kernel's direct map has a page with an error no more, until the processors clear
 * it. The driver reaches it all the same.
 */
static void check_within_reach(struct vfio *vfio)
{
	const bool pages = vfio->backing == VFIO_CXL_BACKING_FOLIO;
	uint8_t page[PAGE] = { 2 }, *memory;
	unsigned int i;

	/* The kernel takes it out after the signal. */
	memory = vfio_mmap(vfio, &vfio->mem, 0, window(vfio));
	for (i = 0; i < 500 && pages && read_by_direct_map(memory + 3 * PAGE) != -EFAULT; i++)
		usleep(10000);
	check_lt(i, 500);
	munmap(memory, window(vfio));
	vfio_write(vfio, &vfio->mem, 3 * PAGE, page, PAGE);
	page[0] = 0;
	vfio_read(vfio, &vfio->mem, 3 * PAGE, page, PAGE);
	check_eq(page[0], 2);
	write_file(pci_path(pci_accel(), "clear"), "cpu");
	vfio_close(vfio);
	vfio_open(vfio);
	write_file(pci_path(pci_accel(), "clear"), "auto");
	check_eq(poisoned_pages(), 1);
	memory = vfio_mmap(vfio, &vfio->mem, 0, window(vfio));
	for (i = 0; i < 8; i++)
		check_eq(memory[i * PAGE], 0);
	check_eq(read_by_direct_map(memory + 3 * PAGE), pages ? (ssize_t)PAGE : -EFAULT);
	munmap(memory, window(vfio));
}

/*
 * From the machine itself: an error in a bank of the processor's, which the kernel looks
 * at now and then. Nobody has met it yet, so only those are told who asked for that.
 */
static void test_machine_check_signals_early(void)
{
	static const char interval[] =
		"/sys/devices/system/machinecheck/machinecheck0/check_interval";
	uint8_t *memory, page[PAGE] = { 1 };
	struct vfio vfio;
	unsigned int i;

	check_eq(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	memory[3 * PAGE] = 1;
	catch_sigbus();
	qmp_deferred_error(qmp_get("hdm0-base") + 3 * PAGE);
	write_file(interval, "1");
	for (i = 0; i < 300 && !signals; i++)
		usleep(100000);
	write_file(interval, "300");
	check_eq(signals, 1);
	check_eq(last.si_code, BUS_MCEERR_AO);
	check((uint8_t *)last.si_addr <= memory + 3 * PAGE &&
	      (uint8_t *)last.si_addr + (1ul << last.si_addr_lsb) > memory + 3 * PAGE);
	check_eq(poisoned_pages(), 1);
	munmap(memory, window(&vfio));
	check_within_reach(&vfio);
	forget(&vfio);
	vfio_write(&vfio, &vfio.mem, 3 * PAGE, page, PAGE);
	vfio_read(&vfio, &vfio.mem, 3 * PAGE, page, PAGE);
}

/* A process that has not mapped the page hears nothing. */
static void test_unmapped_process_not_signalled(void)
{
	int from[2], to[2], status;
	struct vfio vfio;
	uint8_t *memory;
	pid_t child;
	char byte = 0;

	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	memory[0] = 1;
	check_eq(pipe(from), 0);
	check_eq(pipe(to), 0);
	child = fork();
	if (!child) {
		catch_sigbus();
		munmap(memory, window(&vfio));
		memory = vfio_mmap(&vfio, &vfio.mem, window(&vfio), vfio.granule);
		memory[0] = 2;
		check_eq(write(from[1], &byte, 1), 1);
		check_eq(read(to[0], &byte, 1), 1);
		_exit(signals);
	}
	check_eq(read(from[0], &byte, 1), 1);
	catch_sigbus();
	memory[PAGE] = 3;
	report_error(PAGE);
	check_eq(write(to[1], &byte, 1), 1);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check_eq(signals, 1);
	forget(&vfio);
}

/* A child that maps the first page: it is ready for the report, and may look what came. */
struct mapper {
	pid_t pid;
	int ready[2], go[2];
	uint8_t *memory;
};

static volatile sig_atomic_t signalled_thread;

static void note_thread(int number, siginfo_t *info, void *context)
{
	signalled_thread = gettid();
	note_signal(number, info, context);
}

enum { LATE, EARLY, EARLY_BY_DEFAULT };

static void *wait_early(void *data)
{
	struct mapper *mapper = data;
	char byte = 0;

	check_eq(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
	check_eq(write(mapper->ready[1], &byte, 1), 1);
	check_eq(TEMP_FAILURE_RETRY(read(mapper->go[0], &byte, 1)), 1);
	return (void *)(uintptr_t)(signalled_thread == gettid());
}

/* Its exit status: 0 if the process, or its thread that asked, got what it is to get. */
static int map_and_wait(struct mapper *mapper, int when)
{
	struct sigaction action = { .sa_sigaction = note_thread, .sa_flags = SA_SIGINFO };
	pthread_t thread;
	void *met;
	char byte = 0;

	mapper->memory[0] = 1;
	check_eq(sigaction(SIGBUS, &action, NULL), 0);
	signals = 0;
	if (when == EARLY) {
		check_eq(pthread_create(&thread, NULL, wait_early, mapper), 0);
		check_eq(pthread_join(thread, &met), 0);
		check(met);
	} else {
		check_eq(write(mapper->ready[1], &byte, 1), 1);
		check_eq(TEMP_FAILURE_RETRY(read(mapper->go[0], &byte, 1)), 1);
	}
	check_eq(signals, when != LATE);
	if (signals) {
		check_eq(last.si_code, BUS_MCEERR_AO);
		check((uint8_t *)last.si_addr <= mapper->memory &&
		      (uint8_t *)last.si_addr + (1ul << last.si_addr_lsb) > mapper->memory);
	}
	/* The page is there all the same. */
	mapper->memory[0] = 2;
	return mapper->memory[0] != 2;
}

static void start_mapper(struct mapper *mapper, int when)
{
	char byte;

	check_eq(pipe(mapper->ready), 0);
	check_eq(pipe(mapper->go), 0);
	mapper->pid = fork();
	if (!mapper->pid)
		_exit(map_and_wait(mapper, when));
	check_eq(read(mapper->ready[0], &byte, 1), 1);
}

static void end_mapper(struct mapper *mapper)
{
	char byte = 0;
	int status;

	check_eq(write(mapper->go[1], &byte, 1), 1);
	check_eq(waitpid(mapper->pid, &status, 0), mapper->pid);
	check_eq(status, 0);
}

/* As from firmware, or from a page that is scrubbed: the one that reports has not mapped it. */
static void test_third_process_reports(void)
{
	static const char sysctl[] = "/proc/sys/vm/memory_failure_early_kill";
	struct mapper early, late;
	struct vfio vfio;
	uint8_t *memory;

	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	early = (struct mapper) { .memory = memory };
	late = early;
	start_mapper(&early, EARLY);
	start_mapper(&late, LATE);
	catch_sigbus();
	check_eq(munmap(memory, window(&vfio)), 0);
	report_error(0);
	end_mapper(&early);
	end_mapper(&late);

	/* The administrator's word for those who have set nothing. */
	memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	early.memory = memory;
	start_mapper(&early, EARLY_BY_DEFAULT);
	check_eq(munmap(memory, window(&vfio)), 0);
	write_file(sysctl, "1");
	report_error(0);
	write_file(sysctl, "0");
	end_mapper(&early);
	check_eq(signals, 0);
	check_eq(poisoned_pages(), 1);
	forget(&vfio);
}

/* A process that blocks or ignores the signal would meet the error for ever. */
static void test_deaf_process_is_killed(void)
{
	struct vfio vfio;
	uint8_t *memory;
	sigset_t set;
	pid_t child;
	int status, i;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	vfio_open(&vfio);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	for (i = 0; i < 2; i++) {
		child = fork();
		if (!child) {
			if (i)
				signal(SIGBUS, SIG_IGN);
			else
				sigprocmask(SIG_BLOCK, &set, NULL);
			memory[0] = 1;
			report_error(0);
			_exit(0);
		}
		check_eq(waitpid(child, &status, 0), child);
		check(WIFSIGNALED(status));
		check_eq(WTERMSIG(status), SIGBUS);
	}
	forget(&vfio);
}

enum { MEETS, ASKED };

/* What the thread that goes on without the main thread is to do. */
static struct {
	struct mapper *mapper;
	int how;
	bool wanted;	/* it is to be signalled */
} survivor;

static bool main_thread_is_dead(void)
{
	char path[64], *stat;
	bool dead;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	stat = read_file(path);
	dead = strstr(stat, ") Z ");
	free(stat);
	return dead;
}

/* The process's exit status: 0 if it got what it is to get. */
static void *survive(void *data)
{
	volatile uint8_t *memory = survivor.mapper->memory;
	char byte = 0;

	(void)data;
	wait_until(main_thread_is_dead);
	memory[0] = 1;
	if (survivor.how == MEETS) {
		report_error(0);
	} else {
		check_eq(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0), 0);
		check_eq(write(survivor.mapper->ready[1], &byte, 1), 1);
		check_eq(TEMP_FAILURE_RETRY(read(survivor.mapper->go[0], &byte, 1)), 1);
	}
	check_eq(signals, survivor.wanted);
	if (signals) {
		check_eq(signalled_thread, gettid());
		check_eq(last.si_code, survivor.how == MEETS ? BUS_MCEERR_AR : BUS_MCEERR_AO);
		check_eq((uint8_t *)last.si_addr, memory);
	}
	_exit(0);
}

static void start_survivor(struct mapper *mapper, int how, bool wanted)
{
	struct sigaction action = { .sa_sigaction = note_thread, .sa_flags = SA_SIGINFO };
	pthread_t thread;

	check_eq(pipe(mapper->ready), 0);
	check_eq(pipe(mapper->go), 0);
	mapper->pid = fork();
	if (mapper->pid)
		return;
	signals = 0;
	check_eq(sigaction(SIGBUS, &action, NULL), 0);
	survivor.mapper = mapper;
	survivor.how = how;
	survivor.wanted = wanted;
	check_eq(pthread_create(&thread, NULL, survive, NULL), 0);
	pthread_exit(NULL);
}

/*
 * A process whose main thread has exited: the one that meets the error, and one that has asked.
 * The kernel's own rule leaves it out (task_early_kill()), as it does with all other memory.
 */
static void test_main_thread_has_exited(void)
{
	struct mapper mapper = { };
	struct vfio vfio;
	int status;
	char byte;
	bool own;

	vfio_open(&vfio);
	own = vfio.backing == VFIO_CXL_BACKING_MEMMAP;
	mapper.memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	start_survivor(&mapper, MEETS, own);
	check_eq(waitpid(mapper.pid, &status, 0), mapper.pid);
	check_eq(status, 0);

	start_survivor(&mapper, ASKED, own);
	check_eq(read(mapper.ready[0], &byte, 1), 1);
	check_eq(munmap(mapper.memory, window(&vfio)), 0);
	report_error(0);
	end_mapper(&mapper);
	forget(&vfio);
}

/* The driver is loaded where /proc cannot be reached: the administrator's word counts as ever. */
static void test_early_kill_without_proc(void)
{
	static const char sysctl[] = "/proc/sys/vm/memory_failure_early_kill";
	struct mapper early = { };
	struct vfio vfio;
	int status;
	pid_t child;

	if (pci_bound(pci_accel()))
		pci_unbind(pci_accel());
	module_unload("cxl_vfio_pci");
	child = fork();
	if (!child) {
		check_eq(unshare(CLONE_NEWNS), 0);
		check_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
		check_eq(mount("none", "/proc", "tmpfs", 0, NULL), 0);
		module_load(MODULE_DRIVER, "");
		_exit(0);
	}
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);

	vfio_open(&vfio);
	early.memory = vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio));
	start_mapper(&early, EARLY_BY_DEFAULT);
	check_eq(munmap(early.memory, window(&vfio)), 0);
	write_file(sysctl, "1");
	report_error(0);
	write_file(sysctl, "0");
	end_mapper(&early);
	forget(&vfio);
}

/* A guest that has it too goes on: with a folio, by a new fault. */
static void test_guest_goes_on(void)
{
	const uint64_t bad = 4 * MIB + 5 * PAGE;
	struct leaves without, with, now;
	struct vfio vfio;
	struct kvm kvm;

	vfio_open(&vfio);
	kvm_open(&kvm, KVM_X86_DEFAULT_VM);
	kvm_map(&kvm, 1, GIB, vfio_mmap(&vfio, &vfio.mem, 0, window(&vfio)), window(&vfio), 0);
	kvm_load(&kvm, 0);
	without = kvm_leaves(&kvm);
	kvm_store(&kvm, GIB + bad, 1);
	with = kvm_leaves(&kvm);
	check_mem_ne(&with, &without, sizeof(with));

	catch_sigbus();
	report_error(bad);
	check_eq(signals, 1);
	now = kvm_leaves(&kvm);
	check_mem_eq(&now, vfio.backing == VFIO_CXL_BACKING_FOLIO ? &without : &with, sizeof(now));
	check_eq(kvm_load(&kvm, GIB + bad), 1);
	check_eq(signals, 1);
	forget(&vfio);
}

const struct test tests[] = {
	{ "first_byte_leaves_access", test_first_byte_leaves_access },
	{ "mapping_process_gets_sigbus", test_mapping_process_gets_sigbus },
	{ "machine_check_signals_early", test_machine_check_signals_early },
	{ "third_process_reports", test_third_process_reports },
	{ "deaf_process_is_killed", test_deaf_process_is_killed },
	{ "main_thread_has_exited", test_main_thread_has_exited },
	{ "early_kill_without_proc", test_early_kill_without_proc },
	{ "guest_goes_on", test_guest_goes_on },
	{ "unmapped_process_not_signalled", test_unmapped_process_not_signalled },
	{ }
};
