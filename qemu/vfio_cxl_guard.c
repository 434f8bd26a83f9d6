// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QEMU's devices load and store in the guest's RAM by pointers. The guest loses the memory
 * before what makes the host's mapping of it unusable, but a device may have a pointer still,
 * and a reset that begins on the host is told afterwards. The SIGBUS of such an access would
 * end QEMU. Here it puts anonymous memory in the place of what is gone; the main loop then
 * takes the memory from the guest, and gives it back when it is the device's again.
 *
 * Memory errors, which are SIGBUS as well, are QEMU's to handle.
 */
#include "vfio_cxl.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "qapi/error.h"
#include "qemu/madvise.h"
#include "qemu/main-loop.h"
#include "qemu/rcu_queue.h"
#include "hw/core/cpu.h"
#include "system/iothread.h"

static QLIST_HEAD(, VfioCxl) guarded = QLIST_HEAD_INITIALIZER(guarded);
static struct sigaction qemu_action;

static int block_sigbus(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGBUS);
	return pthread_sigmask(how, &set, NULL);
}

/*
 * Around @at, as much as the driver maps at once: a mapping of folios cannot be cut
 * elsewhere. In a signal handler.
 */
static bool substitute(VfioCxl *s, uintptr_t at)
{
	uint64_t from = ROUND_DOWN(at - (uintptr_t)s->mem.map, s->mem.align);

	if (mmap(s->mem.map + from, MIN(s->mem.align, s->mem.size - from), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	qatomic_set(&s->guard.substituted, true);
	event_notifier_set(&s->guard.notifier);
	return true;
}

/*
 * QEMU blocks SIGBUS in its main thread, and takes memory errors that the kernel tells of in
 * advance from a signalfd there. In a processor's thread its handler may run at any time.
 */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	if (info->si_code == BUS_MCEERR_AO && !current_cpu && first_cpu)
		syscall(SYS_rt_tgsigqueueinfo, getpid(), first_cpu->thread_id, sig, info);
	else
		qemu_action.sa_sigaction(sig, info, context);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	int saved = errno;
	VfioCxl *s;

	if (info->si_code == BUS_ADRERR)
		QLIST_FOREACH_RCU(s, &guarded, guard.node)
			if (at - (uintptr_t)s->mem.map < s->mem.size && substitute(s, at)) {
				errno = saved;
				return;
			}
	pass_on(sig, info, context);
}

static void unblock_sigbus(void *opaque)
{
	block_sigbus(SIG_UNBLOCK);
}

static int unblock_in_iothread(Object *obj, void *opaque)
{
	IOThread *iothread = (IOThread *)object_dynamic_cast(obj, TYPE_IOTHREAD);

	if (iothread)
		aio_bh_schedule_oneshot(iothread_get_aio_context(iothread), unblock_sigbus, NULL);
	return 0;
}

static void on_substituted(EventNotifier *notifier)
{
	VfioCxl *s = container_of(notifier, VfioCxl, guard.notifier);

	if (!event_notifier_test_and_clear(notifier))
		return;
	vfio_cxl_mem_remove(s);
	vfio_cxl_events_drain(s);
	vfio_cxl_update(s);
}

bool vfio_cxl_guard_restore(VfioCxl *s)
{
	object_child_foreach(object_get_objects_root(), unblock_in_iothread, NULL);
	if (!qatomic_xchg(&s->guard.substituted, false))
		return true;
	if (mmap(s->mem.map, s->mem.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 s->mem.file.fd, s->mem.file.offset) != MAP_FAILED) {
		qemu_madvise(s->mem.map, s->mem.size, QEMU_MADV_DONTFORK);
		return true;
	}
	qatomic_set(&s->guard.substituted, true);
	return false;
}

bool vfio_cxl_guard_init(VfioCxl *s, Error **errp)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int ret = event_notifier_init(&s->guard.notifier, 0);

	if (ret) {
		error_setg_errno(errp, -ret, "cannot make an eventfd");
		return false;
	}
	event_notifier_set_handler(&s->guard.notifier, on_substituted);
	if (!qemu_action.sa_sigaction)
		sigaction(SIGBUS, &action, &qemu_action);
	block_sigbus(SIG_UNBLOCK);
	QLIST_INSERT_HEAD_RCU(&guarded, s, guard.node);
	s->guard.armed = true;
	return true;
}

void vfio_cxl_guard_finalize(VfioCxl *s)
{
	if (!s->guard.armed)
		return;
	QLIST_REMOVE_RCU(s, guard.node);
	event_notifier_set_handler(&s->guard.notifier, NULL);
	event_notifier_cleanup(&s->guard.notifier);
}
