// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has the accelerator do jobs of all kinds, with operands of all sizes in
 * host and device memory, and checks each result by the CPU's own loads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure.h"
#include "reference.h"
#include "user.h"

#define SIZE_MAX_BITS	20			/* 1 MiB */
#define MISALIGNMENT	4096			/* operands begin in the first page */
#define GUARD		64			/* bytes around a result that must stay */
#define BUFFER_SIZE	((1u << SIZE_MAX_BITS) + MISALIGNMENT + 2 * GUARD)
#define LANES		8			/* most jobs in a submit */
#define COMPLAINTS	10			/* then the rest is only counted */

enum { SRC, SRC2, DST, OPERANDS };
#define HAS(operand)	(1u << (operand))

static const struct {
	const char *name;
	unsigned int operands;
} ops[CXL_ACCEL_OP_COUNT] = {
	[CXL_ACCEL_OP_NOP] = { "nop", 0 },
	[CXL_ACCEL_OP_COPY] = { "copy", HAS(SRC) | HAS(DST) },
	[CXL_ACCEL_OP_FILL] = { "fill", HAS(DST) },
	[CXL_ACCEL_OP_XOR] = { "xor", HAS(SRC) | HAS(SRC2) | HAS(DST) },
	[CXL_ACCEL_OP_CRC32C] = { "crc32c", HAS(SRC) },
	[CXL_ACCEL_OP_MULADD] = { "muladd", HAS(SRC) | HAS(SRC2) | HAS(DST) },
};

/* Room for one job: a buffer for each operand in either memory, and copies. */
struct lane {
	struct buffer buffers[OPERANDS][2];
	uint8_t *copy[OPERANDS];	/* the operands; DST: what is expected */
	uint8_t *at[OPERANDS];		/* where the job's operands are mapped */
	uint64_t value;			/* what is expected */
};

static struct {
	unsigned int jobs, wrong, places;	/* places: bit for each combination seen */
	uint64_t bytes;
} count[CXL_ACCEL_OP_COUNT];

static struct lane lanes[LANES];
static uint64_t state;
static unsigned int vectors, complaints;
static const char *device = "/dev/cxl_accel0";

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "jobs: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

static void must(int ret, const char *what)
{
	if (ret)
		die("%s: %s%s", what, strerror(-ret),
		    ret == -ENODEV ? ": the driver was unbound" :
		    ret == -EIO ? ": the device lost its memory, or a job failed; see dmesg" : "");
}

static uint64_t below(uint64_t limit)
{
	return random64(&state) % limit;
}

static void make_lanes(int fd)
{
	unsigned int n, operand, own;

	for (n = 0; n < LANES; n++)
		for (operand = 0; operand < OPERANDS; operand++) {
			for (own = 0; own < 2; own++)
				must(user_alloc(fd, BUFFER_SIZE, own,
						&lanes[n].buffers[operand][own]),
				     own ? "allocate device memory" : "allocate host memory");
			lanes[n].copy[operand] = malloc(1u << SIZE_MAX_BITS);
			if (!lanes[n].copy[operand])
				die("no memory");
		}
}

/* As many of each order of magnitude, half of them in whole pages or words. */
static uint64_t random_size(unsigned int op)
{
	uint64_t size = 8 + below((1ull << (4 + below(SIZE_MAX_BITS - 3))) - 7);

	if (size > (1u << SIZE_MAX_BITS))
		size = 1u << SIZE_MAX_BITS;
	if (below(2))
		size &= size >= 4096 ? -4096ull : -8ull;
	return op == CXL_ACCEL_OP_MULADD ? size & -4ull : size;
}

static void place_operand(struct lane *lane, struct cxl_accel_operand *operand, unsigned int n,
			  unsigned int op, bool own)
{
	struct buffer *buffer = &lane->buffers[n][own];
	uint64_t offset = GUARD + below(MISALIGNMENT);

	if (op == CXL_ACCEL_OP_MULADD)
		offset &= -4ull;
	*operand = user_operand(buffer, offset);
	lane->at[n] = buffer->at + offset;
}

static void prepare(struct lane *lane, struct cxl_accel_job *job)
{
	struct cxl_accel_operand *operand[] = { &job->src, &job->src2, &job->dst };
	unsigned int op = below(CXL_ACCEL_OP_COUNT), has = ops[op].operands, n;
	unsigned int own = below(1u << OPERANDS) & has;
	size_t size;

	*job = (struct cxl_accel_job) {
		.op = op,
		.flags = CXL_ACCEL_JOB_INTERRUPT,
		.vector = below(vectors),
		.length = has ? random_size(op) : 0,
		.pattern = op == CXL_ACCEL_OP_FILL ? random64(&state) : 0,
	};
	size = job->length;
	for (n = 0; n < OPERANDS; n++)
		if (has & HAS(n))
			place_operand(lane, operand[n], n, op, own & HAS(n));
	/* In place, now and then. */
	if (has & HAS(SRC) && has & HAS(DST) && !below(8)) {
		job->dst = job->src;
		lane->at[DST] = lane->at[SRC];
		own = own & HAS(SRC) ? own | HAS(DST) : own & ~HAS(DST);
	}

	for (n = 0; n < OPERANDS; n++) {
		if (!(has & HAS(n)))
			continue;
		if (op == CXL_ACCEL_OP_MULADD)
			fill_floats(lane->copy[n], size, &state);
		else
			fill_random(lane->copy[n], size, &state);
		if (n == DST) {
			memset(lane->at[n] - GUARD, 0xa5, GUARD);
			memset(lane->at[n] + size, 0xa5, GUARD);
			if (lane->at[DST] == lane->at[SRC])
				memcpy(lane->copy[DST], lane->copy[SRC], size);
		}
		memcpy(lane->at[n], lane->copy[n], size);
	}
	lane->value = reference(op, lane->copy[SRC], lane->copy[SRC2], lane->copy[DST], size,
				job->pattern);

	count[op].jobs++;
	count[op].places |= 1u << own;
	count[op].bytes += size;
}

static bool guards_stand(const uint8_t *at, size_t size)
{
	unsigned int i;

	for (i = 0; i < GUARD; i++)
		if (at[-1 - (int)i] != 0xa5 || at[size + i] != 0xa5)
			return false;
	return true;
}

static const char *check(const struct lane *lane, const struct cxl_accel_job *job,
			 const struct cxl_accel_result *result)
{
	if (result->code)
		return "failed";
	if (result->value != lane->value)
		return "has a wrong value";
	if (!(ops[job->op].operands & HAS(DST)))
		return NULL;
	if (memcmp(lane->at[DST], lane->copy[DST], job->length))
		return "has a wrong result";
	return guards_stand(lane->at[DST], job->length) ? NULL : "wrote past its result";
}

static void run(int fd, unsigned int nr_jobs)
{
	struct cxl_accel_result results[LANES];
	struct cxl_accel_job jobs[LANES];
	const char *complaint;
	unsigned int n;

	for (n = 0; n < nr_jobs; n++)
		prepare(&lanes[n], &jobs[n]);
	must(user_run(fd, jobs, nr_jobs, results), "run jobs");
	for (n = 0; n < nr_jobs; n++) {
		complaint = check(&lanes[n], &jobs[n], &results[n]);
		if (!complaint)
			continue;
		count[jobs[n].op].wrong++;
		if (complaints++ < COMPLAINTS)
			printf("a %s of %" PRIu64 " bytes %s (code %#x)\n", ops[jobs[n].op].name,
			       (uint64_t)jobs[n].length, complaint, results[n].code);
	}
}

static unsigned int bits(unsigned int value)
{
	return __builtin_popcount(value);
}

static bool summary(const struct cxl_accel_info *before, const struct cxl_accel_info *after)
{
	unsigned int op, n, wrong = 0;
	uint64_t interrupts = 0;

	printf("%-8s %7s %9s %7s %6s\n", "op", "jobs", "KiB", "places", "wrong");
	for (op = 0; op < CXL_ACCEL_OP_COUNT; op++) {
		printf("%-8s %7u %9" PRIu64 " %4u/%u %7u\n", ops[op].name, count[op].jobs,
		       count[op].bytes >> 10, bits(count[op].places), 1u << bits(ops[op].operands),
		       count[op].wrong);
		wrong += count[op].wrong;
	}
	for (n = 0; n < vectors; n++)
		interrupts += after->interrupts[n] - before->interrupts[n];
	printf("interrupts %" PRIu64 ", by vector:", interrupts);
	for (n = 0; n < vectors; n++)
		printf(" %" PRIu64, (uint64_t)(after->interrupts[n] - before->interrupts[n]));
	printf("\nmismatches %u\n", wrong);
	if (!interrupts)
		printf("the device raised no interrupt\n");
	return !wrong && interrupts;
}

static int check_jobs(int fd, unsigned int nr_jobs, uint64_t seed)
{
	struct cxl_accel_info before, after;
	unsigned int done, n;

	printf("%u jobs on %s, seed %" PRIu64 "\n", nr_jobs, device, seed);
	fflush(stdout);
	state = seed * 2 + 1;
	must(user_info(fd, &before), "ask about the device");
	vectors = before.vectors;
	make_lanes(fd);
	for (done = 0; done < nr_jobs; done += n) {
		n = 1 + below(LANES);
		if (n > nr_jobs - done)
			n = nr_jobs - done;
		run(fd, n);
	}
	must(user_info(fd, &after), "ask about the device");
	return summary(&before, &after) ? 0 : 1;
}

static void print_info(int fd)
{
	struct cxl_accel_info info;
	unsigned int n;

	must(user_info(fd, &info), "ask about the device");
	printf("mem_size %" PRIu64 "\nmem_free %" PRIu64 "\nops %#x\nvectors %u\n"
	       "jobs_done %" PRIu64 "\njobs_failed %" PRIu64 "\n", (uint64_t)info.mem_size,
	       (uint64_t)info.mem_free, info.ops, info.vectors, (uint64_t)info.jobs_done,
	       (uint64_t)info.jobs_failed);
	for (n = 0; n < info.vectors; n++)
		printf("interrupts_%u %" PRIu64 "\n", n, (uint64_t)info.interrupts[n]);
}

__attribute__((noreturn))
static void usage(int status)
{
	fprintf(status ? stderr : stdout,
		"usage: jobs [--device FILE] [--count N] [--seed S]   do N jobs (4000), check each\n"
		"       jobs [--device FILE] --bench BYTES            latency and throughput of copies\n"
		"       jobs [--device FILE] --bandwidth MIB          the CPU's, device memory and RAM\n"
		"       jobs [--device FILE] --info                   what the driver says\n");
	exit(status);
}

static uint64_t number(const char *text, uint64_t most)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (end == text || *end || value > most)
		usage(2);
	return value;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },
		{ "bench", required_argument, NULL, 'b' },
		{ "bandwidth", required_argument, NULL, 'w' },
		{ "info", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	uint64_t nr_jobs = 4000, seed = time(NULL), size = 0;
	int option, mode = 'c', fd;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			device = optarg;
			break;
		case 'c':
			nr_jobs = number(optarg, UINT32_MAX);
			break;
		case 's':
			seed = number(optarg, UINT32_MAX);
			break;
		case 'b':
			size = number(optarg, CXL_ACCEL_LENGTH_MAX);
			mode = option;
			break;
		case 'w':
			size = number(optarg, CXL_ACCEL_LENGTH_MAX >> 20) << 20;
			mode = option;
			break;
		case 'i':
			mode = option;
			break;
		default:
			usage(option == 'h' ? 0 : 2);
		}
	}
	if (optind < argc || (mode != 'c' && mode != 'i' && !size))
		usage(2);

	fd = open(device, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die("%s: %s", device, strerror(errno));
	switch (mode) {
	case 'b':
		must(measure_jobs(fd, size), "bench");
		return 0;
	case 'w':
		must(measure_bandwidth(fd, size), "bandwidth");
		return 0;
	case 'i':
		print_info(fd);
		return 0;
	}
	return check_jobs(fd, nr_jobs, seed);
}
