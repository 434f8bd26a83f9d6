/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that somebody holds for long. */
#ifndef PIN_H
#define PIN_H

#include <stddef.h>

/* Registered with an io_uring: pinned until that is closed. Its file, or a negative errno. */
int pin(void *memory, size_t len);

#endif
