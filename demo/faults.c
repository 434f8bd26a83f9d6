// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the events of tracepoint cxl_vfio:cxl_vfio_fault, in a tracefs
 * instance of its own, so that nobody else's tracing is disturbed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"

#define INSTANCE "/sys/kernel/tracing/instances/vfio-cxl-demo"

static int put(const char *file, const char *text)
{
	ssize_t len = strlen(text);
	int fd, ret;

	fd = open(file, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -1;
	ret = write(fd, text, len) == len ? 0 : -1;
	close(fd);
	return ret;
}

int faults_start(void)
{
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		return -1;
	if (put(INSTANCE "/trace", "") || put(INSTANCE "/tracing_on", "1"))
		return -1;
	return put(INSTANCE "/events/cxl_vfio/cxl_vfio_fault/enable", "1");
}

/*
 * "... cxl_vfio_fault: DEVICE address=0x... order=N ret=NAME|NAME". A fault
 * that was answered with FALLBACK comes again with a lower order.
 */
static void count_line(struct faults *faults, const char *line)
{
	const char *event = strstr(line, "cxl_vfio_fault: ");
	unsigned int order;
	const char *field;

	if (!event || strstr(event, "FALLBACK"))
		return;
	field = strstr(event, "order=");
	if (strstr(event, "NOPAGE") && field && sscanf(field, "order=%u", &order) == 1 &&
	    order < FAULTS_ORDERS)
		faults->mapped[order]++;
	else
		faults->failed++;
}

int faults_stop(struct faults *faults)
{
	char line[512];
	FILE *trace;
	int ret;

	*faults = (struct faults){ 0 };
	if (put(INSTANCE "/events/cxl_vfio/cxl_vfio_fault/enable", "0"))
		return -1;
	trace = fopen(INSTANCE "/trace", "r");
	if (!trace)
		return -1;
	while (fgets(line, sizeof(line), trace))
		count_line(faults, line);
	ret = ferror(trace) ? -1 : 0;
	fclose(trace);
	rmdir(INSTANCE);
	return ret;
}

uint64_t faults_bytes(const struct faults *faults)
{
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < FAULTS_ORDERS; i++)
		bytes += (uint64_t)faults->mapped[i] * sysconf(_SC_PAGESIZE) << i;
	return bytes;
}

unsigned int faults_count(const struct faults *faults)
{
	unsigned int i, count = 0;

	for (i = 0; i < FAULTS_ORDERS; i++)
		count += faults->mapped[i];
	return count;
}
