// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory errors. memory_failure() finds the processes that map the memory, and sends SIGBUS. The
 * driver tells it where the mappings are, and keeps what it found. With the backing memmap the
 * driver does both itself. The driver unmaps nothing for good. The machine tells a process that
 * touches a poisoned line again; KVM forwards that to the guest. KVM has no such way for a page
 * that it cannot map (hva_to_pfn_remapped()): it would stop the VM.
 */
#include <linux/fs.h>
#include <linux/memory-failure.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/page-flags.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/set_memory.h>
#include <linux/xarray.h>

#include "memory/memory.h"
#include "trace.h"

/* An error in a page of the memory was reported, by memory_failure(). Does not sleep. */
void cxl_vfio_poison_record(struct cxl_vfio_mem *mem, unsigned long pfn)
{
	unsigned long page = pfn - PHYS_PFN(mem->hpa.start);

	/* Else known already, or no memory to note it: the signals are sent all the same. */
	if (!xa_insert(&mem->poison.pages, page, xa_mk_value(0), GFP_ATOMIC))
		trace_cxl_vfio_poison(&mem->hw->pdev->dev, PFN_PHYS(page));
}

/* Has the rule for processes that set none (PR_MCE_KILL). The kernel exports no other way to it. */
static struct file *early_kill;

/*
 * Once. In a procfs of the driver's own, which the open file keeps: where the module is loaded, and
 * where an error is handled later, /proc may be anything, or nothing.
 */
void cxl_vfio_poison_setup(void)
{
	struct file_system_type *type = get_fs_type("proc");
	struct vfsmount *proc = type ? kern_mount(type) : ERR_PTR(-ENODEV);

	if (IS_ERR(proc)) {
		early_kill = ERR_CAST(proc);
		return;
	}
	early_kill = file_open_root_mnt(proc, "sys/vm/memory_failure_early_kill", O_RDONLY, 0);
	kern_unmount(proc);
}

/* Undo cxl_vfio_poison_setup(). */
void cxl_vfio_poison_exit(void)
{
	if (!IS_ERR(early_kill))
		filp_close(early_kill, NULL);
}

static bool kill_early_by_default(void)
{
	char value = '0';
	loff_t pos = 0;

	return !IS_ERR(early_kill) && kernel_read(early_kill, &value, 1, &pos) == 1 && value != '0';
}

/*
 * The thread that hears of an error that it has not met: as find_early_kill_thread(), but one that
 * has exited has no mm and hears nothing, and the main thread may have (task_early_kill()).
 */
static struct task_struct *find_early_thread(struct task_struct *process, struct mm_struct *mm,
					     bool by_default)
{
	struct task_struct *thread;

	list_for_each_entry_rcu(thread, &process->signal->thread_head, thread_node) {
		if (READ_ONCE(thread->mm) != mm)
			continue;
		if (thread->flags & PF_MCE_PROCESS ? thread->flags & PF_MCE_EARLY : by_default)
			return thread;
	}
	return NULL;
}

static void signal_thread(struct task_struct *thread, void __user *addr)
{
	struct sighand_struct *sighand = rcu_dereference(current->sighand);
	bool met = thread == current;

	send_sig_mceerr(met ? BUS_MCEERR_AR : BUS_MCEERR_AO, addr, PAGE_SHIFT, thread);
	/* Deaf to it, it would meet the error for ever: as force_sig_mceerr(). */
	if (met && (sigismember(&current->blocked, SIGBUS) ||
		    sighand->action[SIGBUS - 1].sa.sa_handler == SIG_IGN))
		force_sig(SIGBUS);
}

static void signal_processes(struct mm_struct *mm, void __user *addr, bool by_default)
{
	struct task_struct *process, *thread;

	guard(rcu)();
	if (current->mm == mm) {
		signal_thread(current, addr);
		return;
	}
	for_each_process(process) {
		thread = find_early_thread(process, mm, by_default);
		if (thread)
			signal_thread(thread, addr);
	}
}

/*
 * Tell the processes that map a page with struct page of its error; no lock of the driver is held.
 * As collect_procs_pfn() and kill_procs() do for memory without struct pages, which no driver can
 * call. The calling process gets BUS_MCEERR_AR if it maps the page, since what it did led to the
 * report; another one gets BUS_MCEERR_AO, if it or the administrator asked for that. For memory
 * that a device has, mf_generic_kill_procs() knows DAX only, whose zap drops references that a
 * special entry does not have. A VMA changes only under the lock that is held here (vma_prepare()).
 */
void cxl_vfio_poison_signal(struct cxl_vfio_mem *mem, unsigned long pfn)
{
	struct address_space *mapping = mem->file->f_mapping;
	unsigned long page = pfn - PHYS_PFN(mem->hpa.start);
	bool by_default = kill_early_by_default();
	struct vm_area_struct *vma;
	struct rb_node *node;

	guard(rwsem_read)(&mapping->i_mmap_rwsem);
	for (node = rb_first_cached(&mapping->i_mmap); node; node = rb_next(node)) {
		vma = rb_entry(node, struct vm_area_struct, shared.rb);
		if (page >= vma->vm_pgoff && page - vma->vm_pgoff < vma_pages(vma))
			signal_processes(vma->vm_mm, (void __user *)vma->vm_start +
					 PFN_PHYS(page - vma->vm_pgoff), by_default);
		cond_resched();
	}
}

/* memory_failure_pfn() asks for each VMA of each process. */
static int pfn_to_vma_pgoff(struct vm_area_struct *vma, unsigned long pfn, pgoff_t *pgoff)
{
	struct cxl_vfio_mem *mem = vma->vm_private_data;
	pgoff_t page = pfn - PHYS_PFN(mem->hpa.start);

	cxl_vfio_poison_record(mem, pfn);
	if (page < vma->vm_pgoff || page >= vma->vm_pgoff + vma_pages(vma))
		return -EFAULT;
	*pgoff = page;
	return 0;
}

/*
 * Say where memory is mapped that gets a backing, unless that has struct pages, which say it.
 * Return: 0, or -EBUSY where another driver has said so of the same memory.
 */
int cxl_vfio_poison_register(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing)
{
	struct pfn_address_space *space = &mem->poison.space;
	const struct range *hpa = &mem->hpa;

	if (backing->pages)
		return 0;
	space->node.start = PHYS_PFN(hpa->start);
	space->node.last = PHYS_PFN(hpa->end);
	space->mapping = mem->file->f_mapping;
	space->pfn_to_vma_pgoff = pfn_to_vma_pgoff;
	return register_pfn_address_space(space);
}

/* Undo cxl_vfio_poison_register(). */
void cxl_vfio_poison_unregister(struct cxl_vfio_mem *mem, const struct cxl_vfio_backing *backing)
{
	if (!backing->pages)
		unregister_pfn_address_space(&mem->poison.space);
}

/* The first page from @page on in which an error was reported, up to @last. */
static bool find_poison(struct cxl_vfio_mem *mem, unsigned long *page, unsigned long last)
{
	return xa_find(&mem->poison.pages, page, last, XA_PRESENT);
}

/* Was an error reported in some of @count bytes, not zero, from offset @pos on? */
bool cxl_vfio_poison_within(struct cxl_vfio_mem *mem, u64 pos, u64 count)
{
	unsigned long page = PHYS_PFN(pos);

	return find_poison(mem, &page, PHYS_PFN(pos + count - 1));
}

/*
 * Put @count bytes, not zero, from offset @pos on back into the direct map. After a machine check
 * set_mce_nospec() takes the page out, and get_user_pages() has no other way to its bytes.
 */
void cxl_vfio_poison_expose(struct cxl_vfio_mem *mem, u64 pos, u64 count)
{
	unsigned long first = PHYS_PFN(mem->hpa.start);
	unsigned long page, last = PHYS_PFN(pos + count - 1);

	if (!mem->backing->pages)
		return;
	for (page = PHYS_PFN(pos); find_poison(mem, &page, last); page++)
		clear_mce_nospec(first + page);
}

/* There is no poison any more: the device has cleared the memory, or it has no backing any more. */
void cxl_vfio_poison_forget(struct cxl_vfio_mem *mem)
{
	unsigned long page, first = PHYS_PFN(mem->hpa.start);
	void *entry;

	if (mem->backing)
		cxl_vfio_poison_expose(mem, 0, range_len(&mem->hpa));
	xa_for_each(&mem->poison.pages, page, entry) {
		if (mem->backing && mem->backing->pages)
			ClearPageHWPoison(&pfn_folio(first + page)->page);
		xa_erase(&mem->poison.pages, page);
	}
}

/* How many pages have errors? */
unsigned long cxl_vfio_poison_count(struct cxl_vfio_mem *mem)
{
	unsigned long page, count = 0;
	void *entry;

	xa_for_each(&mem->poison.pages, page, entry)
		count++;
	return count;
}
