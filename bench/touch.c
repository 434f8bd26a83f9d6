// SPDX-License-Identifier: GPL-2.0-only
/*
 * touch own|ram MIB: in the guest, write a byte to each page of so much memory
 * of the accelerator's, or of RAM, which nobody has touched before.
 * bench/guest counts the faults that it costs the host.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user.h"

#define PAGE	4096

static int die(const char *what, int error)
{
	fprintf(stderr, "touch: %s: %s\n", what, strerror(error));
	return 1;
}

int main(int argc, char **argv)
{
	uint64_t size = argc == 3 ? strtoull(argv[2], NULL, 0) << 20 : 0, offset;
	volatile uint8_t *at;

	if (!size) {
		fprintf(stderr, "touch own|ram MIB\n");
		return 2;
	}
	if (!strcmp(argv[1], "own")) {
		int fd = open("/dev/cxl_accel0", O_RDWR), ret;
		struct buffer buffer;

		if (fd < 0)
			return die("/dev/cxl_accel0", errno);
		ret = user_alloc(fd, size, true, &buffer);
		if (ret)
			return die("own memory", -ret);
		at = buffer.at;
	} else {
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED)
			return die("RAM", errno);
	}
	for (offset = 0; offset < size; offset += PAGE)
		at[offset] = 1;
	return 0;
}
