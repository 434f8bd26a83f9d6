// SPDX-License-Identifier: GPL-2.0-only
/*
 * engine DECODERS ACCESSES: as many reads and writes of decoder registers, in
 * a CM block with so many decoders. bench/engine counts its instructions.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"
#include "hdm.h"

#define HDM	0x200

int main(int argc, char **argv)
{
	unsigned int decoders = argc > 1 ? atoi(argv[1]) : 1;
	unsigned long i, accesses = argc > 2 ? atol(argv[2]) : 0;
	void *memory = calloc(1, cxlr_space_memory(CXLR_CM_SIZE, 4));
	struct cxlr_space space;
	struct cxlr_hdm hdm;
	uint64_t val, sum = 0;

	if (!memory)
		return 1;
	cxlr_space_init(&space, memory, CXLR_CM_SIZE, 4);
	if (!cxlr_space_place(&space, &cxlr_map_hdm, HDM, decoders, CXLR_CM_SIZE) ||
	    !cxlr_hdm_init(&hdm, &space, HDM, decoders, 1ull << 40, 0)) {
		fprintf(stderr, "engine: no %u decoders\n", decoders);
		return 1;
	}
	for (i = 0; i < accesses; i++) {
		unsigned int n = i % decoders;

		cxlr_write(&space, HDM + CXLR_HDM_BASE_LOW(n), 4, i << 28);
		cxlr_read(&space, HDM + CXLR_HDM_CTRL(n), 4, &val);
		sum += val;
	}
	printf("%llu\n", (unsigned long long)sum);
	free(memory);
	return 0;
}
