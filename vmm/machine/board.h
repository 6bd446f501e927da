// SPDX-License-Identifier: Apache-2.0
/*
 * The board: this host's devices and those of others, made from the description. Between board*.c and console.c only;
 * what the rest of the machine needs of it is in machine_priv.h.
 *
 * What a vCPU here, a peer, a line or the clock asks of a device is a request, and each is one step: under the device's
 * lock it is carried out, and what it led to is done when the lock is free. A vCPU's own thread does its requests;
 * those of peers wait in the device's queue for the board's thread, or for a vCPU here that comes first: what came
 * before has its turn before. So the span thread waits for no device, and a device sees everything in the order it
 * came.
 */
#ifndef VMM_MACHINE_BOARD_H
#define VMM_MACHINE_BOARD_H

#include "net/loop.h"
#include "vmm/dev/device.h"
#include "vmm/machine/machine_priv.h"

#define CONSOLE_OUT_MAX 1024u // bytes gathered before they go out
#define CONSOLE_IN_MAX  4096u // typed ahead: who types is told how much room there is, and waits
#define CONSOLE_IN_RING (CONSOLE_IN_MAX + DEVICE_BACK_MAX) // what the UART had may come back
#define CONSOLE_WAIT_NS 15000000ull                        // a prompt without a newline is shown after this (real time)
/* Requests of one peer that wait: more than it can have under way (board_queue.c). Two a vCPU, what merges and what is
 * left of that. */
#define PEER_WAITS_MAX    (2u * VCPUS_MAX + 1024u)
#define BOARD_DEVICES_MAX (DESC_DEVICES_MAX + DEVICE_KINDS + HOSTS_MAX + 2u) // buses, their slots, growth
#define PIN_INTR          0u // the 8259's output at the I/O APIC, as on a PC

enum request_what {
	REQUEST_ACCESS,
	REQUEST_INTA,
	REQUEST_EOI,
	REQUEST_LINE,
	REQUEST_BUTTON,
	REQUEST_FEED,
	REQUEST_RESET
};

struct device_request {
	struct device *d;
	struct device_request *next; // in the queue
	enum request_what what;
	uint8_t pin; // LINE; EOI: the vector
	bool high;   // LINE
	struct device_access a;
	uint64_t elsewhere;      // where a relayed access goes
	host_id from;            // HOST_NONE: from here
	uint64_t id;             // the peer's number; 0: nobody waits
	bool answered, given_up; // board.answers_lock: of a vCPU here that waits; it waits no more
};

struct device {
	struct board *board;
	const struct device_kind *kind;
	uint32_t id;
	_Atomic host_id host; // who has it
	_Atomic bool here;    // ... this one
	bool goes;            // where the board goes (board_move.c)
	struct board_range {
		struct device *d;
		uint8_t index;
	} ranges[DEVICE_RANGES_MAX];

	/* Of those that are here, or were: */
	void *state; // NULL: it has none
	void *made;  // the same, where the board has made it
	pthread_mutex_t lock;
	_Atomic uint64_t due_ns;   // when it must be looked at, guest time
	_Atomic uint64_t line;     // level | times it has risen << 1; changed under the lock
	pthread_mutex_t wire_lock; // the order in which the interrupt controllers hear of the line
	_Atomic uint64_t told;     // what they have heard; changed under the wire's lock

	pthread_mutex_t queue_lock; // after the device's
	struct device_request *queue, **queue_end;
	_Atomic bool waits;     // something is in the queue
	_Atomic unsigned asked; // bits by request_what: what device_ask() has put there
	struct loop_task turn;
};

/* Between a console of the guest and whoever shows its bytes. */
struct console {
	struct board *board;
	unsigned port;        // DESC_CONSOLE_*
	pthread_mutex_t lock; // after the device's
	uint8_t out[CONSOLE_OUT_MAX];
	unsigned out_n;
	_Atomic uint64_t out_since; // CLOCK_MONOTONIC of the first byte in out; 0: none
	_Atomic uint64_t out_total;
	bool open; // somebody may type
	uint8_t in[CONSOLE_IN_RING];
	unsigned in_head, in_n;
	uint64_t in_taken;   // by the device, all in all
	uint64_t in_told;    // how much may have been typed, as who types was last told
	uint64_t in_dropped; // of one who did not keep to that
};

struct board {
	struct machine *m;
	pthread_mutex_t adding; // before all others
	_Atomic unsigned n;
	_Atomic host_id at;                      // who has the board
	struct device *devices;                  // BOARD_DEVICES_MAX places, so that each stays where it is
	struct device *ioapic, *pic, *com1, *pm; // wherever they are
	struct loop *loop;                       // of the board's thread
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	struct loop_poller clock; // deadlines of devices, and of a prompt
	struct loop_task wake;    // one of them has moved forward
	struct console consoles[DESC_CONSOLES];
	pthread_mutex_t answers_lock; // vCPUs here that wait for a late answer
	pthread_cond_t answers;
	bool cancelled;
	_Atomic unsigned waiting[HOSTS_MAX]; // requests, by peer
	struct relay *relay;                 // NULL: nothing is passed on
};

/* board.c: machine_add_device(), and which device it has become. */
int board_add(struct machine *m, const struct device_kind *kind, uint32_t id, host_id host, struct device **out);
/* A device that goes where the board goes, which is on the description's host now; kind has its state. */
int board_add_going(struct machine *m, const struct device_kind *kind, struct device **out);
/* Memory for the state of a device that is to be here. 0 or -ENOMEM. */
int device_make_state(struct device *d);

/* board_step.c */
/* Carries out what waits for the device, and then own (NULL: nothing). On any thread but the span thread, no lock of
 * the device held. False: own will be answered later. */
bool device_do(struct device *d, struct device_request *own);
/* An access of a vCPU here to a device here. 0 or -ECANCELED. */
int device_local_access(struct device *d, struct device_access *a);

/* board_wires.c: the controllers are told the level of the line, whatever they have heard. Not on the span thread. */
void device_tell_line(struct device *d);

/* console.c: of who has the serial port, to whoever has it from now on. */
void console_pack(struct console *c, struct fields *f);   // nobody may type any more
void console_unpack(struct console *c, struct fields *f); // nor before the console is opened

/* board_queue.c */
/* One from here, malloc'd; NULL: no memory. */
struct device_request *board_request(struct device *d, enum request_what what);
/* Span thread: takes r (malloc'd) over, or returns -ENOSPC: its sender has too many under way. */
int device_queue(struct device *d, struct device_request *r);
/*
 * Any thread: a request without arguments, of which one in the queue is as good as many (a press of the button, what is
 * typed), so that whoever asks often takes no memory for it.
 */
void device_ask(struct device *d, enum request_what what);
/* The first that waits, if any; device's lock held. device_dequeued() when it is over: frees it. */
struct device_request *device_take(struct device *d);
void device_dequeued(struct device_request *r);
void device_forget_queue(struct device *d);

/* board_relay.c: accesses that a device here has passed on to one of another host, on a thread that waits for it. */
int board_relay_start(struct board *b);
void board_relay(struct board *b, struct device_request *r); // not on the span thread; device_answer() follows
void board_relay_stop(struct board *b);                      // peer.io() returns -ECANCELED by now
void board_relay_free(struct board *b);                      // after board_relay_stop(); nobody is at a device any more

/* board_wires.c */
/* The interrupt controllers hear of what has become of its line. No lock held. */
void device_wires(struct device *d);

/* board_thread.c */
void board_thread_init(struct board *b); // before a device can be due
int board_start(struct board *b);
void board_wake(struct board *b); // any thread

/* console.c. Those of the serial port's console: with the device's lock. */
void consoles_init(struct board *b);
void console_put(struct console *c, const uint8_t *bytes, unsigned n);
void consoles_flush(struct board *b);
/* Typed bytes into the serial port while it has room; who types is told of the room that this makes. */
void console_feed(struct device *d, uint64_t now_ns);
/* The same for a device that asks: up to cap of them, how many. */
unsigned console_pull(struct console *c, uint8_t *to, unsigned cap);
/* Bytes that the serial port had and that nobody has read: they come again before all others. */
void console_back(struct board *b, const uint8_t *bytes, unsigned n);
uint64_t consoles_due(const struct board *b); // CLOCK_MONOTONIC, UINT64_MAX: never
/* Shows what has been due until then. */
void consoles_expire(struct board *b, uint64_t mono_ns);

#endif
