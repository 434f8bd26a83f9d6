// SPDX-License-Identifier: GPL-2.0-only
/* What there is to see of a device, for a person that looks for a fault. No interface. */
#include <linux/debugfs.h>
#include <linux/pci.h>
#include <linux/seq_file.h>

#include "user/user.h"

static const char * const count_names[] = {
	[CXL_VFIO_COUNT_OPENS] = "opens",
	[CXL_VFIO_COUNT_OPENS_REFUSED] = "opens_refused",
	[CXL_VFIO_COUNT_ZAPS] = "zaps",
	[CXL_VFIO_COUNT_BUS_ERRORS] = "bus_errors",
	[CXL_VFIO_COUNT_COMMITS] = "commits",
	[CXL_VFIO_COUNT_RESETS] = "resets",
	[CXL_VFIO_COUNT_RESETS_FAILED] = "resets_failed",
	[CXL_VFIO_COUNT_CLEARS] = "clears",
	[CXL_VFIO_COUNT_SLEEPS] = "sleeps",
	[CXL_VFIO_COUNT_ERRORS] = "errors",
	[CXL_VFIO_COUNT_ERRORS_CORRECTED] = "errors_corrected",
};

static_assert(ARRAY_SIZE(count_names) == CXL_VFIO_COUNTS);

static struct dentry *root;

static int counts_show(struct seq_file *file, void *unused)
{
	struct cxl_vfio_device *cxlv = file->private;
	unsigned int i;

	for (i = 0; i < CXL_VFIO_COUNTS; i++)
		seq_printf(file, "%s %ld\n", count_names[i], atomic_long_read(&cxlv->hw.counts[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counts);

static int show_memory(struct seq_file *file, struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_mem *mem = &cxlv->mem;
	unsigned int i;
	u16 status;

	seq_printf(file, "memory %#llx-%#llx decoder %u\n", mem->hpa.start, mem->hpa.end,
		   cxlv->hw.decoder);
	scoped_cond_guard(mutex_kill, return -EINTR, &mem->backing_lock)
		seq_printf(file, "backing %s\nin_use %d\n",
			   mem->backing ? mem->backing->name : "none", mem->in_use);

	guard(rwsem_read)(&mem->lock);
	seq_puts(file, "blocked");
	for (i = 0; i < CXL_VFIO_WHY_COUNT; i++)
		if (cxlv->hw.reasons & BIT(i))
			seq_printf(file, " %s", cxl_vfio_rules[i].name);
	seq_printf(file, "\nreachable %d\nuncleared %lld\n", cxl_vfio_mem_reachable(&cxlv->mem),
		   atomic64_read(&cxlv->mem.content.left));
	/* Not of a device that is to be left alone. */
	if (cxlv->hw.reasons)
		return 0;
	pci_read_config_word(cxlv->core.pdev, cxlv->hw.dvsec + CXLR_DVSEC_STATUS, &status);
	seq_printf(file, "viral %d\n",
		   !PCI_POSSIBLE_ERROR(status) && status & CXLR_STATUS_VIRAL);
	return 0;
}

static void show_registers(struct seq_file *file, struct cxl_vfio_regs *regs)
{
	struct cxlr_decode decode;
	u32 flags;

	guard(mutex)(&regs->lock);
	if (!regs->memory)
		return;
	flags = cxl_vfio_regs_state(regs, &decode);
	seq_printf(file, "virtual decoder base %#llx size %#llx dpa %#llx%s%s%s%s%s\n",
		   decode.base, decode.size, decode.dpa,
		   flags & VFIO_CXL_STATE_COMMITTED ? " committed" : "",
		   flags & VFIO_CXL_STATE_HDM_ENABLED ? " hdm_enabled" : "",
		   flags & VFIO_CXL_STATE_MEM_ENABLED ? " mem_enabled" : "",
		   flags & VFIO_CXL_STATE_RESET_REQUESTED ? " reset_requested" : "",
		   flags & VFIO_CXL_STATE_RESETTING ? " resetting" : "");
	seq_printf(file, "events %llu waiting %u\n", regs->events.seq,
		   kfifo_len(&regs->events.queue));
}

static int state_show(struct seq_file *file, void *unused)
{
	struct cxl_vfio_device *cxlv = file->private;

	ACQUIRE(cxl_vfio_awake_get, awake)(cxlv);
	int ret = ACQUIRE_ERR(cxl_vfio_awake_get, &awake);

	if (ret)
		return ret;
	ret = show_memory(file, cxlv);
	if (!ret)
		show_registers(file, &cxlv->regs);
	return ret;
}
DEFINE_SHOW_ATTRIBUTE(state);

void cxl_vfio_debugfs_init(void)
{
	root = debugfs_create_dir("cxl-vfio-pci", NULL);
}

void cxl_vfio_debugfs_exit(void)
{
	debugfs_remove(root);
}

void cxl_vfio_debugfs_add(struct cxl_vfio_device *cxlv)
{
	cxlv->debugfs = debugfs_create_dir(pci_name(cxlv->core.pdev), root);
	debugfs_create_file("state", 0400, cxlv->debugfs, cxlv, &state_fops);
	debugfs_create_file("counts", 0400, cxlv->debugfs, cxlv, &counts_fops);
}

/* Waits for the processes that read. */
void cxl_vfio_debugfs_remove(struct cxl_vfio_device *cxlv)
{
	debugfs_remove(cxlv->debugfs);
}
