// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: two accelerators behind one CXL switch have memory and resets
 * of their own. A reset above the switch takes the switch's decoders too. The
 * driver then revokes the memory, and returns it after the platform has
 * programmed them and another reset has found them.
 *
 * How: the test resets at each place of the hierarchy, and plays the platform
 * itself. QEMU reports all decoders on the way.
 *
 * Not covered: switches below switches, interleaving, and hot-plug below a
 * switch.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "switch.h"
#include "vfio.h"

#define FATAL	"MALF_TLP"
#define ASTRAY	"no HDM decoder of switch"

struct user {
	struct vfio vfio;
	size_t window;
	uint8_t *memory;
	uint8_t byte;		/* all over the window */
};

/* Both devices in use, with data in their memory. */
struct pair {
	struct user first, second;
	struct bridge_state ways;
	struct switch_decoders decoders;
};

static void ways_read(struct bridge_state *ways)
{
	bridge_state_read(ways);
	bridge_state_add(ways, switch_registers());
}

static void use(struct user *user, uint8_t byte)
{
	vfio_open(&user->vfio);
	user->window = user->vfio.granule > 4 * MIB ? user->vfio.granule : 4 * MIB;
	user->memory = vfio_mmap(&user->vfio, &user->vfio.mem, 0, user->window);
	memset(user->memory, byte, user->window);
	user->byte = byte;
}

static void setup(struct pair *pair)
{
	const char *second = pci_nth_accel(1);

	use(&pair->first, 0x11);
	setenv("VFIO_DEVICE", second, 1);
	use(&pair->second, 0x22);
	unsetenv("VFIO_DEVICE");
	ways_read(&pair->ways);
	switch_save(&pair->decoders);
}

/* A mapping is a user as well. */
static void leave(struct user *user)
{
	munmap(user->memory, user->window);
	vfio_close(&user->vfio);
}

static void teardown(struct pair *pair)
{
	leave(&pair->first);
	leave(&pair->second);
}

static void check_ways(const struct pair *pair)
{
	struct bridge_state ways;

	ways_read(&ways);
	bridge_state_same(&ways, &pair->ways);
}

static bool has_memory(const struct user *user)
{
	uint8_t byte;

	if (!load(user->memory, &byte))
		return false;
	check_eq(byte, user->byte);
	return true;
}

static void check_memory(struct user *user)
{
	uint8_t byte;

	check(has_memory(user));
	check_eq(user->memory[user->window - 1], user->byte);
	vfio_read(&user->vfio, &user->vfio.mem, 1, &byte, 1);
	check_eq(byte, user->byte);
}

static void check_no_memory(struct user *user)
{
	uint8_t byte;

	check(!load(user->memory, &byte));
	check(!load(user->memory + user->window - 1, &byte));
	check_eq(__vfio_read(&user->vfio, &user->vfio.mem, 1, &byte, 1), -EIO);
}

/* Where the decoders of host bridge, switch and devices say, and nowhere else. */
static void test_memory_only_where_decoded(void)
{
	struct pair pair;

	setup(&pair);
	check_memory(&pair.first);
	check_memory(&pair.second);
	check_eq(qmp_get("hdm0-mapped-size"), pair.first.vfio.mem.size);
	check_eq(qmp_physical(qmp_get("hdm0-mapped-hpa")), 0x11111111);
	check_eq(qmp_physical(qmp_get("hdm0-mapped-hpa") + pair.first.vfio.mem.size), 0x22222222);
	teardown(&pair);
}

/* Bound, used, reset and unbound, and nobody has written to the decoders on the way. */
static void test_use_writes_no_decoder(void)
{
	struct pair pair;

	setup(&pair);
	check_eq(__vfio_reset(&pair.first.vfio), 0);
	vfio_hot_reset(&pair.second.vfio);
	check_ways(&pair);
	teardown(&pair);
	check_ways(&pair);
	pci_unbind(pci_accel());
	check_ways(&pair);
	pci_bind(pci_accel());
	check_ways(&pair);
}

/* A bus reset below the switch is one device's: the other one's mapping stays. */
static void test_reset_below_spares_sibling(void)
{
	uint64_t resets = qmp_get("resets-bus");
	struct pair pair;
	long faults;

	setup(&pair);
	/* What a first load brings with it is there after that. */
	check(has_memory(&pair.second));
	vfio_hot_reset(&pair.first.vfio);
	check_gt(qmp_get("resets-bus"), resets);
	faults = minor_faults();
	check(has_memory(&pair.second));
	check_eq(minor_faults(), faults);
	vfio_enable(&pair.first.vfio, true, false);
	check_memory(&pair.first);
	check_gt(minor_faults(), faults);
	check_memory(&pair.second);
	check_ways(&pair);
	teardown(&pair);
}

struct toucher {
	const struct user *user;
	atomic_bool stop;
	unsigned long loads, refused;
};

static void *touch(void *data)
{
	struct toucher *toucher = data;

	while (!atomic_load(&toucher->stop))
		if (has_memory(toucher->user))
			toucher->loads++;
		else
			toucher->refused++;
	return NULL;
}

static void touch_while(const struct user *user, void (*action)(void))
{
	struct toucher toucher = { .user = user };
	pthread_t thread;

	check_eq(pthread_create(&thread, NULL, touch, &toucher), 0);
	action();
	atomic_store(&toucher.stop, true);
	pthread_join(thread, NULL);
	note("%lu loads, %lu refused", toucher.loads, toucher.refused);
	check(toucher.refused);
}

static void reset_above(void)
{
	pci_reset_below(switch_root_port());
}

static void reset_within(void)
{
	pci_reset_below(switch_upstream());
}

/* By the bus between the switch's ports: all devices are reset, and the switch has its decoders. */
static void test_reset_within_switch(void)
{
	uint64_t resets = qmp_get("resets-bus");
	struct pair pair;

	setup(&pair);
	touch_while(&pair.first, reset_within);
	check_eq(qmp_get("resets-bus"), resets + 1);
	vfio_enable(&pair.first.vfio, true, false);
	vfio_enable(&pair.second.vfio, true, false);
	check_memory(&pair.first);
	check_memory(&pair.second);
	check_ways(&pair);
	teardown(&pair);
}

/* The memory is out of use, for as long as the switch leads nowhere, whatever is tried. */
static void check_astray(struct pair *pair, int kmsg)
{
	struct bridge_state ways;

	ways_read(&ways);
	check_mem_ne(&ways, &pair->ways, sizeof(ways));
	check_eq(qmp_get("hdm0-mapped-size"), 0);
	check_no_memory(&pair->first);
	check_no_memory(&pair->second);
	check_eq(kmsg_said(kmsg, ASTRAY), 2);

	check_eq(__vfio_reset(&pair->first.vfio), 0);
	vfio_hot_reset(&pair->second.vfio);
	vfio_enable(&pair->first.vfio, true, false);
	check_no_memory(&pair->first);
	check_no_memory(&pair->second);
	check_eq(kmsg_said(kmsg, ASTRAY), 0);
}

/* Only who is reset is told of what the platform has done. */
static void check_back(struct pair *pair)
{
	switch_program(&pair->decoders);
	check_ways(pair);
	check_no_memory(&pair->first);
	check_eq(__vfio_reset(&pair->first.vfio), 0);
	vfio_enable(&pair->first.vfio, true, false);
	check_memory(&pair->first);
	check_no_memory(&pair->second);
	vfio_hot_reset(&pair->second.vfio);
	vfio_enable(&pair->second.vfio, true, false);
	check_memory(&pair->second);
	check_eq(qmp_get("hdm0-mapped-size"), pair->first.vfio.mem.size);
}

static void test_reset_above_revokes_until_repair(void)
{
	uint64_t resets = qmp_get("resets-bus");
	struct pair pair;
	int kmsg;

	setup(&pair);
	kmsg = kmsg_open();
	touch_while(&pair.first, reset_above);
	check_gt(qmp_get("resets-bus"), resets);
	check_astray(&pair, kmsg);
	check_back(&pair);
	check_eq(kmsg_said(kmsg, ASTRAY), 0);
	teardown(&pair);
}

static bool recovered(void)
{
	static int kmsg = -1;
	unsigned int level;
	char text[1024];

	if (kmsg < 0)
		kmsg = kmsg_open();
	while (kmsg_next(kmsg, text, sizeof(text), &level))
		if (strstr(text, "device recovery successful"))
			return true;
	return false;
}

static void fatal_above(void)
{
	recovered();	/* From here on. */
	qmp_aer_error_of("switch0", FATAL);
	wait_until(recovered);
}

/* The switch's upstream port reports a fatal error: its link is reset, and the kernel recovers. */
static void test_fatal_error_above(void)
{
	uint64_t resets = qmp_get("resets-bus");
	struct pair pair;
	int events[2], kmsg;

	setup(&pair);
	events[0] = vfio_event(&pair.first.vfio, VFIO_PCI_ERR_IRQ_INDEX);
	events[1] = vfio_event(&pair.second.vfio, VFIO_PCI_ERR_IRQ_INDEX);
	kmsg = kmsg_open();
	touch_while(&pair.first, fatal_above);
	check(vfio_event_met(events[0]));
	check(vfio_event_met(events[1]));
	check_gt(qmp_get("resets-bus"), resets);
	check_astray(&pair, kmsg);
	check_back(&pair);
	teardown(&pair);
}

/* One that nobody has open: the next to open it is refused, until it is repaired. */
static void test_reset_above_while_closed(void)
{
	struct switch_decoders decoders;
	struct vfio vfio;
	uint8_t byte;
	int kmsg;

	vfio_open(&vfio);
	switch_save(&decoders);
	vfio_close(&vfio);
	kmsg = kmsg_open();
	reset_above();
	check(kmsg_said(kmsg, ASTRAY));
	switch_program(&decoders);
	/* Opening is a reset. */
	vfio_open(&vfio);
	vfio_read(&vfio, &vfio.mem, 0, &byte, 1);
	check_eq(byte, 0);
	vfio_close(&vfio);
}

static bool both_asleep(void)
{
	return pci_asleep(pci_accel()) && pci_asleep(pci_nth_accel(1));
}

/* Used, clear again, and asleep. */
static void let_sleep(struct pair *pair)
{
	setup(pair);
	check_memory(&pair->first);
	check_memory(&pair->second);
	teardown(pair);
	pci_let_sleep(pci_accel());
	pci_let_sleep(pci_nth_accel(1));
	wait_until(both_asleep);
}

/*
 * Both sleep, and the bridges on the way decode nothing when they are woken for the reset:
 * what is said of it is what is true after it.
 */
static void test_reset_above_while_suspended(void)
{
	struct pair pair;
	int kmsg, all;

	let_sleep(&pair);
	kmsg = kmsg_open();
	all = kmsg_open();
	reset_within();
	check_eq(kmsg_said(kmsg, ""), 0);
	let_sleep(&pair);
	kmsg_said(all, "");
	reset_above();
	check_eq(kmsg_said(all, ""), 2);
	check_eq(kmsg_said(kmsg, ASTRAY), 2);
	switch_program(&pair.decoders);
	let_sleep(&pair);
	write_file(pci_path(pci_accel(), "power/control"), "on");
	write_file(pci_path(pci_nth_accel(1), "power/control"), "on");
}

const struct test tests[] = {
	{ "memory_only_where_decoded", test_memory_only_where_decoded },
	{ "use_writes_no_decoder", test_use_writes_no_decoder },
	{ "reset_below_spares_sibling", test_reset_below_spares_sibling },
	{ "reset_within_switch", test_reset_within_switch },
	{ "reset_above_revokes_until_repair", test_reset_above_revokes_until_repair },
	{ "fatal_error_above", test_fatal_error_above },
	{ "reset_above_while_closed", test_reset_above_while_closed },
	{ "reset_above_while_suspended", test_reset_above_while_suspended },
	{ }
};
