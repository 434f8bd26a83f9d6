// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "cxl_regs.h"
#include "log.h"
#include "machine.h"

#define CEDT_PATH	"/sys/firmware/acpi/tables/CEDT"
#define CEDT_MAX_SIZE	65536

static bool read_cedt(struct cedt *cedt)
{
	static uint8_t table[CEDT_MAX_SIZE];
	struct cedt_error error;
	size_t length;
	FILE *file;

	file = fopen(CEDT_PATH, "re");
	if (!file) {
		complain("%s: %s%s", CEDT_PATH, strerror(errno), errno != ENOENT ? "" :
			 "; the machine has no CXL host bridge: start QEMU with -machine q35,cxl=on and a pxb-cxl, and mount sysfs");
		return false;
	}
	length = fread(table, 1, sizeof(table), file);
	fclose(file);

	if (!cedt_parse(table, length, cedt, &error)) {
		complain("CEDT, byte %zu: %s", error.offset, error.what);
		return false;
	}
	return true;
}

static void describe_windows(const struct cedt *cedt)
{
	for (unsigned int i = 0; i < cedt->windows; i++) {
		const struct cedt_window *window = &cedt->window[i];
		const struct text range = range_text(window->base, window->size);

		if (window->targets == 1)
			say("window %u: %s, host bridge %u", i, range.s, window->target[0]);
		else
			say("window %u: %s, interleaved across %u host bridges: not used",
			    i, range.s, window->targets);
	}
}

static const char *open_bridge(struct bridge *bridge)
{
	const char *why = NULL;
	void *cm;
	int mem;

	if (bridge->cedt->version < CEDT_BRIDGE_CXL_2_0)
		return "a CXL 1.1 host bridge, which has no HDM decoders to program";
	if (bridge->cedt->size < CXLR_CM_OFFSET + CXLR_CM_SIZE)
		return "too few registers for the CXL.cache and CXL.mem block";

	mem = open("/dev/mem", O_RDWR | O_SYNC | O_CLOEXEC);
	if (mem < 0)
		return "cannot open /dev/mem: run as root, with devtmpfs mounted";
	cm = mmap(NULL, CXLR_CM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mem,
		  bridge->cedt->base + CXLR_CM_OFFSET);
	if (cm == MAP_FAILED)
		why = "the kernel refuses its registers: a driver has claimed them; run this before cxl_acpi loads";
	else
		why = hdm_find(&bridge->hdm, cm);
	close(mem);
	return why;
}

struct walk {
	struct machine *machine;
	struct bridge *bridge;
	const struct pci_function *root_port;	/* NULL on the root bus itself */
	unsigned int depth;			/* bridges above */
};

static int port_number(const struct pci_function *port)
{
	struct pci_function function = *port;
	unsigned int express;
	int number = -1;

	if (pci_open(&function))
		return -1;
	express = pci_find_express(&function);
	if (express)
		number = (pci_read(&function, express + PCI_EXP_LNKCAP, 4) &
			  PCI_EXP_LNKCAP_PN) >> 24;
	pci_close(&function);
	return number;
}

static const char *attach(struct endpoint *endpoint, const struct walk *walk)
{
	const struct machine *machine = walk->machine;
	int number;

	if (walk->depth == 0)
		return "a CXL 1.1 device, on the root bus: not supported";
	if (walk->depth > 1)
		return "behind a switch, whose decoders this program does not set up: put it on a root port";
	if (machine->endpoints == MACHINE_MAX_ENDPOINTS)
		return "more devices than this program has room for";
	number = port_number(walk->root_port);
	if (number < 0)
		return "the root port above has no PCI Express capability";

	endpoint->bridge = walk->bridge;
	endpoint->port_number = number;
	strcpy(endpoint->port, walk->root_port->name);
	for (unsigned int i = 0; i < machine->endpoints; i++) {
		const struct endpoint *other = &machine->endpoint[i];

		if (other->bridge == endpoint->bridge &&
		    other->port_number == endpoint->port_number &&
		    strcmp(other->port, endpoint->port))
			return "its root port has the port number of another one, so the host bridge cannot tell them apart: give each cxl-rp its own port=";
	}
	return endpoint_open_registers(endpoint);
}

static bool visit(const struct pci_function *function, void *data)
{
	struct walk *walk = data;
	struct machine *machine = walk->machine;
	struct endpoint endpoint;
	struct walk below = {
		.machine = machine,
		.bridge = walk->bridge,
		.root_port = walk->root_port ? walk->root_port : function,
		.depth = walk->depth + 1,
	};
	const char *why;

	if (!endpoint_probe(&endpoint, function))
		return pci_for_each(function->path, visit, &below);

	why = attach(&endpoint, walk);
	if (why) {
		complain("%s: %s", function->name, why);
		endpoint_close(&endpoint);
		machine->unusable++;
	} else {
		machine->endpoint[machine->endpoints++] = endpoint;
	}
	return true;
}

static void discover_below(struct machine *machine, struct bridge *bridge)
{
	struct walk walk = { .machine = machine, .bridge = bridge };
	char path[PATH_MAX];
	const char *why;

	if (!pci_find_root("ACPI0016", bridge->cedt->uid, path)) {
		complain("host bridge %u: in the CEDT, but the kernel has no PCI root with this _UID",
			 bridge->cedt->uid);
		machine->unusable++;
		return;
	}
	why = open_bridge(bridge);
	if (why) {
		complain("host bridge %u: %s", bridge->cedt->uid, why);
		machine->unusable++;
		return;
	}
	say("host bridge %u: %s, registers at 0x%llx, %u HDM decoders", bridge->cedt->uid,
	    strrchr(path, '/') + 1, (unsigned long long)bridge->cedt->base,
	    bridge->hdm.decoders);
	pci_for_each(path, visit, &walk);
}

bool machine_discover(struct machine *machine)
{
	if (!read_cedt(&machine->cedt))
		return false;
	for (unsigned int i = 0; i < machine->cedt.bridges; i++) {
		machine->bridge[i].cedt = &machine->cedt.bridge[i];
		discover_below(machine, &machine->bridge[i]);
	}
	describe_windows(&machine->cedt);
	return true;
}

void machine_close(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->endpoints; i++)
		endpoint_close(&machine->endpoint[i]);
}
