// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: whatever ends access to the memory, in any order, leaves a
 * device that works. The host's registers are as they were. The memory has its
 * content, or zeros where the driver had to clear it.
 *
 * How: four threads read the memory, and the engine writes to it, while the test
 * picks the next end at random. After each it checks registers, content, mappings
 * and the engine. A fifth of --cycles is the number of rounds.
 *
 * Not covered: removal of the device, and ends that overlap each other, which
 * test_races.c tests.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

#define THREADS		4
#define PLACES		64

struct soak {
	struct vfio vfio;
	struct accel accel;
	struct qmp_state before;
	uint8_t *memory;	/* the places, evenly in it */
	size_t len;
	uint64_t target;	/* of the engine's writes, behind the places */
	uint8_t mark;		/* what all places have */
	pthread_t threads[THREADS];
	atomic_bool stop;
	atomic_ulong loads, refused;
};

static volatile uint8_t *place(const struct soak *soak, unsigned int i)
{
	return soak->memory + soak->len / PLACES * i + i;
}

static void *touch(void *data)
{
	struct soak *soak = data;
	unsigned int i;
	uint8_t byte;

	for (i = 0; !atomic_load(&soak->stop); i = (i + 1) % PLACES)
		atomic_fetch_add(load(place(soak, i), &byte) ? &soak->loads : &soak->refused, 1);
	return NULL;
}

static void fill(struct soak *soak)
{
	unsigned int i;

	soak->mark = soak->mark % 255 + 1;
	for (i = 0; i < PLACES; i++)
		*place(soak, i) = soak->mark;
}

static void check_places(const struct soak *soak, uint8_t wanted)
{
	unsigned int i;

	for (i = 0; i < PLACES; i++)
		check_eq(*place(soak, i), wanted);
}

/* --- what ends access */

static void memory_off(struct soak *soak)
{
	vfio_enable(&soak->vfio, false, false);
}

static void power_off(struct soak *soak)
{
	vfio_set_power(&soak->vfio, 3);
	vfio_set_power(&soak->vfio, 0);
}

static void function_reset(struct soak *soak)
{
	check_eq(__vfio_reset(&soak->vfio), 0);
}

static void hot_reset(struct soak *soak)
{
	vfio_hot_reset(&soak->vfio);
}

static void administrators_flr(struct soak *soak)
{
	(void)soak;
	pci_reset(pci_accel(), "flr");
}

static void administrators_bus_reset(struct soak *soak)
{
	(void)soak;
	pci_reset(pci_accel(), "cxl_bus");
}

static void device_reset(struct soak *soak)
{
	cxl_reset(&soak->vfio, false);
}

static void device_reset_clear(struct soak *soak)
{
	cxl_reset(&soak->vfio, true);
}

static const struct {
	const char *name;
	void (*run)(struct soak *soak);
	bool clears;
} ends[] = {
	{ "memory off", memory_off },
	{ "D3hot", power_off },
	{ "VFIO_DEVICE_RESET", function_reset },
	{ "hot reset", hot_reset },
	{ "FLR by sysfs", administrators_flr },
	{ "bus reset by sysfs", administrators_bus_reset },
	{ "CXL Reset", device_reset },
	{ "CXL Reset with clear", device_reset_clear, true },
};

/* --- */

/* More than it ends before whatever comes next. */
static void busy_engine(struct soak *soak)
{
	const struct cxl_accel_desc copy = {
		.op = CXL_ACCEL_OP_COPY,
		.flags = CXL_ACCEL_FLAG_DST_OWN,
		.src = ACCEL_HOST_IOVA,
		.dst = soak->target,
		.length = ACCEL_HOST_SIZE,
	};
	unsigned int i;

	for (i = 0; i < 8; i++)
		accel_post(&soak->accel, &copy);
}

static void check_engine(struct soak *soak)
{
	struct cxl_accel_desc copy = {
		.op = CXL_ACCEL_OP_COPY,
		.flags = CXL_ACCEL_FLAG_SRC_OWN,
		.src = 0,
		.dst = ACCEL_HOST_IOVA,
		.length = PAGE,
	};

	accel_start(&soak->accel);
	check_eq(accel_run(&soak->accel, &copy), CXL_ACCEL_OK);
	check_eq(soak->accel.host[0], *place(soak, 0));
}

static void setup(struct soak *soak)
{
	const struct sched_param first = { .sched_priority = 1 };
	unsigned int i;

	memset(soak, 0, sizeof(*soak));
	vfio_open(&soak->vfio);
	accel_open(&soak->accel, &soak->vfio);
	soak->len = soak->vfio.granule > 64 * MIB ? soak->vfio.granule : 64 * MIB;
	soak->target = soak->vfio.mem.size - ACCEL_HOST_SIZE;
	check_le(soak->len, soak->target);
	soak->memory = vfio_mmap(&soak->vfio, &soak->vfio.mem, 0, soak->len);
	fill(soak);
	qmp_state_read(&soak->before);
	for (i = 0; i < THREADS; i++)
		check_eq(pthread_create(&soak->threads[i], NULL, touch, soak), 0);
	check_eq(sched_setscheduler(0, SCHED_FIFO, &first), 0);
}

static void test_random_resets_and_suspends(void)
{
	unsigned int counts[ARRAY_SIZE(ends)] = { }, i, n;
	uint64_t random = seed;
	struct qmp_state after;
	struct soak soak;
	char text[256];
	int len = 0;

	note("--seed=%llu --cycles=%u", (unsigned long long)seed, cycles);
	setup(&soak);
	for (i = 0; i < cycles / 5; i++) {
		n = random64(&random) % ARRAY_SIZE(ends);
		counts[n]++;
		busy_engine(&soak);
		usleep(random64(&random) % 3000);
		ends[n].run(&soak);
		vfio_enable(&soak.vfio, true, true);
		qmp_state_read(&after);
		qmp_state_same(&after, &soak.before);
		check_places(&soak, ends[n].clears ? 0 : soak.mark);
		fill(&soak);
		check_engine(&soak);
	}
	atomic_store(&soak.stop, true);
	for (i = 0; i < THREADS; i++)
		check_eq(pthread_join(soak.threads[i], NULL), 0);
	for (n = 0; n < ARRAY_SIZE(ends); n++)
		len += snprintf(text + len, sizeof(text) - len, "%s%u %s", n ? ", " : "", counts[n],
				ends[n].name);
	note("%s; %lu loads, %lu refused", text, atomic_load(&soak.loads),
	     atomic_load(&soak.refused));
	check_gt(atomic_load(&soak.loads), 0);
}

const struct test tests[] = {
	{ "random_resets_and_suspends", test_random_resets_and_suspends, 7200 },
	{ }
};
