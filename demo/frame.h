/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbered steps, and what became of each. */
#ifndef FRAME_H
#define FRAME_H

#include "harness.h"

/* Steps so far, and how many things did not hold. */
extern unsigned int frame_number, frame_failed;

void step(const char *title);
/* Report whether something held. */
__attribute__((format(printf, 2, 3)))
void show(bool held, const char *format, ...);
/* There is no way to go on. */
__attribute__((noreturn)) void stop(void);

/* As show(), for what the steps after it stand on. */
#define need(held, ...) \
	do { \
		bool held_ = held; \
		show(held_, __VA_ARGS__); \
		if (!held_) \
			stop(); \
	} while (0)

#endif
