// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a memory error in the device's memory signals each process that
 * has mapped the page, and no other process. A guest that has the page goes on.
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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "harness.h"
#include "kvm.h"
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

/* The error is in the memory, at this offset. */
static void report_error(uint64_t offset)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx",
		 (unsigned long long)(qmp_get("hdm0-base") + offset));
	write_file("/sys/devices/system/memory/hard_offline_page", text);
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

/* Whoever has mapped the page gets SIGBUS, with its address; all else is as it was. */
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
	uint8_t page[PAGE] = { 2 }, *memory;
	unsigned int i;

	/* The kernel takes it out after the signal. */
	memory = vfio_mmap(vfio, &vfio->mem, 0, window(vfio));
	for (i = 0; i < 500 && read_by_direct_map(memory + 3 * PAGE) != -EFAULT; i++)
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
	check_eq(read_by_direct_map(memory + 3 * PAGE), PAGE);
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
	if (vfio.backing == VFIO_CXL_BACKING_FOLIO)
		check_within_reach(&vfio);
	forget(&vfio);
	vfio_write(&vfio, &vfio.mem, 3 * PAGE, page, PAGE);
	vfio_read(&vfio, &vfio.mem, 3 * PAGE, page, PAGE);
}

/* Those who have not mapped the page hear nothing. */
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
	{ "mapping_process_gets_sigbus", test_mapping_process_gets_sigbus },
	{ "machine_check_signals_early", test_machine_check_signals_early },
	{ "guest_goes_on", test_guest_goes_on },
	{ "unmapped_process_not_signalled", test_unmapped_process_not_signalled },
	{ }
};
