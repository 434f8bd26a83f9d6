// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the events of tracepoint cxl_vfio:cxl_vfio_fault, in a tracefs
 * instance of its own, so that nobody else's tracing is disturbed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults.h"
#include "harness.h"

#define INSTANCE	"/sys/kernel/tracing/instances/vfio-cxl-demo"
#define EVENT		INSTANCE "/events/cxl_vfio/cxl_vfio_fault"

void faults_start(void)
{
	if (mkdir(INSTANCE, 0700) && errno != EEXIST)
		fail(__FILE__, __LINE__, "%s: %s", INSTANCE, strerror(errno));
	write_file(INSTANCE "/trace", "");
	write_file(INSTANCE "/tracing_on", "1");
	write_file(EVENT "/enable", "1");
}

/*
 * "... cxl_vfio_fault: DEVICE address=0x... order=N ahead=PAGES ret=NAME|NAME".
 * A fault that was answered with FALLBACK comes again with a lower order.
 */
static void count_line(struct faults *faults, const char *line)
{
	const char *event = strstr(line, "cxl_vfio_fault: ");
	unsigned int order, ahead;
	const char *field;

	if (!event || strstr(event, "FALLBACK"))
		return;
	field = strstr(event, "order=");
	if (strstr(event, "NOPAGE") && field &&
	    sscanf(field, "order=%u ahead=%u", &order, &ahead) == 2 && order < FAULTS_ORDERS) {
		faults->mapped[order]++;
		faults->ahead += ahead;
	} else {
		faults->failed++;
	}
}

void faults_stop(struct faults *faults)
{
	char line[512];
	FILE *trace;

	*faults = (struct faults){ 0 };
	write_file(EVENT "/enable", "0");
	trace = fopen(INSTANCE "/trace", "r");
	if (!trace)
		fail(__FILE__, __LINE__, "%s/trace: %s", INSTANCE, strerror(errno));
	while (fgets(line, sizeof(line), trace))
		count_line(faults, line);
	fclose(trace);
	rmdir(INSTANCE);
}

uint64_t faults_bytes(const struct faults *faults)
{
	uint64_t bytes = faults->ahead * sysconf(_SC_PAGESIZE);
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
