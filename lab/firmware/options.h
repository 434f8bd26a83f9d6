/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, and the exit status that --help promises. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum exit_status { DONE, FAILED, USAGE, INACTIVE };

struct options {
	const char *policy;
	bool none;
	bool lock;
	bool lock_config;
	bool dry_run;
	bool no_wait;
	int wait_seconds;	/* negative: as the device says */
	uint64_t size;		/* 0: all that the device has */
};

/* Exits after --help, and with USAGE when the command line is wrong. */
void options_parse(int argc, char **argv, struct options *options);

#endif
