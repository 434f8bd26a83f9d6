// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: threads that touch the memory for the first time, while the
 * driver zaps and restores it, get the right bytes or SIGBUS. No mapping survives
 * a zap. No thread waits for ever.
 *
 * How: eight threads touch both sides of each boundary between leaves. Meanwhile
 * the test disables and enables memory, and now and then resets the device. It
 * compares each load with what it stored there first.
 *
 * Not covered: guests as the ones that touch, which test_kvm.c has one at a time.
 * Removal of the device: test_surprise.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "vfio.h"

#define THREADS		8
#define LEAF		(2 * MIB)
/* So that no leaf of 1 GiB takes the whole of it at once, unless there is no other. */
#define LEAVES		128
/* Of the first touches in all, one in so many accesses that the command line asks for. */
#define ACCESSES	10
/* Where one leaf has all of it, that many would take for ever. */
#define ROUNDS		250

struct race {
	struct vfio vfio;
	uint8_t *memory;
	size_t len;
	pthread_t threads[THREADS];
	atomic_bool stop;
	atomic_ulong loads, refused, wrong;
};

/* Each place has a byte of its own. */
static uint8_t mark(size_t at)
{
	return at / PAGE * 37 + 11;
}

/* The last page of a leaf, and the first of the next. */
static size_t place(const struct race *race, unsigned int i)
{
	size_t leaf = (i / 2 + 1) % (race->len / LEAF) * LEAF;

	return i % 2 || !leaf ? leaf : leaf - PAGE;
}

static void *touch(void *data)
{
	struct race *race = data;
	const unsigned int places = 2 * (race->len / LEAF);
	unsigned int i;
	uint8_t byte;

	for (i = 0; !atomic_load(&race->stop); i = (i + 1) % places) {
		size_t at = place(race, i);

		if (!load(race->memory + at, &byte))
			atomic_fetch_add(&race->refused, 1);
		else if (byte == mark(at))
			atomic_fetch_add(&race->loads, 1);
		else
			atomic_fetch_add(&race->wrong, 1);
	}
	return NULL;
}

static void setup(struct race *race)
{
	unsigned int i;

	memset(race, 0, sizeof(*race));
	vfio_open(&race->vfio);
	race->len = race->vfio.granule > LEAF ? race->vfio.granule : LEAVES * LEAF;
	race->memory = vfio_mmap(&race->vfio, &race->vfio.mem, 0, race->len);
	for (i = 0; i < 2 * (race->len / LEAF); i++)
		race->memory[place(race, i)] = mark(place(race, i));
}

/* What ends access, one after the other; most often what costs least. */
static void interrupt(struct race *race, unsigned int i)
{
	if (i % 50 == 49)
		vfio_hot_reset(&race->vfio);
	else if (i % 50 == 24)
		write_file(pci_path(pci_accel(), "reset"), "1");
	else if (i % 25 == 12)
		check_eq(__vfio_reset(&race->vfio), 0);
	else
		vfio_enable(&race->vfio, false, false);
	vfio_enable(&race->vfio, true, false);
}

static void start(struct race *race)
{
	const struct sched_param first = { .sched_priority = 1 };
	unsigned int n;

	for (n = 0; n < THREADS; n++)
		check_eq(pthread_create(&race->threads[n], NULL, touch, race), 0);
	/* More threads than processors: this one would wait for its turn most of the time. */
	check_eq(sched_setscheduler(0, SCHED_FIFO, &first), 0);
}

static void stop(struct race *race)
{
	unsigned int n;

	atomic_store(&race->stop, true);
	for (n = 0; n < THREADS; n++)
		check_eq(pthread_join(race->threads[n], NULL), 0);
	check_eq(atomic_load(&race->wrong), 0);
	check_gt(atomic_load(&race->loads), 0);
	check_gt(atomic_load(&race->refused), 0);
}

/* Some were let through and some not: until then it goes on, however few processors there are. */
static bool met(struct race *race)
{
	return atomic_load(&race->loads) && atomic_load(&race->refused);
}

static void test_first_touches_against_zaps(void)
{
	const unsigned long wanted = accesses / ACCESSES;
	struct race race;
	unsigned int i;
	long faults;

	setup(&race);
	faults = minor_faults();
	start(&race);
	for (i = 0; (i < ROUNDS && minor_faults() - faults < (long)wanted) || !met(&race); i++) {
		interrupt(&race, i);
		usleep(5000);
	}
	stop(&race);
	note("%ld first touches, memory gone %u times, %lu loads, %lu refused",
	     minor_faults() - faults, i, atomic_load(&race.loads), atomic_load(&race.refused));
}

/* Somebody who has nothing of the device unbinds it. */
static pid_t start_unbind(struct race *race)
{
	pid_t child = fork();

	if (!child) {
		munmap(race->memory, race->len);
		vfio_close(&race->vfio);
		pci_unbind(pci_accel());
		_exit(0);
	}
	return child;
}

/* An unbind waits for the user, who has the memory, and loses and regains it, until he ends. */
static void test_unbind_waits_for_user(void)
{
	struct race race;
	unsigned int i;
	pid_t child;
	int status;

	setup(&race);
	child = start_unbind(&race);
	start(&race);
	for (i = 0; i < 100 || !met(&race); i++) {
		vfio_enable(&race.vfio, false, false);
		usleep(1000);
		vfio_enable(&race.vfio, true, false);
		usleep(5000);
	}
	stop(&race);
	check_eq(waitpid(child, &status, WNOHANG), 0);
	munmap(race.memory, race.len);
	vfio_close(&race.vfio);
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	check(!pci_bound(pci_accel()));
}

const struct test tests[] = {
	{ "first_touches_against_zaps", test_first_touches_against_zaps, 300 },
	{ "unbind_waits_for_user", test_unbind_waits_for_user, 120 },
	{ }
};
