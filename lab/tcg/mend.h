/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MEND_H
#define MEND_H

#include "qemu/osdep.h"
#include "qemu/qemu-plugin.h"

/* svm.c: guests of the machine */
void mend_svm(qemu_plugin_id_t id);

/* memory_map.c: what changes the memory map while processors run */
void mend_memory_map(void);

#endif
