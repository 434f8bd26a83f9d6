/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device with CXL.mem: its DVSEC, its memory and its HDM decoders. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "component.h"
#include "hpa.h"

/* A port on the way to an endpoint, as the decoders above it name it. */
struct port {
	char name[PCI_NAME_SIZE];
	unsigned int number;		/* in its Link Capabilities (8.2.4.20.8) */
};

struct endpoint {
	struct component component;
	struct bridge *bridge;		/* the host bridge above */
	struct port root_port;		/* between the two */
	struct component *upstream;	/* of the switch below that; NULL: there is none */
	struct port downstream_port;	/* of the switch */

	unsigned int dvsec;		/* offset in the config space */
	bool host_only;			/* HDM-H; else HDM-D, or HDM-DB with bi */
	volatile uint32_t *bi;		/* BI Decoder capability (8.2.4.27); NULL */

	/* Where the memory goes; size 0: the endpoint is not to be programmed. */
	struct hpa_range hpa;
	bool kept;			/* decoders have led there before */
	const char *no_place;		/* why there is no HPA for it */
};

/* Of the memory, in the order that a device passes through them (8.1.3.8). */
enum memory_state { MEMORY_UNKNOWN, MEMORY_INACTIVE, MEMORY_ACTIVE };

/* True if the function is one, with its config space open. */
bool endpoint_probe(struct endpoint *endpoint, const struct pci_function *function);

/* As component_open_registers(); an endpoint must have decoders. */
const char *endpoint_open_registers(struct endpoint *endpoint);

/*
 * Waits for Memory_Info_Valid, then for Memory_Active: @seconds, or if that is
 * negative as long as the device's own Memory_Active_Timeout says.
 */
enum memory_state endpoint_await_memory(const struct endpoint *endpoint, int seconds);

/* Bytes of memory by range 1 or 2 (@range 0 or 1); valid with Memory_Info_Valid. */
uint64_t endpoint_capacity(const struct endpoint *endpoint, unsigned int range);

/* CEDT_WINDOW_ bits that a window must have to hold this memory. */
uint16_t endpoint_window_needs(const struct endpoint *endpoint);

/*
 * What of 8.2.4.27.2, 8.2.4.31.2 and 8.1.3.4 firmware would enable in the device, if the
 * host can do it as well. Before a decoder commits, and before CONFIG_LOCK. False if a
 * register does not read back as written.
 */
bool endpoint_enable_features(const struct endpoint *endpoint);

bool endpoint_config_locked(const struct endpoint *endpoint);

/* False if the register does not read back as written. */
bool endpoint_set_range_base(const struct endpoint *endpoint, uint64_t base);
bool endpoint_enable_memory(const struct endpoint *endpoint);
bool endpoint_lock_config(const struct endpoint *endpoint);

#endif
