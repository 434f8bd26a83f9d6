/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI CXL Early Discovery Table (CXL 3.1, 9.18.1): where the registers of
 * each CXL host bridge are, and which host physical addresses may be decoded
 * to which host bridge.
 */
#ifndef CEDT_H
#define CEDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CEDT_MAX_BRIDGES	64
#define CEDT_MAX_WINDOWS	64
#define CEDT_MAX_TARGETS	16

/* CHBS, 9.18.1.2 */
struct cedt_bridge {
	uint32_t uid;		/* _UID of the host bridge's ACPI device */
	uint32_t version;
	uint64_t base;		/* of the component registers */
	uint64_t size;
};

#define CEDT_BRIDGE_CXL_1_1	0	/* base is that of an RCRB */
#define CEDT_BRIDGE_CXL_2_0	1

/* CFMWS, 9.18.1.3 */
struct cedt_window {
	uint64_t base;
	uint64_t size;
	uint16_t restrictions;	/* what the window may hold: the bits below */
	unsigned int targets;	/* more than one: interleaved across bridges */
	uint32_t target[CEDT_MAX_TARGETS];
};

#define CEDT_WINDOW_DEVICE_COHERENT	0x01u
#define CEDT_WINDOW_HOST_ONLY		0x02u
#define CEDT_WINDOW_VOLATILE		0x04u
#define CEDT_WINDOW_PERSISTENT		0x08u

/* Granularity of a window's base and size. */
#define CEDT_WINDOW_GRANULE		0x10000000ull

struct cedt {
	unsigned int bridges;
	unsigned int windows;
	struct cedt_bridge bridge[CEDT_MAX_BRIDGES];
	struct cedt_window window[CEDT_MAX_WINDOWS];
};

struct cedt_error {
	size_t offset;		/* of the structure at fault in the table */
	const char *what;
};

/*
 * Parses @length bytes at @table, the ACPI header included. False if the table
 * is not one that the specification allows; @error then says where and why,
 * and @cedt is not to be used. Structures of an unknown type are passed over.
 */
bool cedt_parse(const void *table, size_t length, struct cedt *cedt,
		struct cedt_error *error);

#endif
