// SPDX-License-Identifier: GPL-2.0-only
/*
 * Decoders that the platform left uncommitted (docs/lifecycle.md). The driver gives the device's
 * memory an address in a CXL window. It programs the host bridge's decoder and the device's own
 * before the CXL core looks at them. Unbind takes all of it back.
 */
#include <linux/bitfield.h>
#include <linux/ioport.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/xarray.h>

#include "life/life.h"

#define commit_err(pdev, why) \
	pci_err(pdev, "HDM decoder 0 is not committed, and cannot be: %s\n", why)

/*
 * The CXL core looks at a host bridge's decoders once, and leaves those of a region
 * alone whose device has a driver of its own (CXL_REGION_F_LOCK). So what was committed
 * then it takes for committed until cxl_acpi is bound again: at these addresses, by
 * host bridge and decoder, for that port, and no others, can it be committed again.
 */
static DEFINE_XARRAY(seen_by_core);

/* One device at a time looks for addresses, and at a host bridge's decoders. */
static DEFINE_MUTEX(commit_lock);

/**
 * struct cxl_vfio_commitment - what is taken back at unbind
 * @pdev: the device
 * @hpa: what its memory got
 * @claim: nothing else has that, until the CXL core has a region there
 * @hdm: its HDM Decoder capability
 * @was: its decoder 0 before
 * @global: its HDM Decoder Global Control before
 * @bridge: the host bridge; open
 * @bridge_decoder: the one that was programmed, or -1
 * @bridge_was: that before
 * @bridge_global: HDM Decoder Global Control before
 */
struct cxl_vfio_commitment {
	struct pci_dev *pdev;
	struct range hpa;
	struct cxl_vfio_claim *claim;
	void __iomem *hdm;
	struct cxl_vfio_decoder was;
	u32 global;
	struct cxl_vfio_host_bridge bridge;
	int bridge_decoder;
	struct cxl_vfio_decoder bridge_was;
	u32 bridge_global;
};

static void release_claim(struct cxl_vfio_commitment *c)
{
	if (c->claim)
		cxl_vfio_unclaim(c->claim);
	c->claim = NULL;
}

/*
 * Claims the range if it is in a CXL window, and free. The core's regions there are not busy,
 * so their parent tells. One that the core makes later has the claim below itself
 * (insert_resource()).
 */
static bool claim_range(struct cxl_vfio_commitment *c, u64 base, u64 size)
{
	const struct resource *parent;

	if (region_intersects(base, size, IORESOURCE_MEM, IORES_DESC_CXL) != REGION_INTERSECTS)
		return false;
	c->hpa = (struct range) { .start = base, .end = base + size - 1 };
	c->claim = cxl_vfio_claim(&c->hpa);
	if (!c->claim)
		return false;
	parent = c->claim->res->parent;
	if (!parent || parent->desc != IORES_DESC_CXL)
		release_claim(c);
	return c->claim;
}

static unsigned long seen_index(const struct cxl_vfio_commitment *c, unsigned int n)
{
	return (unsigned long)c->bridge.uid * CXLR_HDM_MAX_DECODERS + n;
}

/* Base, size and port, which the core all keeps: 27 bits of granules each for the first two. */
static void *seen_entry(const struct cxl_vfio_commitment *c)
{
	return xa_mk_value(c->hpa.start / CXLR_HDM_GRANULE << 35 |
			   range_len(&c->hpa) / CXLR_HDM_GRANULE << 8 | c->bridge.port);
}

static bool may_commit(const struct cxl_vfio_commitment *c)
{
	unsigned int i;

	if (cxl_vfio_host_bridge_enumerated(&c->bridge))
		return xa_load(&seen_by_core, seen_index(c, c->bridge_decoder)) == seen_entry(c);
	/* cxl_acpi was bound again. */
	for (i = 0; i < CXLR_HDM_MAX_DECODERS; i++)
		xa_erase(&seen_by_core, seen_index(c, i));
	return true;
}

static u64 find_hole(struct cxl_vfio_commitment *c, const struct range *window, u64 floor,
		     u64 ceiling, u64 size)
{
	u64 base = ALIGN(max(window->start, floor), CXLR_HDM_GRANULE), last;
	u64 end = min3(window->end, ceiling, (u64)iomem_resource.end);

	if (base < window->start)
		return 0;
	while (!check_add_overflow(base, size - 1, &last) && last <= end) {
		if (claim_range(c, base, size))
			return base;
		base += CXLR_HDM_GRANULE;
		cond_resched();
	}
	return 0;
}

/*
 * The decoder of the host bridge and the addresses for @want->size bytes, or
 * less where firmware committed that decoder. Decoders commit in order, and
 * decode in ascending order (8.2.4.20.12).
 */
static int find_place(struct cxl_vfio_commitment *c, struct cxl_vfio_decoder *want)
{
	bool host_only = want->ctrl & CXLR_HDM_CTRL_HOSTONLY;
	u64 floor = 0, ceiling = U64_MAX;
	struct cxl_vfio_decoder decoder;
	struct range window;
	unsigned int i;

	c->bridge_decoder = -1;
	for (i = 0; i < c->bridge.count; i++) {
		if (cxl_vfio_host_bridge_decoder(&c->bridge, i, &decoder) &&
		    !((decoder.ctrl ^ want->ctrl) & CXLR_HDM_CTRL_HOSTONLY) && decoder.size &&
		    decoder.size <= want->size && claim_range(c, decoder.base, decoder.size)) {
			c->bridge_decoder = -1;
			want->base = decoder.base;
			want->size = decoder.size;
			return 0;
		}
		if (!(decoder.ctrl & CXLR_HDM_CTRL_COMMITTED) && c->bridge_decoder < 0)
			c->bridge_decoder = i;
		else if (c->bridge_decoder < 0)
			floor = max(floor, size_add(decoder.base, decoder.size));
		else if (decoder.ctrl & CXLR_HDM_CTRL_COMMITTED)
			ceiling = min(ceiling, decoder.base ? decoder.base - 1 : 0);
	}
	if (c->bridge_decoder < 0) {
		commit_err(c->pdev, "all HDM decoders of its host bridge are committed to something else");
		return -ENXIO;
	}

	for (i = 0; cxl_vfio_host_bridge_cfmws(&c->bridge, i, host_only, &window); i++) {
		want->base = find_hole(c, &window, floor, ceiling, want->size);
		if (!want->base)
			continue;
		if (may_commit(c))
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

static int commit_decoder(void __iomem *hdm, unsigned int n, const struct cxl_vfio_decoder *want,
			  u32 global)
{
	int ret = cxl_vfio_decoder_commit(hdm, n, want);

	if (!ret)
		writel(global | CXLR_HDM_GLOBAL_ENABLE, hdm + CXLR_HDM_GLOBAL_CTRL);
	return ret;
}

static int commit_bridge(struct cxl_vfio_commitment *c, const struct cxl_vfio_decoder *want)
{
	struct cxl_vfio_decoder decoder = *want;
	int ret;

	if (c->bridge_decoder < 0)
		return 0;
	cxl_vfio_decoder_read(c->bridge.hdm, c->bridge_decoder, &c->bridge_was);
	c->bridge_global = readl(c->bridge.hdm + CXLR_HDM_GLOBAL_CTRL);
	decoder.skip = c->bridge.port;	/* the target list */
	if (c->bridge_was.ctrl & CXLR_HDM_CTRL_COMMITTED)
		ret = -EBUSY;
	else
		ret = commit_decoder(c->bridge.hdm, c->bridge_decoder, &decoder, c->bridge_global);
	if (ret) {
		c->bridge_decoder = -1;
		commit_err(c->pdev, "a decoder of its host bridge does not commit");
	}
	return ret;
}

/* HDM Decoder Enable is of all decoders. */
static void release_bridge(struct cxl_vfio_commitment *c)
{
	struct cxl_vfio_decoder decoder;
	unsigned int i;

	if (c->bridge_decoder < 0)
		return;
	cxl_vfio_decoder_release(c->bridge.hdm, c->bridge_decoder, &c->bridge_was);
	for (i = 0; i < c->bridge.count; i++) {
		cxl_vfio_decoder_read(c->bridge.hdm, i, &decoder);
		if (decoder.ctrl & CXLR_HDM_CTRL_COMMITTED)
			return;
	}
	writel(c->bridge_global, c->bridge.hdm + CXLR_HDM_GLOBAL_CTRL);
}

/* Devres: the CXL core's objects are gone, the BAR is still mapped. */
static void undo_commit(void *data)
{
	struct cxl_vfio_commitment *c = data;
	u16 command;

	guard(mutex)(&commit_lock);
	release_claim(c);
	/*
	 * Else pinned pages have it, which are to stay memory. What type 1 may have is not decoded
	 * any more.
	 */
	c->claim = cxl_vfio_claim(&c->hpa);
	if (c->claim) {
		if (pci_device_is_present(c->pdev)) {
			command = cxl_vfio_mmio_begin(c->pdev);
			cxl_vfio_decoder_release(c->hdm, 0, &c->was);
			writel(c->global, c->hdm + CXLR_HDM_GLOBAL_CTRL);
			cxl_vfio_mmio_end(c->pdev, command);
		}
		release_bridge(c);
	}
	release_claim(c);
	cxl_vfio_host_bridge_close(&c->bridge);
}

/* Takes back what it did, but for the claim, if it returns an error. */
static int commit_memory(struct cxl_vfio_commitment *c, struct cxl_vfio_decoder *want)
{
	int ret = find_place(c, want);
	bool enumerated;

	if (ret)
		return ret;
	enumerated = cxl_vfio_host_bridge_enumerated(&c->bridge);
	ret = commit_bridge(c, want);
	if (!ret) {
		ret = commit_decoder(c->hdm, 0, want, c->global);
		if (ret)
			commit_err(c->pdev, "the device refuses");
	}
	/* The core may have come in between, and have seen the decoder as it was. */
	if (!ret && !enumerated && cxl_vfio_host_bridge_enumerated(&c->bridge)) {
		commit_err(c->pdev, "the CXL core has looked at its host bridge's decoders meanwhile");
		ret = -EBUSY;
	}
	if (!ret)
		return 0;
	cxl_vfio_decoder_release(c->hdm, 0, &c->was);
	release_bridge(c);
	return ret;
}

/* 8.2.4.20.12: without BI in its decoder such a device does what is undefined. */
static bool needs_bi(const struct cxl_vfio_comp *comp)
{
	const struct cxlr_block *bi = cxlr_block_find(&comp->capabilities, CXLR_CAP_ID_BI_DECODER);

	return bi && !(readl(comp->base + comp->cm + bi->at + CXLR_BI_CAP) & CXLR_BI_CAP_HDM_D);
}

static const char *prepare_commit(struct cxl_vfio_device *cxlv, struct cxl_vfio_commitment *c,
				  struct cxl_vfio_decoder *want)
{
	const struct cxl_vfio_platform *platform = &cxlv->hw.platform;
	const u32 models = FIELD_GET(CXLR_HDM_CAP_COHERENCY, platform->hdm_cap);
	const char *why = cxl_vfio_host_bridge_open(c->pdev, &c->bridge);

	c->hdm = cxl_vfio_hdm(&cxlv->hw);
	c->was = platform->decoder[0];
	c->global = platform->hdm_global;
	want->size = ALIGN_DOWN(cxl_vfio_dvsec_capacity(&cxlv->hw), CXLR_HDM_GRANULE);
	want->ctrl = CXLR_HDM_CTRL_COMMITTED;
	/* 2: host-only coherent memory, as expanders have. */
	if (models == 2)
		want->ctrl |= CXLR_HDM_CTRL_HOSTONLY;
	if (cxl_vfio_is_behind_switch(c->pdev))
		return "it is behind a switch, whose decoders would have to be programmed as well";
	if (why)
		return why;
	if (models != 2 && needs_bi(&cxlv->hw.comp))
		return "its memory needs Back-Invalidate, which only firmware can set up";
	if (platform->dvsec_ctrl & CXLR_CTRL_MEM_ENABLE &&
	    !(platform->hdm_global & CXLR_HDM_GLOBAL_ENABLE))
		return "its memory is where its DVSEC ranges say, by the platform's firmware";
	if (!c->bridge.count)
		return "its host bridge has no HDM decoders, and the CXL core needs them";
	return want->size ? NULL : "it has less memory than a decoder can decode";
}

/*
 * Gives the memory of a device an address, none of whose decoders is committed, if the
 * administrator asked for it. May sleep. Returns 0, and its decoder 0 is committed; or an error
 * that was logged, or -ENOMEM.
 */
int cxl_vfio_commit(struct cxl_vfio_device *cxlv)
{
	struct pci_dev *pdev = cxlv->core.pdev;
	struct cxl_vfio_decoder want = { };
	struct cxl_vfio_commitment *c;
	const char *why;
	int ret;

	if (!cxlv->settings.commit_decoders) {
		pci_err(pdev, "HDM decoder 0 is not committed: the platform's firmware must give the device its memory window and commit it (look for a CXL option in the firmware's setup), or this driver, by its parameter commit_decoders\n");
		return -ENXIO;
	}
	c = devm_kzalloc(&pdev->dev, sizeof(*c), GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	c->pdev = pdev;

	scoped_guard(mutex, &commit_lock) {
		why = prepare_commit(cxlv, c, &want);
		if (why)
			commit_err(pdev, why);
		ret = why ? -ENXIO : commit_memory(c, &want);
		if (ret) {
			release_claim(c);
			cxl_vfio_host_bridge_close(&c->bridge);
		}
	}
	if (ret)
		return ret;
	cxlv->commitment = c;
	return devm_add_action_or_reset(&pdev->dev, undo_commit, c);
}

/* The CXL core has made a region of what was committed. */
void cxl_vfio_commit_record(struct cxl_vfio_device *cxlv)
{
	struct cxl_vfio_commitment *c = cxlv->commitment;

	/* The region has the range now, and cxl_vfio_claim_memory() claims it for good. */
	release_claim(c);

	/* No processor has lines of what was there before. */
	cxl_vfio_mem_flush_cpu_caches(&cxlv->mem);
	/* Without an entry, the next bind is refused. */
	if (c->bridge_decoder >= 0)
		xa_store(&seen_by_core, seen_index(c, c->bridge_decoder), seen_entry(c),
			 GFP_KERNEL);
}

/* The module leaves; no device is bound. */
void cxl_vfio_commit_exit(void)
{
	xa_destroy(&seen_by_core);
}
