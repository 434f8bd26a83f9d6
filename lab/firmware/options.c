// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cxl_regs.h"
#include "log.h"
#include "options.h"

static const char help[] =
"usage: firmware [--policy locked|unlocked|none] [OPTION]...\n"
"Does what the firmware of a CXL machine does before the system starts: puts the\n"
"memory of each CXL.mem device into a CXL window, and commits the HDM decoders of\n"
"the device, of a switch above it and of its host bridge. Run as root, before\n"
"cxl_acpi and cxl_pci load.\n"
"\n"
"  --policy locked      commit the decoders with LOCK set (default)\n"
"  --policy unlocked    commit them without\n"
"  --policy none        program nothing\n"
"  --config-lock        set CONFIG_LOCK in the DVSEC of each device as well\n"
"  --size BYTES         map this much of each device instead of all of it; a\n"
"                       multiple of 256 MiB, with an optional suffix M, G or T\n"
"  --wait-active SECONDS\n"
"                       wait this long for memory to become active (default: the\n"
"                       device's own Memory_Active_Timeout), then skip the device\n"
"  --no-wait            commit whether or not the memory is active\n"
"  --dry-run            say where each device would go, and program nothing; memory\n"
"                       space is on while device registers are looked at\n"
"  --help               this text\n"
"\n"
"exit status: 0 all done, 1 something failed, 2 wrong usage,\n"
"             3 all done but for devices whose memory did not become active\n";

static bool parse_size(const char *text, uint64_t *size)
{
	static const char suffixes[] = "MGT";
	const char *suffix;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		return false;
	if (*end) {
		suffix = strchr(suffixes, *end);
		if (!suffix || end[1])
			return false;
		shift = 20 + 10 * (suffix - suffixes);
	}
	if (*size > UINT64_MAX >> shift)
		return false;
	*size <<= shift;
	return *size && *size % CXLR_HDM_GRANULE == 0;
}

static bool parse_seconds(const char *text, int *seconds)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	*seconds = value;
	return !errno && end != text && !*end && *text != '-' && value <= 86400;
}

static bool parse_policy(const char *text, struct options *options)
{
	options->policy = text;
	options->none = !strcmp(text, "none");
	options->lock = !strcmp(text, "locked");
	return options->none || options->lock || !strcmp(text, "unlocked");
}

static void require(bool valid, const char *option, const char *wanted)
{
	if (valid)
		return;
	complain("--%s %s: must be %s", option, optarg, wanted);
	exit(USAGE);
}

void options_parse(int argc, char **argv, struct options *options)
{
	static const struct option names[] = {
		{ "policy", required_argument, NULL, 'p' },
		{ "config-lock", no_argument, NULL, 'c' },
		{ "size", required_argument, NULL, 's' },
		{ "wait-active", required_argument, NULL, 'w' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "dry-run", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	*options = (struct options){ .policy = "locked", .lock = true, .wait_seconds = -1 };
	while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (option) {
		case 'p':
			require(parse_policy(optarg, options),
				"policy", "locked, unlocked or none");
			break;
		case 'c':
			options->lock_config = true;
			break;
		case 's':
			require(parse_size(optarg, &options->size),
				"size", "a multiple of 256 MiB, such as 256M or 1G");
			break;
		case 'w':
			require(parse_seconds(optarg, &options->wait_seconds),
				"wait-active", "a number of seconds up to 86400");
			break;
		case 'n':
			options->no_wait = true;
			break;
		case 'd':
			options->dry_run = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(DONE);
		default:
			exit(USAGE);
		}
	}
	if (optind < argc) {
		complain("%s: no such argument; see --help", argv[optind]);
		exit(USAGE);
	}
}
