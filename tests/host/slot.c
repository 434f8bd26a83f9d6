// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cxl_accel_regs.h"
#include "harness.h"
#include "pci.h"
#include "qmp.h"
#include "regs.h"
#include "slot.h"

struct slot_decoder slot_decoder(void)
{
	return (struct slot_decoder) {
		.base = qmp_get("hdm0-base"), .size = qmp_get("hdm0-size"),
		.ctrl = qmp_get("hdm0-control"),
	};
}

/* Slots are told by the address of what is in them, less the function. */
static void find_slot(char *path, size_t size)
{
	glob_t slots;
	size_t i;

	*path = '\0';
	check_eq(glob("/sys/bus/pci/slots/*", 0, NULL, &slots), 0);
	for (i = 0; i < slots.gl_pathc && !*path; i++) {
		char *address;

		snprintf(path, size, "%s/address", slots.gl_pathv[i]);
		address = read_file(path);
		address[strcspn(address, "\n")] = '\0';
		snprintf(path, size, "%s/power", slots.gl_pathv[i]);
		if (strncmp(pci_accel(), address, strlen(address)))
			*path = '\0';
		free(address);
	}
	globfree(&slots);
	check(*path);
}

int __slot_off(void)
{
	char power[128];

	find_slot(power, sizeof(power));
	return __write_file(power, "0");
}

static uint16_t config16(int config, unsigned int at)
{
	uint16_t value;

	check_eq(pread(config, &value, sizeof(value), at), sizeof(value));
	return value;
}

/* The port's configuration space, which is the parent of what is in the slot. */
static const char *port_config(void)
{
	static char path[PATH_MAX];

	if (!*path) {
		char *slash;

		check(realpath(pci_path(pci_accel(), ""), path));
		slash = strrchr(path, '/');
		check(slash && slash + sizeof("/config") < path + sizeof(path));
		memcpy(slash, "/config", sizeof("/config"));
	}
	return path;
}

/* The port is found by what is in its slot, as long as that is there. */
void slot_silence(void)
{
	port_config();
	qmp_set("gone", true);
}

void slot_pull(void)
{
	port_config();
	qmp_set("surprise-removed", true);
}

static bool switched_off(void)
{
	const uint16_t off = PCI_EXP_SLTCTL_PWR_OFF | PCI_EXP_SLTCTL_PWR_IND_OFF;
	int config = open(port_config(), O_RDONLY | O_CLOEXEC);
	uint8_t at;
	uint16_t control;

	check_ge(config, 0);
	check_eq(pread(config, &at, 1, PCI_CAPABILITY_LIST), 1);
	while (config16(config, at) % 256 != PCI_CAP_ID_EXP)
		at = config16(config, at) >> 8;
	control = config16(config, at + PCI_EXP_SLTCTL);
	close(config);
	return (control & (PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PIC)) == off;
}

/* Asks for power, which an empty slot does not get, but not before the kernel is done with it. */
static bool done_with(void)
{
	int kmsg = kmsg_open();
	char power[128], text[1024];
	unsigned int level;
	bool done = true;

	find_slot(power, sizeof(power));
	check_eq(__write_file(power, "1"), -ENODEV);
	/* That is also the answer while it is being switched off. */
	while (kmsg_next(kmsg, text, sizeof(text), &level))
		done &= !strstr(text, "Already enabled");
	close(kmsg);
	return done;
}

/*
 * The kernel's thread that switches it off looks once more whether something is in it. What
 * is put in at that moment is found by that look, and then takes the button that QEMU
 * presses with it for a request to switch it off.
 */
void slot_emptied(void)
{
	wait_until(switched_off);
	qmp_unplug();
	wait_until(done_with);
}

static bool added(void)
{
	return !access(pci_path(pci_accel(), "config"), F_OK);
}

/* The kernel adds it as soon as the slot says that something is in it; a rescan waits for that. */
static void wait_added(void)
{
	wait_until(added);
	write_file("/sys/bus/pci/rescan", "1");
}

void slot_on(unsigned int decoders)
{
	qmp_plug(decoders);
	wait_added();
}

void slot_on_endless_reset(void)
{
	qmp_plug_endless_reset();
	wait_added();
}

static void set_config16(int config, unsigned int at, uint16_t bits)
{
	uint16_t value = config16(config, at) | bits;

	check_eq(pwrite(config, &value, sizeof(value), at), sizeof(value));
}

static void program(volatile uint8_t *hdm, unsigned int n, const struct slot_decoder *decoder)
{
	const uint32_t ctrl = decoder->ctrl & ~CXLR_HDM_CTRL_COMMITTED;
	const uint32_t values[][2] = {
		{ CXLR_HDM_BASE_LOW(n), decoder->base },
		{ CXLR_HDM_BASE_HIGH(n), decoder->base >> 32 },
		{ CXLR_HDM_SIZE_LOW(n), decoder->size },
		{ CXLR_HDM_SIZE_HIGH(n), decoder->size >> 32 },
		{ CXLR_HDM_CTRL(n), ctrl | CXLR_HDM_CTRL_COMMIT },
		{ CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE },
	};
	unsigned int tries;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		*(volatile uint32_t *)(hdm + values[i][0]) = values[i][1];
	for (tries = 0; tries < 100; tries++, usleep(1000))
		if (*(volatile uint32_t *)(hdm + CXLR_HDM_CTRL(n)) & CXLR_HDM_CTRL_COMMITTED)
			return;
	fail(__FILE__, __LINE__, "decoder %u does not commit", n);
}

void slot_commit(const struct slot_decoder *decoders, unsigned int count)
{
	int config = open(pci_path(pci_accel(), "config"), O_RDWR | O_CLOEXEC), bar;
	uint8_t *map, *hdm;
	unsigned int n;

	check_ge(config, 0);
	write_file(pci_path(pci_accel(), "enable"), "1");
	set_config16(config, PCI_COMMAND, PCI_COMMAND_MEMORY);
	set_config16(config, DVSEC_AT + CXLR_DVSEC_CTRL, CXLR_CTRL_MEM_ENABLE);

	bar = open(pci_path(pci_accel(), "resource0"), O_RDWR | O_CLOEXEC);
	check_ge(bar, 0);
	map = mmap(NULL, CXL_ACCEL_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, bar, 0);
	check_ne(map, MAP_FAILED);
	hdm = map + CXL_ACCEL_COMPONENT_OFFSET + CXLR_CM_OFFSET + HDM_AT;
	for (n = 0; n < count; n++)
		program(hdm, n, &decoders[n]);
	munmap(map, CXL_ACCEL_BAR_SIZE);
	close(bar);
	close(config);
	/* The driver enables it by itself. */
	write_file(pci_path(pci_accel(), "enable"), "0");
}
