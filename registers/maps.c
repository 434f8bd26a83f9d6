// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All maps: DVSECs, then the CM block, each in the order of their ids. */
#include "map.h"

const struct cxlr_map * const cxlr_maps[] = {
	&cxlr_map_dvsec_device,
	&cxlr_map_dvsec_gpf,
	&cxlr_map_dvsec_flex_bus,
	&cxlr_map_dvsec_locator,
	&cxlr_map_array,
	&cxlr_map_ras,
	&cxlr_map_security,
	&cxlr_map_link,
	&cxlr_map_hdm,
	&cxlr_map_ext_security,
	&cxlr_map_snoop_filter,
	&cxlr_map_bi,
	&cxlr_map_metadata,
	NULL,
};

const struct cxlr_map *cxlr_map_find(enum cxlr_map_kind kind, unsigned int id)
{
	const struct cxlr_map * const *map;

	for (map = cxlr_maps; *map; map++)
		if ((*map)->kind == kind && (*map)->id == id)
			return *map;
	return NULL;
}
