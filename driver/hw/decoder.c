// SPDX-License-Identifier: GPL-2.0-only
/*
 * One HDM decoder's physical registers (CXL 3.1, 8.2.4.20): the device's own, or
 * a host bridge's or a switch's. Those have the same layout, but for the target list,
 * which is where the device's skip is.
 */
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iopoll.h>
#include <linux/pci.h>

#include "hw/hw.h"

/* 8.2.4.20.12: a decoder commits, or says that it cannot, within 10 ms. */
#define COMMIT_TIMEOUT_US	10000
#define COMMIT_POLL_US		50

/* What decoder @n of an HDM Decoder capability is programmed to. */
void cxl_vfio_decoder_read(void __iomem *hdm, unsigned int n, struct cxl_vfio_decoder *decoder)
{
	decoder->base = lo_hi_readq(hdm + CXLR_HDM_BASE_LOW(n));
	decoder->size = lo_hi_readq(hdm + CXLR_HDM_SIZE_LOW(n));
	decoder->skip = lo_hi_readq(hdm + CXLR_HDM_DPA_SKIP_LOW(n));
	decoder->ctrl = readl(hdm + CXLR_HDM_CTRL(n));
}

/*
 * Is a host bridge's or a switch's decoder committed, with the port as its only target
 * (8.2.4.20.8)? @port is the number in the port's Link Capabilities.
 */
bool cxl_vfio_decoder_targets_port(const struct cxl_vfio_decoder *decoder, u8 port)
{
	return decoder->ctrl & CXLR_HDM_CTRL_COMMITTED && !(decoder->ctrl & CXLR_HDM_CTRL_IW) &&
	       (decoder->skip & 0xff) == port;
}

static void write_decoder(void __iomem *hdm, unsigned int n, const struct cxl_vfio_decoder *decoder)
{
	lo_hi_writeq(decoder->base, hdm + CXLR_HDM_BASE_LOW(n));
	lo_hi_writeq(decoder->size, hdm + CXLR_HDM_SIZE_LOW(n));
	lo_hi_writeq(decoder->skip, hdm + CXLR_HDM_DPA_SKIP_LOW(n));
}

static bool same_decoder(const struct cxl_vfio_decoder *a, const struct cxl_vfio_decoder *b)
{
	const u32 mask = CXLR_HDM_CTRL_IG | CXLR_HDM_CTRL_IW | CXLR_HDM_CTRL_LOCK |
			 CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_HOSTONLY | CXLR_HDM_CTRL_BI;

	return a->base == b->base && a->size == b->size && a->skip == b->skip &&
	       (a->ctrl & mask) == (b->ctrl & mask);
}

/*
 * Program and commit decoder @n (8.2.4.20.12). Committed is set in @want->ctrl. Return: 0, also
 * if it was that already; -EIO if it is committed to something else, refuses, or does not
 * answer; -ETIMEDOUT.
 */
int cxl_vfio_decoder_commit(void __iomem *hdm, unsigned int n, const struct cxl_vfio_decoder *want)
{
	struct cxl_vfio_decoder have;
	u32 ctrl;
	int ret;

	cxl_vfio_decoder_read(hdm, n, &have);
	if (same_decoder(&have, want))
		return 0;
	if (PCI_POSSIBLE_ERROR(have.ctrl) || have.ctrl & CXLR_HDM_CTRL_COMMITTED)
		return -EIO;

	/* Left by a commit that failed; the other registers are locked while it is set. */
	if (have.ctrl & CXLR_HDM_CTRL_COMMIT)
		writel(have.ctrl & ~CXLR_HDM_CTRL_COMMIT, hdm + CXLR_HDM_CTRL(n));

	write_decoder(hdm, n, want);
	writel((want->ctrl & ~CXLR_HDM_CTRL_COMMITTED) | CXLR_HDM_CTRL_COMMIT,
	       hdm + CXLR_HDM_CTRL(n));

	ret = readl_poll_timeout(hdm + CXLR_HDM_CTRL(n), ctrl,
				 ctrl & (CXLR_HDM_CTRL_COMMITTED | CXLR_HDM_CTRL_ERROR),
				 COMMIT_POLL_US, COMMIT_TIMEOUT_US);
	cxl_vfio_decoder_read(hdm, n, &have);
	if (same_decoder(&have, want))
		return 0;
	/* Not to commit later, when nobody reckons with it. */
	if (!PCI_POSSIBLE_ERROR(have.ctrl))
		writel(have.ctrl & ~CXLR_HDM_CTRL_COMMIT, hdm + CXLR_HDM_CTRL(n));
	return ret ?: -EIO;
}

/* Decoder @n, not locked, decodes nothing any more: its registers have @was again. */
void cxl_vfio_decoder_release(void __iomem *hdm, unsigned int n,
			      const struct cxl_vfio_decoder *was)
{
	u32 ctrl = readl(hdm + CXLR_HDM_CTRL(n));

	if (PCI_POSSIBLE_ERROR(ctrl))
		return;
	writel(ctrl & ~CXLR_HDM_CTRL_COMMIT, hdm + CXLR_HDM_CTRL(n));
	write_decoder(hdm, n, was);
	writel(was->ctrl & ~CXLR_HDM_CTRL_COMMIT, hdm + CXLR_HDM_CTRL(n));
}
