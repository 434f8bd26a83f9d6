/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The module's calls, and where a process's pages are. Functions that return int return 0 or
 * a negative errno.
 */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cxl_coherent_uapi.h"

int user_open(void);
int user_info(int fd, struct cxl_coherent_info *info);
/* The pages that were moved go to *moved in any case. */
int user_to_device(int fd, const void *addr, size_t len, uint64_t *moved);
int user_to_host(int fd, const void *addr, size_t len, uint64_t *moved);

/* Private, anonymous, by pages of 4 KiB; nothing is touched. NULL: none. */
void *user_map(size_t len);
/* The physical address of a page, 0 if it is not mapped. For root. */
uint64_t user_physical(const void *page);
/* How many pages are in the device's memory. */
unsigned long user_in_device(const struct cxl_coherent_info *info, const void *addr, size_t len);
/* How many are in swap. */
unsigned long user_in_swap(const void *addr, size_t len);

#endif
