// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it proves: the next user of a device finds nothing of the last one's also where
 * the processors cannot clear the memory: an engine still writes to it, or the decoder
 * leaves out some of it, which an engine reaches all the same. He cannot open it then.
 *
 * How: one user has the engine fill the memory and leaves it running, which takes an
 * unbind: that has the device's lock, so nothing resets the device when he closes it.
 * Or he has it fill what is beyond the decoder. The next user opens the device without
 * a reset that works, or while a module holds the device's lock, and searches the memory.
 *
 * Or he closes it where no reset reaches the device.
 *
 * Not covered: engines that a reset does not stop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel.h"
#include "harness.h"
#include "module.h"
#include "pci.h"
#include "qmp.h"
#include "tenant.h"
#include "vfio.h"

#define SECRET		0x5ec4e7c0ffee5ec4
#define RING_ORDER	12
#define RING_SIZE	MIB	/* at the end of the memory, for the ring */
#define LOOK_AGAIN_US	300000

static void set_attribute(const char *name, const char *value)
{
	if (!pci_bound(pci_accel()))
		pci_bind(pci_accel());
	write_file(pci_path(pci_accel(), name), value);
}

static uint64_t attribute(const char *name)
{
	char *text = read_file(pci_path(pci_accel(), name));
	uint64_t value = strtoull(text, NULL, 0);

	free(text);
	return value;
}

static void check_refused(const char *words)
{
	int kmsg = kmsg_open();
	struct vfio vfio;

	check_eq(__vfio_open_device(&vfio), -EIO);
	check_eq(kmsg_said_error(kmsg, words), 1);
	close(kmsg);
}

/* More fills of all of the memory than there is time for. Its ring is there as well. */
static void start_filling(struct vfio *vfio, volatile uint8_t *memory)
{
	const uint64_t ring = vfio->mem.size - RING_SIZE;
	const struct cxl_accel_desc fill = {
		.op = CXL_ACCEL_OP_FILL, .flags = CXL_ACCEL_FLAG_DST_OWN,
		.length = ring, .pattern = SECRET,
	};
	volatile uint32_t *engine = vfio_mmap(vfio, &vfio->bar, CXL_ACCEL_ENGINE_OFFSET,
					      CXL_ACCEL_PAGE_SIZE);
	const uint32_t start[][2] = {
		{ CXL_ACCEL_RING_LOW, ring },
		{ CXL_ACCEL_RING_HIGH, ring >> 32 },
		{ CXL_ACCEL_RING_CFG, CXL_ACCEL_RING_OWN | RING_ORDER },
		{ CXL_ACCEL_CTRL, CXL_ACCEL_CTRL_ENABLE },
		{ CXL_ACCEL_TAIL, (1 << RING_ORDER) - 1 },
	};
	unsigned int i;

	for (i = 0; i < 1 << RING_ORDER; i++)
		memcpy((uint8_t *)memory + ring + i * sizeof(fill), &fill, sizeof(fill));
	for (i = 0; i < ARRAY_SIZE(start); i++)
		engine[start[i][0] / sizeof(*engine)] = start[i][1];
	munmap((void *)engine, CXL_ACCEL_PAGE_SIZE);
}

static void fill_for_ever(struct vfio *vfio, volatile uint8_t *memory)
{
	start_filling(vfio, memory);
	tenant_leaves_when_asked(vfio, memory);
}

/* Unbound and bound again, with the engine of its last user at work. */
static void leave_engine_running(void)
{
	pid_t tenant;
	int status;

	set_attribute("clear", "auto");
	tenant = tenant_start(fill_for_ever);
	pci_unbind(pci_accel());
	check_eq(waitpid(tenant, &status, 0), tenant);
	check_eq(status, 0);
	set_attribute("clear", "cpu");
}

static unsigned int pages_with_secret(struct vfio *vfio)
{
	volatile uint8_t *memory = vfio_mmap(vfio, &vfio->mem, 0, vfio->mem.size);
	unsigned int found = 0;
	uint64_t at;

	for (at = 0; at < vfio->mem.size; at += PAGE)
		found += *(volatile uint64_t *)(memory + at) == SECRET;
	munmap((void *)memory, vfio->mem.size);
	return found;
}

/* Neither now, nor by an engine that is still at it. */
static void check_nothing_found(void)
{
	struct vfio vfio;

	vfio_open(&vfio);
	vfio_enable(&vfio, true, false);
	check_eq(pages_with_secret(&vfio), 0);
	usleep(LOOK_AGAIN_US);
	check_eq(pages_with_secret(&vfio), 0);
	vfio_close(&vfio);
}

static void test_no_reset_works_at_open(void)
{
	leave_engine_running();
	set_attribute("reset_method", "\n");
	check_refused("no reset that works");
	/* The core has reset the bus, when it took the device back. */
	check_nothing_found();
	set_attribute("reset_method", "default");
	set_attribute("clear", "auto");
}

static bool not_clearing(void)
{
	return !pci_is_clearing();
}

/* An open that does not come to its reset has stopped nothing. */
static void test_first_open_fails(void)
{
	struct vfio vfio;
	uint64_t left;
	char bus[32];
	int ret;

	leave_engine_running();
	left = attribute("uncleared_bytes");
	check_gt(left, 0);
	snprintf(bus, sizeof(bus), "bus=%lu", strtoul(strchr(pci_accel(), ':') + 1, NULL, 16));
	module_load(MODULE_HOLD, bus);
	ret = __vfio_open_device(&vfio);
	module_unload("hold");
	check_eq(ret, -EBUSY);
	wait_until(not_clearing);
	check_eq(attribute("uncleared_bytes"), left);
	check_nothing_found();
	set_attribute("clear", "auto");
}

/*
 * The port above masks resets of the bus (8.1.5.2), of which the PCI core says that they are made.
 * The function can be reset in no other way.
 */
static void test_bus_reset_is_masked(void)
{
	volatile uint8_t *memory;
	struct vfio vfio;

	set_attribute("clear", "auto");
	memory = tenant_open(&vfio);
	start_filling(&vfio, memory);
	set_attribute("clear", "cpu");
	set_attribute("reset_method", "\n");
	qmp_set("ignore-bus-reset", true);
	tenant_close(&vfio, memory);
	check_refused("no reset that works");
	check_eq(attribute("uncleared_bytes"), vfio.mem.size);
	qmp_set("ignore-bus-reset", false);
	set_attribute("reset_method", "default");
	check_nothing_found();
	set_attribute("clear", "auto");
}

/* Between host memory and the first page that has no address. */
static void move_beyond(struct vfio *vfio, struct accel *accel, unsigned int op)
{
	struct cxl_accel_desc desc = {
		.op = op, .length = PAGE, .pattern = SECRET,
		.src = vfio->mem.size, .dst = vfio->mem.size,
		.flags = CXL_ACCEL_FLAG_DST_OWN,
	};

	if (op == CXL_ACCEL_OP_COPY) {
		desc.dst = ACCEL_HOST_IOVA;
		desc.flags = CXL_ACCEL_FLAG_SRC_OWN;
	}
	check_eq(accel_run(accel, &desc), CXL_ACCEL_OK);
}

static void accel_close(struct accel *accel)
{
	munmap((void *)accel->engine, CXL_ACCEL_PAGE_SIZE);
	vfio_close(accel->vfio);
}

/* A CXL Reset clears all of the memory, the processors what they reach. */
static void test_memory_beyond_decoder(void)
{
	struct accel accel;
	struct vfio vfio;

	set_attribute("clear", "auto");
	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	move_beyond(&vfio, &accel, CXL_ACCEL_OP_FILL);
	move_beyond(&vfio, &accel, CXL_ACCEL_OP_COPY);
	check_eq(*(uint64_t *)accel.host, SECRET);
	set_attribute("clear", "cpu");
	accel_close(&accel);
	check_refused("leaves out some of it");
	check_eq(attribute("uncleared_bytes"), vfio.mem.size);

	set_attribute("clear", "auto");
	vfio_open(&vfio);
	accel_open(&accel, &vfio);
	memset(accel.host, 0xff, PAGE);
	move_beyond(&vfio, &accel, CXL_ACCEL_OP_COPY);
	check_eq(*(uint64_t *)accel.host, 0);
	accel_close(&accel);
}

const struct test tests[] = {
	{ "no_reset_works_at_open", test_no_reset_works_at_open },
	{ "first_open_fails", test_first_open_fails },
	{ "bus_reset_is_masked", test_bus_reset_is_masked },
	{ "memory_beyond_decoder", test_memory_beyond_decoder },
	{ }
};
