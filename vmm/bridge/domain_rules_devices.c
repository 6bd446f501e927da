// SPDX-License-Identifier: Apache-2.0
// The rules of <devices>: the serial port and its console, and devices that say what is not there.
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
	begin_console(w, &w->console);
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
	ATTR("type", .values = "serial"),
	ATTR("port", .values = "0"),
	{0},
};

static const struct attribute_rule alias_attributes[] = {IGNORES("name", "a name that a run gives"), {0}};

static const struct element_rule serial_children[] = {
	{.name = "source", .attributes = source_attributes},
	{.name = "target", .attributes = serial_target_attributes, .children = serial_target_children},
	{.name = "alias", .treatment = NO_EFFECT, .why = "a name that a run gives", .attributes = alias_attributes},
	{.name = "log", .treatment = REFUSED, .why = "the console has one place to go to"},
	{.name = "protocol", .treatment = REFUSED, .why = "the console is a terminal or a file"},
	{.name = "address", .treatment = REFUSED, .why = "the serial port is COM1"},
	{0},
};

static const struct element_rule console_children[] = {
	{.name = "source", .attributes = source_attributes},
	{.name = "target", .attributes = console_target_attributes},
	{.name = "alias", .treatment = NO_EFFECT, .why = "a name that a run gives", .attributes = alias_attributes},
	{.name = "log", .treatment = REFUSED, .why = "the console has one place to go to"},
	{0},
};

static const struct attribute_rule memballoon_attributes[] = {ATTR("model", .values = "none", .required = true), {0}};
static const struct attribute_rule panic_attributes[] = {ATTR("model", .values = "isa", .required = true), {0}};
static const struct attribute_rule controller_attributes[] = {
	ATTR("type", .values = "usb", .required = true),
	ATTR("index", .values = "0"),
	ATTR("model", .values = "none", .required = true),
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
	 .attributes = chardev_attributes,
	 .children = console_children,
	 .begin = begin_console_element},
	{.name = "memballoon", .attributes = memballoon_attributes},
	{.name = "panic", .attributes = panic_attributes},
	{.name = "controller", .many = true, .attributes = controller_attributes},
	NO_DEVICE("disk", "disk"),
	NO_DEVICE("interface", "network interface"),
	NO_DEVICE("filesystem", "shared file system"),
	NO_DEVICE("hostdev", "device assignment"),
	NO_DEVICE("input", "keyboard, mouse or tablet"),
	NO_DEVICE("graphics", "display"),
	NO_DEVICE("video", "display"),
	NO_DEVICE("sound", "sound device"),
	NO_DEVICE("audio", "sound device"),
	NO_DEVICE("channel", "virtio channel"),
	NO_DEVICE("parallel", "parallel port"),
	NO_DEVICE("rng", "virtio random number device"),
	NO_DEVICE("watchdog", "watchdog"),
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
