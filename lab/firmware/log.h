/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line for each action, on stdout; what went wrong goes to stderr. */
#ifndef LOG_H
#define LOG_H

#include <stdint.h>

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/* Addresses and sizes as they are shown, for use as an argument of the above. */
struct text {
	char s[80];
};

struct text size_text(uint64_t size);			/* 0x40000000 (1 GiB) */
struct text range_text(uint64_t base, uint64_t size);	/* HPA 0x490000000 size ... */

#endif
