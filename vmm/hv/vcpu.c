// SPDX-License-Identifier: Apache-2.0
#include "vmm/hv/vcpu.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/hv/kvm_priv.h"

#define KICK_SIGNAL SIGUSR1
#define NS_PER_S    1000000000ull

const char *const hv_exit_names[HV_EXIT_KINDS] = {"port",   "mmio",   "rdmsr", "wrmsr", "halt",
						  "window", "signal", "tpr",   "other"};

/*
 * A kick must not be lost. The kicker sets attention, then looks at place; the vCPU's thread sets
 * place, then looks at attention (both sequentially consistent). So either the thread sees the kick
 * before it enters the guest or sleeps, or the kicker sees where it is and sends a signal or wakes
 * it. A signal that lands between the thread's last look and KVM_RUN would be over before KVM could
 * notice: that is why the handler sets immediate_exit.
 */
enum hv_place { PLACE_OUT, PLACE_GUEST, PLACE_ASLEEP };

static __thread struct hv_vcpu *volatile running; // what the signal handler must stop

static void on_kick(int sig)
{
	struct hv_vcpu *v = running;

	(void)sig;
	if (!v)
		return;
	v->signalled = 1;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_RELAXED);
}

int hv_kick_setup(void)
{
	struct sigaction sa = {.sa_handler = on_kick}; // no SA_RESTART: KVM_RUN must return

	sigemptyset(&sa.sa_mask);
	return sigaction(KICK_SIGNAL, &sa, NULL) ? -errno : 0;
}

int hv_vcpu_attach(struct hv_vcpu *v)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KICK_SIGNAL};
	sigset_t set;

	ev._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	__atomic_store_n(&v->tid, ev._sigev_un._tid, __ATOMIC_RELAXED);
	if (timer_create(CLOCK_MONOTONIC, &ev, &v->timer))
		return -errno;
	v->has_timer = true;
	prctl(PR_SET_TIMERSLACK, 1); // halted vCPUs are woken in time
	__atomic_store_n(&v->thread, pthread_self(), __ATOMIC_SEQ_CST);
	running = v;
	sigemptyset(&set);
	sigaddset(&set, KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return 0;
}

void hv_vcpu_detach(struct hv_vcpu *v)
{
	if (v->has_timer)
		timer_delete(v->timer);
	v->has_timer = false;
	running = NULL;
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void hv_vcpu_kick(struct hv_vcpu *v)
{
	if (__atomic_exchange_n(&v->attention, 1, __ATOMIC_SEQ_CST))
		return; // a kick is on its way already
	switch (__atomic_load_n(&v->place, __ATOMIC_SEQ_CST)) {
	case PLACE_GUEST:
		__atomic_fetch_add(&v->kicks, 1, __ATOMIC_RELAXED);
		pthread_kill(__atomic_load_n(&v->thread, __ATOMIC_SEQ_CST), KICK_SIGNAL);
		break;
	case PLACE_ASLEEP:
		futex_wake(&v->attention);
		break;
	default:
		break;
	}
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

void hv_vcpu_sleep(struct hv_vcpu *v, uint64_t deadline_ns)
{
	struct timespec ts = to_timespec(deadline_ns);

	__atomic_store_n(&v->place, PLACE_ASLEEP, __ATOMIC_SEQ_CST);
	/* FUTEX_WAIT_BITSET takes an absolute time. A signal ends it too: the caller looks around
	 * again. */
	if (!__atomic_load_n(&v->attention, __ATOMIC_SEQ_CST))
		syscall(SYS_futex, &v->attention, FUTEX_WAIT_BITSET_PRIVATE, 0, deadline_ns == UINT64_MAX ? NULL : &ts,
			NULL, FUTEX_BITSET_MATCH_ANY);
	__atomic_store_n(&v->place, PLACE_OUT, __ATOMIC_SEQ_CST);
	__atomic_store_n(&v->attention, 0, __ATOMIC_SEQ_CST);
}

void hv_vcpu_set_timer(struct hv_vcpu *v, uint64_t deadline_ns)
{
	struct itimerspec its = {.it_value = to_timespec(deadline_ns)};

	timer_settime(v->timer, TIMER_ABSTIME, &its, NULL);
}

bool hv_vcpu_signalled(struct hv_vcpu *v)
{
	int was = v->signalled;

	v->signalled = 0;
	return was;
}

/* ---- injection ---- */

bool hv_vcpu_can_inject(const struct hv_vcpu *v)
{
	return v->run->ready_for_interrupt_injection;
}

int hv_vcpu_inject(struct hv_vcpu *v, uint8_t vector)
{
	struct kvm_interrupt irq = {.irq = vector};

	v->run->ready_for_interrupt_injection = 0;
	return ioctl(v->fd, KVM_INTERRUPT, &irq) ? -errno : 0;
}

void hv_vcpu_want_window(struct hv_vcpu *v, bool wanted)
{
	v->run->request_interrupt_window = wanted;
}

int hv_vcpu_nmi(struct hv_vcpu *v)
{
	return ioctl(v->fd, KVM_NMI, 0) ? -errno : 0;
}

void hv_vcpu_set_cr8(struct hv_vcpu *v, uint8_t cr8)
{
	v->run->cr8 = cr8;
}

bool hv_vcpu_interrupts_on(const struct hv_vcpu *v)
{
	return v->run->if_flag;
}

/* ---- exits ---- */

static void count(struct hv_vcpu *v, enum hv_exit_kind k)
{
	/* One writer: no locked instruction needed. */
	uint64_t n = __atomic_load_n(&v->exits[k], __ATOMIC_RELAXED);

	__atomic_store_n(&v->exits[k], n + 1, __ATOMIC_RELAXED);
}

static int on_port(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx)
{
	struct kvm_run *r = v->run;
	uint8_t *p = (uint8_t *)r + r->io.data_offset;
	bool write = r->io.direction == KVM_EXIT_IO_OUT;
	int res = 0;

	for (uint32_t i = 0; i < r->io.count && !res; i++, p += r->io.size) {
		uint64_t value = 0;

		if (write)
			memcpy(&value, p, r->io.size);
		res = h->port(ctx, write, r->io.port, r->io.size, &value);
		if (!write)
			memcpy(p, &value, r->io.size);
	}
	return res;
}

static int on_mmio(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx)
{
	struct kvm_run *r = v->run;
	uint64_t value = 0;
	unsigned n = r->mmio.len < 8 ? r->mmio.len : 8;

	if (r->mmio.is_write)
		memcpy(&value, r->mmio.data, n);
	int res = h->mmio(ctx, r->mmio.is_write, r->mmio.phys_addr, n, &value);

	if (!r->mmio.is_write)
		memcpy(r->mmio.data, &value, n);
	return res;
}

static int on_msr(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx, bool write)
{
	struct kvm_run *r = v->run;
	uint64_t value = write ? r->msr.data : 0;
	int res = h->msr(ctx, write, r->msr.index, &value);

	r->msr.error = res == -EINVAL;
	if (res == -EINVAL)
		return 0;
	if (!write)
		r->msr.data = value;
	return res;
}

static int crash(struct hv_vcpu *v, const char *what)
{
	int n = snprintf(v->why, sizeof(v->why), "%s; ", what);

	hv_vcpu_describe(v, v->why + n, sizeof(v->why) - (size_t)n);
	v->crashed = true;
	return -EIO;
}

static int on_shutdown(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx)
{
	char registers[HV_WHY_MAX];

	count(v, HV_EXIT_OTHER);
	if (!h->triple_fault)
		return crash(v, "triple fault");
	hv_vcpu_describe(v, registers, sizeof(registers));
	return h->triple_fault(ctx, registers);
}

static int on_internal_error(struct hv_vcpu *v)
{
	const struct kvm_run *r = v->run;
	char text[200];
	int n = snprintf(text, sizeof(text), "KVM internal error %u%s", r->internal.suberror,
			 r->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ? " (cannot emulate)" : "");

	if (r->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && r->emulation_failure.ndata >= 3 &&
	    (r->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES)) {
		unsigned size = r->emulation_failure.insn_size;

		for (unsigned i = 0; i < size && i < sizeof(r->emulation_failure.insn_bytes); i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, " %02x", r->emulation_failure.insn_bytes[i]);
	}
	return crash(v, text);
}

static int on_other(struct hv_vcpu *v)
{
	char text[64];

	snprintf(text, sizeof(text), "unexpected exit %u", v->run->exit_reason);
	return crash(v, text);
}

static int on_entry_failure(struct hv_vcpu *v)
{
	char text[96];

	snprintf(text, sizeof(text), "the processor refuses to enter the guest, reason %#llx",
		 (unsigned long long)v->run->fail_entry.hardware_entry_failure_reason);
	return crash(v, text);
}

int hv_vcpu_dispatch(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_IO:
		count(v, HV_EXIT_PORT);
		return on_port(v, h, ctx);
	case KVM_EXIT_MMIO:
		count(v, HV_EXIT_MMIO);
		return on_mmio(v, h, ctx);
	case KVM_EXIT_X86_RDMSR:
		count(v, HV_EXIT_RDMSR);
		return on_msr(v, h, ctx, false);
	case KVM_EXIT_X86_WRMSR:
		count(v, HV_EXIT_WRMSR);
		return on_msr(v, h, ctx, true);
	case KVM_EXIT_HLT:
		count(v, HV_EXIT_HALT);
		return h->halt(ctx);
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		count(v, HV_EXIT_WINDOW);
		return 0;
	case KVM_EXIT_INTR:
		count(v, HV_EXIT_SIGNAL);
		return 0;
	case KVM_EXIT_SET_TPR:
		count(v, HV_EXIT_TPR);
		return 0;
	case KVM_EXIT_SHUTDOWN:
		return on_shutdown(v, h, ctx);
	case KVM_EXIT_INTERNAL_ERROR:
		return on_internal_error(v);
	case KVM_EXIT_FAIL_ENTRY:
		return on_entry_failure(v);
	default:
		count(v, HV_EXIT_OTHER);
		return on_other(v);
	}
}

static int failed_run(struct hv_vcpu *v, int err)
{
	char text[96];

	snprintf(text, sizeof(text), "KVM_RUN failed: %s", strerror(err));
	crash(v, text);
	return -err;
}

int hv_vcpu_run(struct hv_vcpu *v, const struct hv_handlers *h, void *ctx)
{
	for (;;) {
		__atomic_store_n(&v->attention, 0, __ATOMIC_SEQ_CST);
		/* Before enter(): a timer that fires from here on either is seen there or stops the
		 * entry. */
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELAXED);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		int r = h->enter(ctx);

		if (r)
			return r == HV_STOP ? 0 : r;
		__atomic_store_n(&v->place, PLACE_GUEST, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&v->attention, __ATOMIC_SEQ_CST)) {
			__atomic_store_n(&v->place, PLACE_OUT, __ATOMIC_SEQ_CST);
			continue;
		}
		r = ioctl(v->fd, KVM_RUN, 0);
		int err = errno;

		__atomic_store_n(&v->place, PLACE_OUT, __ATOMIC_SEQ_CST);
		h->tpr(ctx, (uint8_t)v->run->cr8);
		if (r < 0) {
			count(v, HV_EXIT_SIGNAL);
			if (err != EINTR && err != EAGAIN)
				return failed_run(v, err);
			continue;
		}
		r = hv_vcpu_dispatch(v, h, ctx);
		if (r)
			return r == HV_STOP ? 0 : r;
	}
}
