// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the memory manager does with anonymous memory that is in the device. The script `run`
 * gives the names of what is needed besides: COHERENT_PCI, the device's address; COHERENT_VFIO
 * and COHERENT_GROUP, those of a device bound to vfio-pci; COHERENT_DISK, a block device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"
#include "harness.h"
#include "pin.h"
#include "user.h"

#define DRIVER		"/sys/bus/pci/drivers/cxl_coherent/"
#define HUGE		(2 * MIB)
#define SOME		(64 * KIB)
#define SOME_PAGES	(SOME / PAGE)
#define KILLS		20
#define MOVES		100
#define WRITERS		2

static int fd;

static struct cxl_coherent_info get_info(void)
{
	struct cxl_coherent_info info;

	check_eq(user_info(fd, &info), 0);
	return info;
}

static void open_device(void)
{
	fd = user_open();
	check(fd >= 0);
}

static uint64_t free_pages(void)
{
	return get_info().free_pages;
}

static unsigned long in_device(const void *at, size_t len)
{
	const struct cxl_coherent_info info = get_info();

	return user_in_device(&info, at, len);
}

static uint8_t *map(size_t len)
{
	void *at = user_map(len);

	check(at);
	return at;
}

static uint8_t *filled(size_t len)
{
	uint8_t *at = map(len);

	fill_random(at, len, seed);
	return at;
}

/* Whether memory has what filled() put there. */
static bool intact(const uint8_t *at, size_t len)
{
	uint8_t *wanted = malloc(len);
	bool same;

	fill_random(wanted, len, seed);
	same = !memcmp(at, wanted, len);
	free(wanted);
	return same;
}

static uint64_t to_device(const void *at, size_t len)
{
	uint64_t moved;

	check_eq(user_to_device(fd, at, len, &moved), 0);
	return moved;
}

static uint64_t to_host(const void *at, size_t len)
{
	uint64_t moved;

	check_eq(user_to_host(fd, at, len, &moved), 0);
	return moved;
}

/* Memory that is in the device, filled. */
static uint8_t *filled_in_device(size_t len)
{
	uint8_t *at = filled(len);

	check_eq(to_device(at, len), len / PAGE);
	check_eq(in_device(at, len), len / PAGE);
	return at;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail(__FILE__, __LINE__, "%s is not in the environment", name);
	return value;
}

static void check_child(pid_t pid, int wanted)
{
	int status;

	check_eq(waitpid(pid, &status, 0), pid);
	check_eq(status, wanted);
}

static void test_round_trip(void)
{
	const size_t len = 16 * MIB;
	uint64_t before;
	uint8_t *at;
	long faults;
	size_t i;

	open_device();
	before = free_pages();
	at = filled_in_device(len);
	check_eq(free_pages(), before - len / PAGE);

	faults = minor_faults();
	for (i = 0; i < len; i += PAGE)
		at[i] ^= 0xff;
	for (i = 0; i < len; i += PAGE)
		at[i] ^= 0xff;
	faults = minor_faults() - faults;
	note("%ld faults by loads and stores to %llu pages in the device", faults, len / PAGE);
	check_eq(faults, 0);
	check(intact(at, len));

	check_eq(to_host(at, len), len / PAGE);
	check_eq(in_device(at, len), 0);
	check(intact(at, len));
	check_eq(free_pages(), before);
}

/* What was never touched is zeros, and there without a fault. */
static void test_untouched(void)
{
	uint8_t *at;
	long faults;
	size_t i;

	open_device();
	at = map(SOME);
	check_eq(to_device(at, SOME), SOME_PAGES);
	check_eq(in_device(at, SOME), SOME_PAGES);
	faults = minor_faults();
	for (i = 0; i < SOME; i++)
		check(!at[i]);
	check_eq(minor_faults() - faults, 0);
}

/* A huge page is split. */
static void test_huge_page(void)
{
	uint8_t *at = map(2 * HUGE);
	uint64_t first;

	open_device();
	at += -(uintptr_t)at % HUGE;
	check_eq(madvise(at, HUGE, MADV_HUGEPAGE), 0);
	fill_random(at, HUGE, seed);
	first = user_physical(at);
	check_eq(first % HUGE, 0);
	check_eq(user_physical(at + HUGE - PAGE), first + HUGE - PAGE);
	check_eq(to_device(at, HUGE), HUGE / PAGE);
	check_eq(in_device(at, HUGE), HUGE / PAGE);
	check(intact(at, HUGE));
}

/* Shared after fork(); who writes gets a copy, which is the host's. */
static void test_fork(void)
{
	uint64_t before;
	uint8_t *at;
	pid_t pid;

	open_device();
	at = filled_in_device(SOME);
	before = free_pages();
	pid = fork();
	if (!pid) {
		check_eq(in_device(at, SOME), SOME_PAGES);
		check_eq(free_pages(), before);
		check(intact(at, SOME));
		at[0]++;
		check_eq(in_device(at, SOME), SOME_PAGES - 1);
		_exit(0);
	}
	check_child(pid, 0);
	check_eq(in_device(at, SOME), SOME_PAGES);
	check_eq(free_pages(), before);
	check(intact(at, SOME));

	/* Alone again: written where it is. */
	at[0]++;
	check_eq(in_device(at, SOME), SOME_PAGES);
	at[0]--;
	check(intact(at, SOME));
}

/* The pages that two processes share move for both. */
static void test_fork_moves(void)
{
	int sync[2];
	uint64_t before;
	uint8_t *at;
	pid_t pid;
	char byte;

	open_device();
	check_eq(pipe(sync), 0);
	at = filled_in_device(SOME);
	before = free_pages();
	pid = fork();
	if (!pid) {
		check_eq(read(sync[0], &byte, 1), 1);
		check_eq(in_device(at, SOME), 0);
		check(intact(at, SOME));
		_exit(0);
	}
	check_eq(to_host(at, SOME), SOME_PAGES);
	check_eq(free_pages(), before + SOME_PAGES);
	check_eq(write(sync[1], "", 1), 1);
	check_child(pid, 0);
	check(intact(at, SOME));
}

static void test_mprotect(void)
{
	uint8_t *at;
	pid_t pid;

	open_device();
	at = filled_in_device(SOME);
	check_eq(mprotect(at, SOME, PROT_READ), 0);
	pid = fork();
	if (!pid) {
		*(volatile uint8_t *)at = 1;
		_exit(0);
	}
	check_child(pid, SIGSEGV);
	check_eq(to_host(at, SOME), SOME_PAGES);
	check_eq(to_device(at, SOME), SOME_PAGES);
	check_eq(mprotect(at, SOME, PROT_READ | PROT_WRITE), 0);
	check(intact(at, SOME));
	at[0]++;
	check_eq(in_device(at, SOME), SOME_PAGES);
}

static void test_freed(void)
{
	uint64_t before;
	uint8_t *at, *moved;
	pid_t pid;

	open_device();
	before = free_pages();
	at = filled_in_device(SOME);
	moved = mremap(at, SOME, SOME, MREMAP_MAYMOVE | MREMAP_FIXED, map(SOME));
	check(moved != MAP_FAILED && moved != at);
	check_eq(in_device(moved, SOME), SOME_PAGES);
	check(intact(moved, SOME));
	check_eq(munmap(moved, PAGE), 0);
	check_eq(free_pages(), before - SOME_PAGES + 1);
	check_eq(madvise(moved + PAGE, PAGE, MADV_DONTNEED), 0);
	check_eq(moved[PAGE], 0);
	check_eq(free_pages(), before - SOME_PAGES + 2);
	check_eq(munmap(moved, SOME), 0);
	check_eq(free_pages(), before);

	pid = fork();
	if (!pid) {
		filled_in_device(SOME);
		_exit(0);
	}
	check_child(pid, 0);
	check_eq(free_pages(), before);
}

/* Killed at any moment, in the middle of moving, too. */
static void test_killed(void)
{
	uint64_t before, state = seed;
	unsigned int i;

	open_device();
	before = free_pages();
	for (i = 0; i < KILLS; i++) {
		pid_t pid = fork();

		if (!pid) {
			uint8_t *at = filled(8 * MIB);

			for (;;) {
				to_device(at, 8 * MIB);
				to_host(at, 8 * MIB);
			}
		}
		usleep(random64(&state) % 300000);
		kill(pid, SIGKILL);
		check_child(pid, SIGKILL);
		check_eq(free_pages(), before);
	}
}

static atomic_bool stop;

/* Counts up the first word of each page; what it counted to, in the end. */
static void *count_up(void *at)
{
	volatile uint64_t *word = at;
	uint64_t count = 0;
	size_t i;

	while (!stop) {
		count++;
		for (i = 0; i < SOME / sizeof(*word); i += PAGE / sizeof(*word))
			word[i]++;
	}
	return (void *)count;
}

/* No store of a thread is lost while its pages are moved. */
static void test_written_meanwhile(void)
{
	pthread_t threads[WRITERS];
	uint64_t moved = 0;
	unsigned int i, j;
	uint8_t *at;

	open_device();
	at = map(WRITERS * SOME);
	for (i = 0; i < WRITERS; i++)
		check_eq(pthread_create(&threads[i], NULL, count_up, at + i * SOME), 0);
	for (i = 0; i < MOVES; i++) {
		moved += to_device(at, WRITERS * SOME);
		moved += to_host(at, WRITERS * SOME);
	}
	stop = true;
	for (i = 0; i < WRITERS; i++) {
		void *count;

		check_eq(pthread_join(threads[i], &count), 0);
		check(count);
		for (j = 0; j < SOME_PAGES; j++)
			check_eq(*(uint64_t *)(at + i * SOME + j * PAGE), (uint64_t)count);
	}
	note("%lu pages moved under %u threads that wrote", moved, WRITERS);
	check(moved);
}

/* Looked up for the time of a copy: stays. */
static void test_short_pins(void)
{
	uint8_t *at, *into, copy[PAGE];
	struct iovec local = { copy, PAGE }, remote;
	uint64_t before;
	int disk;

	open_device();
	at = filled_in_device(SOME);
	into = map(SOME);
	check_eq(to_device(into, SOME), SOME_PAGES);
	before = free_pages();

	remote = (struct iovec) { at, PAGE };
	check_eq(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), PAGE);
	check(!memcmp(copy, at, PAGE));

	disk = open(environment("COHERENT_DISK"), O_RDWR | O_DIRECT | O_CLOEXEC);
	check(disk >= 0);
	check_eq(pwrite(disk, at, SOME, 0), SOME);
	check_eq(pread(disk, into, SOME, 0), SOME);
	check(intact(into, SOME));
	check_eq(in_device(at, SOME), SOME_PAGES);
	check_eq(in_device(into, SOME), SOME_PAGES);
	check_eq(free_pages(), before);
}

/* A page in a pipe stays where it is, and the device's, until it is read. */
static void test_vmsplice(void)
{
	struct iovec page;
	uint8_t copy[PAGE];
	uint64_t before;
	uint8_t *at;
	int pipes[2];

	open_device();
	before = free_pages();
	at = filled_in_device(PAGE);
	page = (struct iovec) { at, PAGE };
	check_eq(pipe(pipes), 0);
	check_eq(vmsplice(pipes[1], &page, 1, 0), PAGE);
	check_eq(to_host(at, PAGE), 0);
	check_eq(in_device(at, PAGE), 1);
	check_eq(munmap(at, PAGE), 0);
	check_eq(free_pages(), before - 1);
	check_eq(read(pipes[0], copy, PAGE), PAGE);
	check(intact(copy, PAGE));
	check_eq(free_pages(), before);
}

/* The first half was pinned for long: it is in the host's memory now, and cannot leave it. */
static void check_thrown_out(uint8_t *at, uint64_t before)
{
	note("of %llu pages in the device, pinned for long: %llu; in the device then: %lu",
	     SOME_PAGES, SOME_PAGES / 2, in_device(at, SOME));
	check_eq(in_device(at, SOME / 2), 0);
	check_eq(in_device(at + SOME / 2, SOME / 2), SOME_PAGES / 2);
	check_eq(free_pages(), before + SOME_PAGES / 2);
	check(intact(at, SOME));
	check_eq(to_device(at, SOME), 0);
	check_eq(in_device(at, SOME / 2), 0);
}

static void test_io_uring(void)
{
	uint64_t before;
	uint8_t *at;
	int ring;

	open_device();
	at = filled_in_device(SOME);
	before = free_pages();
	ring = pin_io_uring(at, SOME / 2);
	check(ring >= 0);
	check_thrown_out(at, before);

	/* A ring is taken down by a worker, some time later. */
	close(ring);
	while (in_device(at, SOME) < SOME_PAGES) {
		to_device(at, SOME);
		usleep(10000);
	}
	check(intact(at, SOME));
}

/* What is pinned for short cannot be thrown out, so it cannot be pinned for long either. */
static void test_pinned_twice(void)
{
	uint8_t *at, copy[PAGE];
	struct iovec page;
	int pipes[2], ring;

	open_device();
	at = filled_in_device(PAGE);
	page = (struct iovec) { at, PAGE };
	check_eq(pipe(pipes), 0);
	check_eq(vmsplice(pipes[1], &page, 1, 0), PAGE);
	check_eq(pin_io_uring(at, PAGE), -EBUSY);
	check_eq(in_device(at, PAGE), 1);
	check_eq(read(pipes[0], copy, PAGE), PAGE);
	ring = pin_io_uring(at, PAGE);
	check(ring >= 0);
	check_eq(in_device(at, PAGE), 0);
	check(intact(at, PAGE));
}

static void test_vfio(void)
{
	uint64_t before;
	uint8_t *at;

	open_device();
	at = filled_in_device(SOME);
	before = free_pages();
	check(pin_vfio(environment("COHERENT_VFIO"), atoi(environment("COHERENT_GROUP")), at,
		       SOME / 2) >= 0);
	check_thrown_out(at, before);
}

/* A guest's memory is moved under it; while it is in the device, the guest works on it there. */
static void test_kvm(void)
{
	struct guest guest;
	uint64_t before;
	uint8_t *at;
	size_t i;

	open_device();
	at = map(GUEST_BYTES);
	memset(at, 1, GUEST_BYTES);
	guest_make(&guest, at);
	check_eq(to_device(at, GUEST_BYTES), GUEST_BYTES / PAGE);
	before = free_pages();
	guest_run(&guest);
	check_eq(in_device(at, GUEST_BYTES), GUEST_BYTES / PAGE);
	check_eq(free_pages(), before);

	check_eq(to_host(at, GUEST_BYTES), GUEST_BYTES / PAGE);
	guest_run(&guest);
	check_eq(to_device(at, GUEST_BYTES), GUEST_BYTES / PAGE);
	guest_run(&guest);
	check_eq(in_device(at, GUEST_BYTES), GUEST_BYTES / PAGE);
	for (i = 0; i < GUEST_BYTES; i++)
		check_eq(at[i], i % PAGE ? 1 : 4);
}

/* Reclaim does not see it; the same takes ordinary memory away. */
static void test_reclaim(void)
{
	uint8_t *at, *ordinary = filled(SOME);

	open_device();
	at = filled_in_device(SOME);
	check_eq(madvise(ordinary, SOME, MADV_PAGEOUT), 0);
	check_eq(madvise(at, SOME, MADV_PAGEOUT), 0);
	note("paged out: %lu ordinary pages, %lu of the device's", user_in_swap(ordinary, SOME),
	     user_in_swap(at, SOME));
	check_eq(user_in_swap(ordinary, SOME), SOME_PAGES);
	check_eq(user_in_swap(at, SOME), 0);
	check_eq(in_device(at, SOME), SOME_PAGES);
	/* From swap, by way of the host's memory. */
	check_eq(to_device(ordinary, SOME), 0);
	check(intact(ordinary, SOME));
	check_eq(to_device(ordinary, SOME), SOME_PAGES);
	check(intact(ordinary, SOME));
}

/* Nor do others that move memory. */
static void test_moved_by_others(void)
{
	uint8_t *at = map(2 * HUGE), *ordinary = map(2 * HUGE);
	int status = 0, node = 0;
	void *page;

	open_device();
	at += -(uintptr_t)at % HUGE;
	ordinary += -(uintptr_t)ordinary % HUGE;
	fill_random(at, HUGE, seed);
	fill_random(ordinary, HUGE, seed);
	check_eq(to_device(at, HUGE), HUGE / PAGE);

	page = ordinary;
	check_eq(syscall(SYS_move_pages, 0, 1, &page, &node, &status, 0), 0);
	check_eq(status, 0);
	page = at;
	check_eq(syscall(SYS_move_pages, 0, 1, &page, &node, &status, 0), 0);
	check_eq(status, -ENOENT);
	write_file("/proc/sys/vm/compact_memory", "1");
	check_eq(madvise(ordinary, HUGE, MADV_HUGEPAGE), 0);
	check_eq(madvise(at, HUGE, MADV_HUGEPAGE), 0);
	check_eq(madvise(ordinary, HUGE, MADV_COLLAPSE), 0);
	check(madvise(at, HUGE, MADV_COLLAPSE));
	note("MADV_COLLAPSE: %s", strerror(errno));
	check_eq(mlock(at, HUGE), 0);
	check_eq(in_device(at, HUGE), HUGE / PAGE);
	check(intact(at, HUGE));
	check_eq(to_host(at, HUGE), HUGE / PAGE);
	check(intact(at, HUGE));
}

/* More than there is; what does not fit stays where it is. */
static void test_full(void)
{
	uint64_t room;
	uint8_t *at, *one;

	open_device();
	room = free_pages();
	one = filled(PAGE);
	at = map((room + SOME_PAGES) * PAGE);
	check_eq(to_device(at, (room + SOME_PAGES) * PAGE), room);
	check_eq(free_pages(), 0);
	check_eq(to_device(one, PAGE), 0);
	check(intact(one, PAGE));
	check_eq(munmap(at, (room + SOME_PAGES) * PAGE), 0);
	check_eq(free_pages(), room);
	check_eq(to_device(one, PAGE), 1);
}

static void test_refusals(void)
{
	uint8_t *at = filled(3 * PAGE);
	void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t moved;

	open_device();
	check_eq(munmap(at + PAGE, PAGE), 0);
	check_eq(user_to_device(fd, at, 0, &moved), -EINVAL);
	check_eq(user_to_device(fd, at + 1, PAGE, &moved), -EINVAL);
	check_eq(user_to_device(fd, at, PAGE - 1, &moved), -EINVAL);
	check_eq(user_to_device(fd, at, -(uint64_t)PAGE, &moved), -EINVAL);
	check_eq(user_to_device(fd, (void *)-PAGE, 2 * PAGE, &moved), -EINVAL);
	check_eq(user_to_device(fd, shared, PAGE, &moved), -EINVAL);
	check_eq(user_to_device(fd, at, 3 * PAGE, &moved), -EFAULT);
	check_eq(moved, 1);
	check_eq(user_to_host(fd, at, 3 * PAGE, &moved), -EFAULT);
	check_eq(moved, 1);
	check_eq(ioctl(fd, CXL_COHERENT_INFO, NULL), -1);
	check_eq(errno, EFAULT);
	check_eq(ioctl(fd, _IO(CXL_COHERENT_IOC_TYPE, 9), NULL), -1);
	check_eq(errno, ENOTTY);
}

/* A page that has failed is not given out again; one in use is left to its user. */
static void test_memory_failure(void)
{
	const char *offline = "/sys/devices/system/memory/hard_offline_page";
	struct cxl_coherent_info before, info;
	char address[32];
	uint8_t *at;

	open_device();
	before = get_info();
	at = filled_in_device(SOME);
	snprintf(address, sizeof(address), "%#lx", user_physical(at));
	check_eq(__write_file(offline, address), -EBUSY);
	check_eq(get_info().bad_pages, before.bad_pages + 1);
	check(intact(at, SOME));
	check_eq(munmap(at, SOME), 0);
	check_eq(free_pages(), before.free_pages - 1);

	/* The last page, which nobody has. */
	snprintf(address, sizeof(address), "%#llx", before.base + before.size - PAGE);
	check_eq(__write_file(offline, address), 0);
	info = get_info();
	check_eq(info.bad_pages, before.bad_pages + 2);
	check_eq(info.free_pages, before.free_pages - 2);
}

static void bind_again(void)
{
	/* After an unbind the CXL core may have one more to do, in a work item. */
	write_file("/sys/bus/cxl/flush", "1");
	write_file(DRIVER "bind", environment("COHERENT_PCI"));
	open_device();
}

/* What is in the device goes to the host first. */
static void test_unbind(void)
{
	struct cxl_coherent_info info;
	uint64_t moved;
	uint8_t *at;

	open_device();
	at = filled_in_device(16 * MIB);
	write_file(DRIVER "unbind", environment("COHERENT_PCI"));
	check(intact(at, 16 * MIB));
	check_eq(user_info(fd, &info), -ENODEV);
	check_eq(user_to_device(fd, at, PAGE, &moved), -ENODEV);
	bind_again();
	check_eq(in_device(at, 16 * MIB), 0);
	check_eq(free_pages(), get_info().size / PAGE);
	check_eq(to_device(at, 16 * MIB), 16 * MIB / PAGE);
	check(intact(at, 16 * MIB));
}

/* A page in a pipe is waited for. */
static void test_unbind_pinned(void)
{
	struct iovec page;
	uint8_t copy[PAGE];
	uint8_t *at;
	int pipes[2];
	pid_t pid;

	open_device();
	at = filled_in_device(SOME);
	page = (struct iovec) { at, PAGE };
	check_eq(pipe(pipes), 0);
	check_eq(vmsplice(pipes[1], &page, 1, 0), PAGE);
	pid = fork();
	if (!pid) {
		close(pipes[0]);
		close(pipes[1]);
		munmap(at, SOME);
		write_file(DRIVER "unbind", environment("COHERENT_PCI"));
		_exit(0);
	}
	while (!access("/dev/cxl_coherent", F_OK))
		usleep(10000);
	check(intact(at, SOME));
	check_eq(waitpid(pid, NULL, WNOHANG), 0);
	check_eq(read(pipes[0], copy, PAGE), PAGE);
	check(intact(copy, PAGE));
	check_child(pid, 0);
	check(intact(at, SOME));
	bind_again();
	check_eq(free_pages(), get_info().size / PAGE);
}

const struct test tests[] = {
	{ "round_trip", test_round_trip },
	{ "untouched", test_untouched },
	{ "huge_page", test_huge_page },
	{ "fork", test_fork },
	{ "fork_moves", test_fork_moves },
	{ "mprotect", test_mprotect },
	{ "freed", test_freed },
	{ "killed", test_killed },
	{ "written_meanwhile", test_written_meanwhile },
	{ "short_pins", test_short_pins },
	{ "vmsplice", test_vmsplice },
	{ "io_uring", test_io_uring },
	{ "pinned_twice", test_pinned_twice },
	{ "vfio", test_vfio },
	{ "kvm", test_kvm },
	{ "reclaim", test_reclaim },
	{ "moved_by_others", test_moved_by_others },
	{ "full", test_full },
	{ "refusals", test_refusals },
	{ "memory_failure", test_memory_failure },
	{ "unbind", test_unbind },
	{ "unbind_pinned", test_unbind_pinned },
	{ }
};
