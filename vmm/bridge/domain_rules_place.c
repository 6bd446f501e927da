// SPDX-License-Identifier: Apache-2.0
// <address> of a device on PCI: a bus is a host. And <alias>, which every device may have.
#include "vmm/bridge/domain_rules_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "vmm/conf/machine_desc.h"

/* Numbers of PCI are written in hexadecimal ("0x1f") or not. */
static const char *take_number(struct walk *w, const char *v, unsigned min, unsigned max, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(v, &end, 0);

	if (*v < '0' || *v > '9' || *end || n < min || n > max) {
		snprintf(w->why, sizeof(w->why), "expected a number from %#x to %#x", min, max);
		return w->why;
	}
	*out = (uint32_t)n;
	return NULL;
}

static const char *take_zero(struct walk *w, const char *v)
{
	uint32_t n;

	return take_number(w, v, 0, 0, &n);
}

static const char *take_bus(struct walk *w, const char *v)
{
	const char *wrong = take_number(w, v, 0, HOSTS_MAX - 1, &w->place->host);

	return wrong ? "expected the number of a host: each has its bus" : NULL;
}

static const char *take_slot(struct walk *w, const char *v)
{
	return take_number(w, v, 1, DESC_SLOTS - 1, &w->place->slot);
}

const struct attribute_rule domain_place_attributes[] = {
	ATTR("type", .values = "pci", .required = true),
	TAKES("domain", take_zero),
	TAKES("bus", take_bus),
	TAKES("slot", take_slot),
	TAKES("function", take_zero),
	ATTR("multifunction", .values = "off"),
	{0},
};

const char domain_alias_reason[] = "a name that a run gives";
const struct attribute_rule domain_alias_attributes[] = {IGNORES("name", domain_alias_reason), {0}};
