// SPDX-License-Identifier: Apache-2.0
#include "vmm/cli/run_devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/bridge/domain.h"
#include "vmm/cli/properties.h"
#include "vmm/conf/disk_config.h"
#include "vmm/conf/net_config.h"
#include "vmm/conf/units.h"

#define HOST_TEXT_MAX 256u

/* An option and its value, for messages. */
struct said {
	const char *option, *value;
};

static int refuse(const struct said *s, const char *why)
{
	fprintf(stderr, "pando: --%s '%s': %s\n", s->option, s->value, why);
	return -1;
}

/* ---- hosts ---- */

static int take_host(const struct said *s, const struct run_options *o, const char *text, uint32_t *out)
{
	unsigned hosts = o->local ? o->local : o->hosts_n;
	char why[HOST_TEXT_MAX + 128];

	*out = 0;
	if (!*text || run_host_named(o, text, out) == 0)
		return 0;
	snprintf(why, sizeof(why), "host='%s': expected a number from 0 to %u%s", text, hosts - 1,
		 o->hosts_n ? ", or the address or name of one of --hosts" : "");
	return refuse(s, why);
}

/* ---- cards ---- */

static unsigned count(const struct run_options *o, enum card_kind_id kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->wish.cards_n; i++)
		n += strcmp(o->wish.cards[i].kind, card_kind_names[kind]) == 0;
	return n;
}

/* json is consumed; NULL: no memory. */
static int add_card(const struct said *s, struct run_options *o, enum card_kind_id kind, struct domain_place at,
		    char *json)
{
	struct desc_device *d = &o->wish.cards[o->wish.cards_n];
	char why[128];
	int r = -1;

	if (o->wish.cards_n == PLACE_CARDS_MAX) {
		snprintf(why, sizeof(why), "the guest has %u devices already, as many as are possible",
			 PLACE_CARDS_MAX);
		refuse(s, why);
	} else if (!json || strlen(json) >= sizeof(d->config)) {
		refuse(s, json ? "its properties are too long" : "no memory");
	} else {
		*d = (struct desc_device){.host = at.host, .slot = at.slot};
		snprintf(d->kind, sizeof(d->kind), "%s", card_kind_names[kind]);
		snprintf(d->config, sizeof(d->config), "%s", json);
		o->wish.cards_n++;
		r = 0;
	}
	free(json);
	return r;
}

/* Local hosts stand where this process stands; others have folders of their own. */
static int whole_path(const struct said *s, const struct run_options *o, char path[DISK_PATH_MAX])
{
	char folder[DISK_PATH_MAX], whole[2 * DISK_PATH_MAX];

	if (!o->local || path[0] == '/' || strstr(path, "://"))
		return 0;
	if (!getcwd(folder, sizeof(folder)))
		return refuse(s, "the path of the folder it is in is too long");
	int n = snprintf(whole, sizeof(whole), "%s/%s", strcmp(folder, "/") ? folder : "", path);

	if (n < 0 || (size_t)n >= DISK_PATH_MAX)
		return refuse(s, "its whole path is too long");
	memcpy(path, whole, (size_t)n + 1);
	return 0;
}

static int add_disk(struct run_options *o, const char *text)
{
	struct said s = {"disk", text};
	struct disk_config c = {0};
	char host[HOST_TEXT_MAX] = "", format[16] = "raw", why[512];
	uint64_t queues = 0;
	struct domain_place at = {0};
	const struct property table[] = {
		{"path", PROPERTY_TEXT, c.path, sizeof(c.path), 0, 0},
		{"host", PROPERTY_TEXT, host, sizeof(host), 0, 0},
		{"serial", PROPERTY_TEXT, c.serial, sizeof(c.serial), 0, 0},
		{"ro", PROPERTY_FLAG, &c.read_only, 0, 0, 0},
		{"discard", PROPERTY_FLAG, &c.discard, 0, 0, 0},
		{"format", PROPERTY_TEXT, format, sizeof(format), 0, 0},
		{"queues", PROPERTY_COUNT, &queues, 0, 1, DISK_QUEUES_MAX},
		{"boot", PROPERTY_FLAG, &c.boot, 0, 0, 0},
		{0},
	};

	if (properties_parse(text, table, "path", why, sizeof(why)))
		return refuse(&s, why);
	c.queues = (uint32_t)queues;
	c.format = disk_format_find(format);
	if (c.format == DISK_FORMATS) {
		snprintf(why, sizeof(why), "format='%s': expected raw or qcow2", format);
		return refuse(&s, why);
	}
	if (take_host(&s, o, host, &at.host) || whole_path(&s, o, c.path))
		return -1;
	return disk_config_check(&c, why, sizeof(why)) ? refuse(&s, why)
						       : add_card(&s, o, CARD_BLK, at, disk_config_to_json(&c));
}

/* What is behind a network device, of the four words of which one has to be said. */
static int take_back(const struct said *s, bool passt, bool none, struct net_config *c)
{
	if (passt + none + (c->tap[0] != 0) + (c->socket[0] != 0) != 1)
		return refuse(s, "expected one of passt, tap=NAME, stream=PATH and none");
	c->back = passt ? NET_BACK_PASST : none ? NET_BACK_NONE : c->tap[0] ? NET_BACK_TAP : NET_BACK_STREAM;
	return 0;
}

static int add_forward(const struct said *s, struct net_config *c, const char *text)
{
	char why[256];

	if (c->forwards_n == NET_CONFIG_FORWARDS_MAX) {
		snprintf(why, sizeof(why), "%u ports are forwarded already, as many as are possible", c->forwards_n);
		return refuse(s, why);
	}
	if (net_forward_parse(text, &c->forward[c->forwards_n], why, sizeof(why)))
		return refuse(s, why);
	c->forwards_n++;
	return 0;
}

static int take_forwards(const struct said *s, struct net_config *c, const struct property_list *l)
{
	for (unsigned i = 0; i < l->n; i++)
		if (add_forward(s, c, l->text[i]))
			return -1;
	return 0;
}

static int take_mac(const struct said *s, const struct run_options *o, const char *text, struct net_config *c)
{
	char why[128];

	if (!*text) {
		net_mac_make(o->desc.name, count(o, CARD_NET), c->mac);
		return 0;
	}
	snprintf(why, sizeof(why), "mac='%.40s': expected the address of one station, such as 52:54:00:12:34:56", text);
	return net_mac_parse(text, c->mac) ? refuse(s, why) : 0;
}

static int add_net(struct run_options *o, const char *text)
{
	struct said s = {"net", text};
	struct net_config c;
	struct property_list forwards = {0};
	char host[HOST_TEXT_MAX] = "", mac[32] = "", why[512];
	uint64_t mtu = 0, queues = 1;
	bool passt = false, none = false;
	struct domain_place at = {0};
	const struct property table[] = {
		{"passt", PROPERTY_FLAG, &passt, 0, 0, 0},
		{"tap", PROPERTY_TEXT, c.tap, sizeof(c.tap), 0, 0},
		{"stream", PROPERTY_TEXT, c.socket, sizeof(c.socket), 0, 0},
		{"none", PROPERTY_FLAG, &none, 0, 0, 0},
		{"host", PROPERTY_TEXT, host, sizeof(host), 0, 0},
		{"mac", PROPERTY_TEXT, mac, sizeof(mac), 0, 0},
		{"mtu", PROPERTY_COUNT, &mtu, 0, NET_CONFIG_MTU_MIN, NET_CONFIG_MTU_MAX},
		{"forward", PROPERTY_LIST, &forwards, 0, 0, 0},
		{"queues", PROPERTY_COUNT, &queues, 0, 1, NET_CONFIG_QUEUES_MAX},
		{"offload", PROPERTY_FLAG, &c.offload, 0, 0, 0},
		{0},
	};

	net_config_init(&c);
	if (properties_parse(text, table, NULL, why, sizeof(why)))
		return refuse(&s, why);
	c.mtu = (uint16_t)mtu;
	c.queues = (uint16_t)queues;
	if (take_back(&s, passt, none, &c) || take_host(&s, o, host, &at.host) || take_mac(&s, o, mac, &c) ||
	    take_forwards(&s, &c, &forwards))
		return -1;
	return net_config_check(&c, why, sizeof(why)) ? refuse(&s, why)
						      : add_card(&s, o, CARD_NET, at, net_config_to_json(&c));
}

/* WHERE as of --console; two commas are one of a file's name. */
static int add_console(struct run_options *o, const char *text)
{
	static char where[DISK_PATH_MAX]; // the run has it; one guest a process
	struct said s = {"virtio-console", text};
	char host[HOST_TEXT_MAX] = "", why[512];
	struct domain_place at = {0};
	const struct property table[] = {
		{"where", PROPERTY_TEXT, where, sizeof(where), 0, 0},
		{"host", PROPERTY_TEXT, host, sizeof(host), 0, 0},
		{0},
	};

	where[0] = '\0';
	if (properties_parse(text, table, "where", why, sizeof(why)))
		return refuse(&s, why);
	if (console_parse(where, &o->virtio_console_to))
		return refuse(&s, "expected stdio, pty, null or file:PATH");
	o->virtio_console = true;
	return take_host(&s, o, host, &at.host) || add_card(&s, o, CARD_CONSOLE, at, strdup("")) ? -1 : 0;
}

/* ---- the guest's devices as a whole ---- */

static bool read_net(const struct desc_device *d, struct net_config *c)
{
	char why[256];

	return strcmp(d->kind, card_kind_names[CARD_NET]) == 0 &&
	       net_config_from_json(d->config, strlen(d->config), c, why, sizeof(why)) == 0;
}

/* --forward: of the first passt. */
static int forward(struct run_options *o, const char *text)
{
	struct said s = {"forward", text};
	struct net_config c;
	char why[512] = "no memory";

	for (unsigned i = 0; i < o->wish.cards_n; i++) {
		struct desc_device *d = &o->wish.cards[i];

		if (!read_net(d, &c) || c.back != NET_BACK_PASST)
			continue;
		if (add_forward(&s, &c, text))
			return -1;
		c.optional = false; // who counts on it is told where it cannot be
		char *json = net_config_check(&c, why, sizeof(why)) ? NULL : net_config_to_json(&c);

		if (!json)
			return refuse(&s, why);
		bool fits = strlen(json) < sizeof(d->config);

		snprintf(d->config, sizeof(d->config), "%s", json);
		free(json);
		return fits ? 0 : refuse(&s, "the network device has too many properties");
	}
	return refuse(&s, "it needs a network that can: --net passt");
}

/* Two stations of one address hear each other's frames, or none. */
static int check_macs(const struct run_options *o)
{
	char text[NET_CONFIG_MAC_TEXT];
	struct net_config a, b;

	for (unsigned i = 0; i < o->wish.cards_n; i++)
		for (unsigned k = 0; read_net(&o->wish.cards[i], &a) && k < i; k++)
			if (read_net(&o->wish.cards[k], &b) && memcmp(a.mac, b.mac, sizeof(a.mac)) == 0) {
				struct said s = {"net", net_mac_format(a.mac, text)};

				return refuse(&s, "two network devices have this MAC address: give one mac=");
			}
	return 0;
}

/* Those of a domain, which has checked them. over: the command line has a virtio console instead of its. */
static int add_of_domain(struct run_options *o, const struct domain *d, bool over)
{
	static const uint8_t none[NET_CONFIG_MAC_BYTES];
	struct said s = {"domain", d->name};

	for (unsigned i = 0; i < d->disks_n; i++)
		if (add_card(&s, o, CARD_BLK, d->disks[i].at, disk_config_to_json(&d->disks[i].config)))
			return -1;
	for (unsigned i = 0; i < d->nets_n; i++) {
		struct net_config c = d->nets[i].config;

		if (memcmp(c.mac, none, sizeof(none)) == 0)
			net_mac_make(o->desc.name, count(o, CARD_NET), c.mac);
		if (add_card(&s, o, CARD_NET, d->nets[i].at, net_config_to_json(&c)))
			return -1;
	}
	if (d->virtio_console.there && !over && add_card(&s, o, CARD_CONSOLE, d->virtio_console.at, strdup("")))
		return -1;
	for (unsigned i = 0; i < d->rngs_n; i++)
		if (add_card(&s, o, CARD_RNG, d->rngs[i], strdup("")))
			return -1;
	return 0;
}

static void go_where_domain_says(struct run_options *o, const struct domain_virtio_console *v)
{
	static const enum console_kind kinds[] = {[DOMAIN_CONSOLE_STDIO] = CONSOLE_STDIO,
						  [DOMAIN_CONSOLE_PTY] = CONSOLE_PTY,
						  [DOMAIN_CONSOLE_FILE] = CONSOLE_FILE,
						  [DOMAIN_CONSOLE_NULL] = CONSOLE_NULL};

	o->virtio_console = true;
	o->virtio_console_to = (struct console_options){.kind = kinds[v->kind], .path = v->file, .append = v->append};
}

/* What boots from a disk is a whole system, which expects a network: the host's user has one for it. */
static int add_usual_net(struct run_options *o)
{
	struct said s = {"net", "passt"};
	struct net_config c;

	net_config_init(&c);
	c.back = NET_BACK_PASST;
	c.optional = true;
	net_mac_make(o->desc.name, 0, c.mac);
	return add_card(&s, o, CARD_NET, (struct domain_place){0}, net_config_to_json(&c));
}

int run_devices_fill(const struct run_args *a, struct run_options *o)
{
	struct said rng = {"rng", ""};

	if (a->from && add_of_domain(o, a->from, a->virtio_console))
		return -1;
	if (a->from && a->from->virtio_console.there)
		go_where_domain_says(o, &a->from->virtio_console);
	for (unsigned i = 0; i < a->disks.n; i++)
		if (add_disk(o, a->disks.text[i]))
			return -1;
	for (unsigned i = 0; i < a->nets.n; i++)
		if (add_net(o, a->nets.text[i]))
			return -1;
	if (!a->kernel && !a->from && a->disks.n && !a->nets.n && add_usual_net(o))
		return -1;
	if (a->virtio_console && add_console(o, a->virtio_console))
		return -1;
	if (a->rng && add_card(&rng, o, CARD_RNG, (struct domain_place){0}, strdup("")))
		return -1;
	for (unsigned i = 0; i < a->forwards.n; i++)
		if (forward(o, a->forwards.text[i]))
			return -1;
	return check_macs(o);
}
