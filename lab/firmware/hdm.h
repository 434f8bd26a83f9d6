/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HDM decoders of one component (CXL 3.1, 8.2.4.20), through its registers. */
#ifndef HDM_H
#define HDM_H

#include <stdbool.h>
#include <stdint.h>

struct hdm {
	volatile uint32_t *regs;	/* NULL: the component has no decoders */
	unsigned int decoders;
	uint32_t cap;
};

/* Of targets: the first of a port's, the only one without interleaving (8.2.4.20.8). */
#define HDM_TARGET	0xffu

struct hdm_decoder {
	uint64_t base;
	uint64_t size;
	uint64_t targets;	/* ports: port numbers, a byte each; endpoints: DPA skip */
	uint32_t ctrl;
};

/*
 * Finds the HDM decoder capability in the CM block at @cm. A component without
 * one is no error: regs is then NULL. Returns NULL or what is wrong.
 */
const char *hdm_find(struct hdm *hdm, volatile uint32_t *cm);

/* The capability @id of the CM block at @cm, of @size bytes; NULL if the array has none. */
volatile uint32_t *cm_capability(volatile uint32_t *cm, unsigned int id, unsigned int size);

void hdm_read(const struct hdm *hdm, unsigned int n, struct hdm_decoder *decoder);

/* Decoders are committed in order: the count is the index of the next one. 0 without any. */
unsigned int hdm_committed(const struct hdm *hdm);

/* The lowest address of the next decoder: where the last committed one ends. */
uint64_t hdm_next_base(const struct hdm *hdm);

/*
 * The decoder for @size bytes from @base on: the one that is committed to them, or the
 * next. As many as there are, if none is left.
 */
unsigned int hdm_decoder_for(const struct hdm *hdm, uint64_t base, uint64_t size);

/* Is a decoder of a port committed that leads @size bytes to port number @target alone? */
bool hdm_leads_to(const struct hdm *hdm, unsigned int target, uint64_t size,
		  struct hdm_decoder *decoder);

/*
 * Programs decoder @n and commits it. ctrl gives LOCK, the target type and BI;
 * COMMIT is added. Returns NULL once the decoder is committed and reads back
 * as programmed, or what went wrong.
 */
const char *hdm_commit(const struct hdm *hdm, unsigned int n,
		       const struct hdm_decoder *decoder);

/* Endpoints only (8.2.4.20.2): decode by the decoders, not the DVSEC ranges. */
void hdm_enable(const struct hdm *hdm);

#endif
