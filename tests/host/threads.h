/* SPDX-License-Identifier: GPL-2.0-only */
/* What the threads of processes do, for a report on one that does not end. */
#ifndef TEST_THREADS_H
#define TEST_THREADS_H

#include <sys/types.h>

/* Of all processes of the group @pgid: state, times, place in program and kernel; to stdout. */
void threads_print(pid_t pgid);

#endif
