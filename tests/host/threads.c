// SPDX-License-Identifier: GPL-2.0-only
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "threads.h"

/* Without a newline at its end; empty if it cannot be read. */
static void read_some(const char *task, const char *file, char *text, size_t size)
{
	char path[128];
	size_t len = 0;
	FILE *from;

	snprintf(path, sizeof(path), "%s/%s", task, file);
	from = fopen(path, "re");
	if (from) {
		len = fread(text, 1, size - 1, from);
		fclose(from);
	}
	while (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
}

static void print_lines(char *text)
{
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		printf("#     %s\n", line);
}

static void print_thread(const char *task, pid_t pgid)
{
	unsigned long user, system;
	char text[4096], *fields;
	char state;
	int group;

	read_some(task, "stat", text, sizeof(text));
	/* After the name, which may have anything in it. */
	fields = strrchr(text, ')');
	if (!fields || sscanf(fields + 2, "%c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			      &state, &group, &user, &system) != 4 || group != pgid)
		return;
	printf("#   %s: state %c, %lu ticks in the program, %lu in the kernel; ",
	       task, state, user, system);
	read_some(task, "syscall", text, sizeof(text));
	printf("%s\n", text);
	read_some(task, "stack", text, sizeof(text));
	print_lines(text);
}

void threads_print(pid_t pgid)
{
	glob_t tasks;
	size_t i;

	if (glob("/proc/[0-9]*/task/*", 0, NULL, &tasks))
		return;
	for (i = 0; i < tasks.gl_pathc; i++)
		print_thread(tasks.gl_pathv[i], pgid);
	globfree(&tasks);
	fflush(stdout);
}
