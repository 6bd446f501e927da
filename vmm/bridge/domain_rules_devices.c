// SPDX-License-Identifier: Apache-2.0
// The rules of <devices>: the serial port and its console, small devices, and those that say what is not there.
#include "vmm/bridge/domain_rules_priv.h"

#include <string.h>

/* ---- takers ---- */

static void begin_console(struct walk *w, struct console_draft *c)
{
	w->chardev = c;
	c->line = walk_line(w);
	c->kind = DOMAIN_CONSOLE_PTY;
}

static void begin_serial(struct walk *w)
{
	begin_console(w, &w->serial);
}

static void begin_console_element(struct walk *w)
{
	w->draft = (struct console_draft){0};
	begin_console(w, &w->draft);
	w->place = &w->draft.at;
}

static const char *take_console_target(struct walk *w, const char *v)
{
	w->draft.virtio = strcmp(v, "virtio") == 0;
	return NULL;
}

static const char *take_console_port(struct walk *w, const char *v)
{
	return value_count(w, v, 0, 1, &w->draft.port);
}

/* libvirt numbers all <console> elements, so a virtio one that stands behind the serial port's has the number 1. */
static void end_console_element(struct walk *w)
{
	struct console_draft *to = w->draft.virtio ? &w->virtio : &w->console;

	if (to->line)
		walk_error(w->errors, w->draft.line, "<devices><console>", "there can be one %s",
			   w->draft.virtio ? "virtio console" : "for the serial port");
	else if (!w->draft.virtio && w->draft.port)
		walk_error(w->errors, w->draft.line, "<devices><console><target>", "port='1': the serial port is 0");
	else if (!w->draft.virtio && (w->draft.at.host || w->draft.at.slot))
		walk_error(w->errors, w->draft.line, "<devices><console><address>", "the serial port is COM1");
	*to = w->draft;
}

static const char *take_chardev_type(struct walk *w, const char *v)
{
	w->chardev->kind = strcmp(v, "stdio") == 0  ? DOMAIN_CONSOLE_STDIO
			   : strcmp(v, "file") == 0 ? DOMAIN_CONSOLE_FILE
			   : strcmp(v, "null") == 0 ? DOMAIN_CONSOLE_NULL
						    : DOMAIN_CONSOLE_PTY;
	return NULL;
}

/* Of a file, its path; of a pseudo-terminal, the one it had in another run, which is no wish. */
static const char *take_source_path(struct walk *w, const char *v)
{
	if (w->chardev->kind != DOMAIN_CONSOLE_FILE)
		return NULL;
	return value_path(w, v, w->chardev->file, sizeof(w->chardev->file));
}

static const char *take_source_append(struct walk *w, const char *v)
{
	w->chardev->has_append = true;
	w->chardev->append = strcmp(v, "on") == 0;
	return NULL;
}

/* ---- the tables ---- */

static const struct attribute_rule chardev_attributes[] = {
	ATTR("type", .values = "pty|stdio|file|null", .take = take_chardev_type, .required = true),
	IGNORES("tty", "the pseudo-terminal of another run"),
	{0},
};

static const struct attribute_rule source_attributes[] = {
	TAKES("path", take_source_path),
	ATTR("append", .values = "on|off", .take = take_source_append),
	REFUSES("mode", "the console is a terminal or a file"),
	{0},
};

static const struct attribute_rule serial_target_attributes[] = {
	ATTR("type", .values = "isa-serial"),
	ATTR("port", .values = "0"),
	{0},
};
static const struct attribute_rule model_name_attributes[] = {ATTR("name", .values = "isa-serial"), {0}};
static const struct element_rule serial_target_children[] = {{.name = "model", .attributes = model_name_attributes},
							     {0}};

static const struct attribute_rule console_target_attributes[] = {
	ATTR("type", .values = "serial|virtio", .take = take_console_target),
	TAKES("port", take_console_port),
	{0},
};

static const struct element_rule serial_children[] = {
	{.name = "source", .attributes = source_attributes},
	{.name = "target", .attributes = serial_target_attributes, .children = serial_target_children},
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{.name = "log", .treatment = REFUSED, .why = "the console has one place to go to"},
	{.name = "protocol", .treatment = REFUSED, .why = "the console is a terminal or a file"},
	{.name = "address", .treatment = REFUSED, .why = "the serial port is COM1"},
	{0},
};

static const struct element_rule console_children[] = {
	{.name = "source", .attributes = source_attributes},
	{.name = "target", .attributes = console_target_attributes},
	{.name = "address", .attributes = domain_place_attributes},
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{.name = "log", .treatment = REFUSED, .why = "the console has one place to go to"},
	{0},
};

static const struct attribute_rule memballoon_attributes[] = {ATTR("model", .values = "none", .required = true), {0}};
static const struct attribute_rule panic_attributes[] = {ATTR("model", .values = "isa", .required = true), {0}};

/* ---- the entropy device ---- */

static void begin_rng(struct walk *w)
{
	if (w->d.rngs_n == DOMAIN_RNGS_MAX) {
		walk_error(w->errors, walk_line(w), "<devices><rng>", "there are more than %u", DOMAIN_RNGS_MAX);
		w->d.rngs_n--; // the last one is written over: the file is refused anyway
	}
	w->rng_lines[w->d.rngs_n] = walk_line(w);
	w->place = &w->d.rngs[w->d.rngs_n++];
	*w->place = (struct domain_place){0};
}

static const char *take_random_source(struct walk *w, const char *v)
{
	(void)w; // the kernel has one source, whatever it is called
	return !*v || strcmp(v, "/dev/urandom") == 0 || strcmp(v, "/dev/random") == 0
		       ? NULL
		       : "expected /dev/urandom: the entropy is that of the host's kernel";
}

static const struct attribute_rule rng_attributes[] = {ATTR("model", .values = "virtio", .required = true), {0}};
static const struct attribute_rule rng_backend_attributes[] = {
	ATTR("model", .values = "random|builtin", .required = true), {0}};
static const struct element_rule rng_children[] = {
	{.name = "backend", .attributes = rng_backend_attributes, .take = take_random_source},
	{.name = "address", .attributes = domain_place_attributes},
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{.name = "rate", .treatment = REFUSED, .why = "requests for entropy are not held back"},
	{.name = "driver", .treatment = REFUSED, .why = "there is nothing to choose"},
	{0},
};

/* ---- what each machine has ---- */

static const struct attribute_rule watchdog_attributes[] = {
	ATTR("model", .values = "ib700", .required = true),
	ATTR("action", .values = "reset"),
	{0},
};
static const struct element_rule watchdog_children[] = {
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{.name = "address", .treatment = REFUSED, .why = "its ports are those of an IB700 board"},
	{0},
};

static void begin_controller(struct walk *w)
{
	w->controller_pci = w->controller_none = w->controller_root = false;
}

static const char *take_controller_type(struct walk *w, const char *v)
{
	w->controller_pci = strcmp(v, "pci") == 0;
	return NULL;
}

static const char *take_controller_model(struct walk *w, const char *v)
{
	w->controller_root = strcmp(v, "pci-root") == 0;
	w->controller_none = !w->controller_root;
	return NULL;
}

static void end_controller(struct walk *w)
{
	if (w->controller_pci ? w->controller_none : w->controller_root)
		walk_error(w->errors, walk_line(w), "<devices><controller>",
			   "expected type='usb' model='none', or type='pci' model='pci-root'");
}

static const struct attribute_rule controller_attributes[] = {
	ATTR("type", .values = "usb|pci", .take = take_controller_type, .required = true),
	ATTR("index", .values = "0"),
	ATTR("model", .values = "none|pci-root", .take = take_controller_model, .required = true),
	{0},
};
static const struct element_rule controller_children[] = {
	{.name = "alias", .treatment = NO_EFFECT, .why = domain_alias_reason, .attributes = domain_alias_attributes},
	{0},
};

static const char no_text_take_reason[] = "the monitor is pando itself";

static const char *take_emulator(struct walk *w, const char *v)
{
	(void)w, (void)v;
	return NULL;
}

// clang-format off
#define NO_DEVICE(n, what) {.name = n, .many = true, .treatment = REFUSED, .why = "there is no " what " yet"}
// clang-format on

const struct element_rule domain_devices[] = {
	{.name = "emulator", .treatment = NO_EFFECT, .why = no_text_take_reason, .take = take_emulator},
	{.name = "serial", .attributes = chardev_attributes, .children = serial_children, .begin = begin_serial},
	{.name = "console",
	 .many = true,
	 .attributes = chardev_attributes,
	 .children = console_children,
	 .begin = begin_console_element,
	 .end = end_console_element},
	{.name = "memballoon", .attributes = memballoon_attributes},
	{.name = "panic", .attributes = panic_attributes},
	{.name = "controller",
	 .many = true,
	 .attributes = controller_attributes,
	 .children = controller_children,
	 .begin = begin_controller,
	 .end = end_controller},
	{.name = "disk",
	 .many = true,
	 .attributes = domain_disk_attributes,
	 .children = domain_disk_children,
	 .begin = domain_disk_begin,
	 .end = domain_disk_end},
	{.name = "interface",
	 .many = true,
	 .attributes = domain_net_attributes,
	 .children = domain_net_children,
	 .begin = domain_net_begin,
	 .end = domain_net_end},
	{.name = "rng", .many = true, .attributes = rng_attributes, .children = rng_children, .begin = begin_rng},
	{.name = "watchdog", .attributes = watchdog_attributes, .children = watchdog_children},
	NO_DEVICE("filesystem", "shared file system"),
	NO_DEVICE("hostdev", "device assignment"),
	NO_DEVICE("input", "keyboard, mouse or tablet"),
	NO_DEVICE("graphics", "display"),
	NO_DEVICE("video", "display"),
	NO_DEVICE("sound", "sound device"),
	NO_DEVICE("audio", "sound device"),
	NO_DEVICE("channel", "virtio channel"),
	NO_DEVICE("parallel", "parallel port"),
	NO_DEVICE("tpm", "TPM"),
	NO_DEVICE("redirdev", "USB"),
	NO_DEVICE("hub", "USB"),
	NO_DEVICE("smartcard", "smart card reader"),
	NO_DEVICE("vsock", "vsock device"),
	NO_DEVICE("memory", "memory device"),
	NO_DEVICE("iommu", "IOMMU"),
	NO_DEVICE("shmem", "shared memory device"),
	NO_DEVICE("nvram", "NVRAM"),
	NO_DEVICE("lease", "lock manager"),
	NO_DEVICE("crypto", "crypto device"),
	{0},
};
