// SPDX-License-Identifier: GPL-2.0-only
/* The tests' own way to the hardware's word, where it broke once. */
#include <fcntl.h>
#include <unistd.h>

#include "harness.h"
#include "qmp.h"

/* Half a line that an earlier user of the line left in the monitor's input. */
static void test_half_a_line(void)
{
	static const char half[] = "{\"QMP\": {\"version\": {";
	int fd = open(QMP_LINE, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	check(fd >= 0);
	check_eq(write(fd, half, sizeof(half) - 1), sizeof(half) - 1);
	check(!close(fd));
	check_eq(qmp_get("mem-active"), 1);
}

const struct test tests[] = {
	{ "half_a_line", test_half_a_line },
	{ }
};
