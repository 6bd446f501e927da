// SPDX-License-Identifier: Apache-2.0
/*
 * The lists of system calls, by libseccomp. What the C library tries and can do without fails with EACCES at each
 * level: it opens a file here and there that nobody asked it for, and that is no reason to end a guest.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/box/box_priv.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

#define CALL(name) SCMP_SYS(name)

/* Of every thread, a vCPU's too: locks, clocks, its own memory, signals, the log. */
static const int always[] = {
	CALL(futex),
	CALL(futex_waitv),
	CALL(read),
	CALL(write),
	CALL(writev),
	CALL(close),
	CALL(brk),
	CALL(munmap),
	CALL(mremap),
	CALL(madvise),
	CALL(exit),
	CALL(exit_group),
	CALL(rt_sigaction),
	CALL(rt_sigprocmask),
	CALL(rt_sigreturn),
	CALL(rt_sigpending),
	CALL(rt_sigtimedwait),
	CALL(sigaltstack),
	CALL(tgkill),
	CALL(restart_syscall),
	CALL(nanosleep),
	CALL(clock_nanosleep),
	CALL(clock_gettime),
	CALL(clock_getres),
	CALL(gettimeofday),
	CALL(time),
	CALL(getpid),
	CALL(gettid),
	CALL(sched_yield),
	CALL(sched_getaffinity),
	CALL(sched_getparam),
	CALL(sched_getscheduler),
	CALL(sched_setscheduler),
	CALL(getrandom),
	CALL(getcpu),
	CALL(getrusage),
	CALL(rseq),
	CALL(set_robust_list),
	CALL(set_tid_address),
	CALL(membarrier),
	CALL(poll),
	CALL(ppoll),
	CALL(seccomp),
	CALL(timer_create),
	CALL(timer_settime),
	CALL(timer_delete),
	CALL(timer_gettime),
	CALL(timer_getoverrun),
};

/* Of threads that serve: descriptors that are there already, or that are handed to them. */
static const int serving[] = {
	CALL(readv),
	CALL(pread64),
	CALL(pwrite64),
	CALL(preadv),
	CALL(pwritev),
	CALL(preadv2),
	CALL(pwritev2),
	CALL(lseek),
	CALL(fsync),
	CALL(fdatasync),
	CALL(fallocate),
	CALL(ftruncate),
	CALL(fstat),
	CALL(newfstatat),
	CALL(statx),
	CALL(fstatfs),
	CALL(fcntl),
	CALL(flock),
	CALL(dup),
	CALL(dup2),
	CALL(dup3),
	CALL(pipe2),
	CALL(eventfd2),
	CALL(signalfd4),
	CALL(select),
	CALL(pselect6),
	CALL(epoll_create1),
	CALL(epoll_ctl),
	CALL(epoll_wait),
	CALL(epoll_pwait),
	CALL(timerfd_create),
	CALL(timerfd_settime),
	CALL(recvmsg),
	CALL(sendmsg),
	CALL(recvfrom),
	CALL(sendto),
	CALL(sendmmsg),
	CALL(recvmmsg),
	CALL(accept4),
	CALL(shutdown),
	CALL(getsockopt),
	CALL(setsockopt),
	CALL(getsockname),
	CALL(getpeername),
	CALL(socketpair),
	CALL(io_uring_enter),
	CALL(io_uring_register),
	CALL(pidfd_send_signal),
	CALL(sysinfo),
	CALL(uname),
	CALL(getuid),
	CALL(geteuid),
	CALL(getgid),
	CALL(getegid),
	CALL(getppid),
	CALL(times),
	CALL(msync),
	CALL(mincore),
	CALL(mlock),
	CALL(munlock),
};

/* What is refused without more ado. */
static const int refused[] = {
	CALL(open),        CALL(openat),       CALL(openat2),        CALL(creat),      CALL(socket),
	CALL(connect),     CALL(bind),         CALL(listen),         CALL(access),     CALL(faccessat),
	CALL(faccessat2),  CALL(stat),         CALL(lstat),          CALL(readlink),   CALL(readlinkat),
	CALL(unlink),      CALL(unlinkat),     CALL(rmdir),          CALL(mkdir),      CALL(mkdirat),
	CALL(getdents64),  CALL(memfd_create), CALL(io_uring_setup), CALL(getcwd),     CALL(sched_setaffinity),
	CALL(setpriority), CALL(wait4),        CALL(waitid),         CALL(pidfd_open), CALL(mlock2),
};

static const unsigned long disk_and_tap_ioctls[] = {BLKGETSIZE64, BLKPBSZGET, TUNSETOFFLOAD, TUNGETIFF, TUNSETVNETHDRSZ,
						    TUNSETVNETLE, FIONREAD,   FIONBIO,       TCGETS};

static int allow_all(scmp_filter_ctx c, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* The kernel takes the lower half as the request's number. */
static int allow_ioctls(scmp_filter_ctx c, const unsigned long *v, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, (uint32_t)v[i]));
	return r;
}

static int allow_prctls(scmp_filter_ctx c)
{
	static const int options[] = {PR_SET_NAME, PR_SET_TIMERSLACK, PR_SET_VMA, PR_SET_NO_NEW_PRIVS};
	int r = 0;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && !r; i++)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(prctl), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
	return r;
}

/* Memory that can be run comes from files of the start alone. */
static int allow_memory(scmp_filter_ctx c)
{
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (!r)
		r = seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

/* Threads, no processes. clone3() hides its flags in memory: the C library goes back to clone() where there is none. */
static int allow_threads(scmp_filter_ctx c)
{
	const scmp_datum_t thread = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
	int r = seccomp_rule_add(
		c, SCMP_ACT_ALLOW, CALL(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, thread | CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET, thread));

	return r ? r : seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
}

/* Its own: limits to be read, and an end that a test asks for. */
static int allow_on_itself(scmp_filter_ctx c)
{
	int r = seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));

	return r ? r : seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(kill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* Making and connecting sockets, and reading what a resolver reads, of which landlock has left little. */
static int allow_connecting(scmp_filter_ctx c)
{
	static const int calls[] = {CALL(socket), CALL(connect), CALL(bind), CALL(stat), CALL(access)};
	int r = allow_all(c, calls, sizeof(calls) / sizeof(calls[0]));

	return r ? r
		 : seccomp_rule_add(c, SCMP_ACT_ALLOW, CALL(openat), 1,
				    SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
}

static bool connecting(int call)
{
	return call == CALL(socket) || call == CALL(connect) || call == CALL(bind) || call == CALL(stat) ||
	       call == CALL(access) || call == CALL(openat);
}

static int refuse_rest(scmp_filter_ctx c, const struct box_rules *rules)
{
	int r = 0;

	if (rules->level == BOX_LOG) // all of it is to be seen
		return 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !r; i++)
		if (!rules->connects || !connecting(refused[i]))
			r = seccomp_rule_add(c, SCMP_ACT_ERRNO(EACCES), refused[i], 0);
	return r;
}

static scmp_filter_ctx begin(enum box_level level)
{
	static const uint32_t otherwise[BOX_LEVELS] = {
		[BOX_LOG] = SCMP_ACT_LOG, [BOX_ERRNO] = SCMP_ACT_ERRNO(EPERM), [BOX_KILL] = SCMP_ACT_KILL_PROCESS};

	return seccomp_init(otherwise[level]);
}

static int common(scmp_filter_ctx c, const struct box_rules *rules)
{
	int r = allow_all(c, always, sizeof(always) / sizeof(always[0]));

	if (!r)
		r = allow_ioctls(c, rules->vm_ioctls, rules->vm_ioctls_n);
	if (!r)
		r = allow_prctls(c);
	if (!r)
		r = allow_memory(c);
	if (!r)
		r = allow_threads(c);
	if (!r)
		r = allow_on_itself(c);
	return r ? r : refuse_rest(c, rules);
}

static int shape(scmp_filter_ctx c)
{
	int r = seccomp_attr_set(c, SCMP_FLTATR_CTL_OPTIMIZE, 2); // a tree of numbers in place of a row

	return r ? r : seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
}

static int load(scmp_filter_ctx c)
{
	int r = shape(c);

	if (!r)
		r = seccomp_attr_set(c, SCMP_FLTATR_CTL_TSYNC, 1); // for all threads
	return r ? r : seccomp_load(c);
}

int box_filter(const struct box_rules *rules)
{
	scmp_filter_ctx c = begin(rules->level);
	int r = c ? common(c, rules) : -ENOMEM;

	if (!r)
		r = allow_all(c, serving, sizeof(serving) / sizeof(serving[0]));
	if (!r)
		r = allow_ioctls(c, rules->more_ioctls, rules->more_ioctls_n);
	if (!r)
		r = allow_ioctls(c, disk_and_tap_ioctls, sizeof(disk_and_tap_ioctls) / sizeof(disk_and_tap_ioctls[0]));
	if (!r && rules->connects)
		r = allow_connecting(c);
	if (!r)
		r = load(c);
	seccomp_release(c);
	return r;
}

/*
 * A vCPU's, made ready while memory files can still be made: its thread has but to hand it to the kernel, and several
 * may at once, which libseccomp does not promise.
 */
static struct sock_fprog vcpu_program;

static int export(scmp_filter_ctx c, struct sock_fprog *out)
{
	int fd = memfd_create("pando-filter", MFD_CLOEXEC);
	struct stat st;
	int r = fd < 0 ? -errno : seccomp_export_bpf(c, fd);

	if (!r)
		r = fstat(fd, &st) ? -errno : 0;
	if (!r) {
		out->len = (unsigned short)((size_t)st.st_size / sizeof(*out->filter));
		out->filter = malloc((size_t)st.st_size);
		r = !out->filter ? -ENOMEM : pread(fd, out->filter, (size_t)st.st_size, 0) == st.st_size ? 0 : -EIO;
	}
	if (fd >= 0)
		close(fd);
	return r;
}

int box_filter_prepare_vcpu(const struct box_rules *rules)
{
	scmp_filter_ctx c = begin(rules->level);
	int r = c ? common(c, rules) : -ENOMEM;

	if (!r)
		r = shape(c);
	if (!r)
		r = export(c, &vcpu_program);
	seccomp_release(c);
	return r;
}

int box_filter_vcpu(void)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &vcpu_program) ? -errno : 0;
}
