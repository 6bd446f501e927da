// SPDX-License-Identifier: Apache-2.0
#include "vmm/box/box.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/log.h"
#include "vmm/box/box_priv.h"

const char *const box_level_names[BOX_LEVELS] = {"off", "log", "errno", "kill"};

static int sealed; // enum box_level, atomic

bool box_level_parse(const char *text, enum box_level *out)
{
	for (unsigned i = 0; i < BOX_LEVELS; i++) {
		if (strcmp(text, box_level_names[i]))
			continue;
		*out = (enum box_level)i;
		return true;
	}
	return false;
}

/*
 * Threads that others wait for go first (loop_go_first()): root may do that by a capability that it loses here, so it
 * gets it as a limit.
 */
static int set_limits(void)
{
	struct rlimit none = {0}, first = {.rlim_cur = 2, .rlim_max = 2};

	setrlimit(RLIMIT_RTPRIO, &first); // who may not raise it goes on with what he has
	return setrlimit(RLIMIT_CORE, &none) ? -errno : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0}, have[_LINUX_CAPABILITY_U32S_3];

	for (int c = 0; c <= CAP_LAST_CAP || prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		prctl(PR_CAPBSET_DROP, c, 0, 0, 0); // only who has CAP_SETPCAP has any to drop
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (!syscall(SYS_capget, &head, have) && !memcmp(have, none, sizeof(none)))
		return 0; // a service manager may have taken capset() with them
	return syscall(SYS_capset, &head, none) ? -errno : 0;
}

/*
 * The C library opens some files when it needs them first: the unwinder where a thread is cancelled, the time zone
 * where a time is written. They are opened here, while they can be.
 */
static void *leave(void *arg)
{
	(void)arg;
	pthread_exit(NULL);
}

static void load_early(void)
{
	pthread_t t;

	tzset();
	if (!pthread_create(&t, NULL, leave, NULL))
		pthread_join(t, NULL);
}

int box_enter(char *why, size_t cap)
{
	load_early();
	int r = set_limits();

	if (!r)
		r = drop_capabilities();
	if (!r)
		r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
	if (r)
		return refuse_with(why, cap, r, "the sandbox cannot take this process's privileges away: %s",
				   strerror(-r));
	return box_landlock(why, cap);
}

int box_seal(const struct box_rules *rules, char *why, size_t cap)
{
	if (rules->level == BOX_OFF || box_sealed() != BOX_OFF)
		return 0;
	int r = box_filter_prepare_vcpu(rules);

	if (!r)
		r = box_filter(rules);
	if (r)
		return refuse_with(why, cap, r,
				   "the filter of system calls cannot be set: %s (--seccomp off goes without)",
				   strerror(-r));
	__atomic_store_n(&sealed, (int)rules->level, __ATOMIC_RELAXED);
	return 0;
}

int box_seal_vcpu(void)
{
	return box_sealed() == BOX_OFF ? 0 : box_filter_vcpu();
}

enum box_level box_sealed(void)
{
	return (enum box_level)__atomic_load_n(&sealed, __ATOMIC_RELAXED);
}
