// SPDX-License-Identifier: Apache-2.0
/*
 * The one way to make a lock. Some threads of a host go before others (loop_go_first()); one of them that waits for a
 * mutex lends its holder its own priority (pthread_mutexattr_setprotocol(), POSIX.1-2017). Without that any busy thread
 * of this machine could keep the holder from its CPU, and with it the thread that serves pages.
 *
 * A lock that nobody holds costs the same one compare-and-exchange in user space as an ordinary one.
 */
#ifndef NET_MUTEX_H
#define NET_MUTEX_H

#include <pthread.h>

/* Any thread, before m is used. On a kernel without such futexes (CONFIG_FUTEX_PI) it is an ordinary one. */
static inline void mutex_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t how;

	pthread_mutexattr_init(&how);
	pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(m, &how))
		pthread_mutex_init(m, NULL);
	pthread_mutexattr_destroy(&how);
}

/* Readers that follow one another keep no writer waiting for ever; so who reads must not begin to read once more. */
static inline void rwlock_init(pthread_rwlock_t *l)
{
	pthread_rwlockattr_t how;

	pthread_rwlockattr_init(&how);
	pthread_rwlockattr_setkind_np(&how, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(l, &how);
	pthread_rwlockattr_destroy(&how);
}

#endif
