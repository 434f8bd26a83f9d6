// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module tells what the kernel has for a page frame: what KVM, type 1 and
 * the memory error code ask before anything else. It tells as well what
 * get_user_pages() makes of an address of the process that loads it. Its parameters
 * are the answer. /proc/kpageflags has none for ZONE_DEVICE.
 */
#include <linux/mm.h>
#include <linux/module.h>

static ulong pfn;
module_param(pfn, ulong, 0444);
MODULE_PARM_DESC(pfn, "the page frame's number");

static ulong user;
module_param(user, ulong, 0444);
MODULE_PARM_DESC(user, "the user's address; 0: none");

static bool valid;
module_param(valid, bool, 0444);
MODULE_PARM_DESC(valid, "it has a struct page");

static bool reserved;
module_param(reserved, bool, 0444);
MODULE_PARM_DESC(reserved, "that is reserved");

static int references;
module_param(references, int, 0444);
MODULE_PARM_DESC(references, "references to that");

static int fast;
module_param(fast, int, 0444);
MODULE_PARM_DESC(fast, "pages that the fast path alone gets at the address, or an error");

static int slow;
module_param(slow, int, 0444);
MODULE_PARM_DESC(slow, "the same of the slow path");

static void get_pages(void)
{
	struct page *page;

	fast = get_user_pages_fast_only(user, 1, FOLL_WRITE, &page);
	if (fast == 1)
		put_page(page);
	slow = get_user_pages_unlocked(user, 1, &page, FOLL_WRITE);
	if (slow == 1)
		put_page(page);
}

static int __init frame_init(void)
{
	valid = pfn_valid(pfn);
	if (valid) {
		reserved = PageReserved(pfn_to_page(pfn));
		references = page_ref_count(compound_head(pfn_to_page(pfn)));
	}
	if (user)
		get_pages();
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
