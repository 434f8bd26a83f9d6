// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: processes that use, reset, configure and rebind the device at the same time,
 * while it signals errors, leave one that works. The hardware's COMMAND, BAR and decoders are
 * what they were, nothing stands against access, no configuration of a user is left, and the log
 * has no complaint of the driver's.
 *
 * How: two users that open the device one after the other, map, load, store, write
 * configuration space and reset; an administrator's process that resets, unbinds and binds; and
 * errors of each kind. Each picks at random what it does next. --seconds is how long.
 *
 * Not covered: removal (test_surprise.c). Errors come in one half of the time, unbinding in the
 * other: no driver restores what the reset of its link takes from an unbound device.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/pci_regs.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

/* By their severity after a reset (PCIe 7.8.4.4). */
#define NONFATAL	"POISON_TLP"
#define FATAL		"MALF_TLP"

#define USERS		2
#define WINDOW		(4 * MIB)
#define STEPS		24	/* at most, of one user's */
#define ERRORS		12	/* in a row */
#define QUIET_MS	2000
#define REBIND_S	5

/* What all processes see. */
struct storm {
	atomic_bool stop;
	atomic_bool rebinding;	/* no errors now, and the device may be unbound */
	atomic_uint opens, steps, resets, rebinds, errors;
	struct vfio regions;	/* where they are, in any open of the device */
};

static struct storm *storm;

static unsigned int pick(uint64_t *random, unsigned int limit)
{
	return random64(random) % limit;
}

/* --- users */

struct user {
	struct vfio vfio;
	uint8_t *memory;	/* or NULL */
	uint64_t random;
};

static void set_config(struct user *user, uint32_t offset, unsigned int width, uint32_t value)
{
	__vfio_write(&user->vfio, &user->vfio.config, offset, &value, width);
}

static void map(struct user *user)
{
	void *address;

	if (user->memory)
		munmap(user->memory, WINDOW);
	user->memory = NULL;
	if (!__vfio_mmap(&user->vfio, &user->vfio.mem, 0, WINDOW, &address))
		user->memory = address;
}

static void touch(struct user *user)
{
	unsigned int i;
	uint8_t byte;

	for (i = 0; user->memory && i < 64; i++) {
		uint8_t *at = user->memory + pick(&user->random, WINDOW);

		if (load(at, &byte))
			store(at, byte + 1);
	}
}

static void read_write(struct user *user)
{
	uint8_t bytes[PAGE];

	__vfio_read(&user->vfio, &user->vfio.mem, 0, bytes, sizeof(bytes));
	__vfio_write(&user->vfio, &user->vfio.mem, PAGE, bytes, sizeof(bytes));
}

static void command(struct user *user)
{
	set_config(user, PCI_COMMAND, 2, pick(&user->random, 4) ?
		   PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER : pick(&user->random, 8));
}

static void power(struct user *user)
{
	set_config(user, PM_AT + PCI_PM_CTRL, 2, 3);
	set_config(user, PM_AT + PCI_PM_CTRL, 2, 0);
}

/* The VFIO core lets a user say which errors are fatal. */
static void severity(struct user *user)
{
	set_config(user, AER_AT + PCI_ERR_UNCOR_SEVER, 4, random64(&user->random));
}

static void flr(struct user *user)
{
	set_config(user, EXP_AT + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
}

static void cxl_reset_begin(struct user *user)
{
	set_config(user, DVSEC_AT + CXLR_DVSEC_CTRL2, 2, CXLR_CTRL2_INITIATE_RESET);
}

static void reset(struct user *user)
{
	__vfio_reset(&user->vfio);
}

static void hot_reset(struct user *user)
{
	__vfio_hot_reset(&user->vfio);
}

static void look(struct user *user)
{
	uint32_t value;

	__vfio_read(&user->vfio, &user->vfio.config, PCI_VENDOR_ID, &value, sizeof(value));
	__vfio_read(&user->vfio, &user->vfio.config, DVSEC_AT + CXLR_DVSEC_CTRL2, &value,
		    sizeof(value));
	__vfio_read(&user->vfio, &user->vfio.regs, HDM_AT + CXLR_HDM_CTRL(0), &value,
		    sizeof(value));
}

static void (*const user_does[])(struct user *user) = {
	map, touch, touch, touch, read_write, command, command, power, flr, cxl_reset_begin, reset,
	hot_reset, look, severity,
};

static bool enter(struct user *user)
{
	struct vfio opened;

	if (__vfio_open_device(&opened))
		return false;
	user->vfio = storm->regions;
	user->vfio.device = opened.device;
	user->vfio.iommu = opened.iommu;
	user->vfio.group = opened.group;
	user->vfio.ioas = opened.ioas;
	user->memory = NULL;
	return true;
}

static void leave(struct user *user)
{
	if (user->memory)
		munmap(user->memory, WINDOW);
	vfio_close(&user->vfio);
}

static void be_user(uint64_t random)
{
	struct user user = { .random = random };
	unsigned int i, steps;

	while (!atomic_load(&storm->stop)) {
		if (!enter(&user)) {
			usleep(2000);
			continue;
		}
		atomic_fetch_add(&storm->opens, 1);
		set_config(&user, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		map(&user);
		steps = pick(&user.random, STEPS);
		for (i = 0; i < steps && !atomic_load(&storm->stop); i++) {
			user_does[pick(&user.random, ARRAY_SIZE(user_does))](&user);
			atomic_fetch_add(&storm->steps, 1);
		}
		leave(&user);
	}
}

/* --- the administrator */

static void rebind(void)
{
	int ret;

	pci_unbind(pci_accel());
	ret = __pci_bind(pci_accel());
	check_msg(!ret, "bind: %s", strerror(-ret));
	atomic_fetch_add(&storm->rebinds, 1);
}

static void be_administrator(uint64_t random)
{
	static const char *const methods[] = { "flr", "cxl_bus", "default" };

	while (!atomic_load(&storm->stop)) {
		usleep(pick(&random, 20000));
		if (atomic_load(&storm->rebinding) && !pick(&random, 4)) {
			rebind();
		} else if (pci_bound(pci_accel())) {
			__write_file(pci_path(pci_accel(), "reset_method"),
				     methods[pick(&random, ARRAY_SIZE(methods))]);
			if (!__write_file(pci_path(pci_accel(), "reset"), "1"))
				atomic_fetch_add(&storm->resets, 1);
		}
	}
}

/* --- errors */

static bool is_bound(void)
{
	return pci_bound(pci_accel());
}

/* No error is being recovered from, nor will be: AER has said nothing for a while. */
static void settle(void)
{
	int kmsg = kmsg_open();
	unsigned int ms, level;
	char text[1024];

	for (ms = 0; ms < QUIET_MS; ms++, usleep(1000))
		while (kmsg_next(kmsg, text, sizeof(text), &level))
			if (strstr(text, "AER: "))
				ms = 0;
	close(kmsg);
}

/* One that comes in a reset may be lost. */
static void signal_one(uint64_t *random)
{
	if (pick(random, 3))
		qmp_aer_error(pick(random, 2) ? NONFATAL : FATAL);
	else
		qmp_set32("ras-correctable", 1 << 2);
	atomic_fetch_add(&storm->errors, 1);
}

static void be_error(uint64_t random)
{
	unsigned int i;

	while (!atomic_load(&storm->stop)) {
		for (i = 0; i < ERRORS && !atomic_load(&storm->stop); i++) {
			signal_one(&random);
			usleep(pick(&random, 400000));
		}
		settle();
		atomic_store(&storm->rebinding, true);
		for (i = 0; i < REBIND_S && !atomic_load(&storm->stop); i++)
			sleep(1);
		atomic_store(&storm->rebinding, false);
		/* An unbinding that has begun ends. */
		usleep(500000);
		wait_until(is_bound);
	}
}

/* --- */

static pid_t start(void (*role)(uint64_t random), uint64_t random)
{
	pid_t pid = fork();

	check_ge(pid, 0);
	if (!pid) {
		role(random);
		_exit(0);
	}
	return pid;
}

/* Of the driver's messages those that say that something stays wrong. */
static void check_log(int kmsg)
{
	static const char *const complaints[] = {
		"could not be restored", "out of use", "cannot be mapped again", "left in a CXL Reset",
		"DVSEC Control and Control2 read", "no HDM decoder of switch",
		"stays claimed until its pinned pages", "was removed",
	};
	unsigned int i, level;
	char text[1024];

	while (kmsg_next(kmsg, text, sizeof(text), &level))
		for (i = 0; i < ARRAY_SIZE(complaints); i++)
			check_msg(!strstr(text, complaints[i]), "%s", text);
}

static bool not_clearing(void)
{
	return !pci_is_clearing();
}

/* BAR 0 is of 64 bits; its low four bits say so. */
static void check_bar(const uint8_t *config)
{
	uint64_t bar;

	memcpy(&bar, config + PCI_BASE_ADDRESS_0, sizeof(bar));
	check_eq(bar & ~0xfull, pci_bar(pci_accel(), 0));
}

static void check_sound(const struct qmp_state *before, const uint8_t *config_before)
{
	const uint16_t on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct qmp_state after;
	uint8_t config[PAGE], byte = 0;
	struct vfio vfio;
	uint8_t *memory;
	char *state;

	/* Before an open, which would mend some of it; a close may just have begun to clear. */
	wait_until(not_clearing);
	state = pci_debugfs(pci_accel(), "state");
	check_msg(strstr(state, "blocked\n"), "%s", state);
	free(state);
	pci_config(pci_accel(), config);
	check_bar(config);
	check_mem_eq(config + PCI_COMMAND, config_before + PCI_COMMAND, 2);
	check_mem_eq(config + EXP_AT + PCI_EXP_DEVCTL, config_before + EXP_AT + PCI_EXP_DEVCTL, 2);
	check_mem_eq(config + AER_AT + PCI_ERR_UNCOR_SEVER,
		     config_before + AER_AT + PCI_ERR_UNCOR_SEVER, 4);

	vfio_open(&vfio);
	vfio_enable(&vfio, true, true);
	memory = vfio_mmap(&vfio, &vfio.mem, 0, WINDOW);
	memory[5] = 0x5a;
	vfio_read(&vfio, &vfio.mem, 5, &byte, 1);
	check_eq(byte, 0x5a);
	state = pci_debugfs(pci_accel(), "state");
	check_msg(strstr(state, "blocked\nreachable 1\n"), "%s", state);
	pci_config(pci_accel(), config);
	check_eq(config[PCI_COMMAND] & on, on);
	check_bar(config);
	qmp_state_read(&after);
	qmp_state_same(&after, before);
	munmap(memory, WINDOW);
	vfio_close(&vfio);
}

static void test_processes_leave_it_sound(void)
{
	pid_t children[USERS + 2];
	uint8_t config[PAGE];
	struct qmp_state before;
	uint64_t random = seed;
	unsigned int i, seconds;
	int kmsg, status;

	note("--seed=%llu --seconds=%u", (unsigned long long)seed, duration);
	storm = mmap(NULL, sizeof(*storm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	check_ne(storm, MAP_FAILED);
	vfio_open(&storm->regions);
	vfio_enable(&storm->regions, true, false);
	qmp_state_read(&before);
	vfio_close(&storm->regions);
	pci_config(pci_accel(), config);
	kmsg = kmsg_open();

	for (i = 0; i < USERS; i++)
		children[i] = start(be_user, random64(&random));
	children[USERS] = start(be_administrator, random64(&random));
	children[USERS + 1] = start(be_error, random64(&random));
	/* Each of them at least once, however slow the machine is. */
	seconds = duration / (test_data ? *(const unsigned int *)test_data : 1);
	for (i = 0; i < seconds || !storm->opens || !storm->resets || !storm->rebinds ||
	     !storm->errors; i++)
		sleep(1);
	atomic_store(&storm->stop, true);
	for (i = 0; i < ARRAY_SIZE(children); i++) {
		check_eq(waitpid(children[i], &status, 0), children[i]);
		check_eq(status, 0);
	}
	__write_file(pci_path(pci_accel(), "reset_method"), "default");
	note("%u opens, %u steps, %u resets, %u rebinds, %u errors", storm->opens, storm->steps,
	     storm->resets, storm->rebinds, storm->errors);
	check_log(kmsg);
	check_sound(&before, config);
}

const struct test tests[] = {
	{ "processes_leave_it_sound", test_processes_leave_it_sound, 120 },
	/* A third as long, with another backing. */
	{ "short_storm_leaves_it_sound", test_processes_leave_it_sound, 120, &(unsigned int){ 3 } },
	{ }
};
