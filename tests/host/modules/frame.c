// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module tells what the kernel has for a page frame: what KVM, type 1 and
 * the memory error code ask before anything else. Its parameters are the answer.
 */
#include <linux/mm.h>
#include <linux/module.h>

static ulong pfn;
module_param(pfn, ulong, 0444);
MODULE_PARM_DESC(pfn, "the page frame's number");

static bool valid;
module_param(valid, bool, 0444);
MODULE_PARM_DESC(valid, "it has a struct page");

static bool reserved;
module_param(reserved, bool, 0444);
MODULE_PARM_DESC(reserved, "that is reserved");

static int references;
module_param(references, int, 0444);
MODULE_PARM_DESC(references, "references to that");

static int __init frame_init(void)
{
	valid = pfn_valid(pfn);
	if (valid) {
		reserved = PageReserved(pfn_to_page(pfn));
		references = page_ref_count(compound_head(pfn_to_page(pfn)));
	}
	return 0;
}

static void __exit frame_exit(void)
{
}

module_init(frame_init);
module_exit(frame_exit);

MODULE_DESCRIPTION("Test module: tells what the kernel has for a page frame");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
