// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoders that nobody committed. Where the platform leaves them to the
 * operating system, and the administrator asks for it, the driver gives the
 * device's memory an address in a CXL window, and programs the host bridge's
 * decoder and the device's own, before the CXL core looks at them. Unbind
 * takes all of it back.
 */
#include <linux/bitfield.h>
#include <linux/ioport.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/xarray.h>

#include "cxl_vfio.h"

#define commit_err(pdev, why) \
	pci_err(pdev, "HDM decoder 0 is not committed, and cannot be: %s\n", why)

static bool commit_decoders;
module_param(commit_decoders, bool, 0644);
MODULE_PARM_DESC(commit_decoders, "give memory an address whose HDM decoders the platform's firmware left uncommitted (default: off)");

/*
 * The CXL core looks at a host bridge's decoders once, and leaves those of a region
 * alone whose device has a driver of its own (CXL_REGION_F_LOCK). So what was committed
 * then it takes for committed until cxl_acpi is bound again: at these addresses, by
 * host bridge and decoder, and at no others can it be committed again.
 */
static DEFINE_XARRAY(seen_by_core);

/* One device at a time looks for addresses, and at a host bridge's decoders. */
static DEFINE_MUTEX(commit_lock);

/**
 * struct commitment - what is taken back at unbind
 * @pdev: the device
 * @hdm: its HDM Decoder capability
 * @was: its decoder 0 before
 * @global: its HDM Decoder Global Control before
 * @bridge: the host bridge; open
 * @bridge_decoder: the one that was programmed, or -1
 * @bridge_was: that before
 * @bridge_global: HDM Decoder Global Control before
 */
struct commitment {
	struct pci_dev *pdev;
	void __iomem *hdm;
	struct cxl_vfio_decoder was;
	u32 global;
	struct cxl_vfio_bridge bridge;
	int bridge_decoder;
	struct cxl_vfio_decoder bridge_was;
	u32 bridge_global;
};

/* In a CXL window, and nobody's. */
static bool is_free(u64 base, u64 size)
{
	struct resource *res = request_mem_region(base, size, "cxl-vfio-pci");
	bool in_window;

	if (!res)
		return false;
	in_window = res->parent && res->parent->desc == IORES_DESC_CXL;
	release_mem_region(base, size);
	return in_window;
}

static unsigned long seen_index(const struct commitment *c)
{
	return (unsigned long)c->bridge.uid * CXLR_HDM_MAX_DECODERS + c->bridge_decoder;
}

static bool may_commit(const struct commitment *c, u64 base)
{
	void *seen;

	if (!c->bridge.enumerated)
		return true;
	seen = xa_load(&seen_by_core, seen_index(c));
	return seen && xa_to_value(seen) == base / CXLR_HDM_GRANULE;
}

static u64 find_hole(const struct range *window, u64 floor, u64 ceiling, u64 size)
{
	u64 base = ALIGN(max(window->start, floor), CXLR_HDM_GRANULE);
	u64 end = min(window->end, ceiling);

	for (; base < end && end - base >= size - 1; base += CXLR_HDM_GRANULE)
		if (is_free(base, size))
			return base;
	return 0;
}

/*
 * The decoder of the host bridge and the addresses for @want->size bytes, or
 * less where firmware committed that decoder. Decoders commit in order, and
 * decode in ascending order (8.2.4.20.12).
 */
static int find_place(struct commitment *c, struct cxl_vfio_decoder *want)
{
	bool host_only = want->ctrl & CXLR_HDM_CTRL_HOSTONLY;
	u64 floor = 0, ceiling = U64_MAX;
	struct cxl_vfio_decoder decoder;
	struct range window;
	unsigned int i;

	c->bridge_decoder = -1;
	for (i = 0; i < c->bridge.count; i++) {
		if (cxl_vfio_bridge_decoder(&c->bridge, i, &decoder) &&
		    decoder.size <= want->size && is_free(decoder.base, decoder.size)) {
			c->bridge_decoder = -1;
			want->base = decoder.base;
			want->size = decoder.size;
			return 0;
		}
		if (!(decoder.ctrl & CXLR_HDM_CTRL_COMMITTED) && c->bridge_decoder < 0)
			c->bridge_decoder = i;
		else if (c->bridge_decoder < 0)
			floor = decoder.base + decoder.size;
		else if (decoder.ctrl & CXLR_HDM_CTRL_COMMITTED)
			ceiling = min(ceiling, decoder.base - 1);
	}
	if (c->bridge_decoder < 0) {
		commit_err(c->pdev, "all HDM decoders of its host bridge are committed to something else");
		return -ENXIO;
	}

	for (i = 0; cxl_vfio_bridge_window(&c->bridge, i, host_only, &window); i++) {
		want->base = find_hole(&window, floor, ceiling, want->size);
		if (!want->base)
			continue;
		if (may_commit(c, want->base))
			return 0;
		commit_err(c->pdev, "the CXL core has its host bridge's decoders already, and would not see one that is committed now: unbind and bind ACPI0017:00 in /sys/bus/platform/drivers/cxl_acpi");
		return -ENXIO;
	}
	if (i)
		commit_err(c->pdev, "no CXL window of its host bridge (CFMWS) has so much room above what its decoders decode");
	else
		commit_err(c->pdev, "no CXL window (CFMWS) leads to its host bridge alone and admits such memory");
	return -ENXIO;
}

static int commit_bridge(struct commitment *c, const struct cxl_vfio_decoder *want)
{
	struct cxl_vfio_decoder decoder = *want;
	int ret;

	if (c->bridge_decoder < 0)
		return 0;
	cxl_vfio_decoder_read(c->bridge.hdm, c->bridge_decoder, &c->bridge_was);
	c->bridge_global = readl(c->bridge.hdm + CXLR_HDM_GLOBAL_CTRL);
	ret = xa_err(xa_store(&seen_by_core, seen_index(c),
			      xa_mk_value(want->base / CXLR_HDM_GRANULE), GFP_KERNEL));
	if (ret)
		return ret;
	decoder.skip = c->bridge.port;	/* the target list */
	ret = cxl_vfio_decoder_commit(c->bridge.hdm, c->bridge_decoder, &decoder);
	if (ret)
		commit_err(c->pdev, "a decoder of its host bridge does not commit");
	else
		writel(c->bridge_global | CXLR_HDM_GLOBAL_ENABLE,
		       c->bridge.hdm + CXLR_HDM_GLOBAL_CTRL);
	return ret;
}

static void release_bridge(struct commitment *c)
{
	if (c->bridge_decoder < 0)
		return;
	cxl_vfio_decoder_release(c->bridge.hdm, c->bridge_decoder, &c->bridge_was);
	writel(c->bridge_global, c->bridge.hdm + CXLR_HDM_GLOBAL_CTRL);
}

/* Devres: the CXL core's objects are gone, the BAR is still mapped. */
static void uncommit(void *data)
{
	struct commitment *c = data;
	u16 command;

	guard(mutex)(&commit_lock);
	command = cxl_vfio_mmio_begin(c->pdev);
	cxl_vfio_decoder_release(c->hdm, 0, &c->was);
	writel(c->global, c->hdm + CXLR_HDM_GLOBAL_CTRL);
	cxl_vfio_mmio_end(c->pdev, command);
	release_bridge(c);
	cxl_vfio_bridge_close(&c->bridge);
}

static int commit_endpoint(struct commitment *c, const struct cxl_vfio_decoder *want)
{
	int ret = cxl_vfio_decoder_commit(c->hdm, 0, want);

	if (ret)
		commit_err(c->pdev, "the device refuses");
	else
		writel(c->global | CXLR_HDM_GLOBAL_ENABLE, c->hdm + CXLR_HDM_GLOBAL_CTRL);
	return ret;
}

/* Takes back what it did, if it returns an error. */
static int commit(struct commitment *c, struct cxl_vfio_decoder *want)
{
	int ret = find_place(c, want);

	if (ret)
		return ret;
	ret = commit_bridge(c, want) ?: commit_endpoint(c, want);
	if (ret) {
		cxl_vfio_decoder_release(c->hdm, 0, &c->was);
		release_bridge(c);
	}
	return ret;
}

static const char *look(struct cxl_vfio_device *cxlv, struct commitment *c,
			struct cxl_vfio_decoder *want)
{
	const u32 models = FIELD_GET(CXLR_HDM_CAP_COHERENCY, cxlv->platform.hdm_cap);
	const char *why = cxl_vfio_bridge_open(c->pdev, &c->bridge);

	c->hdm = cxl_vfio_hdm(cxlv);
	c->was = cxlv->platform.decoder[0];
	c->global = cxlv->platform.hdm_global;
	want->size = ALIGN_DOWN(cxl_vfio_capacity(cxlv), CXLR_HDM_GRANULE);
	want->ctrl = CXLR_HDM_CTRL_COMMITTED;
	/* 2: host-only coherent memory, as expanders have. */
	if (models == 2)
		want->ctrl |= CXLR_HDM_CTRL_HOSTONLY;
	if (why)
		return why;
	if (!c->bridge.count)
		return "its host bridge has no HDM decoders, and the CXL core needs them";
	return want->size ? NULL : "it has less memory than a decoder can decode";
}

/**
 * cxl_vfio_commit - give the memory of a device an address
 * @cxlv: the device, being bound; none of its decoders is committed
 *
 * Only if the administrator asked for it. May sleep.
 *
 * Return: 0, and its decoder 0 is committed; or an error that was logged, or
 * -ENOMEM.
 */
int cxl_vfio_commit(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct cxl_vfio_decoder want = { };
	struct commitment *c;
	const char *why;
	int ret;

	if (!commit_decoders) {
		pci_err(pdev, "HDM decoder 0 is not committed: the platform's firmware must give the device its memory window and commit it (look for a CXL option in the firmware's setup), or this driver, by its parameter commit_decoders\n");
		return -ENXIO;
	}
	c = devm_kzalloc(&pdev->dev, sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->pdev = pdev;

	scoped_guard(mutex, &commit_lock) {
		why = look(cxlv, c, &want);
		if (why)
			commit_err(pdev, why);
		ret = why ? -ENXIO : commit(c, &want);
		if (ret)
			cxl_vfio_bridge_close(&c->bridge);
	}
	if (ret)
		return ret;
	cxlv->committed = true;
	return devm_add_action_or_reset(&pdev->dev, uncommit, c);
}

/* The module leaves; no device is bound. */
void cxl_vfio_commit_exit(void)
{
	xa_destroy(&seen_by_core);
}
