// SPDX-License-Identifier: Apache-2.0
/*
 * The description of one guest machine: what `pando run` sends every host (as JSON) and what the
 * firmware tables, the page homes and the vCPU placement are derived from. A value, owned by whoever holds it.
 *
 * A node is what the guest sees for ever: a proximity domain, a package of APIC ids, a window of addresses. A host is
 * who serves it now. vCPUs, ranges of memory and nodes have numbers of their own that nothing which comes later
 * changes: room for what may come is laid out at the start (desc_lay_out()).
 */
#ifndef VMM_CONF_MACHINE_DESC_H
#define VMM_CONF_MACHINE_DESC_H

#include "vmm/conf/cards.h"
#include "vmm/conf/devices.h"
#include "vmm/conf/uuid.h"

#define DESC_CMDLINE_MAX      2048u
#define DESC_ADDRESS_MAX      128u
#define DESC_NAME_MAX         64u
#define DESC_REPORT_MAX       512u
#define DESC_XAPIC_ID_MAX     254u // eight bits; 255 is everybody
#define DESC_PREFETCH_MAX     512u // pages fetched ahead of a stream
#define DESC_RESERVE_MIN      256u // pages: one instruction may need several, and pages on their way home need room
#define DESC_NODES_MAX        HOSTS_MAX
#define DESC_KIND_MAX         16u   // of a device, with its end
#define DESC_CONFIG_MAX       1024u // of a card's configuration, with its end
#define DESC_DEVICES_MAX      256u
#define DESC_SLOTS            32u  // of a PCI bus; slot 0 is never a card's
#define DESC_RANGES_MAX       256u // ranges of memory: a node may be filled in several steps
#define DESC_MEMORY_SLOTS     64u  // ... of which so many may have come since the start
#define DESC_ROOM_VCPUS_MAX   384u // vCPUs in all, where some may come: the firmware tables have no space for more
#define DESC_ADDRESS_BITS_MIN 36u  // fewer leave no room for PCI
#define DESC_ADDRESS_BITS_MAX 52u
/* Guest addresses without memory, for devices. Page numbers do not count them (layout.h). */
#define DESC_HOLE_BEGIN 0xc0000000ull
#define DESC_HOLE_END   0x100000000ull
#define DESC_GRANULE    (2ull << 20) // memory comes in multiples of it, and has its home by it

/* Its place in the list is its number. A place may be empty, and be another host's once all know that one has left. */
struct desc_host {
	char address[DESC_ADDRESS_MAX]; // where its monitor listens for peers; "": no host is there
};

/* Its number is the proximity domain and the package. Windows stand in ascending order and may have gaps between. */
struct desc_node {
	uint32_t vcpus_max; // vCPUs there can ever be in it
	page_idx first;     // window of pages (layout.h says at which addresses), a multiple of DESC_GRANULE
	uint64_t pages_max; // 0: no memory, ever
};

#define DESC_PIECE     (128ull << 20) // memory that comes later: multiples of it, at such addresses
#define DESC_PIECE_MAX (4ull << 40)   // ... in one piece: KVM takes fewer than 2^31 pages in one slot

/* Memory that is there. Ranges stand in ascending order. */
struct desc_range {
	page_idx first;
	uint64_t pages;
	uint32_t node, home; // home: the host that has the directory of its pages
	uint32_t slot;       // 0: there since the start; else the guest's number for it, 1 to DESC_MEMORY_SLOTS
};

/* The APIC id says the node, for ever: node << apic_bits | number in the node. In ascending order of APIC ids. */
struct desc_vcpu {
	uint32_t apic_id;
	uint32_t
		host; // where it is as of the version in which a host came or left last; HOST_NONE: it is not there yet
};

/* A device and the host that has it. In ascending order of ids, which are never used again. */
struct desc_device {
	uint32_t id;
	char kind[DESC_KIND_MAX]; // devices.def or cards.def
	uint32_t host;
	uint32_t slot;                // of a card: on the bus of its host's node, from 1 on; 0: it is no card
	char config[DESC_CONFIG_MAX]; // of a card: the text of a JSON object, as json_dumps() has it; "": an empty one
};

struct machine_desc {
	char name[DESC_NAME_MAX];
	char uuid[UUID_TEXT_BYTES]; // as uuid_parse() has it, and firmware tells it; "": it has none
	uint32_t version;           // counts what was added or taken away since the start
	unsigned hosts_n;           // places in use, empty ones between them too: never fewer
	struct desc_host hosts[HOSTS_MAX];
	uint32_t apic_bits; // of the number of a vCPU in its node
	uint32_t room;      // 1: vCPUs or memory may come; for good, since firmware tables say so. 0: never
	uint32_t elastic;   // 1: firmware asks systemd in the guest to bring online what comes
	uint32_t board;     // the host that has the board (desc_board.c); 0 at the start
	unsigned nodes_n, ranges_n, vcpus_n, devices_n;
	struct desc_node nodes[DESC_NODES_MAX];
	struct desc_range ranges[DESC_RANGES_MAX];
	struct desc_vcpu vcpus[VCPUS_MAX];
	struct desc_device devices[DESC_DEVICES_MAX];
	uint32_t pci_buses;    // number 0 and up, each of the node of the same number; 0: no PCI. For good
	uint32_t address_bits; // of guest addresses: the fewest that any host has, and what all vCPUs are shown; 0:
			       // their own
	char cmdline[DESC_CMDLINE_MAX];
	/* 1: the guest boots from its disk, where that is (boot_disk.h). 0: from images, where the board is. */
	uint32_t disk_boots;
	uint32_t epoch;
	uint32_t dilate;          // guest time runs at 1/dilate of real time (1: real time)
	uint32_t peer_timeout_ms; // a silent host is lost after this time
	uint64_t hold_ns;         // minimum time a page stays where it was just taken
	uint64_t reserve_pages;   // pages a host may hold beyond what it gave
	uint32_t prefetch_max;
	uint32_t spin_us;
	int64_t tsc_skew; // test knob: host h pretends that its TSC is h * tsc_skew ticks ahead
};

/* Room for what may join later. Zeroes: for nothing. */
struct desc_room {
	uint32_t vcpus_max;  // in all; more than there are at the start need a free node
	uint64_t memory_max; // bytes in all, the same
	unsigned nodes_max;  // 0: one more than hosts where there is room for anything
};

/*
 * Lays the machine out over its first hosts_n hosts: host h starts with vcpus[h] vCPUs and memory[h] bytes, which make
 * node h; nodes for hosts that may come follow, and share what room there is. Without room the addresses are those of
 * one run of memory from 0 up. The devices that each machine has are on host 0. Sets version, nodes, ranges, vcpus,
 * devices and apic_bits. Returns 0, or -EINVAL with a sentence
 * that names what was asked and what is possible; desc_check() does the rest. Pure.
 */
int desc_lay_out(struct machine_desc *d, const uint32_t *vcpus, const uint64_t *memory, const struct desc_room *room,
		 char *why, size_t why_cap);

/*
 * Adds a card: kind on host, in slot (0: the first that is free), configured by config (the text of a JSON object;
 * NULL: an empty one). It gets the next id; with the first one each host gets a PCI bus. Returns its place in
 * d->devices, or -EINVAL or -ENOSPC with a sentence. Pure.
 */
int desc_add_card(struct machine_desc *d, enum card_kind_id kind, uint32_t host, uint32_t slot, const char *config,
		  char *why, size_t why_cap);

/*
 * Cards that come and go while the guest runs: each is a next version. dev has a slot, and an id that no device has
 * had, which is the caller's to see to. 0, or -EINVAL or -ENOSPC with a sentence. Taken away: 0, or -ENOENT. Pure.
 */
int desc_plug(struct machine_desc *d, const struct desc_device *dev, char *why, size_t why_cap);
int desc_unplug(struct machine_desc *d, uint32_t id);
/* What desc_plug() would say; d stays as it is. Also -ENOMEM. */
int desc_plug_try(const struct machine_desc *d, const struct desc_device *dev, char *why, size_t why_cap);
/* Chips of now are in next as they were, what is in both is the same, and what is new is a card. */
bool desc_keeps_devices(const struct machine_desc *now, const struct machine_desc *next);

/*
 * vCPUs and memory that come while the guest runs, and go: each is a next version. 0, or -EINVAL or -ENOSPC with a
 * sentence; then d is as it was. Pure.
 *
 * count places for vCPUs from first on are filled, on host; or they are empty again (never place 0).
 */
int desc_fill_vcpus(struct machine_desc *d, uint32_t first, uint32_t count, uint32_t host, char *why, size_t why_cap);
int desc_empty_vcpu(struct machine_desc *d, uint32_t vcpu, char *why, size_t why_cap);
/* r has a slot, in which nothing is; its node has room there. Taken away again, by its slot: 0, or -ENOENT. */
int desc_fill_memory(struct machine_desc *d, const struct desc_range *r, char *why, size_t why_cap);
int desc_take_memory(struct machine_desc *d, uint32_t slot);
/* The memory in that slot: where it begins; whole: all of it, whose home is the first page's. NULL, false: none. */
const struct desc_range *desc_slot(const struct machine_desc *d, uint32_t slot);
bool desc_slot_whole(const struct machine_desc *d, uint32_t slot, struct desc_range *whole);
uint64_t desc_slot_pages(const struct machine_desc *d, uint32_t slot); // 0: none
/*
 * Where more may come: the first run of places of node that are not filled, at most *count of them, which is set to how
 * many they are (0: none). Returns the first.
 */
uint32_t desc_free_vcpus(const struct machine_desc *d, uint32_t node, uint32_t *count);
/* The largest part of the window of node without memory, in pages; *first: where it begins. All parts: room. */
uint64_t desc_room_pages(const struct machine_desc *d, uint32_t node);
uint64_t desc_free_pages(const struct machine_desc *d, uint32_t node, page_idx *first);
uint32_t desc_free_memory_slot(const struct machine_desc *d); // 0: all have memory

/*
 * Hosts come and leave (desc_members.c). Places for hosts are as many as nodes, for good; who is in one is a member.
 * at: where each vCPU is now, which the next version says too. 0, or -EINVAL, -EEXIST, -ENOENT, -EBUSY (something of
 * the guest is on the host that is to leave) with a sentence, and then d is no next version. Pure.
 */
int desc_join(struct machine_desc *d, host_id h, const char *address, const host_id *at, char *why, size_t why_cap);
int desc_leave(struct machine_desc *d, host_id h, const host_id *at, char *why, size_t why_cap);
unsigned desc_host_slots(const struct machine_desc *d); // places, empty ones too
bool desc_is_member(const struct machine_desc *d, uint64_t h);
unsigned desc_members(const struct machine_desc *d);
host_set desc_all_hosts(const struct machine_desc *d);                // that are members
host_id desc_free_slot(const struct machine_desc *d, host_set taken); // HOST_NONE: there is none

/*
 * The board (desc_board.c): the chips that each machine has, the registers by which the guest hears of what comes and
 * goes, and who boots the guest. It is on host 0 at the start, and goes to another host as a whole: a next version. 0;
 * -ENOENT: no such host; -EEXIST: it is there already; -EBUSY: a chip is elsewhere; with a sentence, and then d is as
 * it was. Pure.
 */
int desc_move_board(struct machine_desc *d, uint32_t to, char *why, size_t why_cap);
/* This device goes where the board goes. */
bool desc_goes_with_board(const struct machine_desc *d, const struct desc_device *dev);
/* What holds a host that has nothing else of the guest: the board, or the first PCI bus. 0, or -EBUSY with a sentence.
 */
int desc_board_holds(const struct machine_desc *d, host_id h, char *why, size_t why_cap);
int desc_bus_holds(const struct machine_desc *d, host_id h, char *why, size_t why_cap); // the bus alone

/*
 * The homes of pages from first on are on another host: a next version. 0; -EINVAL: not whole granules of memory, or
 * no such host; -ENOSPC: in more pieces than DESC_RANGES_MAX; then
 * with a sentence, and d is as it was. Pure.
 */
int desc_rehome(struct machine_desc *d, page_idx first, uint64_t pages, uint32_t to, char *why, size_t why_cap);

/* Derived facts (pure). */
uint64_t desc_memory_bytes(const struct machine_desc *d);          // that is there
uint64_t desc_boot_bytes(const struct machine_desc *d);            // ... since the start: one piece from address 0 up
page_idx desc_pages_end(const struct machine_desc *d);             // behind the last page of the last window
uint64_t desc_host_pages(const struct machine_desc *d, host_id h); // homed on it
uint32_t desc_host_vcpus(const struct machine_desc *d, host_id h); // that start on it
uint64_t desc_node_pages(const struct machine_desc *d, uint32_t node);
uint64_t desc_room_bytes(const struct machine_desc *d);    // of addresses behind the memory of the start
uint32_t desc_vcpus(const struct machine_desc *d);         // places for vCPUs: one more than the largest index
uint32_t desc_vcpus_present(const struct machine_desc *d); // ... that are filled
bool desc_vcpu_present(const struct machine_desc *d, uint32_t vcpu);
host_id desc_host_of_vcpu(const struct machine_desc *d, uint32_t vcpu); // HOST_NONE: not there
uint32_t desc_node_of_vcpu(const struct machine_desc *d, uint32_t vcpu);
uint32_t desc_number_in_node(const struct machine_desc *d, uint32_t vcpu);
host_id desc_home_of_page(const struct machine_desc *d, page_idx page); // HOST_NONE: no memory there

uint32_t desc_apic_id(const struct machine_desc *d, uint32_t vcpu);
/* All APIC ids have room in the xAPIC's eight bits, of which 255 is none. */
bool desc_fits_xapic(const struct machine_desc *d);
/* The device of that kind (the first, should there be several); NULL: there is none. */
const struct desc_device *desc_device(const struct machine_desc *d, enum device_kind_id kind);
host_id desc_device_host(const struct machine_desc *d, enum device_kind_id kind); // HOST_NONE: there is none
bool desc_is_card(const struct desc_device *dev);
/* Consoles, by the number that messages have for them: the serial port, and the virtio console. */
enum { DESC_CONSOLE_SERIAL, DESC_CONSOLE_VIRTIO, DESC_CONSOLES };
host_id desc_console_host(const struct machine_desc *d, unsigned port); // HOST_NONE: there is no such one
/* The card of that id; NULL: there is none. */
const struct desc_device *desc_card(const struct machine_desc *d, uint32_t id);
/* Slots of a bus that have a card; bit n: slot n. The bus of a host has its number. */
uint32_t desc_bus_slots(const struct machine_desc *d, uint32_t bus);
/* false for an id that no vCPU has, now or ever. */
bool desc_vcpu_of_apic(const struct machine_desc *d, uint32_t apic_id, uint32_t *vcpu);

/* Cross-checks. Returns 0, or -EINVAL with a sentence in why that names the value and what was expected. */
int desc_check(const struct machine_desc *d, char *why, size_t why_cap);

/*
 * Whether next may take the place of now in a running machine: the version after it, with nothing renumbered. Hosts,
 * memory and vCPUs may have come, homes and hosts of vCPUs may be others, cards may have come and gone. Both are good
 * by themselves. Returns 0 or -EINVAL with a sentence. Pure.
 */
int desc_follows(const struct machine_desc *now, const struct machine_desc *next, char *why, size_t why_cap);

/* JSON text (malloc'd, caller frees) and back; hostile input is refused with a reason. */
char *desc_to_json(const struct machine_desc *d);
int desc_from_json(const char *text, size_t len, struct machine_desc *out, char *why, size_t why_cap);

#endif
