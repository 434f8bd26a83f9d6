/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The component registers of a PCI function: a device, or a switch's upstream port. */
#ifndef COMPONENT_H
#define COMPONENT_H

#include "hdm.h"
#include "pci.h"

struct component {
	struct pci_function function;
	uint16_t command;		/* as found, to be put back */
	volatile uint32_t *cm;		/* the CM block */
	struct hdm hdm;
};

/* Opens the config space. NULL or what is wrong. */
const char *component_open(struct component *component, const struct pci_function *function);

/*
 * Turns memory space on, maps the registers, and looks for the decoders. NULL or
 * what is wrong. component_close() puts memory space back as it was.
 */
const char *component_open_registers(struct component *component);
void component_close(struct component *component);

#endif
