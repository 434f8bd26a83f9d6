// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: a user that makes arbitrary accesses cannot harm the host. The
 * physical decoders, the DVSEC and the host bridge stay as they were. The kernel
 * logs nothing, and the memory works afterwards.
 *
 * How: the test makes random accesses of each length to all of the device's file,
 * and aims half of them at what could do harm. Resets and new users come between
 * them. QEMU reports the registers. --seed repeats a run; --accesses sets its
 * length.
 *
 * Not covered: accesses by a real guest through KVM, which tests/guest/hostile.c
 * makes. ioctls with random arguments.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/pci_regs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel.h"
#include "bridge.h"
#include "harness.h"
#include "qmp.h"
#include "regs.h"

#define WINDOW		(8 * MIB)
#define MAX_LEN		64
#define MAX_REGIONS	(VFIO_PCI_NUM_REGIONS + 2)

/* Of the whole run. */
#define USERS		8
#define RESETS		24

struct hostile {
	struct vfio vfio;
	struct vfio_region bars[MAX_REGIONS];
	unsigned int nr_bars;
	uint8_t *window;	/* NULL in all threads but one: what load() has is global */
	uint64_t random;
	unsigned long moved, refused, faults;
	const atomic_bool *stop;
};

static uint64_t dice(struct hostile *hostile, uint64_t sides)
{
	return random64(&hostile->random) % sides;
}

/* Places where a write could do something; half of all accesses begin at or near one. */
static const uint16_t config_aims[] = {
	PCI_COMMAND, PCI_STATUS, PCI_BASE_ADDRESS_0, PCI_BASE_ADDRESS_1, PCI_BASE_ADDRESS_2,
	PCI_ROM_ADDRESS, PCI_CAPABILITY_LIST, PCI_INTERRUPT_LINE,
	PM_AT, PM_AT + PCI_PM_CTRL,
	EXP_AT + PCI_EXP_DEVCTL, EXP_AT + PCI_EXP_DEVSTA, EXP_AT + PCI_EXP_LNKCTL,
	EXP_AT + PCI_EXP_DEVCTL2, EXP_AT + PCI_EXP_LNKCTL2,
	0x100 + PCI_ERR_UNCOR_STATUS, 0x100 + PCI_ERR_UNCOR_MASK, 0x100 + PCI_ERR_CAP,
	0x160 + PCI_DOE_CTRL, 0x160 + PCI_DOE_WRITE, 0x160 + PCI_DOE_READ,
	DVSEC_AT, DVSEC_AT + CXLR_DVSEC_HDR1,
	DVSEC_AT + CXLR_DVSEC_CTRL, DVSEC_AT + CXLR_DVSEC_CTRL, DVSEC_AT + CXLR_DVSEC_STATUS,
	DVSEC_AT + CXLR_DVSEC_CTRL2, DVSEC_AT + CXLR_DVSEC_STATUS2,
	DVSEC_AT + CXLR_DVSEC_LOCK, DVSEC_AT + CXLR_DVSEC_CAP2,
	DVSEC_AT + CXLR_DVSEC_RANGE_SIZE_HIGH(0), DVSEC_AT + CXLR_DVSEC_RANGE_SIZE_LOW(0),
	DVSEC_AT + CXLR_DVSEC_RANGE_BASE_HIGH(0), DVSEC_AT + CXLR_DVSEC_RANGE_BASE_LOW(0),
	DVSEC_AT + CXLR_DVSEC_RANGE_BASE_HIGH(1), DVSEC_AT + CXLR_DVSEC_RANGE_BASE_LOW(1),
	GPF_AT, FLEX_BUS_AT, FLEX_BUS_AT + 0x0c, LOCATOR_AT,
	LOCATOR_AT + CXLR_REG_LOCATOR_BLOCK_LOW(0), LOCATOR_END,
};

static const uint16_t register_aims[] = {
	CXLR_CAP_ARRAY, CXLR_CAP_HEADER(0), RAS_AT, RAS_AT + CXLR_RAS_UNCOR_MASK,
	RAS_AT + CXLR_RAS_COR_STATUS, LINK_AT,
	HDM_AT + CXLR_HDM_CAP, HDM_AT + CXLR_HDM_GLOBAL_CTRL,
	HDM_AT + CXLR_HDM_BASE_LOW(0), HDM_AT + CXLR_HDM_BASE_HIGH(0),
	HDM_AT + CXLR_HDM_SIZE_LOW(0), HDM_AT + CXLR_HDM_SIZE_HIGH(0),
	HDM_AT + CXLR_HDM_CTRL(0), HDM_AT + CXLR_HDM_CTRL(0), HDM_AT + CXLR_HDM_CTRL(0),
	HDM_AT + CXLR_HDM_DPA_SKIP_LOW(0), HDM_AT + CXLR_HDM_DPA_SKIP_HIGH(0),
};

static const uint32_t bar_aims[] = {
	CXL_ACCEL_SCRATCH_OFFSET, CXL_ACCEL_COMPONENT_OFFSET,
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET,
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + RAS_AT,
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + HDM_AT + CXLR_HDM_GLOBAL_CTRL,
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + HDM_AT + CXLR_HDM_BASE_LOW(0),
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + HDM_AT + CXLR_HDM_CTRL(0),
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + CXLR_CM_SIZE,
	CXL_ACCEL_COMPONENT_OFFSET + CXL_ACCEL_ARB_MUX_SCRATCH,
	CXL_ACCEL_COMPONENT_OFFSET + CXLR_COMPONENT_SIZE,
	CXL_ACCEL_ENGINE_OFFSET, CXL_ACCEL_BAR_SIZE,
};

/* Commit, locks, sizes, doorbells, edges. */
static const uint64_t values[] = {
	0, 1, 2, 4, 8, ~0ull, CXLR_HDM_CTRL_COMMIT, CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_LOCK,
	CXLR_HDM_CTRL_COMMITTED, CXLR_HDM_GRANULE, 0x80000000, 0xf0000000, PCI_COMMAND_MEMORY,
	PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, CXLR_CTRL2_INITIATE_RESET,
	CXLR_CTRL2_INITIATE_WBI | CXLR_CTRL2_DISABLE_CACHING,
	CXLR_CTRL2_INITIATE_RESET | CXLR_CTRL2_RESET_MEM_CLR, 0x7fffffffffffffff,
};

static size_t random_len(struct hostile *hostile)
{
	static const size_t widths[] = { 1, 2, 4, 4, 4, 8 };

	return dice(hostile, 4) ? widths[dice(hostile, ARRAY_SIZE(widths))] :
				  1 + dice(hostile, MAX_LEN);
}

static void random_data(struct hostile *hostile, uint8_t *data)
{
	uint64_t value = random64(&hostile->random);
	size_t i;

	switch (dice(hostile, 4)) {
	case 0:
		break;
	case 1:
		value = 1ull << value % 64;
		break;
	default:
		value = values[value % ARRAY_SIZE(values)];
	}
	for (i = 0; i < MAX_LEN; i += sizeof(value))
		memcpy(data + i, &value, sizeof(value));
}

/* Clear bits that a write would set, @times of @times + 1. */
static void spare(struct hostile *hostile, uint8_t *data, uint64_t offset, size_t len,
		  uint64_t at, uint8_t bits, unsigned int times)
{
	uint64_t byte = at - offset;

	if (byte < len && byte < MAX_LEN && data[byte] & bits && dice(hostile, times + 1))
		data[byte] &= ~bits;
}

/*
 * Each of these takes the device from its user for up to a tenth of a second:
 * FLR, a CXL Reset, a power state. They come often enough to meet everything
 * else, and seldom enough for the run to end.
 */
static void spare_time(struct hostile *hostile, uint8_t *data, uint64_t offset, size_t len)
{
	spare(hostile, data, offset, len, EXP_AT + PCI_EXP_DEVCTL + 1,
	      PCI_EXP_DEVCTL_BCR_FLR >> 8, 100);
	spare(hostile, data, offset, len, DVSEC_AT + CXLR_DVSEC_CTRL2,
	      CXLR_CTRL2_INITIATE_RESET, 20);
	spare(hostile, data, offset, len, PM_AT + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK, 60);
}

/*
 * Never: the engine's Enable. Its DMA goes to the IOMMU, which says of each
 * access that it refuses so in the kernel's log, where nothing may be.
 */
static void spare_log(uint8_t *data, uint64_t offset, size_t len)
{
	uint64_t byte = CXL_ACCEL_ENGINE_OFFSET + CXL_ACCEL_CTRL - offset;

	if (byte < len && byte < MAX_LEN)
		data[byte] &= ~CXL_ACCEL_CTRL_ENABLE;
}

/* What a device may answer: all or some of it, or one of these; or the VFIO core past the end. */
static void count(struct hostile *hostile, const struct vfio_region *region, uint64_t offset,
		  size_t len, bool write, ssize_t ret)
{
	if (ret > 0 && ret <= (ssize_t)len)
		hostile->moved++;
	else if (ret == -EIO || ret == -EINVAL || ret == -EAGAIN ||
		 (ret == -EFAULT && region->index == hostile->vfio.config.index &&
		  offset + len > region->size))
		hostile->refused++;
	else
		fail(__FILE__, __LINE__, "%s of %zu bytes at %#llx of region %u gives %zd",
		     write ? "write" : "read", len, (unsigned long long)offset, region->index, ret);
}

static void access_region(struct hostile *hostile, const struct vfio_region *region,
			  uint64_t offset, size_t len)
{
	bool write = dice(hostile, 2);
	uint8_t data[MAX_LEN];
	ssize_t ret;

	if (write) {
		random_data(hostile, data);
		if (region->index == hostile->vfio.config.index)
			spare_time(hostile, data, offset, len);
		if (region->index == hostile->vfio.bar.index)
			spare_log(data, offset, len);
		ret = __vfio_write(&hostile->vfio, region, offset, data, len);
	} else {
		ret = __vfio_read(&hostile->vfio, region, offset, data, len);
	}
	count(hostile, region, offset, len, write, ret);
}

/* At a place, or a little beside it; never before the start. */
static uint64_t near(struct hostile *hostile, uint64_t aim)
{
	uint64_t before = dice(hostile, 4) ? 0 : dice(hostile, 8);

	return aim > before ? aim - before : 0;
}

static void access_config(struct hostile *hostile)
{
	const struct vfio_region *config = &hostile->vfio.config;
	uint64_t offset = dice(hostile, 2) ?
		near(hostile, config_aims[dice(hostile, ARRAY_SIZE(config_aims))]) :
		dice(hostile, config->size + 4);

	access_region(hostile, config, offset, random_len(hostile));
}

/* Most accesses as the registers take them, or nothing would happen. */
static void access_registers(struct hostile *hostile)
{
	const struct vfio_region *regs = &hostile->vfio.regs;
	uint64_t offset = dice(hostile, 2) ?
		register_aims[dice(hostile, ARRAY_SIZE(register_aims))] :
		dice(hostile, regs->size / 4 + 4) * 4;

	if (dice(hostile, 4))
		access_region(hostile, regs, offset, 4);
	else
		access_region(hostile, regs, near(hostile, offset), random_len(hostile));
}

static void access_bar(struct hostile *hostile)
{
	const struct vfio_region *bar = &hostile->bars[dice(hostile, hostile->nr_bars)];
	uint64_t offset = dice(hostile, bar->size + 4);

	if (bar->index == hostile->vfio.bar.index && dice(hostile, 2))
		offset = near(hostile, bar_aims[dice(hostile, ARRAY_SIZE(bar_aims))]);
	access_region(hostile, bar, offset, random_len(hostile));
}

static void access_memory(struct hostile *hostile)
{
	const struct vfio_region *mem = &hostile->vfio.mem;
	/* All over it, but not all of it: what is touched is backed by the machine's memory. */
	uint64_t offset = dice(hostile, 64) * (mem->size / 64) + dice(hostile, MIB);

	access_region(hostile, mem, dice(hostile, 16) ? offset : mem->size - dice(hostile, MAX_LEN),
		      random_len(hostile));
}

/* A fault is dear. */
static void access_mapping(struct hostile *hostile)
{
	uint8_t byte;

	if (dice(hostile, 4) || !hostile->window)
		access_memory(hostile);
	else if (!load(hostile->window + dice(hostile, WINDOW), &byte))
		hostile->faults++;
}

/* A VMM that takes its events now and then, and sometimes wants no more of them. */
static void access_events(struct hostile *hostile)
{
	struct events events;

	if (!dice(hostile, 64))
		events_set(&hostile->vfio, -1);
	else if (!dice(hostile, 16))
		close(events_open(&hostile->vfio));
	else
		events_get(&hostile->vfio, &events, dice(hostile, EVENTS_MAX + 1));
}

static void (* const accesses_by[])(struct hostile *hostile) = {
	access_config, access_config, access_config, access_config, access_config, access_config,
	access_registers, access_registers, access_registers, access_registers, access_registers,
	access_bar, access_bar, access_memory, access_memory, access_mapping, access_events,
};

static void access_something(struct hostile *hostile)
{
	accesses_by[dice(hostile, ARRAY_SIZE(accesses_by))](hostile);
}

static void find_bars(struct hostile *hostile)
{
	struct vfio_device_info *device = vfio_device_info(&hostile->vfio);
	struct vfio_region_info info;
	unsigned int i;

	hostile->nr_bars = 0;
	for (i = 0; i < VFIO_PCI_CONFIG_REGION_INDEX; i++) {
		memset(&info, 0, sizeof(info));
		check_eq(__vfio_region_info(&hostile->vfio, i, &info, sizeof(info)), 0);
		if (info.size)
			hostile->bars[hostile->nr_bars++] = (struct vfio_region) {
				.index = i, .size = info.size, .offset = info.offset,
			};
	}
	free(device);
	check_ge(hostile->nr_bars, 2);
}

static void user_begins(struct hostile *hostile)
{
	vfio_open(&hostile->vfio);
	find_bars(hostile);
	hostile->window = vfio_mmap(&hostile->vfio, &hostile->vfio.mem, 0, WINDOW);
	close(events_open(&hostile->vfio));
}

static void user_ends(struct hostile *hostile)
{
	munmap(hostile->window, WINDOW);
	vfio_close(&hostile->vfio);
}

/* By the VMM; a CXL Reset may be under way, or a fault have a lock that it does not wait for. */
static void reset_device(struct hostile *hostile)
{
	bool hot = dice(hostile, 2);
	int ret = hot ? __vfio_hot_reset(&hostile->vfio) : __vfio_reset(&hostile->vfio);

	if (ret && ret != -EAGAIN && ret != -EBUSY)
		fail(__FILE__, __LINE__, "a reset gives %d", ret);
}

/* Off as often as it likes, but not for long, or the rest would meet no device. */
static void wake(struct hostile *hostile)
{
	uint16_t d0 = 0, command = PCI_COMMAND_MEMORY;

	/* Not while the queue of events is full, or a reset is under way; then the next time. */
	__vfio_write(&hostile->vfio, &hostile->vfio.config, PM_AT + PCI_PM_CTRL, &d0, sizeof(d0));
	__vfio_write(&hostile->vfio, &hostile->vfio.config, PCI_COMMAND, &command,
		     sizeof(command));
}

/* What the machine itself may say meanwhile: that it is slow. And what each open says. */
static const char * const expected_messages[] = {
	"can't reserve", "hogged CPU", "clocksource:", "hrtimer: interrupt took", "perf: interrupt",
	"sched: DL replenish", "timekeeping watchdog",
};

static void check_log(int kmsg)
{
	unsigned int level, said = 0;
	char text[1024];
	size_t i;

	while (kmsg_next(kmsg, text, sizeof(text), &level)) {
		for (i = 0; i < ARRAY_SIZE(expected_messages); i++)
			if (strstr(text, expected_messages[i]))
				break;
		if (i < ARRAY_SIZE(expected_messages))
			continue;
		if (said++ < 10)
			note("kernel: %s", text);
	}
	check_eq(said, 0);
}

/* The memory, from all sides: as a mapping, by read, by the engine. */
static void check_memory(void)
{
	const size_t len = 64 * KIB;
	struct cxl_accel_desc desc = {
		.op = CXL_ACCEL_OP_CRC32C, .flags = CXL_ACCEL_FLAG_SRC_OWN, .length = len,
	};
	uint8_t *want = malloc(len), *got = malloc(len);
	struct accel accel;
	struct vfio vfio;
	uint8_t *window;

	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	window = vfio_mmap(&vfio, &vfio.mem, 0, len);
	fill_random(want, len, 3);
	memcpy(window, want, len);
	vfio_read(&vfio, &vfio.mem, 0, got, len);
	check_mem_eq(got, want, len);
	check_eq(accel_run(&accel, &desc), CXL_ACCEL_OK);
	check_eq(desc.result, crc32c(want, len));
	free(want);
	free(got);
}

static void test_random_accesses(void)
{
	static struct bridge_state bridge_before, bridge_after;
	struct hostile hostile = { .random = seed };
	struct qmp_state before, after;
	unsigned long n;
	int kmsg;

	note("--seed=%llu --accesses=%lu", (unsigned long long)seed, accesses);
	/* The first binding of all has the CXL core set up the host bridge's other decoders. */
	user_begins(&hostile);
	bridge_state_read(&bridge_before);
	qmp_state_read(&before);
	/* The driver says at load what it says; from here on there is nothing to say. */
	kmsg = kmsg_open();

	for (n = 1; n <= accesses; n++) {
		access_something(&hostile);
		if (n % (accesses / USERS + 1) == 0) {
			user_ends(&hostile);
			user_begins(&hostile);
		}
		if (n % (accesses / RESETS + 1) == 0)
			reset_device(&hostile);
		if (n % 1024 == 0)
			wake(&hostile);
	}
	note("%lu moved, %lu refused, %lu faults refused; %llu CXL Resets",
	     hostile.moved, hostile.refused, hostile.faults,
	     (unsigned long long)qmp_get("resets-cxl"));
	/* The accesses met something. */
	check_gt(hostile.moved, accesses / 2);
	user_ends(&hostile);

	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	bridge_state_read(&bridge_after);
	bridge_state_same(&bridge_after, &bridge_before);
	check_memory();
	check_log(kmsg);
}

static void *access_all_the_time(void *data)
{
	struct hostile *hostile = data;
	unsigned long n;

	for (n = 0; !atomic_load(hostile->stop); n++) {
		access_something(hostile);
		if (n % 1024 == 0)
			wake(hostile);
	}
	return NULL;
}

/* The same by several processors of the guest at once, while the VMM resets it. */
static void test_concurrent_accesses(void)
{
	atomic_bool stop = false;
	struct hostile hostiles[4] = { { .random = seed, .stop = &stop } }, vmm;
	pthread_t threads[ARRAY_SIZE(hostiles)];
	struct qmp_state before, after;
	unsigned int i;
	int kmsg;

	note("--seed=%llu", (unsigned long long)seed);
	user_begins(&hostiles[0]);
	qmp_state_read(&before);
	kmsg = kmsg_open();
	for (i = 1; i < ARRAY_SIZE(hostiles); i++) {
		hostiles[i] = hostiles[0];
		hostiles[i].random = seed + i;
		hostiles[i].window = NULL;
	}
	vmm = hostiles[0];
	vmm.random = ~seed;
	for (i = 0; i < ARRAY_SIZE(hostiles); i++)
		check_eq(pthread_create(&threads[i], NULL, access_all_the_time, &hostiles[i]), 0);
	for (i = 0; i < RESETS / 2; i++) {
		usleep(100000);
		reset_device(&vmm);
	}
	atomic_store(&stop, true);
	for (i = 0; i < ARRAY_SIZE(hostiles); i++) {
		pthread_join(threads[i], NULL);
		note("%lu moved, %lu refused, %lu faults refused", hostiles[i].moved,
		     hostiles[i].refused, hostiles[i].faults);
	}
	user_ends(&hostiles[0]);

	qmp_state_read(&after);
	qmp_state_same(&after, &before);
	check_memory();
	check_log(kmsg);
}

/* The witness of the host bridge is one: it has the decoder that the memory is behind. */
static void test_bridge_decoder_is_witnessed(void)
{
	const uint64_t base = qmp_get("hdm0-base");
	static struct bridge_state bridge;
	unsigned int found = 0;
	size_t i;

	bridge_state_read(&bridge);
	for (i = 0; i + 1 < bridge.count; i++)
		found += bridge.value[i] == (uint32_t)base && bridge.value[i + 1] == base >> 32;
	check_eq(found, 1);
}

const struct test tests[] = {
	{ "bridge_decoder_is_witnessed", test_bridge_decoder_is_witnessed },
	{ "random_accesses", test_random_accesses, 300 },
	{ "concurrent_accesses", test_concurrent_accesses, 120 },
	{ }
};
