// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What should have come of each step, seen by the guest, by the VMM's records and in the memory. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cxl_regs.h"
#include "vmm.h"

void die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	va_start(args, format);
	fputs("vmm: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

void check(struct vmm *vmm, bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs(ok ? "ok      " : "FAILED  ", stdout);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
	vmm->checks++;
	vmm->failed += !ok;
}

int must(int ret, const char *what)
{
	if (ret < 0)
		die("%s: %m", what);
	return ret;
}

/* Only who is prepared for it is spared. */
static _Thread_local sigjmp_buf no_memory;
static _Thread_local volatile sig_atomic_t touching;

static void on_sigbus(int signal_number)
{
	if (touching)
		siglongjmp(no_memory, 1);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

void catch_sigbus(void)
{
	signal(SIGBUS, on_sigbus);
}

/* Words that are not the pattern's; all of them if the memory cannot be touched. */
static uint64_t wrong_words(struct vmm *vmm, uint64_t seed)
{
	const volatile uint64_t *word = (void *)vmm->memory;
	volatile uint64_t wrong = 0;
	uint64_t i;

	touching = 1;
	if (sigsetjmp(no_memory, 1))
		wrong = TEST_BYTES / sizeof(*word);
	else
		for (i = 0; i < TEST_BYTES / sizeof(*word); i++)
			wrong += word[i] != pattern(seed, i);
	touching = 0;
	return wrong;
}

bool is_at(struct vmm *vmm, uint64_t gpa)
{
	bool is;

	pthread_mutex_lock(&vmm->lock);
	is = vmm->at.size && vmm->at.gpa == gpa;
	pthread_mutex_unlock(&vmm->lock);
	return is;
}

bool is_nowhere(struct vmm *vmm)
{
	bool is;

	pthread_mutex_lock(&vmm->lock);
	is = !vmm->at.size;
	pthread_mutex_unlock(&vmm->lock);
	return is;
}

/* The guest has done a step; is that what should have come of it? */
void check_step(struct vmm *vmm, uint32_t number)
{
	const struct guest_params *p = vmm->params;
	const uint64_t all = TEST_BYTES / sizeof(uint64_t), value = p->value;
	const bool same = !value && !wrong_words(vmm, p->seed), ones = value == UINT32_MAX;

	switch (number) {
	case STEP_FOUND:
		check(vmm, value == p->place[0], "guest: finds the memory at %#llx",
		      (unsigned long long)value);
		break;
	case STEP_WRITTEN:
		check(vmm, same, "guest: writes %llu MiB; guest and VMM read the same there",
		      (unsigned long long)TEST_BYTES >> 20);
		break;
	case STEP_LOCKED:
		check(vmm, same && is_at(vmm, p->place[0]), "guest: cannot move a locked decoder");
		break;
	case STEP_GONE:
		check(vmm, ones && is_nowhere(vmm), "guest: decommits, and reads ones there");
		break;
	case STEP_MOVED:
		check(vmm, same && is_at(vmm, p->place[1]),
		      "guest: commits at %#llx, and reads the same there",
		      (unsigned long long)p->place[1]);
		break;
	case STEP_OLD_PLACE:
		check(vmm, ones, "guest: reads ones at the old place");
		break;
	case STEP_DISABLED:
		check(vmm, ones && is_nowhere(vmm) && wrong_words(vmm, p->seed) == all,
		      "guest: disables memory, and reads ones; the VMM gets SIGBUS");
		break;
	case STEP_ENABLED:
		check(vmm, same && is_at(vmm, p->place[1]),
		      "guest: enables it, and writes; both read the same");
		break;
	case STEP_IN_RESET:
		check(vmm, ones && is_nowhere(vmm), "guest: starts a CXL Reset, and reads ones");
		break;
	case STEP_AFTER_RESET:
		check(vmm, !(value & CXLR_HDM_CTRL_COMMITTED) && is_nowhere(vmm),
		      "guest: sees the end of the reset, and no decoder committed");
		break;
	case STEP_AGAIN:
		check(vmm, same && is_at(vmm, p->place[0]),
		      "guest: commits at %#llx again, and writes; both read the same",
		      (unsigned long long)p->place[0]);
		break;
	default:
		die("the guest is stuck before step %llu", (unsigned long long)value);
	}
}

/* The device tells of 60 things or so before it wants to be heard. */
void check_full_queue(struct vmm *vmm)
{
	const uint64_t at = vmm->regs.offset + vmm->hdm + CXLR_HDM_GLOBAL_CTRL;
	uint32_t value, n;

	pthread_mutex_lock(&vmm->lock);
	for (n = 0; n < 1000; n++) {
		value = n & 1 ? 0 : CXLR_HDM_GLOBAL_ENABLE;
		if (pwrite(vmm->device, &value, sizeof(value), at) < 0)
			break;
	}
	check(vmm, n < 1000 && errno == EAGAIN, "the event queue is full after %u writes", n);
	pthread_mutex_unlock(&vmm->lock);
	hdm_write(vmm, CXLR_HDM_GLOBAL_CTRL, 0);
	check(vmm, !hdm_read(vmm, CXLR_HDM_GLOBAL_CTRL), "events are read, and writes go on");
}
