// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the device disappears from its slot without notice. A user gets
 * SIGBUS at the address that it touched; read(), write() and resets fail. Nothing
 * waits for the missing device, and nothing of it stays. The next device in the
 * slot gets the same addresses, and its first user finds no data.
 *
 * How: the test pulls the device by QEMU while users touch, reset, clear, suspend
 * or close it, or do DMA. pulled_again_and_again has a round for each 50 of
 * --cycles, of three kinds. Another test has the device answer nothing before anybody reports it
 * gone.
 *
 * Not covered: an orderly power-off, in test_hotplug.c. A host bridge or a switch
 * that disappears.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <glob.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "bridge.h"
#include "harness.h"
#include "pci.h"
#include "pin.h"
#include "qmp.h"
#include "regs.h"
#include "slot.h"
#include "tenant.h"
#include "vfio.h"

#define THREADS	4

/* What the driver and the PCI core have said so far of a removal. */
struct log {
	int kmsg;
	unsigned int removed;	/* that it was */
	unsigned int errors;	/* the driver's */
	unsigned int waits;	/* in vain, for the device to come back from a reset */
	unsigned int late;	/* a CXL Reset took too long */
};

static void log_open(struct log *log)
{
	memset(log, 0, sizeof(*log));
	log->kmsg = kmsg_open();
}

static void log_read(struct log *log)
{
	unsigned int level;
	char text[1024];

	while (kmsg_next(log->kmsg, text, sizeof(text), &level)) {
		bool ours = !strncmp(text, PCI_DRIVER " ", strlen(PCI_DRIVER " "));

		log->removed += ours && strstr(text, "was removed");
		log->waits += strstr(text, "not ready") && strstr(text, "giving up");
		log->late += !!strstr(text, "did not complete");
		if (ours && level <= 3) {
			log->errors++;
			note("kernel: %s", text);
		}
	}
}

/* Of a removal that was told, there is one line. */
static void log_close(struct log *log)
{
	log_read(log);
	check_eq(log->removed, 1);
	check_eq(log->errors, 0);
	check_eq(log->waits, 0);
	close(log->kmsg);
}

static bool is_removed(void)
{
	return access(pci_path(pci_accel(), ""), F_OK) && errno == ENOENT;
}

static bool is_module_idle(void)
{
	char *users = read_file("/sys/module/cxl_vfio_pci/refcnt");
	bool ret = !atoi(users);

	free(users);
	return ret;
}

/* What the CXL core makes of a device. */
static bool has_no_cxl_objects(void)
{
	glob_t found;
	int ret = glob("/sys/bus/cxl/devices/{mem,region,endpoint}[0-9]*", GLOB_BRACE, NULL,
		       &found);

	globfree(&found);
	return ret == GLOB_NOMATCH;
}

/* The kernel lets go of it, all of it; then the slot is empty. */
static void wait_gone(void)
{
	wait_until(is_removed);
	wait_until(tenant_is_gone);
	wait_until(is_module_idle);
	wait_until(has_no_cxl_objects);
	slot_emptied();
}

static void replace(const struct slot_decoder *decoder)
{
	wait_gone();
	tenant_comes_back(decoder);
}

static __thread volatile uint8_t *touched;
static __thread void *raised_at;
static __thread sigjmp_buf raised;

static void on_bus_error(int number, siginfo_t *info, __attribute__((unused)) void *context)
{
	if (!touched || info->si_code != BUS_ADRERR) {
		signal(number, SIG_DFL);
		return;
	}
	raised_at = info->si_addr;
	siglongjmp(raised, 1);
}

/* Reads and writes one byte until that raises SIGBUS; where it did. */
static void *touch(void *at)
{
	touched = at;
	if (!sigsetjmp(raised, 1))
		for (;;)
			*touched += 1;
	touched = NULL;
	return raised_at;
}

static void catch_bus_errors(void)
{
	const struct sigaction action = {
		.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO,
	};

	check_eq(sigaction(SIGBUS, &action, NULL), 0);
}

static void check_out_of_reach(struct vfio *vfio)
{
	uint8_t byte = 0;

	check_eq(__vfio_read(vfio, &vfio->mem, 0, &byte, 1), -EIO);
	check_eq(__vfio_write(vfio, &vfio->mem, 0, &byte, 1), -EIO);
	check_eq(__vfio_reset(vfio), -ENODEV);
	check_eq(__vfio_hot_reset(vfio), -ENODEV);
	/* Says what the region is, still. */
	free(vfio_region_info(vfio, vfio->mem.index));
}

static bool state_has(const char *text)
{
	char path[128], *state;
	bool ret;

	snprintf(path, sizeof(path), "/sys/kernel/debug/" PCI_DRIVER "/%s/state", pci_accel());
	state = read_file(path);
	ret = strstr(state, text);
	free(state);
	return ret;
}

static void pull_while_touched(void)
{
	const size_t step = 64 * MIB + PAGE + 5;
	pthread_t threads[THREADS];
	volatile uint8_t *memory;
	struct vfio vfio;
	unsigned int i;
	int request;

	memory = tenant_open(&vfio);
	request = vfio_event(&vfio, VFIO_PCI_REQ_IRQ_INDEX);
	catch_bus_errors();
	for (i = 0; i < THREADS; i++)
		check_eq(pthread_create(&threads[i], NULL, touch, (void *)(memory + i * step)), 0);
	slot_pull();
	for (i = 0; i < THREADS; i++) {
		void *at;

		check_eq(pthread_join(threads[i], &at), 0);
		check_eq(at, memory + i * step);
	}
	check(vfio_event_met(request));
	check(state_has("blocked gone\n"));
	check_out_of_reach(&vfio);
	/* Again, and elsewhere, and by a new mapping. */
	check_eq(touch((void *)memory), memory);
	check_eq(touch((void *)(memory + vfio.mem.size - 1)), memory + vfio.mem.size - 1);
	tenant_close(&vfio, memory);
}

static void test_pulled_while_touched(void)
{
	struct slot_decoder decoder = slot_decoder();
	struct log log;

	log_open(&log);
	pull_while_touched();
	wait_until(is_removed);
	log_close(&log);
	replace(&decoder);
}

static void set_method(const char *method)
{
	write_file(pci_path(pci_accel(), "clear"), method);
}

/* By the processors, which takes its time. */
static void use_and_pull_while_clearing(void)
{
	struct vfio vfio;
	volatile uint8_t *memory = tenant_open(&vfio);

	set_method("cpu");
	tenant_close(&vfio, memory);
	check(pci_is_clearing());
	slot_pull();
}

static void use_and_pull_when_clear(void)
{
	tenant_once();
	wait_until(pci_is_clear);
	slot_pull();
}

/* Nobody has it open. */
static void test_pulled_while_closed(void)
{
	struct slot_decoder decoder = slot_decoder();
	struct log log;

	tenant_once();
	log_open(&log);
	use_and_pull_when_clear();
	wait_until(is_removed);
	log_close(&log);
	replace(&decoder);
}

static bool is_asleep(void)
{
	return pci_asleep(pci_accel());
}

/* Nobody has it open, and it sleeps. */
static void test_pulled_while_suspended(void)
{
	struct slot_decoder decoder = slot_decoder();
	struct log log;

	tenant_once();
	log_open(&log);
	pci_let_sleep(pci_accel());
	wait_until(is_asleep);
	slot_pull();
	wait_until(is_removed);
	log_close(&log);
	replace(&decoder);
}

static void test_pulled_while_clearing(void)
{
	struct slot_decoder decoder = slot_decoder();
	struct log log;

	tenant_once();
	log_open(&log);
	use_and_pull_while_clearing();
	wait_until(is_removed);
	log_close(&log);
	replace(&decoder);
}

static void test_pulled_again_and_again(void)
{
	static void (*const ways[])(void) = {
		use_and_pull_when_clear, pull_while_touched, use_and_pull_while_clearing,
	};
	struct slot_decoder decoder = slot_decoder();
	unsigned int i;

	for (i = 0; i < cycles / 50; i++) {
		tenant_once();
		ways[i % ARRAY_SIZE(ways)]();
		replace(&decoder);
	}
}

static void touch_for_ever(struct vfio *vfio, volatile uint8_t *memory)
{
	unsigned int i;

	for (i = 0;; i++)
		memory[tenant_place(vfio, i % TENANT_PLACES)] = i;
}

static void sleep_for_ever(struct vfio *vfio, volatile uint8_t *memory)
{
	memory[tenant_place(vfio, 0)] = 1;
	for (;;)
		pause();
}

static void end(pid_t child, int by)
{
	int status;

	check_eq(waitpid(child, &status, 0), child);
	check(WIFSIGNALED(status));
	check_eq(WTERMSIG(status), by);
}

/* Who does not look for SIGBUS dies of it; and who notices nothing can be killed. */
static void test_pulled_user_dies(void)
{
	struct slot_decoder decoder = slot_decoder();
	pid_t child = tenant_start(touch_for_ever);

	slot_pull();
	end(child, SIGBUS);
	replace(&decoder);

	child = tenant_start(sleep_for_ever);
	slot_pull();
	while (!state_has("blocked gone\n"))
		usleep(10000);
	check(!is_removed());
	kill(child, SIGKILL);
	end(child, SIGKILL);
	replace(&decoder);
}

static void test_pulled_user_leaves(void)
{
	struct slot_decoder decoder = slot_decoder();
	pid_t child = tenant_start(tenant_leaves_when_asked);
	int status;

	slot_pull();
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	replace(&decoder);
}

/* The device answers nothing, and nobody has said yet that it is gone. */
static void test_silent_device_is_noticed(void)
{
	struct slot_decoder decoder = slot_decoder();
	volatile uint8_t *memory, *another;
	struct vfio vfio;
	struct log log;

	memory = tenant_open(&vfio);
	log_open(&log);
	slot_silence();
	check_out_of_reach(&vfio);
	catch_bus_errors();
	another = vfio_mmap(&vfio, &vfio.mem, 0, vfio.mem.size);
	check_eq(touch((void *)(another + 3 * PAGE)), another + 3 * PAGE);
	check(!state_has("gone"));
	/* An FLR and a CXL Reset by the guest, and memory enable: lost, or failed. */
	config_write(&vfio, EXP_AT + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
	cxl_reset_start(&vfio, false);
	check_eq(cxl_reset_wait(&vfio), CXLR_STATUS2_RESET_ERROR);
	vfio_enable(&vfio, false, false);
	check_out_of_reach(&vfio);
	munmap((void *)another, vfio.mem.size);
	tenant_close(&vfio, memory);
	check_eq(__vfio_open_device(&vfio), -ENODEV);
	log_read(&log);
	check_eq(log.removed, 0);
	check_eq(log.waits, 0);
	check_eq(log.late, 0);
	close(log.kmsg);

	slot_pull();
	replace(&decoder);
}

static void test_silent_device_unbinds(void)
{
	struct slot_decoder decoder = slot_decoder();
	struct log log;

	tenant_once();
	log_open(&log);
	slot_silence();
	pci_unbind(pci_accel());
	log_read(&log);
	check_eq(log.waits, 0);
	close(log.kmsg);
	slot_pull();
	replace(&decoder);
}

/* Attributes go before the driver is asked. */
static bool unbinding(void)
{
	return access(pci_path(pci_accel(), "backing"), F_OK);
}

/* Who powers off the slot is the one who would be told. He asks the user again and again. */
static void test_pulled_during_power_off(void)
{
	struct slot_decoder decoder = slot_decoder();
	pid_t child = tenant_start(touch_for_ever), administrator = fork();
	struct log log;
	int status;

	if (!administrator) {
		check_eq(__slot_off(), 0);
		exit(0);
	}
	log_open(&log);
	wait_until(unbinding);
	slot_silence();
	end(child, SIGBUS);
	check_eq(waitpid(administrator, &status, 0), administrator);
	check_eq(status, 0);
	log_close(&log);
	check(tenant_is_gone());
	tenant_comes_back(&decoder);
}

/* True if the reset, which is under way, did not come to the end of its time. */
static bool pull_in_reset(void)
{
	struct vfio vfio;
	struct log log;
	uint64_t resets;

	log_open(&log);
	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	resets = qmp_get("resets-cxl");
	cxl_reset_start(&vfio, false);
	while (qmp_get("resets-cxl") == resets)
		usleep(1000);
	slot_pull();
	check_eq(cxl_reset_wait(&vfio), CXLR_STATUS2_RESET_ERROR);
	check_out_of_reach(&vfio);
	vfio_close(&vfio);
	wait_until(is_removed);
	log_read(&log);
	check_eq(log.waits, 0);
	close(log.kmsg);
	return !log.late;
}

/* The driver would wait for the CXL Reset, which never ends, for a second. */
static void test_pulled_in_cxl_reset(void)
{
	struct slot_decoder decoder = slot_decoder();
	unsigned int tries = 10;
	bool met = false;

	tenant_once();
	slot_pull();
	wait_gone();
	while (!met && tries--) {
		slot_on_endless_reset();
		slot_commit(&decoder, 1);
		pci_bind(pci_accel());
		set_method("cpu");
		met = pull_in_reset();
		wait_gone();
	}
	check(met);
	tenant_comes_back(&decoder);
}

/* A user resets the function again and again; no one waits for it to come back. */
static void test_pulled_in_flr(void)
{
	struct slot_decoder decoder = slot_decoder();
	volatile uint8_t *memory;
	struct vfio vfio;
	struct log log;
	pid_t child;
	int status;

	memory = tenant_open(&vfio);
	log_open(&log);
	child = fork();
	if (!child) {
		while (!__vfio_reset(&vfio))
			;
		check_out_of_reach(&vfio);
		exit(0);
	}
	slot_pull();
	check_eq(waitpid(child, &status, 0), child);
	check_eq(status, 0);
	tenant_close(&vfio, memory);
	wait_until(is_removed);
	/* Before the kernel is told, a reset may find it silent, and the driver says so. */
	log_read(&log);
	check_eq(log.removed, 1);
	check_eq(log.waits, 0);
	close(log.kmsg);
	replace(&decoder);
}

/* DMA both ways is under way, and stops; whoever waits for the device reads ones. */
static void test_pulled_during_dma(void)
{
	struct slot_decoder decoder = slot_decoder();
	struct cxl_accel_desc *first, *second;
	struct accel accel;
	struct vfio vfio;
	struct log log;

	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	log_open(&log);
	first = accel_post(&accel, &(struct cxl_accel_desc) {
		.op = CXL_ACCEL_OP_CRC32C, .flags = CXL_ACCEL_FLAG_SRC_OWN, .length = vfio.mem.size,
	});
	second = accel_post(&accel, &(struct cxl_accel_desc) {
		.op = CXL_ACCEL_OP_COPY, .flags = CXL_ACCEL_FLAG_SRC_OWN | CXL_ACCEL_FLAG_INTERRUPT,
		.dst = ACCEL_HOST_IOVA, .length = ACCEL_HOST_SIZE,
	});
	slot_pull();
	while (!state_has("blocked gone\n"))
		usleep(10000);
	check_eq(accel_read(&accel, CXL_ACCEL_STATUS), UINT32_MAX);
	check(!(first->status & CXL_ACCEL_DESC_DONE));
	check(!(second->status & CXL_ACCEL_DESC_DONE));
	check_eq(accel_interrupts(&accel, 0, 0), 0);
	check_out_of_reach(&vfio);
	munmap((void *)accel.engine, CXL_ACCEL_PAGE_SIZE);
	vfio_close(&vfio);
	wait_until(is_removed);
	log_close(&log);
	replace(&decoder);
}

/* What the driver programmed of the host bridge is taken back; the next device gets the same. */
static void test_pulled_commit_is_undone(void)
{
	static struct bridge_state before, bound, after;

	write_file(COMMIT_DECODERS, "1");
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	/* The CXL core writes to the host bridge's registers the first time. */
	pci_unbind(pci_accel());
	bridge_state_read(&before);
	pci_bind(pci_accel());
	bridge_state_read(&bound);
	check_mem_ne(&bound, &before, sizeof(before));
	tenant_once();
	pull_while_touched();
	wait_gone();
	bridge_state_read(&after);
	bridge_state_same(&after, &before);

	slot_on(1);
	pci_bind(pci_accel());
	tenant_once();
	bridge_state_read(&after);
	bridge_state_same(&after, &bound);
}

static bool left_behind(void)
{
	char *iomem = read_file("/proc/iomem");
	bool ret = strstr(iomem, PCI_DRIVER " (pinned)");

	free(iomem);
	return ret;
}

static bool nothing_left_behind(void)
{
	return !left_behind();
}

/* With folios: pages stay for whoever has pinned them, and so does the claim on their addresses. */
static void test_pulled_while_pinned(void)
{
	struct slot_decoder decoder = slot_decoder();
	volatile uint8_t *memory;
	struct vfio vfio;
	int ring;

	memory = tenant_open(&vfio);
	ring = pin_io_uring((void *)memory, PAGE);
	check_ge(ring, 0);
	catch_bus_errors();
	slot_pull();
	check_eq(touch((void *)memory), memory);
	tenant_close(&vfio, memory);
	wait_until(is_removed);
	check(left_behind());
	slot_emptied();
	slot_on(1);
	slot_commit(&decoder, 1);
	check_lt(__pci_bind(pci_accel()), 0);
	write_file("/sys/bus/cxl/flush", "1");
	close(ring);
	wait_until(nothing_left_behind);
	pci_bind(pci_accel());
	tenant_once();
}

const struct test tests[] = {
	{ "pulled_while_touched", test_pulled_while_touched },
	{ "pulled_while_closed", test_pulled_while_closed },
	{ "pulled_while_suspended", test_pulled_while_suspended },
	{ "pulled_while_clearing", test_pulled_while_clearing },
	{ "pulled_user_dies", test_pulled_user_dies },
	{ "pulled_user_leaves", test_pulled_user_leaves },
	{ "silent_device_is_noticed", test_silent_device_is_noticed },
	{ "silent_device_unbinds", test_silent_device_unbinds },
	{ "pulled_during_power_off", test_pulled_during_power_off },
	{ "pulled_in_cxl_reset", test_pulled_in_cxl_reset, .timeout = 120 },
	{ "pulled_in_flr", test_pulled_in_flr },
	{ "pulled_during_dma", test_pulled_during_dma },
	{ "pulled_again_and_again", test_pulled_again_and_again, .timeout = 600 },
	/* The platform has committed nothing. */
	{ "pulled_commit_is_undone", test_pulled_commit_is_undone },
	/* Folios only. */
	{ "pulled_while_pinned", test_pulled_while_pinned },
	{ }
};
