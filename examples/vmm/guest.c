// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The guest: what a driver in a real one does with its CXL device, in 64-bit
 * mode without an operating system. It is linked into the VMM as data, and
 * copied from there into guest memory; so it has no globals, no strings and
 * calls nobody.
 */
#include <stdbool.h>

#include "cxl_regs.h"
#include "guest.h"

#define GUEST		__attribute__((section("guest"), noinline))
#define GUEST_INLINE	static inline __attribute__((always_inline))

#define COMMAND		0x04
#define COMMAND_MEMORY	0x0002u
#define WAIT_MS		10000
/* Status2 is the upper half of the dword that begins with Control2. */
#define DONE		((CXLR_STATUS2_RESET_COMPLETE | CXLR_STATUS2_RESET_ERROR) << 16)

GUEST_INLINE uint32_t read32(uint64_t gpa)
{
	return *(volatile uint32_t *)gpa;
}

GUEST_INLINE void write32(uint64_t gpa, uint32_t value)
{
	*(volatile uint32_t *)gpa = value;
}

GUEST_INLINE uint16_t read16(uint64_t gpa)
{
	return *(volatile uint16_t *)gpa;
}

GUEST_INLINE void write16(uint64_t gpa, uint16_t value)
{
	*(volatile uint16_t *)gpa = value;
}

GUEST_INLINE void report(volatile struct guest_params *p, uint32_t step, uint64_t value)
{
	p->value = value;
	__asm__ volatile("outl %0, %w1" : : "a"(step), "Nd"(STEP_PORT) : "memory");
}

GUEST_INLINE uint32_t clock_ms(void)
{
	uint32_t ms;

	__asm__ volatile("inl %w1, %0" : "=a"(ms) : "Nd"(CLOCK_PORT));
	return ms;
}

GUEST_INLINE __attribute__((noreturn)) void halt(void)
{
	for (;;)
		__asm__ volatile("hlt");
}

GUEST static void fill(uint64_t gpa, uint64_t bytes, uint64_t seed)
{
	volatile uint64_t *word = (volatile uint64_t *)gpa;
	uint64_t i;

	for (i = 0; i < bytes / sizeof(*word); i++)
		word[i] = pattern(seed, i);
}

GUEST static uint64_t wrong_words(uint64_t gpa, uint64_t bytes, uint64_t seed)
{
	volatile uint64_t *word = (volatile uint64_t *)gpa;
	uint64_t i, wrong = 0;

	for (i = 0; i < bytes / sizeof(*word); i++)
		wrong += word[i] != pattern(seed, i);
	return wrong;
}

/* Ends the guest if none of @mask comes. */
GUEST static void wait32(volatile struct guest_params *p, uint64_t gpa, uint32_t mask,
			 enum guest_step step)
{
	uint32_t start = clock_ms();

	do {
		if (read32(gpa) & mask)
			return;
	} while (clock_ms() - start < WAIT_MS);
	report(p, STEP_STUCK, step);
	halt();
}

GUEST static void decommit(uint64_t hdm)
{
	uint32_t ctrl = read32(hdm + CXLR_HDM_CTRL(0));

	write32(hdm + CXLR_HDM_CTRL(0), ctrl & ~CXLR_HDM_CTRL_COMMIT);
}

/* As 8.2.4.20.12 has it; the size is the whole memory's already. */
GUEST static void commit(volatile struct guest_params *p, uint64_t hdm, uint64_t base,
			 enum guest_step step)
{
	uint64_t dvsec = p->config + p->dvsec;

	wait32(p, dvsec + CXLR_DVSEC_RANGE_SIZE_LOW(0), CXLR_RANGE_MEM_USABLE, step);
	write32(hdm + CXLR_HDM_BASE_LOW(0), base);
	write32(hdm + CXLR_HDM_BASE_HIGH(0), base >> 32);
	write32(hdm + CXLR_HDM_CTRL(0), read32(hdm + CXLR_HDM_CTRL(0)) | CXLR_HDM_CTRL_COMMIT);
	wait32(p, hdm + CXLR_HDM_CTRL(0), CXLR_HDM_CTRL_COMMITTED, step);
	write32(hdm + CXLR_HDM_GLOBAL_CTRL, CXLR_HDM_GLOBAL_ENABLE);
	write16(dvsec + CXLR_DVSEC_CTRL, read16(dvsec + CXLR_DVSEC_CTRL) | CXLR_CTRL_MEM_ENABLE);
}

GUEST static void move(volatile struct guest_params *p, uint64_t hdm)
{
	decommit(hdm);
	report(p, STEP_GONE, read32(p->place[0]));
	commit(p, hdm, p->place[1], STEP_MOVED);
	report(p, STEP_MOVED, wrong_words(p->place[1], p->bytes, p->seed));
	report(p, STEP_OLD_PLACE, read32(p->place[0]));
}

GUEST static void disable_and_enable(volatile struct guest_params *p)
{
	uint16_t command = read16(p->config + COMMAND);
	uint64_t wrong;

	write16(p->config + COMMAND, command & ~COMMAND_MEMORY);
	report(p, STEP_DISABLED, read32(p->place[1]));
	write16(p->config + COMMAND, command);
	wrong = wrong_words(p->place[1], p->bytes, p->seed);
	p->seed++;
	fill(p->place[1], p->bytes, p->seed);
	report(p, STEP_ENABLED, wrong + wrong_words(p->place[1], p->bytes, p->seed));
}

/* A CXL Reset (9.7) runs by itself once it is started. */
GUEST static void cxl_reset(volatile struct guest_params *p, uint64_t hdm)
{
	uint64_t dvsec = p->config + p->dvsec;

	write16(dvsec + CXLR_DVSEC_CTRL2, CXLR_CTRL2_INITIATE_RESET);
	report(p, STEP_IN_RESET, read32(p->place[1]));
	wait32(p, dvsec + CXLR_DVSEC_CTRL2, DONE, STEP_AFTER_RESET);
	report(p, STEP_AFTER_RESET, read32(hdm + CXLR_HDM_CTRL(0)));
	commit(p, hdm, p->place[0], STEP_AGAIN);
	p->seed++;
	fill(p->place[0], p->bytes, p->seed);
	report(p, STEP_AGAIN, wrong_words(p->place[0], p->bytes, p->seed));
}

GUEST void guest_main(volatile struct guest_params *p)
{
	uint32_t low = read32(p->config + p->bar);
	uint64_t hdm = (low & ~0xfu) + p->hdm;
	bool locked;

	if (low & 4)
		hdm += (uint64_t)read32(p->config + p->bar + 4) << 32;
	report(p, STEP_FOUND, (uint64_t)read32(hdm + CXLR_HDM_BASE_HIGH(0)) << 32 |
	       read32(hdm + CXLR_HDM_BASE_LOW(0)));

	fill(p->place[0], p->bytes, p->seed);
	report(p, STEP_WRITTEN, wrong_words(p->place[0], p->bytes, p->seed));

	locked = read32(hdm + CXLR_HDM_CTRL(0)) & CXLR_HDM_CTRL_LOCK;
	if (locked) {
		decommit(hdm);
		report(p, STEP_LOCKED, wrong_words(p->place[0], p->bytes, p->seed));
		halt();
	}
	move(p, hdm);
	disable_and_enable(p);
	if (read16(p->config + p->dvsec + CXLR_DVSEC_CAP) & CXLR_CAP_RESET_CAPABLE)
		cxl_reset(p, hdm);
	halt();
}
