// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a device reports errors by AER and by its CXL RAS capability.
 * The driver tells the user, and names what the device reported in the log. After
 * recovery the memory has its content, and decoder and masks are as before.
 *
 * How: QEMU injects the errors. The test waits on the error eventfd, and compares
 * the hardware before and after. One test touches the memory from several threads
 * while the kernel recovers.
 *
 * Not covered: errors of the link that QEMU cannot inject. Poisoned memory is in
 * test_poison.c; a device that disappears is in test_surprise.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "vfio.h"

/* The PCI core's last word on it. */
#define RECOVERED	"device recovery successful"

/* By their severity after a reset (PCIe 7.8.4.4). */
#define NONFATAL	"POISON_TLP"
#define FATAL		"MALF_TLP"

#define TOUCHERS	4
#define ROUNDS		10
#define UNBINDS		15

struct session {
	struct vfio vfio;
	struct qmp_state before;
	uint64_t resets;
	size_t window;
	uint8_t *memory;
	int event;
};

/* In use, with data in its memory. */
static void setup(struct session *session)
{
	vfio_open(&session->vfio);
	session->window = session->vfio.granule > 4 * MIB ? session->vfio.granule : 4 * MIB;
	session->memory = vfio_mmap(&session->vfio, &session->vfio.mem, 0, session->window);
	fill_random(session->memory, PAGE, 1);
	session->event = vfio_event(&session->vfio, VFIO_PCI_ERR_IRQ_INDEX);
	qmp_state_read(&session->before);
	session->resets = qmp_get("resets-bus");
}

static void end_use(struct session *session)
{
	check_eq(munmap(session->memory, session->window), 0);
	close(session->event);
	vfio_close(&session->vfio);
}

/* Loads are refused until recovery has ended. */
static void wait_for_memory(struct session *session)
{
	unsigned int i;
	uint8_t byte;

	for (i = 0; i < 6000 && !load(session->memory, &byte); i++)
		usleep(10000);
	check_lt(i, 6000);
}

static void *signal_errors(void *stop)
{
	while (!atomic_load((atomic_bool *)stop)) {
		qmp_set32("ras-correctable", 1 << 2);
		usleep(2000);
	}
	return NULL;
}

/*
 * AER's thread tells the driver of a correctable error without a lock, and waits for a
 * device that is just suspending; unbind does not wait for it. On the debug kernel KASAN
 * looks on.
 */
static void test_correctable_against_unbind(void)
{
	atomic_bool stop = false;
	pthread_t thread;
	unsigned int i;

	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	check_eq(pthread_create(&thread, NULL, signal_errors, &stop), 0);
	for (i = 0; i < UNBINDS; i++) {
		pci_let_sleep(pci_accel());
		usleep(i % 5 * 3000);
		pci_unbind(pci_accel());
		pci_bind(pci_accel());
	}
	atomic_store(&stop, true);
	check_eq(pthread_join(thread, NULL), 0);
	/* It is still told of errors. */
	for (i = 0; i < 100 && qmp_get("ras-correctable"); i++) {
		qmp_set32("ras-correctable", 1 << 2);
		usleep(100000);
	}
	check_lt(i, 100);
}

static void check_recovered(struct session *session)
{
	uint8_t want[PAGE], got[PAGE];
	struct qmp_state after;

	wait_for_memory(session);
	qmp_state_read(&after);
	qmp_state_same(&after, &session->before);
	fill_random(want, sizeof(want), 1);
	check_mem_eq(session->memory, want, sizeof(want));
	vfio_read(&session->vfio, &session->vfio.mem, 0, got, sizeof(got));
	check_mem_eq(got, want, sizeof(got));
}

/* Nothing is lost, and nothing reset: told, and recovered. */
static void test_nonfatal_loses_nothing(void)
{
	struct session session;

	setup(&session);
	qmp_aer_error(NONFATAL);
	check(vfio_event_met(session.event));
	check_recovered(&session);
	check_eq(qmp_get("resets-bus"), session.resets);
}

/* The link is reset, which takes the decoder. Twice: the second has all that the first had. */
static void test_fatal_resets_and_restores(void)
{
	struct session session;
	unsigned int i;

	setup(&session);
	for (i = 1; i <= 2; i++) {
		qmp_aer_error(FATAL);
		check(vfio_event_met(session.event));
		check_recovered(&session);
		check_eq(qmp_get("resets-bus"), session.resets + i);
	}
}

static uint16_t host_command(void)
{
	uint8_t bytes[PAGE];

	pci_config(pci_accel(), bytes);
	return bytes[PCI_COMMAND] | bytes[PCI_COMMAND + 1] << 8;
}

/*
 * What the user has enabled since the last reset is enabled after recovery, in hardware
 * too; here it was off in that reset, as it is in those of QEMU's.
 */
static void test_fatal_keeps_command(void)
{
	struct session session;
	uint16_t before;

	setup(&session);
	vfio_enable(&session.vfio, false, false);
	vfio_hot_reset(&session.vfio);
	vfio_enable(&session.vfio, true, true);
	before = host_command();
	check_eq(before & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
		 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	qmp_state_read(&session.before);
	qmp_aer_error(FATAL);
	check(vfio_event_met(session.event));
	check_recovered(&session);
	check_eq(host_command(), before);
	/* And what it has disabled is not. */
	vfio_enable(&session.vfio, true, false);
	before = host_command();
	qmp_aer_error(FATAL);
	check(vfio_event_met(session.event));
	check_recovered(&session);
	check_eq(host_command(), before);
}

/*
 * The device's log of the CXL protocols: the host names what it says, and clears it;
 * the user has seen it.
 */
static void check_protocol(const char *property, const char *name, uint32_t at, uint32_t bit)
{
	struct session session;
	int kmsg;

	setup(&session);
	kmsg = kmsg_open();
	qmp_set32(property, bit);
	while (qmp_get(property))
		usleep(10000);
	if (at == CXLR_RAS_UNCOR_STATUS) {
		check(vfio_event_met(session.event));
		check_recovered(&session);
		check_eq(qmp_get("resets-bus"), session.resets + 1);
	}
	check_eq(kmsg_said(kmsg, name), 1);
	check_eq(vfio_read32(&session.vfio, &session.vfio.regs, RAS_AT + at), bit);
	vfio_write(&session.vfio, &session.vfio.regs, RAS_AT + at, &bit, sizeof(bit));
	check_eq(vfio_read32(&session.vfio, &session.vfio.regs, RAS_AT + at), 0);
	check_recovered(&session);
}

static void test_protocol_uncorrectable_is_named(void)
{
	check_protocol("ras-uncorrectable", "uncorrectable CXL errors: Mem_Data_ECC",
		       CXLR_RAS_UNCOR_STATUS, 1 << 7);
}

static void test_protocol_correctable_is_named(void)
{
	check_protocol("ras-correctable", "correctable CXL errors: CRC_Threshold",
		       CXLR_RAS_COR_STATUS, 1 << 2);
}

/* What the driver unmasks is masked again when it has gone (PCIe 7.8.4.3, 7.8.4.6). */
static void test_masks_restored_at_unbind(void)
{
	const uint32_t uncor_internal = 1 << 22, cor_internal = 1 << 14;
	unsigned int bound;

	for (bound = 0; bound < 2; bound++) {
		uint8_t config[PAGE];
		uint32_t uncor, cor;

		if (pci_bound(pci_accel()) && !bound)
			pci_unbind(pci_accel());
		if (bound)
			pci_bind(pci_accel());
		pci_config(pci_accel(), config);
		memcpy(&uncor, config + AER_AT + PCI_ERR_UNCOR_MASK, sizeof(uncor));
		memcpy(&cor, config + AER_AT + PCI_ERR_COR_MASK, sizeof(cor));
		check_eq(uncor & uncor_internal, bound ? 0 : uncor_internal);
		check_eq(cor & cor_internal, bound ? 0 : cor_internal);
	}
}

/* The user sees it, and clears his own; the host sees the device's. */
static void test_viral_user_and_host(void)
{
	struct session session;
	uint8_t config[PAGE];

	setup(&session);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS) & CXLR_STATUS_VIRAL, 0);
	qmp_set("viral", true);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS) & CXLR_STATUS_VIRAL,
		 CXLR_STATUS_VIRAL);
	dvsec_write(&session.vfio, CXLR_DVSEC_STATUS, CXLR_STATUS_VIRAL);
	check_eq(dvsec_read(&session.vfio, CXLR_DVSEC_STATUS) & CXLR_STATUS_VIRAL, 0);
	pci_config(pci_accel(), config);
	check(config[DVSEC_AT + CXLR_DVSEC_STATUS + 1] & (CXLR_STATUS_VIRAL >> 8));
	check_eq(qmp_get("viral"), 1);
	qmp_set("viral", false);
	check_recovered(&session);
}

/* Nobody has it open: the next one to open it finds it in order. */
static void test_fatal_while_closed(void)
{
	struct session session;
	int kmsg;

	setup(&session);
	end_use(&session);
	kmsg = kmsg_open();
	qmp_aer_error(FATAL);
	kmsg_wait(kmsg, RECOVERED);
	check_eq(qmp_get("resets-bus"), session.resets + 1);
	setup(&session);
	check_recovered(&session);
}

/*
 * An open waits for the recovery, which waits for the device lock, which an unbind has. That comes
 * when the link is reset: AER has the device lock then, and is not the next to get it.
 */
static void test_unbind_while_open_waits(void)
{
	struct session session;
	uint64_t resets;
	unsigned int i;
	pid_t user;
	int kmsg;

	for (i = 0; i < 3; i++) {
		setup(&session);
		end_use(&session);
		kmsg = kmsg_open();
		resets = qmp_get("resets-bus");
		qmp_aer_error(FATAL);
		user = fork();
		if (!user) {
			__vfio_open_device(&session.vfio);
			_exit(0);
		}
		while (qmp_get("resets-bus") == resets)
			usleep(1000);
		pci_unbind(pci_accel());
		check_eq(waitpid(user, NULL, 0), user);
		pci_bind(pci_accel());
		kmsg_wait(kmsg, RECOVERED);
		close(kmsg);
	}
	setup(&session);
	check_recovered(&session);
}

/* The kernel's thread that handles errors of the port above runs on these processors, on one. */
static void find_aer(cpu_set_t *processors)
{
	DIR *threads = opendir("/proc");
	struct dirent *entry;
	bool found = false;
	unsigned int irq;
	char file[300];
	char *name;

	while (!found && (entry = readdir(threads))) {
		snprintf(file, sizeof(file), "/proc/%s/comm", entry->d_name);
		if (atoi(entry->d_name) <= 0 || access(file, R_OK))
			continue;
		name = read_file(file);
		if (sscanf(name, "irq/%u-aerdrv", &irq) == 1) {
			snprintf(file, sizeof(file), "../msi_irqs/%u", irq);
			found = !access(pci_path(pci_accel(), file), F_OK);
		}
		free(name);
	}
	check(found);
	check_eq(sched_getaffinity(atoi(entry->d_name), sizeof(*processors), processors), 0);
	check_eq(CPU_COUNT(processors), 1);
	closedir(threads);
}

struct unbinder {
	pthread_t thread;
	cpu_set_t processors;
	struct session *session;
	atomic_bool ready;
};

static void *unbind_at_error(void *data)
{
	const struct sched_param first = { .sched_priority = sched_get_priority_max(SCHED_FIFO) };
	struct unbinder *unbinder = data;

	check_eq(sched_setaffinity(0, sizeof(unbinder->processors), &unbinder->processors), 0);
	check_eq(sched_setscheduler(0, SCHED_FIFO, &first), 0);
	atomic_store(&unbinder->ready, true);
	check(vfio_event_met(unbinder->session->event));
	__pci_unbind(pci_accel());
	return NULL;
}

/*
 * Unbound between the error and the reset of the link, which finds no driver then. The thread that
 * unbinds runs where AER's does, and comes before it twice: when the driver tells it of the error,
 * and when AER has released the device lock, which it needs again for the reset.
 */
static void test_unbind_before_link_reset(void)
{
	struct session session;
	struct unbinder unbinder = { .session = &session };
	struct qmp_state after;
	uint8_t config[PAGE];
	int kmsg, asked;
	uint32_t bar;

	setup(&session);
	asked = vfio_event(&session.vfio, VFIO_PCI_REQ_IRQ_INDEX);
	kmsg = kmsg_open();
	find_aer(&unbinder.processors);
	check_eq(pthread_create(&unbinder.thread, NULL, unbind_at_error, &unbinder), 0);
	while (!atomic_load(&unbinder.ready))
		usleep(1000);
	qmp_aer_error(FATAL);
	check(vfio_event_met(asked));
	end_use(&session);
	check_eq(pthread_join(unbinder.thread, NULL), 0);
	kmsg_wait(kmsg, RECOVERED);
	close(kmsg);
	check_eq(qmp_get("resets-bus"), session.resets + 1);
	/* So it was in time: nothing has put back what the reset took. */
	pci_config(pci_accel(), config);
	memcpy(&bar, config + PCI_BASE_ADDRESS_0, sizeof(bar));
	check_eq(bar & PCI_BASE_ADDRESS_MEM_MASK, 0);

	pci_bind(pci_accel());
	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);
	setup(&session);
	check_recovered(&session);
}

/* The decoder does not come back: out of reach, until a reset with which it does. */
static void test_fatal_decoder_lost(void)
{
	struct session session;
	struct qmp_state after;
	uint8_t byte, was;
	ssize_t ret;
	bool loaded;
	int kmsg;

	setup(&session);
	qmp_set("refuse-commit", true);
	kmsg = kmsg_open();
	qmp_aer_error(FATAL);
	kmsg_wait(kmsg, RECOVERED);
	check(vfio_event_met(session.event));
	ret = __vfio_read(&session.vfio, &session.vfio.mem, 0, &byte, 1);
	loaded = load(session.memory, &was);
	qmp_set("refuse-commit", false);
	vfio_hot_reset(&session.vfio);
	check_eq(ret, -EIO);
	check(!loaded);
	vfio_enable(&session.vfio, true, false);
	wait_for_memory(&session);
	qmp_state_read(&after);
	qmp_state_same(&after, &session.before);
}

struct toucher {
	pthread_t thread;
	struct session *session;
	atomic_bool *stop;
	uint64_t random;
	unsigned long loads, refused;
};

static void *touch(void *data)
{
	struct toucher *toucher = data;
	uint8_t byte;

	while (!atomic_load(toucher->stop)) {
		uint64_t at = random64(&toucher->random) % toucher->session->window;

		if (load(toucher->session->memory + at, &byte))
			toucher->loads++;
		else
			toucher->refused++;
	}
	return NULL;
}

/* Under threads that touch the memory: each load has it, or SIGBUS, and recovery ends. */
static void test_fatal_while_touched(void)
{
	struct toucher touchers[TOUCHERS] = { };
	unsigned long loads = 0, refused = 0;
	struct session session;
	atomic_bool stop = false;
	int kmsg = kmsg_open();
	unsigned int i;

	setup(&session);
	for (i = 0; i < TOUCHERS; i++) {
		touchers[i].session = &session;
		touchers[i].stop = &stop;
		touchers[i].random = seed + i;
		check_eq(pthread_create(&touchers[i].thread, NULL, touch, &touchers[i]), 0);
	}
	for (i = 0; i < ROUNDS; i++) {
		qmp_aer_error(i % 2 ? NONFATAL : FATAL);
		check(vfio_event_met(session.event));
		/* The memory comes back earlier, but then the PCI core clears what came since. */
		kmsg_wait(kmsg, RECOVERED);
		wait_for_memory(&session);
	}
	close(kmsg);
	atomic_store(&stop, true);
	for (i = 0; i < TOUCHERS; i++) {
		pthread_join(touchers[i].thread, NULL);
		loads += touchers[i].loads;
		refused += touchers[i].refused;
	}
	note("%lu loads, %lu refused", loads, refused);
	check_gt(loads, 0);
	check_gt(refused, 0);
	check_recovered(&session);
	check_eq(qmp_get("resets-bus"), session.resets + ROUNDS / 2);
}

const struct test tests[] = {
	{ "nonfatal_loses_nothing", test_nonfatal_loses_nothing },
	{ "fatal_resets_and_restores", test_fatal_resets_and_restores },
	{ "fatal_keeps_command", test_fatal_keeps_command },
	{ "protocol_uncorrectable_is_named", test_protocol_uncorrectable_is_named },
	{ "protocol_correctable_is_named", test_protocol_correctable_is_named },
	{ "masks_restored_at_unbind", test_masks_restored_at_unbind },
	{ "viral_user_and_host", test_viral_user_and_host },
	{ "fatal_while_closed", test_fatal_while_closed },
	{ "unbind_while_open_waits", test_unbind_while_open_waits },
	{ "unbind_before_link_reset", test_unbind_before_link_reset },
	{ "fatal_decoder_lost", test_fatal_decoder_lost },
	{ "fatal_while_touched", test_fatal_while_touched },
	/* Last: it takes the log's rate. */
	{ "correctable_against_unbind", test_correctable_against_unbind },
	{ }
};
