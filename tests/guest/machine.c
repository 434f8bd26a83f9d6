// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cxl_accel_regs.h"
#include "harness.h"
#include "machine.h"
#include "pci.h"
#include "regs.h"

#define TABLES		"/sys/firmware/acpi/tables/"
#define TABLE_SIZE	4	/* of an ACPI table, in its header */
#define TABLE_HEADER	36

/* CEDT (9.18.1), offsets in a record. */
#define RECORD_SIZE	2
#define CHBS		0
#define CHBS_UID	4
#define CHBS_BASE	16
#define CFMWS		1
#define CFMWS_BASE	8
#define CFMWS_SIZE	16
#define CFMWS_TARGET	36

/* MCFG: the first allocation. */
#define MCFG_BASE	44

#define POLL_US		1000
#define POLLS		60000
#define ALIGN		GIB	/* what the memory is aligned to, as the host's is */

uint64_t load_bytes(const volatile uint8_t *at, unsigned int width)
{
	switch (width) {
	case 1:
		return *at;
	case 2:
		return *(const volatile uint16_t *)at;
	case 4:
		return *(const volatile uint32_t *)at;
	default:
		return *(const volatile uint64_t *)at;
	}
}

void store_bytes(volatile uint8_t *at, unsigned int width, uint64_t value)
{
	switch (width) {
	case 1:
		*at = value;
		break;
	case 2:
		*(volatile uint16_t *)at = value;
		break;
	case 4:
		*(volatile uint32_t *)at = value;
		break;
	default:
		*(volatile uint64_t *)at = value;
	}
}

volatile uint8_t *machine_map(struct machine *machine, uint64_t at, size_t size)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, machine->mem, at);

	check_msg(map != MAP_FAILED,
		  "/dev/mem at %#llx: %s; is iomem=relaxed on the guest kernel's command line?",
		  (unsigned long long)at, strerror(errno));
	return map;
}

static volatile uint8_t *map_config(struct machine *machine, const char *device)
{
	char *mcfg = read_file(TABLES "MCFG");
	unsigned int bus, slot, function;
	uint64_t base;
	int fields;

	memcpy(&base, mcfg + MCFG_BASE, sizeof(base));
	free(mcfg);
	fields = sscanf(device, "%*x:%x:%x.%x", &bus, &slot, &function);
	check_eq(fields, 3);
	return machine_map(machine, base + ((bus << 8 | slot << 3 | function) << 12), CONFIG_SIZE);
}

/* The device that @device is below. */
static const char *port_of(const char *device)
{
	static char path[PATH_MAX];

	check(realpath(pci_path(device, ""), path));
	return basename(dirname(path));
}

static uint64_t find_hdm(const volatile uint8_t *cm)
{
	uint32_t array = load32(cm + CXLR_CAP_ARRAY), header;
	unsigned int i;

	check_eq(array & CXLR_CAP_ID, CXLR_CAP_ID_ARRAY);
	for (i = 0; i < array >> CXLR_CAP_ARRAY_SIZE_SHIFT; i++) {
		header = load32(cm + CXLR_CAP_HEADER(i));
		if ((header & CXLR_CAP_ID) == CXLR_CAP_ID_HDM)
			return header >> CXLR_CAP_POINTER_SHIFT;
	}
	fail(__FILE__, __LINE__, "no HDM decoders in this CM block");
}

/* The next record of that type after @at, or the first; NULL. */
static const char *next_record(const char *cedt, const char *at, uint8_t type)
{
	uint16_t len;
	uint32_t size;

	memcpy(&size, cedt + TABLE_SIZE, sizeof(size));
	for (;;) {
		if (at) {
			memcpy(&len, at + RECORD_SIZE, sizeof(len));
			check(len);
			at += len;
		} else {
			at = cedt + TABLE_HEADER;
		}
		if (at >= cedt + size)
			return NULL;
		if ((uint8_t)*at == type)
			return at;
	}
}

static void map_bridge(struct machine *machine, struct window *window, const char *cedt,
		       uint32_t uid)
{
	const char *at = NULL;
	uint32_t is;
	uint64_t base;

	do {
		at = next_record(cedt, at, CHBS);
		check(at);
		memcpy(&is, at + CHBS_UID, sizeof(is));
	} while (is != uid);
	memcpy(&base, at + CHBS_BASE, sizeof(base));
	window->bridge = machine_map(machine, base, CXLR_COMPONENT_SIZE);
	window->hdm = window->bridge + CXLR_CM_OFFSET + find_hdm(window->bridge + CXLR_CM_OFFSET);
}

/* In the order of the machine's description: the accelerator's comes first. */
static void map_windows(struct machine *machine)
{
	char *cedt = read_file(TABLES "CEDT");
	const char *at = NULL;
	unsigned int i;
	uint32_t uid;

	for (i = 0; i < WINDOWS; i++) {
		struct window *window = &machine->window[i];

		at = next_record(cedt, at, CFMWS);
		check(at);
		memcpy(&window->base, at + CFMWS_BASE, sizeof(window->base));
		memcpy(&window->size, at + CFMWS_SIZE, sizeof(window->size));
		memcpy(&uid, at + CFMWS_TARGET, sizeof(uid));
		map_bridge(machine, window, cedt, uid);
	}
	machine->home = (machine->window[0].base + ALIGN - 1) / ALIGN * ALIGN;
	machine->window[0].span = machine_map(machine, machine->home, SPAN);
	machine->window[1].span = machine_map(machine, machine->window[1].base, SPAN);
	free(cedt);
}

static volatile uint8_t *map_bar(const char *device, const char *file, size_t size)
{
	int fd = open(pci_path(device, file), O_RDWR | O_CLOEXEC);
	void *map;

	check_ge(fd, 0);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	check_msg(map != MAP_FAILED, "%s: %s", file, strerror(errno));
	close(fd);
	return map;
}

/* Others may have left its BARs elsewhere, the device asleep, or in a CXL Reset. */
static void find_device(struct machine *machine)
{
	unsigned int polls;

	for (polls = 0; polls < POLLS; polls++, usleep(POLL_US)) {
		if (load32(machine->bar + CXL_ACCEL_ID_MAGIC) == CXL_ACCEL_MAGIC)
			return;
		machine_wake(machine);
	}
}

void machine_open(struct machine *machine)
{
	memset(machine, 0, sizeof(*machine));
	machine->mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	check_ge(machine->mem, 0);
	machine->device = pci_accel();
	machine->config = map_config(machine, machine->device);
	machine->port = map_config(machine, port_of(machine->device));
	machine->bar = map_bar(machine->device, "resource0", CXL_ACCEL_BAR_SIZE);
	machine->table = map_bar(machine->device, "resource2", PAGE);
	machine->cm = machine->bar + CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET;
	machine->hdm = machine->cm + HDM_AT;
	map_windows(machine);
	find_device(machine);
	check_eq(load32(machine->bar + CXL_ACCEL_ID_MAGIC), CXL_ACCEL_MAGIC);
	check_eq(load_bytes(machine->config + DVSEC_AT + CXLR_DVSEC_HDR1, 2), CXLR_VENDOR_ID);
	machine->size = load32(machine->bar + CXL_ACCEL_ID_MEM_SIZE_LOW) |
			(uint64_t)load32(machine->bar + CXL_ACCEL_ID_MEM_SIZE_HIGH) << 32;
	check_le(machine->home + machine->size, machine->window[0].base + machine->window[0].size);
}

/* Firmware gave them their places; the kernel remembers those. */
static void restore_bar(struct machine *machine, unsigned int n)
{
	uint64_t at = pci_bar(machine->device, n);

	store32(machine->config + PCI_BASE_ADDRESS_0 + 4 * n, at);
	store32(machine->config + PCI_BASE_ADDRESS_0 + 4 * n + 4, at >> 32);
}

void machine_wake(struct machine *machine)
{
	store_bytes(machine->config + PM_AT + PCI_PM_CTRL, 2, 0);
	restore_bar(machine, 0);
	restore_bar(machine, 2);
	store_bytes(machine->config + PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void machine_bus_reset(struct machine *machine)
{
	uint16_t control = load_bytes(machine->port + PCI_BRIDGE_CONTROL, 2);

	store_bytes(machine->port + PCI_BRIDGE_CONTROL, 2, control | PCI_BRIDGE_CTL_BUS_RESET);
	store_bytes(machine->port + PCI_BRIDGE_CONTROL, 2, control & ~PCI_BRIDGE_CTL_BUS_RESET);
}

void machine_program(struct machine *machine, uint64_t base, uint64_t size, uint64_t skip,
		     uint32_t control)
{
	store32(machine->hdm + CXLR_HDM_BASE_LOW(0), base);
	store32(machine->hdm + CXLR_HDM_BASE_HIGH(0), base >> 32);
	store32(machine->hdm + CXLR_HDM_SIZE_LOW(0), size);
	store32(machine->hdm + CXLR_HDM_SIZE_HIGH(0), size >> 32);
	store32(machine->hdm + CXLR_HDM_DPA_SKIP_LOW(0), skip);
	store32(machine->hdm + CXLR_HDM_DPA_SKIP_HIGH(0), skip >> 32);
	store32(machine->hdm + CXLR_HDM_CTRL(0), control);
}

void machine_program_bridge(struct machine *machine)
{
	volatile uint8_t *hdm = machine->window[0].hdm;
	unsigned int n;

	for (n = 0; n < cxlr_hdm_decoder_count(load32(hdm + CXLR_HDM_CAP)); n++)
		store32(hdm + CXLR_HDM_CTRL(n), 0);
	store32(hdm + CXLR_HDM_BASE_LOW(0), machine->home);
	store32(hdm + CXLR_HDM_BASE_HIGH(0), machine->home >> 32);
	store32(hdm + CXLR_HDM_SIZE_LOW(0), machine->size);
	store32(hdm + CXLR_HDM_SIZE_HIGH(0), machine->size >> 32);
	/* The first root port of the bridge has number 0. */
	store32(hdm + CXLR_HDM_TARGET_LOW(0), 0);
	store32(hdm + CXLR_HDM_TARGET_HIGH(0), 0);
	store32(hdm + CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMIT);
	store32(hdm + CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
}

void machine_program_all(struct machine *machine)
{
	uint16_t control;

	machine_program_bridge(machine);
	/* Firmware's, which is locked. */
	if (!(load32(machine->hdm + CXLR_HDM_CTRL(0)) & CXLR_HDM_CTRL_LOCK)) {
		store32(machine->hdm + CXLR_HDM_CTRL(0), 0);
		machine_program(machine, machine->home, machine->size, 0, CXLR_HDM_CTRL_COMMIT);
	}
	store32(machine->hdm + CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	control = load_bytes(machine->config + DVSEC_AT + CXLR_DVSEC_CTRL, 2);
	store_bytes(machine->config + DVSEC_AT + CXLR_DVSEC_CTRL, 2,
		    control | CXLR_CTRL_MEM_ENABLE);
}

void machine_place(struct machine *machine)
{
	const uint32_t committed = CXLR_HDM_CTRL_COMMIT | CXLR_HDM_CTRL_COMMITTED;

	machine_program_all(machine);
	check_eq(load32(machine->hdm + CXLR_HDM_CTRL(0)) & committed, committed);
	check_eq(load32(machine->hdm + CXLR_HDM_BASE_LOW(0)), (uint32_t)machine->home);
	check_eq(load32(machine->hdm + CXLR_HDM_BASE_HIGH(0)), machine->home >> 32);
}

void machine_cxl_reset(struct machine *machine, uint16_t bits)
{
	store_bytes(machine->config + DVSEC_AT + CXLR_DVSEC_CTRL2, 2,
		    CXLR_CTRL2_INITIATE_RESET | bits);
}

bool machine_cxl_reset_ended(struct machine *machine)
{
	return load_bytes(machine->config + DVSEC_AT + CXLR_DVSEC_STATUS2, 2) &
	       (CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR);
}

void machine_cxl_reset_end(struct machine *machine)
{
	unsigned int polls;

	for (polls = 0; polls < POLLS; polls++, usleep(POLL_US))
		if (machine_cxl_reset_ended(machine))
			return;
	fail(__FILE__, __LINE__, "the CXL Reset does not end");
}
