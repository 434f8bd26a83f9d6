// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module imports a dma-buf of the process that loads it, on behalf of a PCI device. It maps
 * the dma-buf when it is told to, and lets go when the exporter revokes.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/pci.h>

static int fd = -1;
module_param(fd, int, 0444);
MODULE_PARM_DESC(fd, "of the dma-buf");

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "the PCI device's address");

static struct device *dev;
static struct dma_buf *dmabuf;
static struct dma_buf_attachment *attachment;
/* NULL: not mapped. Guarded by the dma-buf's resv. */
static struct sg_table *table;

static void unmap_table(struct dma_buf_attachment *unused)
{
	dma_resv_assert_held(dmabuf->resv);

	if (table)
		dma_buf_unmap_attachment(attachment, table, DMA_BIDIRECTIONAL);
	table = NULL;
}

static int set_mapped(const char *value, const struct kernel_param *param)
{
	struct sg_table *new;
	int ret = 0;

	dma_resv_lock(dmabuf->resv, NULL);
	unmap_table(attachment);
	new = dma_buf_map_attachment(attachment, DMA_BIDIRECTIONAL);
	if (IS_ERR(new))
		ret = PTR_ERR(new);
	else
		table = new;
	dma_resv_unlock(dmabuf->resv);
	return ret;
}

static int get_mapped(char *buffer, const struct kernel_param *param)
{
	struct scatterlist *entry;
	unsigned int i;
	u64 bytes = 0;

	dma_resv_lock(dmabuf->resv, NULL);
	if (table)
		for_each_sgtable_dma_sg(table, entry, i)
			bytes += sg_dma_len(entry);
	dma_resv_unlock(dmabuf->resv);
	return sysfs_emit(buffer, "%llu\n", bytes);
}

static const struct kernel_param_ops mapped_ops = { .set = set_mapped, .get = get_mapped };
module_param_cb(mapped, &mapped_ops, NULL, 0644);
MODULE_PARM_DESC(mapped, "bytes; to write it maps all of the dma-buf");

static const struct dma_buf_attach_ops attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = unmap_table,
};

static int __init import_init(void)
{
	dev = bus_find_device_by_name(&pci_bus_type, NULL, device);
	if (!dev)
		return -EINVAL;
	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf)) {
		put_device(dev);
		return PTR_ERR(dmabuf);
	}
	attachment = dma_buf_dynamic_attach(dmabuf, dev, &attach_ops, NULL);
	if (IS_ERR(attachment)) {
		dma_buf_put(dmabuf);
		put_device(dev);
		return PTR_ERR(attachment);
	}
	return 0;
}

static void __exit import_exit(void)
{
	dma_resv_lock(dmabuf->resv, NULL);
	unmap_table(attachment);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_detach(dmabuf, attachment);
	dma_buf_put(dmabuf);
	put_device(dev);
}

module_init(import_init);
module_exit(import_exit);

MODULE_IMPORT_NS("DMA_BUF");
MODULE_DESCRIPTION("Test module: imports a dma-buf");
MODULE_AUTHOR("The vfio-cxl developers");
MODULE_LICENSE("GPL");
