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
		why = "the kernel refuses its registers: a driver has claimed them; "
			"run this before cxl_acpi loads";
	else
		why = hdm_find(&bridge->hdm, cm);
	close(mem);
	return why;
}

/* The ports above an endpoint behind one switch: root port, upstream, downstream. */
#define MAX_PORTS	3

struct walk {
	struct machine *machine;
	struct bridge *bridge;
	const struct pci_function *above[MAX_PORTS];	/* from the root bus on */
	unsigned int depth;				/* bridges above */
};

/* Number and type of a PCI Express port. */
static const char *read_port(struct port *port, const struct pci_function *function,
			     unsigned int type)
{
	struct pci_function copy = *function;
	const char *why = "a port above has no PCI Express capability";
	unsigned int express;

	strcpy(port->name, function->name);
	if (pci_open(&copy))
		return why;
	express = pci_find_express(&copy);
	if (express) {
		port->number = (pci_read(&copy, express + PCI_EXP_LNKCAP, 4) &
				PCI_EXP_LNKCAP_PN) >> 24;
		if ((pci_read(&copy, express + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >> 4 == type)
			why = NULL;
		else
			why = "behind a bridge that is no CXL switch: put it on a root port";
	}
	pci_close(&copy);
	return why;
}

static const char *open_switch(struct component *upstream, const struct pci_function *function)
{
	const char *why = component_open(upstream, function);

	if (!why)
		why = component_open_registers(upstream);
	if (!why && !upstream->hdm.regs)
		why = "its upstream port has no HDM decoders";
	if (why) {
		complain("switch %s: %s", function->name, why);
		component_close(upstream);
		return "its switch cannot be programmed";
	}
	say("switch %s: %u HDM decoders", function->name, upstream->hdm.decoders);
	return NULL;
}

static const char *find_switch(struct machine *machine, const struct pci_function *function,
			       struct component **upstream)
{
	const char *why;

	for (unsigned int i = 0; i < machine->switches; i++) {
		*upstream = &machine->upstream[i];
		if (!strcmp((*upstream)->function.name, function->name))
			return NULL;
	}
	if (machine->switches == MACHINE_MAX_SWITCHES)
		return "more switches than this program has room for";
	*upstream = &machine->upstream[machine->switches];
	why = open_switch(*upstream, function);
	if (!why)
		machine->switches++;
	return why;
}

static const char *attach_switch(struct endpoint *endpoint, const struct walk *walk)
{
	struct port upstream_port;
	const char *why = read_port(&upstream_port, walk->above[1], PCI_EXP_TYPE_UPSTREAM);

	if (!why)
		why = read_port(&endpoint->downstream_port, walk->above[2],
				PCI_EXP_TYPE_DOWNSTREAM);
	return why ? why : find_switch(walk->machine, walk->above[1], &endpoint->upstream);
}

/* Decoders tell ports by their numbers alone. */
static bool ambiguous(const struct port *a, const struct port *b)
{
	return a->number == b->number && strcmp(a->name, b->name);
}

static const char *check_numbers(const struct machine *machine, const struct endpoint *endpoint)
{
	for (unsigned int i = 0; i < machine->endpoints; i++) {
		const struct endpoint *other = &machine->endpoint[i];

		if (other->bridge == endpoint->bridge &&
		    ambiguous(&other->root_port, &endpoint->root_port))
			return "its root port has the port number of another one, so the host bridge "
				"cannot tell them apart: give each cxl-rp its own port=";
		if (endpoint->upstream && other->upstream == endpoint->upstream &&
		    ambiguous(&other->downstream_port, &endpoint->downstream_port))
			return "its downstream port has the port number of another one, so the switch "
				"cannot tell them apart: give each cxl-downstream its own port=";
	}
	return NULL;
}

static const char *attach(struct endpoint *endpoint, const struct walk *walk)
{
	const char *why;

	if (walk->depth == 0)
		return "a CXL 1.1 device, on the root bus: not supported";
	if (walk->depth == MAX_PORTS - 1)
		return "behind a bridge that is no CXL switch: put it on a root port";
	if (walk->depth > MAX_PORTS)
		return "behind more than one switch, which this program does not set up: "
			"put it on a root port, or on a switch that is";
	if (walk->machine->endpoints == MACHINE_MAX_ENDPOINTS)
		return "more devices than this program has room for";

	endpoint->bridge = walk->bridge;
	why = read_port(&endpoint->root_port, walk->above[0], PCI_EXP_TYPE_ROOT_PORT);
	if (!why && walk->depth == MAX_PORTS)
		why = attach_switch(endpoint, walk);
	if (!why)
		why = check_numbers(walk->machine, endpoint);
	return why ? why : endpoint_open_registers(endpoint);
}

static bool visit(const struct pci_function *function, void *data)
{
	struct walk *walk = data;
	struct machine *machine = walk->machine;
	struct endpoint endpoint;
	struct walk below = *walk;
	const char *why;

	if (below.depth < MAX_PORTS)
		below.above[below.depth] = function;
	below.depth++;
	if (!endpoint_probe(&endpoint, function))
		return pci_for_each(function->path, visit, &below);

	why = attach(&endpoint, walk);
	if (why) {
		complain("%s: %s", function->name, why);
		component_close(&endpoint.component);
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
		component_close(&machine->endpoint[i].component);
	for (unsigned int i = 0; i < machine->switches; i++)
		component_close(&machine->upstream[i]);
}
