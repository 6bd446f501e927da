// SPDX-License-Identifier: Apache-2.0
/*
 * The sandbox of the process that runs a guest, put up in two steps. box_enter(), while there is one thread: no new
 * privileges, no capabilities, no core file with a guest's memory in it, and a file system of which nothing can be
 * written and little be read (Documentation/userspace-api/landlock.rst). box_seal(), when all that a guest needs is
 * open and before it runs: a list of the system calls that are left, for all threads (Documentation/userspace-api/
 * seccomp_filter.rst). box_seal_vcpu() takes more from the calling thread. What is put up stays until the process ends.
 */
#ifndef VMM_BOX_BOX_H
#define VMM_BOX_BOX_H

#include <stdbool.h>
#include <stddef.h>

/* What comes of a system call that is not on the list. */
enum box_level {
	BOX_OFF,   // there is no sandbox
	BOX_LOG,   // it is done, and the kernel's log tells of it
	BOX_ERRNO, // it fails with EPERM
	BOX_KILL   // the process ends with SIGSYS
};
#define BOX_LEVELS 4

extern const char *const box_level_names[BOX_LEVELS];

/* "off", "log", "errno", "kill". False: text is none of them. */
bool box_level_parse(const char *text, enum box_level *out);

struct box_rules {
	enum box_level level;
	const unsigned long *vm_ioctls; // of the virtual machine, what a vCPU's thread may ask too
	size_t vm_ioctls_n;
	const unsigned long *more_ioctls; // of other threads
	size_t more_ioctls_n;
	bool connects; // sockets may be made and connected, files be read: a volume on the network connects again
};

/*
 * The first step. The calling thread has to be the only one. What the kernel cannot do yet (landlock) is left out and
 * said in the log. Returns 0, or a negative errno and a sentence.
 */
int box_enter(char *why, size_t cap);

/*
 * The second step, for all threads; of a process that is sealed already nothing changes. Rules are read during the call
 * only. Returns 0, or a negative errno and a sentence. Any thread, one at a time.
 */
int box_seal(const struct box_rules *rules, char *why, size_t cap);

/* The calling thread runs a vCPU from now on; where nothing is sealed nothing happens. 0 or a negative errno. */
int box_seal_vcpu(void);

enum box_level box_sealed(void); // of this process; any thread

#endif
