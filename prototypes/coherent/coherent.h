/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the module's files share. Locks, in the order in which they nest:
 * coherent.lock, mmap_lock, coherent.pages_lock.
 */
#ifndef COHERENT_H
#define COHERENT_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/memremap.h>
#include <linux/miscdevice.h>
#include <linux/range.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

#include "cxl_coherent_uapi.h"

/* Pages that are moved at a time. */
#define COHERENT_BATCH	512

struct coherent {
	struct dev_pagemap pgmap;
	struct kref ref;		/* the binding, each open file */
	struct miscdevice misc;
	struct range hpa;

	struct rw_semaphore lock;
	bool gone;			/* lock: unbound, or about to be */

	spinlock_t pages_lock;		/* all that follows; taken in interrupts, too */
	unsigned long *taken;		/* a bit a page: given out, or not to be given out */
	unsigned long *bad;		/* a bit a page: has failed */
	unsigned long nr_pages;		/* not changed */
	unsigned long nr_used;		/* given out */
	unsigned long nr_bad;		/* failed */
	unsigned long nr_lost;		/* failed, and not given out any more */
	unsigned long next;		/* where to look for a free one */
};

/* device.c */
void coherent_put(struct coherent *coherent);

/* region.c */
struct pci_dev;
int coherent_region_attach(struct pci_dev *pdev, struct range *hpa);

/* pages.c */
int coherent_pages_init(struct coherent *coherent, struct device *dev);
void coherent_pages_exit(struct coherent *coherent);
struct page *coherent_page_alloc(struct coherent *coherent);
void coherent_pages_info(struct coherent *coherent, struct cxl_coherent_info *info);

/* migrate.c */
struct page *coherent_host_page_alloc(void);
unsigned long coherent_copy(struct page *from, struct page *to);
int coherent_migrate(struct coherent *coherent, struct cxl_coherent_range *range, bool to_device);

/* file.c */
extern const struct file_operations coherent_fops;

#endif
