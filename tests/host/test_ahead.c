// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: where only pages fit, a fault maps the pages around its own as
 * well: those of its window, and none outside of its mapping. Each has the right
 * bytes and the right protection. A zap leaves none of them.
 *
 * How: the test maps the memory a page away from where larger leaves would fit.
 * The kernel's count of minor faults tells whether a load found its page mapped;
 * /proc/self/pagemap has nothing of such mappings.
 *
 * Not covered: what the tracepoint says of them: test_mmap.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "regs.h"
#include "vfio.h"

/* The driver's WINDOW_PAGES, at a multiple of as many pages. */
#define WINDOW_PAGES	64
#define WINDOW		(WINDOW_PAGES * PAGE)
#define THREADS		8
#define RACE_PAGES	(3 * WINDOW_PAGES)
#define ROUNDS		60

/* Pages of the memory from @page on, a page past where the windows of addresses are. */
static uint8_t *map_pages(struct vfio *vfio, uint64_t page, size_t pages, size_t shift)
{
	uint8_t *start = (uint8_t *)vfio_reserve((pages + shift) * PAGE, GIB) + shift * PAGE;
	void *address = mmap(start, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			     vfio->device, vfio->mem.offset + page * PAGE);

	check_eq(address, start);
	return address;
}

/* A byte for each page, of the memory's pages from @page on. */
static uint8_t mark(uint64_t page)
{
	return page * 37 + 11;
}

static void mark_pages(struct vfio *vfio, uint64_t page, size_t pages)
{
	uint8_t byte;
	size_t i;

	for (i = 0; i < pages; i++) {
		byte = mark(page + i);
		vfio_write(vfio, &vfio->mem, (page + i) * PAGE, &byte, 1);
	}
}

static void check_marks(const volatile uint8_t *memory, uint64_t page, size_t pages)
{
	size_t i;

	for (i = 0; i < pages; i++)
		check_eq(memory[i * PAGE], mark(page + i));
}

/* Does a load find no page there? */
static bool faults(const volatile uint8_t *address)
{
	long before = minor_faults();

	(void)*address;
	return minor_faults() != before;
}

/* Of a load from each of the pages. */
static size_t count_faults(const uint8_t *memory, size_t pages)
{
	size_t i, count = 0;

	for (i = 0; i < pages; i++)
		count += faults(memory + i * PAGE);
	return count;
}

static void zap(struct vfio *vfio)
{
	vfio_enable(vfio, false, false);
	vfio_enable(vfio, true, false);
}

static void test_walk_faults_once_a_window(void)
{
	const size_t pages = 16 * MIB / PAGE;
	struct vfio vfio;
	uint8_t *memory;

	vfio_open(&vfio);
	memory = map_pages(&vfio, 0, pages, 1);
	check_eq(count_faults(memory, pages), pages / WINDOW_PAGES + 1);
	check_eq(count_faults(memory, pages), 0);
	mark_pages(&vfio, 0, pages);
	check_marks(memory, 0, pages);
}

/* Wherever in its window the page is: that window is mapped, and none beside it. */
static void test_window_of_each_page(void)
{
	const size_t pages = 3 * WINDOW_PAGES;
	struct vfio vfio;
	uint8_t *memory, *window;
	unsigned int i;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	memory = map_pages(&vfio, 7, pages, WINDOW_PAGES);
	window = memory + WINDOW;
	mark_pages(&vfio, 7, pages);
	for (i = 0; i < WINDOW_PAGES; i++) {
		check(faults(window + i * PAGE));
		check_eq(count_faults(window, WINDOW_PAGES), 0);
		check(faults(window - PAGE));
		check(faults(window + WINDOW));
		check_marks(memory, 7, pages);
		zap(&vfio);
	}
}

/* A page here and there costs a fault each, as it would alone. */
static void test_sparse_use_faults_no_more(void)
{
	const size_t windows = 64, pages = windows * WINDOW_PAGES;
	struct vfio vfio;
	uint8_t *memory;
	size_t i;

	vfio_open(&vfio);
	memory = map_pages(&vfio, 1, pages, 0);
	for (i = windows; i--;)
		check(faults(memory + i * WINDOW + i * 5 % WINDOW_PAGES * PAGE));
	check_eq(count_faults(memory, pages), 0);
}

/* The window is cut where the mapping ends, whatever is beside it, and at the memory's end. */
static void test_window_ends_with_mapping(void)
{
	const size_t first = 20, count = 10, after = first + count;
	struct vfio vfio;
	uint8_t *memory;
	uint64_t last;

	vfio_open(&vfio);
	last = vfio.mem.size / PAGE - count;
	memory = map_pages(&vfio, 51, WINDOW_PAGES, 0);
	/* The last pages of the memory, in the middle of other pages of it. */
	check_eq(mmap(memory + first * PAGE, count * PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, vfio.device, vfio.mem.offset + last * PAGE),
		 memory + first * PAGE);
	mark_pages(&vfio, last, count);
	mark_pages(&vfio, 51, WINDOW_PAGES);

	check(faults(memory + (after - 1) * PAGE));
	check_eq(count_faults(memory + first * PAGE, count), 0);
	check_eq(count_faults(memory + after * PAGE, WINDOW_PAGES - after), 1);
	check_eq(count_faults(memory, first), 1);
	check_marks(memory, 51, first);
	check_marks(memory + first * PAGE, last, count);
	check_marks(memory + after * PAGE, 51 + after, WINDOW_PAGES - after);
}

/* A hole, with other memory in it: each side of it has its faults, and nothing in it changes. */
static void test_hole_is_left_alone(void)
{
	const size_t hole = 20, len = 10, after = hole + len;
	struct vfio vfio;
	uint8_t *memory;
	size_t i;

	vfio_open(&vfio);
	mark_pages(&vfio, 3, WINDOW_PAGES);
	memory = map_pages(&vfio, 3, WINDOW_PAGES, 0);
	check_eq(munmap(memory + hole * PAGE, len * PAGE), 0);
	check(faults(memory));
	check_eq(count_faults(memory, hole), 0);
	check_eq(mmap(memory + hole * PAGE, len * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), memory + hole * PAGE);
	check_eq(count_faults(memory + after * PAGE, WINDOW_PAGES - after), 1);
	for (i = hole; i < after; i++)
		check_eq(memory[i * PAGE], 0);
	check_marks(memory, 3, hole);
	check_marks(memory + after * PAGE, 3 + after, WINDOW_PAGES - after);
}

/* Can a system call write there? It tells without a signal. */
static bool writable(uint8_t *address)
{
	static int zero = -1;

	if (zero < 0)
		zero = open("/dev/zero", O_RDONLY);
	if (read(zero, address, 1) == 1)
		return true;
	check_eq(errno, EFAULT);
	return false;
}

/* Pages that may only be read, among others, before and after they are mapped. */
static void test_protection_is_each_mappings_own(void)
{
	const size_t first = 20, count = 10, after = first + count;
	struct vfio vfio;
	uint8_t *memory;
	size_t i;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	memory = map_pages(&vfio, 9, WINDOW_PAGES, 0);
	check_eq(mprotect(memory + first * PAGE, count * PAGE, PROT_READ), 0);
	check_eq(count_faults(memory, first), 1);
	check_eq(count_faults(memory + first * PAGE, count), 1);
	check_eq(count_faults(memory + after * PAGE, WINDOW_PAGES - after), 1);
	for (i = 0; i < WINDOW_PAGES; i++)
		check_eq(writable(memory + i * PAGE), i < first || i >= after);

	check_eq(mprotect(memory, WINDOW, PROT_READ), 0);
	for (i = 0; i < WINDOW_PAGES; i++)
		check(!writable(memory + i * PAGE));
	zap(&vfio);
	/* Such mappings are never merged again. */
	check_eq(count_faults(memory, WINDOW_PAGES), 3);
	for (i = 0; i < WINDOW_PAGES; i++)
		check(!writable(memory + i * PAGE));
	check_eq(mprotect(memory, WINDOW, PROT_READ | PROT_WRITE), 0);
	for (i = 0; i < WINDOW_PAGES; i++)
		check(writable(memory + i * PAGE));
	check_eq(mprotect(memory, WINDOW, PROT_NONE), 0);
	for (i = 0; i < WINDOW_PAGES; i++)
		check(!writable(memory + i * PAGE));
}

static size_t count_loads(const uint8_t *memory, size_t pages)
{
	size_t i, count = 0;
	uint8_t byte;

	for (i = 0; i < pages; i++)
		count += load(memory + i * PAGE, &byte);
	return count;
}

/* All that a fault has mapped is gone, and each page is refused until it may be mapped again. */
static void test_zap_leaves_no_neighbour(void)
{
	const size_t pages = 3 * WINDOW_PAGES;
	struct vfio vfio;
	uint8_t *memory;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	mark_pages(&vfio, 0, pages);
	memory = map_pages(&vfio, 0, pages, 1);
	check_eq(count_faults(memory, pages), 4);
	check_eq(count_loads(memory, pages), pages);
	vfio_enable(&vfio, false, false);
	check_eq(count_loads(memory, pages), 0);
	vfio_enable(&vfio, true, false);
	check_eq(count_faults(memory, pages), 4);
	check_eq(__vfio_reset(&vfio), 0);
	vfio_enable(&vfio, true, false);
	check_eq(count_faults(memory, pages), 4);
	check_marks(memory, 0, pages);
}

/* No page is mapped along with one that has an error: in its window each has its own fault. */
static void test_window_with_error_by_page(void)
{
	const size_t bad = 21;
	struct vfio vfio;
	uint8_t *memory;
	size_t i;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	/* The kernel asks the driver for the page once for each mapping of the memory. */
	map_pages(&vfio, 2 * WINDOW_PAGES, 1, 0);
	report_error((1 + bad) * PAGE);
	memory = map_pages(&vfio, 1, 2 * WINDOW_PAGES, 0);
	for (i = 0; i < WINDOW_PAGES; i++)
		check_eq(faults(memory + (i + bad) % WINDOW_PAGES * PAGE), true);
	check_eq(count_faults(memory, WINDOW_PAGES), 0);
	check_eq(count_faults(memory + WINDOW, WINDOW_PAGES), 1);

	/* A CXL Reset that clears the memory ends the error. */
	cxl_reset(&vfio, true);
	check_eq(count_faults(memory, WINDOW_PAGES), 1);
}

struct race {
	struct vfio vfio;
	uint8_t *memory;
	pthread_t threads[THREADS];
	atomic_bool stop;
	atomic_ulong loads, refused, wrong;
};

/* Pages at random, in windows that other threads touch at the same time. */
static void *touch(void *data)
{
	struct race *race = data;
	uint64_t state = (uintptr_t)&state;
	uint8_t byte;

	while (!atomic_load(&race->stop)) {
		size_t page = random64(&state) % RACE_PAGES;

		if (!load(race->memory + page * PAGE, &byte))
			atomic_fetch_add(&race->refused, 1);
		else if (byte == mark(page))
			atomic_fetch_add(&race->loads, 1);
		else
			atomic_fetch_add(&race->wrong, 1);
	}
	return NULL;
}

/* While threads fault, memory goes and comes. Once it is gone, no page can be loaded. */
static void test_zaps_against_faults(void)
{
	const struct sched_param first = { .sched_priority = 1 };
	struct race race = { };
	unsigned int i, n;

	vfio_open(&race.vfio);
	vfio_enable(&race.vfio, true, false);
	mark_pages(&race.vfio, 0, RACE_PAGES);
	race.memory = map_pages(&race.vfio, 0, RACE_PAGES, 1);
	for (n = 0; n < THREADS; n++)
		check_eq(pthread_create(&race.threads[n], NULL, touch, &race), 0);
	/* More threads than processors: this one would wait for its turn most of the time. */
	check_eq(sched_setscheduler(0, SCHED_FIFO, &first), 0);
	for (i = 0; i < ROUNDS || !atomic_load(&race.loads) || !atomic_load(&race.refused); i++) {
		usleep(random() % 3000);
		vfio_enable(&race.vfio, false, false);
		check_eq(count_loads(race.memory, RACE_PAGES), 0);
		usleep(random() % 1000);
		vfio_enable(&race.vfio, true, false);
	}
	atomic_store(&race.stop, true);
	for (n = 0; n < THREADS; n++)
		check_eq(pthread_join(race.threads[n], NULL), 0);
	note("%u rounds, %lu loads, %lu refused", i, atomic_load(&race.loads),
	     atomic_load(&race.refused));
	check_eq(atomic_load(&race.wrong), 0);
}

const struct test tests[] = {
	{ "walk_faults_once_a_window", test_walk_faults_once_a_window },
	{ "window_of_each_page", test_window_of_each_page },
	{ "sparse_use_faults_no_more", test_sparse_use_faults_no_more },
	{ "window_ends_with_mapping", test_window_ends_with_mapping },
	{ "hole_is_left_alone", test_hole_is_left_alone },
	{ "protection_is_each_mappings_own", test_protection_is_each_mappings_own },
	{ "zap_leaves_no_neighbour", test_zap_leaves_no_neighbour },
	{ "window_with_error_by_page", test_window_with_error_by_page },
	{ "zaps_against_faults", test_zaps_against_faults, 120 },
	{ }
};
