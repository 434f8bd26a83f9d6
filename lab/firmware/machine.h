/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CXL host bridges of this machine, the switches and the memory devices below them. */
#ifndef MACHINE_H
#define MACHINE_H

#include "endpoint.h"

#define MACHINE_MAX_ENDPOINTS	64
#define MACHINE_MAX_SWITCHES	64

struct bridge {
	const struct cedt_bridge *cedt;
	struct hdm hdm;
};

struct machine {
	struct cedt cedt;
	struct bridge bridge[CEDT_MAX_BRIDGES];
	struct endpoint endpoint[MACHINE_MAX_ENDPOINTS];
	unsigned int endpoints;
	struct component upstream[MACHINE_MAX_SWITCHES];	/* of switches with endpoints */
	unsigned int switches;
	unsigned int unusable;	/* bridges and endpoints that cannot be programmed */
};

/*
 * Reads the CEDT, the registers of each host bridge and the config space of
 * each function below, and says what it found and what is wrong with it. False
 * without a valid CEDT: then there is nothing that could be programmed.
 */
bool machine_discover(struct machine *machine);

void machine_close(struct machine *machine);

#endif
