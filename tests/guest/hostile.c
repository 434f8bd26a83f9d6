// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a hostile guest survives what it does to the accelerator, to
 * the virtual decoder and to the host bridge. Its own RAM stays untouched. The
 * memory works as soon as the guest programs the decoders again.
 *
 * How: for two seconds each, or HOSTILE_SECONDS, two processors do what no driver
 * does. The tests that come first in the table reset nothing, so that the script
 * can see that nobody wrote to the physical decoders.
 *
 * Not covered: what the host saw of it: tests/guest/hostile, the script that runs
 * this, asks the machine beneath. DMA by the engine, which the host's IOMMU stops
 * and logs.
 */
#define _GNU_SOURCE
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cxl_accel_regs.h"
#include "harness.h"
#include "machine.h"
#include "regs.h"
#include "rng.h"

#define SECONDS		2
#define CANARY_SIZE	(8 * MIB)
/* For the patterns in the memory. */
#define SPOTS		32
#define SPOT_WORDS	64

/* The fields of a decoder's Control that can be written, but for commit and lock. */
#define CONTROL_BITS	(CXLR_HDM_CTRL_IG | CXLR_HDM_CTRL_IW | CXLR_HDM_CTRL_HOSTONLY | \
			 CXLR_HDM_CTRL_BI | CXLR_HDM_CTRL_UIO | CXLR_HDM_CTRL_UIG | \
			 CXLR_HDM_CTRL_UIW | CXLR_HDM_CTRL_ISP)

/* Interleave ways, as a decoder's Control has them (8.2.4.20.7). */
#define WAYS_UNIT		0x10
#define EIGHT_WAYS		3
#define MOST_WAYS		15
#define FINEST_GRANULARITY	256	/* bytes */

/* One processor's part. */
struct part {
	struct machine *machine;
	void (*act)(struct part *part);
	unsigned int processor;
	uint64_t random;
	bool quiet;		/* nothing that resets, or takes the device away */
	const atomic_bool *stop;
	atomic_ulong acts;
	uint64_t sum;		/* of what was read, so that it is */
};

static uint64_t dice(struct part *part, uint64_t sides)
{
	return random64(&part->random) % sides;
}

static double fight_seconds(void)
{
	const char *text = getenv("HOSTILE_SECONDS");
	double seconds = text ? atof(text) : SECONDS;

	check_msg(seconds > 0, "HOSTILE_SECONDS is a number of seconds, not '%s'", text);
	return seconds;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* RAM of the guest's own, which no decoder may be laid over. */
static uint8_t *canary_make(void)
{
	uint8_t *canary = mmap(NULL, CANARY_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);

	check_ne(canary, MAP_FAILED);
	fill_random(canary, CANARY_SIZE, seed);
	return canary;
}

static void canary_check(const uint8_t *canary)
{
	uint8_t *want = malloc(CANARY_SIZE);

	fill_random(want, CANARY_SIZE, seed);
	check_mem_eq(canary, want, CANARY_SIZE);
	free(want);
}

static void *play(void *data)
{
	struct part *part = data;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(part->processor, &set);
	check_eq(sched_setaffinity(0, sizeof(set), &set), 0);
	while (!atomic_load(part->stop)) {
		part->act(part);
		part->acts++;
	}
	return NULL;
}

/* Two processors, each doing its own, over and over: until it is time, and both have begun. */
static void fight(struct machine *machine, bool quiet, void (*first)(struct part *part),
		  void (*second)(struct part *part))
{
	uint8_t *canary = canary_make();
	atomic_bool stop = false;
	struct part parts[] = { { .act = first }, { .act = second } };
	pthread_t threads[ARRAY_SIZE(parts)];
	double end = now() + fight_seconds();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		parts[i].machine = machine;
		parts[i].processor = i;
		parts[i].random = seed + i;
		parts[i].quiet = quiet;
		parts[i].stop = &stop;
		check_eq(pthread_create(&threads[i], NULL, play, &parts[i]), 0);
	}
	while (now() < end || !parts[0].acts || !parts[1].acts)
		usleep(10000);
	atomic_store(&stop, true);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		pthread_join(threads[i], NULL);
	note("--seed %llu: %lu acts of one processor, %lu of the other",
	     (unsigned long long)seed, parts[0].acts, parts[1].acts);
	canary_check(canary);
	munmap(canary, CANARY_SIZE);
}

/* All over the memory, but not all of it. */
static void patterns(struct machine *machine, uint64_t at, uint64_t which, bool write)
{
	uint64_t words[SPOT_WORDS];
	unsigned int spot, i;

	for (spot = 0; spot < SPOTS; spot++) {
		volatile uint8_t *map = machine_map(machine,
						    at + machine->size / SPOTS * (spot + 1) - PAGE,
						    PAGE);

		fill_random(words, sizeof(words), which + spot);
		for (i = 0; i < SPOT_WORDS; i++) {
			if (write)
				store_bytes(map + 8 * i, 8, words[i]);
			else
				check_eq(load_bytes(map + 8 * i, 8), words[i]);
		}
		munmap((void *)map, PAGE);
	}
}

static void use_memory(struct machine *machine)
{
	patterns(machine, machine->home, 1, true);
	patterns(machine, machine->home, 1, false);
	patterns(machine, machine->home, 1000, true);
	patterns(machine, machine->home, 1000, false);
}

/* The memory is at home, and is memory. */
static void test_memory_holds_patterns(void)
{
	struct machine machine;

	machine_open(&machine);
	machine_place(&machine);
	use_memory(&machine);
}

/* The same after anything: a guest that starts over. */
static void test_recovers_from_anything(void)
{
	struct machine machine;

	machine_open(&machine);
	machine_bus_reset(&machine);
	machine_wake(&machine);
	machine_place(&machine);
	use_memory(&machine);
}

/* Guest physical addresses where the memory must not get, and some where it may. */
static uint64_t random_base(struct part *part)
{
	const struct machine *machine = part->machine;
	const struct window *window = machine->window;
	const uint64_t bases[] = {
		0, 0x8000000, 0x18000000,		/* RAM */
		0xb0000000, 0xe0000000, 0xf0000000,	/* configuration space, BARs, APICs, ROM */
		0x100000000,
		machine->home, machine->home, machine->home + CXLR_HDM_GRANULE, machine->home + GIB,
		window[0].base, window[0].base - CXLR_HDM_GRANULE,
		window[0].base + window[0].size - CXLR_HDM_GRANULE,
		window[1].base, window[1].base + GIB,
		window[1].base + window[1].size - CXLR_HDM_GRANULE,
		1ull << 39, 1ull << 46, 1ull << 52, 0x7ffffffff0000000, 0xfffffffff0000000,
	};
	uint64_t base = bases[dice(part, ARRAY_SIZE(bases))];

	/* Between the units that a decoder counts in. */
	return dice(part, 4) ? base : base | dice(part, CXLR_HDM_GRANULE);
}

static uint64_t random_size(struct part *part)
{
	const uint64_t size = part->machine->size;
	const uint64_t sizes[] = {
		size, size, size, CXLR_HDM_GRANULE, size / 2, size + CXLR_HDM_GRANULE, 0,
		1ull << 40, 0xfffffffff0000000, size | 0xfff,
	};

	return sizes[dice(part, ARRAY_SIZE(sizes))];
}

static uint64_t random_skip(struct part *part)
{
	const uint64_t skips[] = {
		0, 0, 0, CXLR_HDM_GRANULE, part->machine->size, 0xfffffffff0000000,
	};

	return skips[dice(part, ARRAY_SIZE(skips))];
}

static uint32_t random_control(struct part *part)
{
	uint32_t control = dice(part, 4) ? CXLR_HDM_CTRL_COMMIT : 0;

	if (!dice(part, 4))
		control |= random64(&part->random) & CONTROL_BITS;
	if (!part->quiet && !dice(part, 8))
		control |= CXLR_HDM_CTRL_LOCK;
	return control;
}

static void program_decoder(struct part *part)
{
	machine_program(part->machine, random_base(part), random_size(part), random_skip(part),
			random_control(part));
}

/* A word of a mapping, which may be of anything at this moment. */
static void touch(struct part *part, volatile uint8_t *map, uint64_t size)
{
	volatile uint8_t *at = map + dice(part, size / 8) * 8;

	if (dice(part, 2))
		store_bytes(at, 8, random64(&part->random));
	else
		part->sum += load_bytes(at, 8);
}

static void touch_windows(struct part *part)
{
	struct window *window = &part->machine->window[!dice(part, 8)];

	touch(part, window->span, SPAN);
}

static void touch_bar(struct part *part)
{
	static const uint32_t pages[] = {
		CXL_ACCEL_ID_OFFSET, CXL_ACCEL_SCRATCH_OFFSET, CXL_ACCEL_SCRATCH_OFFSET,
		CXL_ACCEL_COMPONENT_OFFSET,
	};

	touch(part, part->machine->bar + pages[dice(part, ARRAY_SIZE(pages))], PAGE);
}

/* The VMM makes all accesses to BAR 2, as it has the MSI-X table in the same page. */
static void touch_table(struct part *part)
{
	touch(part, part->machine->table, PAGE);
}

static void commit_or_not(struct part *part)
{
	store32(part->machine->hdm + CXLR_HDM_CTRL(0), dice(part, 2) ? CXLR_HDM_CTRL_COMMIT : 0);
}

static void commit_and_touch(struct part *part)
{
	if (dice(part, 2))
		commit_or_not(part);
	else
		touch_windows(part);
}

/* The decoder over RAM, BARs, other windows, while it is committed and not. */
static void test_decoder_placed_anywhere(void)
{
	struct machine machine;
	uint32_t before[8], i;
	bool locked;

	machine_open(&machine);
	machine_place(&machine);
	locked = load32(machine.hdm + CXLR_HDM_CTRL(0)) & CXLR_HDM_CTRL_LOCK;
	for (i = 0; i < ARRAY_SIZE(before); i++)
		before[i] = load32(machine.hdm + CXLR_HDM_FIRST + 4 * i);
	patterns(&machine, machine.home, 2, true);

	note("the decoder is %slocked", locked ? "" : "not ");
	fight(&machine, true, program_decoder, commit_and_touch);

	if (!locked)
		machine_place(&machine);
	else
		for (i = 0; i < ARRAY_SIZE(before); i++)
			check_eq(load32(machine.hdm + CXLR_HDM_FIRST + 4 * i), before[i]);
	/* The second processor wrote to the start of it only. */
	patterns(&machine, machine.home, 2, false);
}

/* What a quiet test does not write to: offsets and bytes in configuration space. */
static const struct {
	uint16_t at, len;
} quiet_spares[] = {
	{ PCI_COMMAND, 2 },
	{ PCI_BASE_ADDRESS_0, 24 },
	{ PM_AT + PCI_PM_CTRL, 2 },
	{ EXP_AT + PCI_EXP_DEVCTL, 2 },
	{ DVSEC_AT + CXLR_DVSEC_CTRL2, 2 },
};

static bool spared(struct part *part, uint16_t offset, unsigned int width)
{
	size_t i;

	if (!part->quiet)
		return false;
	for (i = 0; i < ARRAY_SIZE(quiet_spares); i++)
		if (offset < quiet_spares[i].at + quiet_spares[i].len &&
		    offset + width > quiet_spares[i].at)
			return true;
	return false;
}

/* Commit, locks, sizes, doorbells, edges. */
static const uint64_t values[] = {
	0, 1, 2, 4, 8, ~0ull, CXLR_HDM_CTRL_COMMIT, CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_LOCK,
	CXLR_HDM_CTRL_COMMITTED, CXLR_HDM_GRANULE, 0x80000000, 0xf0000000, PCI_COMMAND_MEMORY,
	PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, CXLR_CTRL2_INITIATE_RESET,
	CXLR_CTRL2_INITIATE_WBI | CXLR_CTRL2_DISABLE_CACHING,
	CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR, PCI_MSIX_FLAGS_ENABLE,
	0x7fffffffffffffff,
};

static uint64_t random_value(struct part *part)
{
	uint64_t value = random64(&part->random);

	switch (dice(part, 4)) {
	case 0:
		return value;
	case 1:
		return 1ull << value % 64;
	default:
		return values[value % ARRAY_SIZE(values)];
	}
}

static void access_at(struct part *part, volatile uint8_t *at, unsigned int width)
{
	if (dice(part, 2))
		store_bytes(at, width, random_value(part));
	else
		part->sum += load_bytes(at, width);
}

/* Anywhere in @size bytes, or where something is; most times aligned. */
static uint64_t random_offset(struct part *part, const uint32_t *aims, size_t count,
			      uint64_t size, unsigned int width)
{
	uint64_t offset = dice(part, 2) ? aims[dice(part, count)] : dice(part, size);

	if (dice(part, 8))
		offset -= offset % width;
	return offset + width <= size ? offset : size - width;
}

static unsigned int random_width(struct part *part)
{
	static const unsigned int widths[] = { 1, 2, 4, 4, 4, 8 };

	return widths[dice(part, ARRAY_SIZE(widths))];
}

static void noise_config(struct part *part)
{
	static const uint32_t aims[] = {
		PCI_COMMAND, PCI_STATUS, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_1,
		PCI_BASE_ADDRESS_2, PCI_ROM_ADDRESS, PCI_CAPABILITY_LIST, PCI_INTERRUPT_LINE,
		PM_AT, PM_AT + PCI_PM_CTRL, EXP_AT + PCI_EXP_DEVCTL, EXP_AT + PCI_EXP_DEVCTL2,
		0x100 + PCI_ERR_UNCOR_STATUS, 0x100 + PCI_ERR_CAP, 0x160 + PCI_DOE_CTRL,
		0x160 + PCI_DOE_WRITE, DVSEC_AT, DVSEC_AT + CXLR_DVSEC_CTRL,
		DVSEC_AT + CXLR_DVSEC_CTRL, DVSEC_AT + CXLR_DVSEC_CTRL2,
		DVSEC_AT + CXLR_DVSEC_STATUS2, DVSEC_AT + CXLR_DVSEC_LOCK,
		DVSEC_AT + CXLR_DVSEC_RANGE_SIZE_LOW(0), DVSEC_AT + CXLR_DVSEC_RANGE_BASE_HIGH(0),
		DVSEC_AT + CXLR_DVSEC_RANGE_BASE_LOW(0), DVSEC_AT + CXLR_DVSEC_RANGE_BASE_LOW(1),
		GPF_AT, FLEX_BUS_AT, LOCATOR_AT, LOCATOR_END,
	};
	unsigned int width = random_width(part);
	uint64_t offset = random_offset(part, aims, ARRAY_SIZE(aims), CONFIG_SIZE, width);

	if (!spared(part, offset, width))
		access_at(part, part->machine->config + offset, width);
}

static void noise_registers(struct part *part)
{
	static const uint32_t aims[] = {
		CXLR_CAP_ARRAY, RAS_AT, RAS_AT + CXLR_RAS_UNCOR_MASK, LINK_AT,
		HDM_AT + CXLR_HDM_CAP, HDM_AT + CXLR_HDM_GLOBAL_CTRL,
		HDM_AT + CXLR_HDM_BASE_LOW(0), HDM_AT + CXLR_HDM_BASE_HIGH(0),
		HDM_AT + CXLR_HDM_SIZE_LOW(0), HDM_AT + CXLR_HDM_SIZE_HIGH(0),
		HDM_AT + CXLR_HDM_CTRL(0), HDM_AT + CXLR_HDM_CTRL(0), HDM_AT + CXLR_HDM_CTRL(0),
		HDM_AT + CXLR_HDM_DPA_SKIP_LOW(0), HDM_AT + CXLR_HDM_DPA_SKIP_HIGH(0),
	};
	unsigned int width = random_width(part);

	access_at(part, part->machine->cm + random_offset(part, aims, ARRAY_SIZE(aims),
							  CXLR_CM_SIZE, width), width);
}

/*
 * Never the engine's Enable: the host's IOMMU would say of each of its accesses
 * that it refuses so in the host's log, where nothing may be.
 */
static void noise_bar(struct part *part)
{
	static const uint32_t aims[] = {
		CXL_ACCEL_ID_OFFSET, CXL_ACCEL_SCRATCH_OFFSET, CXL_ACCEL_COMPONENT_OFFSET,
		CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + CXLR_CM_SIZE,
		CXL_ACCEL_COMPONENT_OFFSET + CXL_ACCEL_ARB_MUX_SCRATCH,
		CXL_ACCEL_ENGINE_OFFSET + CXL_ACCEL_RING_LOW,
		CXL_ACCEL_ENGINE_OFFSET + CXL_ACCEL_RING_CFG,
		CXL_ACCEL_ENGINE_OFFSET + CXL_ACCEL_TAIL,
	};
	unsigned int width = random_width(part);
	uint64_t offset = random_offset(part, aims, ARRAY_SIZE(aims), CXL_ACCEL_BAR_SIZE, width);

	if (offset < CXL_ACCEL_ENGINE_OFFSET + CXL_ACCEL_CTRL + 4 &&
	    offset + width > CXL_ACCEL_ENGINE_OFFSET + CXL_ACCEL_CTRL)
		return;
	access_at(part, part->machine->bar + offset, width);
}

static void noise_table(struct part *part)
{
	unsigned int width = random_width(part);

	access_at(part, part->machine->table +
		  random_offset(part, (uint32_t []){ 0, 4, 8, 12, 0x800 }, 5, PAGE, width), width);
}

static void noise(struct part *part)
{
	static void (* const by[])(struct part *part) = {
		noise_config, noise_config, noise_config, noise_registers, noise_registers,
		noise_registers, noise_bar, touch_windows, noise_table,
	};

	by[dice(part, ARRAY_SIZE(by))](part);
	/* Off as often as it likes, but not for long, or the rest would meet no device. */
	if (!part->quiet && !dice(part, 64))
		machine_wake(part->machine);
}

static void test_noise_without_resets(void)
{
	struct machine machine;

	machine_open(&machine);
	fight(&machine, true, noise, noise);
}

static void test_noise_with_resets(void)
{
	struct machine machine;

	machine_open(&machine);
	fight(&machine, false, noise, noise);
}

/* Where the decoder of host bridge and device are: the memory is there or nowhere. */
static void test_memory_only_where_decoders_agree(void)
{
	const uint64_t mark = 0x686f7374696c6521;
	uint8_t *canary = canary_make();
	struct machine machine;
	uint64_t elsewhere[4];
	size_t i;

	machine_open(&machine);
	machine_bus_reset(&machine);
	machine_wake(&machine);
	machine_place(&machine);
	store_bytes(machine.window[0].span, 8, mark);
	check_eq(load_bytes(machine.window[0].span, 8), mark);

	elsewhere[0] = 0;
	elsewhere[1] = 0xe0000000;
	elsewhere[2] = machine.window[1].base;
	elsewhere[3] = machine.home + CXLR_HDM_GRANULE;	/* not what the host bridge sends */
	for (i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		store32(machine.hdm + CXLR_HDM_CTRL(0), 0);
		check_ne(load_bytes(machine.window[0].span, 8), mark);
		machine_program(&machine, elsewhere[i], machine.size, 0, CXLR_HDM_CTRL_COMMIT);
		check_ne(load_bytes(machine.window[0].span, 8), mark);
		check_ne(load_bytes(machine.window[1].span, 8), mark);
	}
	machine_place(&machine);
	check_eq(load_bytes(machine.window[0].span, 8), mark);
	canary_check(canary);
}

static void program_ways(const struct window *window, uint64_t base, unsigned int ways)
{
	store32(window->hdm + CXLR_HDM_CTRL(0), 0);
	store32(window->hdm + CXLR_HDM_BASE_LOW(0), base);
	store32(window->hdm + CXLR_HDM_BASE_HIGH(0), base >> 32);
	store32(window->hdm + CXLR_HDM_SIZE_LOW(0), CXLR_HDM_GRANULE);
	store32(window->hdm + CXLR_HDM_SIZE_HIGH(0), 0);
	store32(window->hdm + CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT | ways * WAYS_UNIT);
}

/*
 * A host bridge has room for 8 targets (8.2.4.20.8): a decoder for other than
 * 1, 2, 4 or 8 does not commit, and an access that QEMU would look up beyond
 * them is no end of the machine.
 */
static void test_bridge_interleave_ways(void)
{
	struct machine machine;
	unsigned int i, ways, at;
	uint32_t control;

	machine_open(&machine);
	for (i = 0; i < WINDOWS; i++) {
		struct window *window = &machine.window[i];

		for (ways = 0; ways <= MOST_WAYS; ways++) {
			program_ways(window, i ? window->base : machine.home, ways);
			for (at = 0; at < PAGE; at += FINEST_GRANULARITY)
				load32(window->span + at);
			control = load32(window->hdm + CXLR_HDM_CTRL(0));
			check_eq(!!(control & CXLR_HDM_CTRL_COMMITTED), ways <= EIGHT_WAYS);
			check_eq(!!(control & CXLR_HDM_CTRL_ERROR), ways > EIGHT_WAYS);
		}
		program_ways(window, 0, 0);
	}
	machine_program_bridge(&machine);
}

/*
 * While a CXL Reset runs the BARs are not there: loads give ones. Whether it
 * still ran is known after the load; in a few resets it does.
 */
static void test_bar_absent_in_cxl_reset(void)
{
	const uint16_t ended = CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR;
	unsigned int tries, seen = 0;
	struct machine machine;
	uint32_t magic;

	machine_open(&machine);
	for (tries = 0; tries < 20 && !seen; tries++) {
		machine_cxl_reset(&machine, 0);
		for (;;) {
			magic = load32(machine.bar + CXL_ACCEL_ID_MAGIC);
			if (load_bytes(machine.config + DVSEC_AT + CXLR_DVSEC_STATUS2, 2) & ended)
				break;
			check_eq(magic, UINT32_MAX);
			seen++;
		}
		machine_wake(&machine);
		check_eq(load32(machine.bar + CXL_ACCEL_ID_MAGIC), CXL_ACCEL_MAGIC);
	}
	note("%u loads in %u resets", seen, tries);
	check(seen);
	machine_program_all(&machine);
}

/*
 * What is written to COMMAND while a CXL Reset runs is lost, for all who look at
 * it: where it says that memory is disabled there is no BAR.
 */
static void test_command_lost_in_cxl_reset(void)
{
	unsigned int tries, lost = 0;
	struct machine machine;
	uint32_t magic;

	machine_open(&machine);
	for (tries = 0; tries < 20; tries++) {
		store_bytes(machine.config + PCI_COMMAND, 2, 0);
		machine_cxl_reset(&machine, 0);
		usleep(10000);
		store_bytes(machine.config + PCI_COMMAND, 2,
			    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		machine_cxl_reset_end(&machine);
		magic = load32(machine.bar + CXL_ACCEL_ID_MAGIC);
		if (load_bytes(machine.config + PCI_COMMAND, 2) & PCI_COMMAND_MEMORY) {
			check_eq(magic, CXL_ACCEL_MAGIC);
		} else {
			check_ne(magic, CXL_ACCEL_MAGIC);
			lost++;
		}
		machine_wake(&machine);
		check_eq(load32(machine.bar + CXL_ACCEL_ID_MAGIC), CXL_ACCEL_MAGIC);
	}
	note("%u of %u writes were lost", lost, tries);
	check(lost);
	machine_program_all(&machine);
}

/* Random bytes there; false if the VMM would not. */
static bool fetch(struct rng *rng, uint64_t at, uint32_t size)
{
	uint16_t asked = rng->asked;

	rng_ask(rng, at, size);
	while (rng_answered(rng) == asked) {
		if (rng_broken(rng)) {
			rng_reset(rng);
			return false;
		}
		sched_yield();
	}
	return true;
}

/* The memory is RAM to the VMM's devices: one buffer of more pages than they bounce. */
static void test_virtio_reaches_memory(void)
{
	static const uint8_t zeros[2 * PAGE];
	struct machine machine;
	volatile uint8_t *at;
	struct rng rng;
	unsigned int i;

	machine_open(&machine);
	machine_place(&machine);
	rng_open(&rng, &machine);
	at = machine.window[0].span + MIB;
	for (i = 0; i < sizeof(zeros); i += 8)
		store_bytes(at + i, 8, 0);
	check(fetch(&rng, machine.home + MIB, sizeof(zeros)));
	check(memcmp((void *)at, zeros, PAGE));
	check(memcmp((void *)(at + PAGE), zeros, PAGE));
	/* And no more than that. */
	use_memory(&machine);
}

/* The port's PCI Express capability. */
static volatile uint8_t *express_of(volatile uint8_t *config)
{
	uint8_t at = load_bytes(config + PCI_CAPABILITY_LIST, 1);

	while (at && load_bytes(config + at, 1) != PCI_CAP_ID_EXP)
		at = load_bytes(config + at + PCI_CAP_LIST_NEXT, 1);
	check(at);
	return config + at;
}

/* The guest switches its slot off, which unplugs nothing. */
static void test_slot_keeps_device(void)
{
	struct machine machine;
	volatile uint8_t *control;
	uint16_t before;

	machine_open(&machine);
	machine_place(&machine);
	control = express_of(machine.port) + PCI_EXP_SLTCTL;
	before = load_bytes(control, 2);
	store_bytes(control, 2, PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_PWR_ON);
	store_bytes(control, 2, PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF);
	check_eq(load_bytes(machine.config + PCI_VENDOR_ID, 2), CXL_ACCEL_VENDOR_ID);
	use_memory(&machine);
	store_bytes(control, 2, before);
}

/* The VMM stores in the memory, or finds none; while it is taken away and given back. */
static struct rng fetched;
static void fetch_there(struct part *part)
{
	uint32_t size = PAGE << dice(part, 5);

	part->sum += fetch(&fetched, part->machine->home + dice(part, part->machine->size - size),
			   size);
}

static void touch_all(struct part *part)
{
	static void (* const by[])(struct part *part) = {
		touch_windows, touch_windows, touch_bar, commit_or_not, noise_registers,
	};

	by[dice(part, ARRAY_SIZE(by))](part);
}

/* Each of these takes the device away, or seems to, and gives it back. */
static void toggle_master(struct part *part)
{
	store_bytes(part->machine->config + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	store_bytes(part->machine->config + PCI_COMMAND, 2,
		    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void toggle_memory(struct part *part)
{
	store_bytes(part->machine->config + PCI_COMMAND, 2, 0);
	store_bytes(part->machine->config + PCI_COMMAND, 2,
		    PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void toggle_power(struct part *part)
{
	store_bytes(part->machine->config + PM_AT + PCI_PM_CTRL, 2, 3);
	machine_wake(part->machine);
}

static void move_bar(struct part *part)
{
	store32(part->machine->config + PCI_BASE_ADDRESS_0, random64(&part->random));
	machine_wake(part->machine);
}

static void reset_function(struct part *part)
{
	volatile uint8_t *control = part->machine->config + EXP_AT + PCI_EXP_DEVCTL;

	store_bytes(control, 2, load_bytes(control, 2) | PCI_EXP_DEVCTL_BCR_FLR);
	machine_wake(part->machine);
	machine_program_all(part->machine);
}

static void reset_bus(struct part *part)
{
	machine_bus_reset(part->machine);
	machine_wake(part->machine);
	machine_program_all(part->machine);
}

/* To its end or not, with another one on top of it or not. */
static void reset_cxl(struct part *part)
{
	bool wait = !dice(part, 4);

	machine_cxl_reset(part->machine, dice(part, 2) ? CXLR_CTRL2_RESET_MEM_CLR : 0);
	if (!dice(part, 4))
		machine_cxl_reset(part->machine, 0);
	/* The other processor's bus reset may take away what tells of the end. */
	while (wait && !machine_cxl_reset_ended(part->machine) && !atomic_load(part->stop))
		sched_yield();
	machine_wake(part->machine);
	machine_program_all(part->machine);
}

static void reset_somehow(struct part *part)
{
	static void (* const by[])(struct part *part) = {
		toggle_master, toggle_memory, toggle_power, move_bar, reset_function, reset_bus,
		reset_cxl, reset_cxl,
	};

	by[dice(part, ARRAY_SIZE(by))](part);
}

/* The host bridge's decoders, and all of its component registers. */
static void program_bridge(struct part *part)
{
	struct window *window = &part->machine->window[!dice(part, 4)];
	uint64_t base = random_base(part), size = random_size(part);
	unsigned int n = dice(part, 4);

	store32(window->hdm + CXLR_HDM_BASE_LOW(n), base);
	store32(window->hdm + CXLR_HDM_BASE_HIGH(n), base >> 32);
	store32(window->hdm + CXLR_HDM_SIZE_LOW(n), size);
	store32(window->hdm + CXLR_HDM_SIZE_HIGH(n), size >> 32);
	store32(window->hdm + CXLR_HDM_TARGET_LOW(n), dice(part, 2) ? 0 : random_value(part));
	store32(window->hdm + CXLR_HDM_CTRL(n), random_control(part));
	if (!dice(part, 8))
		machine_program_bridge(part->machine);
}

static void noise_bridge(struct part *part)
{
	struct window *window = &part->machine->window[!dice(part, 4)];
	unsigned int width = random_width(part);
	uint32_t hdm = window->hdm - window->bridge;
	const uint32_t aims[] = {
		CXLR_CM_OFFSET, CXLR_CM_OFFSET + 4, hdm, hdm + CXLR_HDM_GLOBAL_CTRL,
		hdm + CXLR_HDM_CTRL(0), hdm + CXLR_HDM_CTRL(1), hdm + CXLR_HDM_TARGET_HIGH(0),
	};

	access_at(part, window->bridge + random_offset(part, aims, ARRAY_SIZE(aims),
						       CXLR_COMPONENT_SIZE, width), width);
}

static void bridge_and_noise(struct part *part)
{
	if (dice(part, 2))
		program_bridge(part);
	else
		noise_bridge(part);
}

static void touch_and_program(struct part *part)
{
	if (dice(part, 4))
		touch_windows(part);
	else
		machine_program(part->machine, part->machine->home, part->machine->size, 0,
				CXLR_HDM_CTRL_COMMIT);
}

static void loud(void (*first)(struct part *part), void (*second)(struct part *part))
{
	struct machine machine;

	machine_open(&machine);
	machine_bus_reset(&machine);
	machine_wake(&machine);
	machine_place(&machine);
	fight(&machine, false, first, second);
	/* Whatever it left behind: the next one starts over. */
	machine_bus_reset(&machine);
	machine_wake(&machine);
	machine_place(&machine);
}

static void test_bridge_programmed_while_used(void) { loud(bridge_and_noise, touch_and_program); }

/* What takes the device away under one processor, while the other one uses it. */
static void test_master_touch_memory(void) { loud(toggle_master, touch_windows); }
static void test_master_touch_bar(void) { loud(toggle_master, touch_bar); }
static void test_enable_touch_memory(void) { loud(toggle_memory, touch_windows); }
static void test_enable_touch_bar(void) { loud(toggle_memory, touch_bar); }
static void test_enable_touch_table(void) { loud(toggle_memory, touch_table); }
static void test_power_touch_memory(void) { loud(toggle_power, touch_windows); }
static void test_power_touch_bar(void) { loud(toggle_power, touch_bar); }
static void test_move_bar_touch_memory(void) { loud(move_bar, touch_windows); }
static void test_move_bar_touch_bar(void) { loud(move_bar, touch_bar); }
static void test_flr_touch_memory(void) { loud(reset_function, touch_windows); }
static void test_flr_touch_bar(void) { loud(reset_function, touch_bar); }
static void test_bus_reset_touch_memory(void) { loud(reset_bus, touch_windows); }
static void test_bus_reset_touch_bar(void) { loud(reset_bus, touch_bar); }
static void test_cxl_reset_touch_memory(void) { loud(reset_cxl, touch_windows); }
static void test_cxl_reset_touch_bar(void) { loud(reset_cxl, touch_bar); }

static void test_any_reset_while_virtio_stores(void)
{
	struct machine machine;

	machine_open(&machine);
	rng_open(&fetched, &machine);
	loud(reset_somehow, fetch_there);
	check(fetch(&fetched, machine.home, PAGE));
}

static void test_any_reset_touch_anything(void) { loud(reset_somehow, touch_all); }
static void test_any_reset_by_both_processors(void) { loud(reset_somehow, reset_somehow); }

const struct test tests[] = {
	{ "memory_holds_patterns", test_memory_holds_patterns },
	{ "decoder_placed_anywhere", test_decoder_placed_anywhere },
	{ "virtio_reaches_memory", test_virtio_reaches_memory },
	{ "slot_keeps_device", test_slot_keeps_device },
	{ "noise_without_resets", test_noise_without_resets },
	/* From here on, with resets. */
	{ "memory_only_where_decoders_agree", test_memory_only_where_decoders_agree },
	{ "bridge_interleave_ways", test_bridge_interleave_ways },
	{ "bar_absent_in_cxl_reset", test_bar_absent_in_cxl_reset },
	{ "command_lost_in_cxl_reset", test_command_lost_in_cxl_reset },
	{ "bridge_programmed_while_used", test_bridge_programmed_while_used },
	{ "master_touch_memory", test_master_touch_memory },
	{ "master_touch_bar", test_master_touch_bar },
	{ "enable_touch_memory", test_enable_touch_memory },
	{ "enable_touch_bar", test_enable_touch_bar },
	{ "enable_touch_table", test_enable_touch_table },
	{ "power_touch_memory", test_power_touch_memory },
	{ "power_touch_bar", test_power_touch_bar },
	{ "move_bar_touch_memory", test_move_bar_touch_memory },
	{ "move_bar_touch_bar", test_move_bar_touch_bar },
	{ "flr_touch_memory", test_flr_touch_memory },
	{ "flr_touch_bar", test_flr_touch_bar },
	{ "bus_reset_touch_memory", test_bus_reset_touch_memory },
	{ "bus_reset_touch_bar", test_bus_reset_touch_bar },
	{ "cxl_reset_touch_memory", test_cxl_reset_touch_memory },
	{ "cxl_reset_touch_bar", test_cxl_reset_touch_bar },
	{ "any_reset_while_virtio_stores", test_any_reset_while_virtio_stores },
	{ "any_reset_touch_anything", test_any_reset_touch_anything },
	{ "any_reset_by_both_processors", test_any_reset_by_both_processors },
	{ "noise_with_resets", test_noise_with_resets },
	{ "recovers_from_anything", test_recovers_from_anything },
	{ }
};
