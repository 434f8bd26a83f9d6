// SPDX-License-Identifier: GPL-2.0-only
/*
 * ram FIGURE: one figure of bench/ram, for one way to map memory, which the environment
 * names (memory.h). Each prints the median of a few repeats; bench/ram takes the ways in
 * turn, round after round.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "memory.h"
#include "pci.h"

#define COPY		(64 * MIB)
#define COPIES		3
#define PAIRS		15
#define IOVA		(4 * GIB)
#define LIMIT		600	/* seconds */

/* One value of what is long, more of what is short: bench/ram repeats all of it. */
#define REPEATS_MAX	5
#define ENOUGH_NS	300000000ull

struct values {
	uint64_t of[PAIRS], total;
	unsigned int count;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void add(struct values *values, uint64_t value)
{
	values->of[values->count++] = value;
	values->total += value;
}

static bool enough(const struct values *values)
{
	return values->count == REPEATS_MAX || values->total > ENOUGH_NS;
}

static int ascending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void print(const char *key, struct values *values)
{
	qsort(values->of, values->count, sizeof(values->of[0]), ascending);
	note("%s %llu", key, (unsigned long long)values->of[values->count / 2]);
}

static void store_each_leaf(const struct memory *memory)
{
	uint64_t offset;

	for (offset = 0; offset < memory->size; offset += memory->leaf)
		*(volatile uint8_t *)(memory->at + offset) = 1;
}

/* What is only read does not use up memory of the computer beneath. */
static void load_each_leaf(const struct memory *memory)
{
	uint64_t offset;

	for (offset = 0; offset < memory->size; offset += memory->leaf)
		(void)*(volatile uint8_t *)(memory->at + offset);
}

/* A store to each leaf, with nothing mapped before; the first time is not counted. */
static void touch(void)
{
	struct values taken = { }, faults = { };
	struct memory memory;
	bool warm = false;

	memory_open(&memory);
	while (!enough(&taken)) {
		uint64_t start;
		long before;

		memory_map(&memory);
		before = minor_faults();
		start = now_ns();
		store_each_leaf(&memory);
		if (warm) {
			add(&taken, now_ns() - start);
			add(&faults, minor_faults() - before);
		}
		warm = true;
		memory_unmap(&memory);
	}
	print("touch_ns", &taken);
	print("touch_faults", &faults);
}

/*
 * Into the IOMMU and out again, what is in the page tables already. Memory that is no
 * device's goes into the container of the accelerator.
 */
static void dma(void)
{
	struct values map = { }, unmap = { };
	struct memory memory;

	memory_open(&memory);
	if (memory.kind > MEMORY_BAR)
		vfio_open(&memory.vfio);
	memory_map(&memory);
	load_each_leaf(&memory);
	while (!enough(&map) && !enough(&unmap)) {
		uint64_t start = now_ns();

		vfio_dma_map(&memory.vfio, memory.at, memory.size, IOVA);
		add(&map, now_ns() - start);
		start = now_ns();
		vfio_dma_unmap(&memory.vfio, IOVA, memory.size);
		add(&unmap, now_ns() - start);
	}
	print("map_dma_ns", &map);
	print("unmap_dma_ns", &unmap);
}

static void add_bytes(struct values *values, uint64_t bytes, uint64_t start)
{
	add(values, bytes * 1000 / (now_ns() - start));	/* bytes in ns: MB/s by 1000 */
}

static uint8_t *filled_buffer(void)
{
	uint8_t *buffer = aligned_alloc(2 * MIB, COPY);

	check(buffer);
	memset(buffer, 1, COPY);
	return buffer;
}

static void copy_once(uint8_t *memory, uint8_t *buffer, struct values *to, struct values *from)
{
	uint64_t start = now_ns();

	memcpy(memory, buffer, COPY);
	add_bytes(to, COPY, start);
	start = now_ns();
	memcpy(buffer, memory, COPY);
	add_bytes(from, COPY, start);
}

/*
 * By write() and read() of the region, which are for VFIO's memory alone. What the computer
 * beneath does changes from second to second, so memcpy() of device-dax is measured by the
 * same process, in turn.
 */
static void transfer(void)
{
	struct values to = { }, from = { }, dax_to = { }, dax_from = { };
	uint8_t *buffer = filled_buffer();
	struct memory memory, dax;

	memory_open(&memory);
	memory_open_kind(&dax, MEMORY_DAX);
	memory_map(&dax);
	vfio_write(&memory.vfio, &memory.vfio.mem, 0, buffer, COPY);
	memcpy(dax.at, buffer, COPY);
	while (to.count < PAIRS) {
		uint64_t start = now_ns();

		vfio_write(&memory.vfio, &memory.vfio.mem, 0, buffer, COPY);
		add_bytes(&to, COPY, start);
		start = now_ns();
		vfio_read(&memory.vfio, &memory.vfio.mem, 0, buffer, COPY);
		add_bytes(&from, COPY, start);
		copy_once(dax.at, buffer, &dax_to, &dax_from);
	}
	print("copy_to_mbs", &to);
	print("copy_from_mbs", &from);
	print("dax_copy_to_mbs", &dax_to);
	print("dax_copy_from_mbs", &dax_from);
}

/*
 * What a user sees of it: a write to COMMAND that disables memory, or, where there is no
 * such thing, munmap().
 */
static void zap(void)
{
	struct values taken = { };
	struct memory memory;

	memory_open(&memory);
	while (!enough(&taken)) {
		uint64_t start;

		memory_map(&memory);
		load_each_leaf(&memory);
		start = now_ns();
		if (memory.kind <= MEMORY_BAR)
			vfio_enable(&memory.vfio, false, false);
		else
			memory_unmap(&memory);
		add(&taken, now_ns() - start);
		if (memory.kind <= MEMORY_BAR) {
			vfio_enable(&memory.vfio, true, false);
			memory_unmap(&memory);
		}
	}
	print("zap_ns", &taken);
}

/* munmap() of what was touched, for all alike. */
static void unmap(void)
{
	struct values taken = { };
	struct memory memory;

	memory_open(&memory);
	while (!enough(&taken)) {
		uint64_t start;

		memory_map(&memory);
		load_each_leaf(&memory);
		start = now_ns();
		memory_unmap(&memory);
		add(&taken, now_ns() - start);
	}
	print("munmap_ns", &taken);
}

/* The same write to COMMAND with nothing mapped: what of a zap is no zapping. */
static void zap_nothing(void)
{
	struct values taken = { };
	struct memory memory;

	memory_open(&memory);
	while (!enough(&taken)) {
		uint64_t start = now_ns();

		vfio_enable(&memory.vfio, false, false);
		add(&taken, now_ns() - start);
		vfio_enable(&memory.vfio, true, false);
	}
	print("zap_ns", &taken);
}

/* All of it by one thread, once it is all mapped. */
static void fill(void)
{
	struct values values = { };
	struct memory memory;

	memory_open(&memory);
	memory_map(&memory);
	memset(memory.at, 1, memory.size);
	while (values.count < COPIES) {
		uint64_t start = now_ns();

		memset(memory.at, 1, memory.size);
		add_bytes(&values, memory.size, start);
	}
	print("clear_mbs", &values);
}

/* After close(), in the background, until nothing is left; all of it was used before. */
static void clear(void)
{
	struct values values = { };
	struct memory memory;

	while (values.count < COPIES) {
		uint64_t start;

		memory_open(&memory);
		memory_map(&memory);
		memset(memory.at, 1, memory.size);
		memory_unmap(&memory);
		/* With a reset, which takes what it takes. The work begins at its end. */
		memory_close(&memory);
		start = now_ns();
		while (!pci_is_clear())
			usleep(1000);
		add_bytes(&values, memory.size, start);
	}
	print("clear_mbs", &values);
}

static void time_resets(bool mapped)
{
	struct values taken = { };
	struct memory memory;

	memory_open(&memory);
	while (!enough(&taken)) {
		uint64_t start;

		if (mapped) {
			memory_map(&memory);
			load_each_leaf(&memory);
		}
		start = now_ns();
		check_eq(__vfio_reset(&memory.vfio), 0);
		add(&taken, now_ns() - start);
		if (mapped)
			memory_unmap(&memory);
		vfio_enable(&memory.vfio, true, false);
	}
	print("reset_ns", &taken);
}

static void reset(void)
{
	time_resets(true);
}

static void reset_nothing(void)
{
	time_resets(false);
}

/* Open until the regions are known, and close; each is a reset, and clearing if that is on. */
static void life(void)
{
	struct values opens = { }, closes = { };
	struct memory memory;
	uint64_t start;

	while (!enough(&opens)) {
		start = now_ns();
		memory_open(&memory);
		add(&opens, now_ns() - start);
		start = now_ns();
		memory_close(&memory);
		add(&closes, now_ns() - start);
	}
	print("open_ns", &opens);
	print("close_ns", &closes);
}

/* Until the regions are known; a device that has its backing already. */
static void open_device(void)
{
	struct values taken = { };
	struct memory memory;

	while (!enough(&taken)) {
		uint64_t start = now_ns();

		memory_open(&memory);
		add(&taken, now_ns() - start);
		memory_close(&memory);
	}
	print("open_ns", &taken);
}

/* write WRITE_TEXT to WRITE_PATH: how long that takes, which is a bind, for example. */
static void time_write(void)
{
	const char *path = getenv("WRITE_PATH"), *text = getenv("WRITE_TEXT");
	uint64_t start;

	check(path && text);
	start = now_ns();
	write_file(path, text);
	note("write_ns %llu", (unsigned long long)(now_ns() - start));
}

const struct test tests[] = {
	{ "touch", touch, LIMIT },
	{ "dma", dma, LIMIT },
	{ "transfer", transfer, LIMIT },
	{ "zap", zap, LIMIT },
	{ "munmap", unmap, LIMIT },
	{ "zap_nothing", zap_nothing, LIMIT },
	{ "fill", fill, LIMIT },
	{ "clear", clear, LIMIT },
	{ "reset", reset, LIMIT },
	{ "reset_nothing", reset_nothing, LIMIT },
	{ "life", life, LIMIT },
	{ "open", open_device, LIMIT },
	{ "write", time_write, LIMIT },
	{ }
};
