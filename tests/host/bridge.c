// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "cxl_regs.h"
#include "harness.h"
#include "qmp.h"

#define CEDT		"/sys/firmware/acpi/tables/CEDT"
#define CEDT_SIZE	4	/* of the table, in its header */
#define CEDT_RECORDS	36
#define RECORD_SIZE	2
#define CHBS		0	/* record type: a CXL host bridge */
#define CHBS_BASE	16

static void add(struct bridge_state *state, uint64_t address)
{
	check_lt(state->count, BRIDGE_WORDS);
	state->address[state->count] = address;
	state->value[state->count++] = qmp_physical(address);
}

/* 0: it has none, as a host bridge that passes everything to its only port. */
static uint64_t find_hdm(uint64_t registers)
{
	const uint64_t cm = registers + CXLR_CM_OFFSET;
	uint32_t array = qmp_physical(cm + CXLR_CAP_ARRAY), header;
	unsigned int i, size = (array & CXLR_CAP_ARRAY_SIZE) >> CXLR_CAP_ARRAY_SIZE_SHIFT;

	check_eq(array & CXLR_CAP_ID, CXLR_CAP_ID_ARRAY);
	for (i = 0; i < size; i++) {
		header = qmp_physical(cm + CXLR_CAP_HEADER(i));
		if ((header & CXLR_CAP_ID) == CXLR_CAP_ID_HDM)
			return cm + (header >> CXLR_CAP_POINTER_SHIFT);
	}
	return 0;
}

uint64_t bridge_hdm(uint64_t registers)
{
	uint64_t hdm = find_hdm(registers);

	check_msg(hdm, "the component at %#llx has no HDM decoders",
		  (unsigned long long)registers);
	return hdm;
}

void bridge_state_add(struct bridge_state *state, uint64_t registers)
{
	uint64_t hdm = bridge_hdm(registers);
	unsigned int decoders = cxlr_hdm_decoder_count(qmp_physical(hdm + CXLR_HDM_CAP));
	uint32_t offset;

	for (offset = 0; offset < CXLR_HDM_SIZE(decoders); offset += 4)
		add(state, hdm + offset);
}

void bridge_state_read(struct bridge_state *state)
{
	char *table = read_file(CEDT);
	uint16_t record_size;
	uint32_t size, at;
	uint64_t base;

	state->count = 0;
	memcpy(&size, table + CEDT_SIZE, sizeof(size));
	for (at = CEDT_RECORDS; at < size; at += record_size) {
		memcpy(&record_size, table + at + RECORD_SIZE, sizeof(record_size));
		check(record_size);
		if (table[at] != CHBS)
			continue;
		memcpy(&base, table + at + CHBS_BASE, sizeof(base));
		if (find_hdm(base))
			bridge_state_add(state, base);
	}
	free(table);
	check(state->count);
}

void bridge_state_same(const struct bridge_state *is, const struct bridge_state *was)
{
	size_t i;

	check_eq(is->count, was->count);
	for (i = 0; i < is->count; i++)
		check_msg(is->value[i] == was->value[i],
			  "the decoder register at %#llx was %#x and is %#x",
			  (unsigned long long)is->address[i], was->value[i], is->value[i]);
}
