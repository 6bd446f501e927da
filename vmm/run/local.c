// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/local.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net/dpdk_port.h"
#include "net/log.h"
#include "net/now.h"
#include "vmm/run/netns.h"

#define CHILD_LISTEN_FD 3
#define CHILD_KEY_FD    4
#define POLL_MS         5u
#define DATA_MTU        1500u
#define ASK_MS          500u // a host that has not left by itself then is asked to

static int listen_on_loopback(char *address, size_t cap)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, (int)HOSTS_MAX) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		int r = -errno;
		close(fd);
		return r;
	}
	snprintf(address, cap, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

/* The key travels in anonymous memory: it is never on a command line or a disk. */
static int key_descriptor(const struct session_key *key)
{
	int fd = memfd_create("pando-key", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (pwrite(fd, key->bytes, SESSION_KEY_BYTES, 0) != (ssize_t)SESSION_KEY_BYTES) {
		close(fd);
		return -EIO;
	}
	return fd;
}

/* The child's half of joining the network: a namespace, then a word each way, then the address. */
static void join_network(int talk, unsigned number, unsigned data_mtu)
{
	char word = 0;

	if (netns_enter_host() || write(talk, &word, 1) != 1 || read(talk, &word, 1) != 1 ||
	    netns_up(number, data_mtu)) {
		fprintf(stderr, "pando: host %u cannot set its network up\n", number);
		_exit(1);
	}
}

static int join_host(int talk, unsigned number, pid_t pid, unsigned data_mtu)
{
	char word;

	if (read(talk, &word, 1) != 1)
		return -EPIPE;
	int r = netns_attach(number, pid, data_mtu);
	if (r)
		return r;
	/* a word from here: the network is there; one from the host: it listens */
	return write(talk, &word, 1) == 1 && read(talk, &word, 1) == 1 ? 0 : -EPIPE;
}

/*
 * Hosts have processors of their own: so do local ones, as far as there are enough. Otherwise two busy vCPUs may share
 * one processor while another idles, and a page waits for a scheduler tick.
 */
static void take_processors(unsigned number, unsigned hosts)
{
	cpu_set_t all, own;
	unsigned seen = 0;

	if (sched_getaffinity(0, sizeof(all), &all) || (unsigned)CPU_COUNT(&all) < hosts)
		return;
	CPU_ZERO(&own);
	for (int c = 0; c < CPU_SETSIZE; c++)
		if (CPU_ISSET(c, &all) && seen++ % hosts == number)
			CPU_SET(c, &own);
	if (sched_setaffinity(0, sizeof(own), &own))
		log_warn("host %u has no processors of its own: %s", number, strerror(errno));
}

static int link_text(const struct local_options *opt, unsigned number, const char *dir, char *out, size_t cap)
{
	char why[256] = "";
	size_t n = (size_t)snprintf(out, cap, "%.5s", opt->link);

	if (strncmp(opt->link, "dpdk:", 5) == 0 &&
	    dpdk_spec_local(opt->link + 5, number, opt->hosts, dir, out + n, cap - n, why, sizeof(why))) {
		fprintf(stderr, "pando: --link: %s\n", why);
		return -EINVAL;
	}
	return 0;
}

/*
 * Checks a link for local hosts: prints what is wrong with it. data_mtu: of the second interface it wants in every
 * namespace, or 0. Returns 0 or -EINVAL.
 */
static int check_link(const struct local_options *opt, unsigned *data_mtu)
{
	char text[DPDK_SPEC_MAX], why[256] = "";
	struct dpdk_spec s;

	*data_mtu = 0;
	if (strcmp(opt->link, "uring") == 0)
		return 0;
	if (strncmp(opt->link, "dpdk:", 5)) {
		fprintf(stderr, "pando: --link '%s': expected uring or dpdk:..., for example dpdk:memif\n", opt->link);
		return -EINVAL;
	}
	if (!dpdk_present()) {
		fprintf(stderr, "pando: --link dpdk: this pando was built without DPDK: install libdpdk-dev and build "
				"it again\n");
		return -EINVAL;
	}
	if (link_text(opt, 0, "/tmp", text, sizeof(text)))
		return -EINVAL;
	if (dpdk_spec_parse(text + 5, &s, why, sizeof(why))) {
		fprintf(stderr, "pando: --link: %s\n", why);
		return -EINVAL;
	}
	for (unsigned i = 0; i < s.ports; i++)
		if (strcmp(s.port[i].iface, "data0") == 0)
			*data_mtu = s.mtu ? s.mtu : DATA_MTU;
	if (*data_mtu && !opt->netns) {
		fprintf(stderr,
			"pando: --link %s: local hosts need --netns for it: each gets an interface data0 there\n",
			opt->link);
		return -EINVAL;
	}
	return 0;
}

static void become_host(int listen_fd, int key_fd, bool plain, unsigned number, const char *dir,
			const struct local_options *opt)
{
	char vcpus[16], memory[32], spin[16], name[16], link[DPDK_SPEC_MAX];
	/* dup2 clears close-on-exec; go by way of high numbers, since a source may be 3 or 4 itself */
	int a = fcntl(listen_fd, F_DUPFD, 10), b = fcntl(key_fd, F_DUPFD, 10);

	if (a < 0 || b < 0 || dup2(a, CHILD_LISTEN_FD) < 0 || dup2(b, CHILD_KEY_FD) < 0) {
		fprintf(stderr, "pando: host %u: no descriptors for its socket and its key: %s (ulimit -n)\n", number,
			strerror(errno));
		_exit(1);
	}
	close(a);
	close(b);
	if (link_text(opt, number, dir, link, sizeof(link)))
		_exit(1);
	take_processors(number, opt->hosts);
	setpgid(0, 0); // the terminal's Ctrl-C goes to `pando run`, which ends the hosts in order
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	snprintf(vcpus, sizeof(vcpus), "%u", opt->vcpus);
	snprintf(memory, sizeof(memory), "%llu", (unsigned long long)opt->memory_bytes);
	snprintf(spin, sizeof(spin), "%u", opt->spin_us);
	snprintf(name, sizeof(name), "host%u", number);
	const char *argv[] = {"pando",
			      "host",
			      "--once",
			      "--quiet",
			      "--listen-fd",
			      "3",
			      "--key-fd",
			      "4",
			      "--cpus",
			      vcpus,
			      "--memory",
			      memory,
			      "--spin",
			      spin,
			      "--link",
			      link,
			      "--log-name",
			      name,
			      opt->verbose ? "--verbose" : "--quiet", // which it is anyhow
			      plain ? "--plain" : "--quiet",
			      opt->overcommit ? "--overcommit" : NULL,
			      NULL};
	char self[4096]; // the file itself, so that the process is called pando
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[n > 0 ? n : 0] = 0;
	/* where there is no /proc: the name this process was started by */
	execv(n > 0 ? self : (const char *)getauxval(AT_EXECFN), (char *const *)argv);
	fprintf(stderr, "pando: cannot start a host process: %s\n", strerror(errno));
	_exit(127);
}

static int start_one(struct local_hosts *l, unsigned h, int key_fd, bool plain, const struct local_options *opt,
		     unsigned data_mtu)
{
	char *address = l->addresses[h];
	int talk[2] = {-1, -1}, fd = -1, r = 0;

	if (opt->netns) {
		netns_address(h, address, DESC_ADDRESS_MAX);
		r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) ? -errno : 0;
	} else {
		fd = listen_on_loopback(address, DESC_ADDRESS_MAX);
		r = fd < 0 ? fd : 0;
	}
	pid_t pid = r ? -1 : fork();
	if (pid == 0) {
		if (opt->netns) {
			const char *why = "";
			join_network(talk[1], h, data_mtu);
			fd = session_listen(address, &why);
			if (fd < 0 || write(talk[1], "", 1) != 1)
				_exit(1);
		}
		become_host(fd, key_fd, plain, h, l->dir, opt);
	}
	if (pid > 0) {
		l->pids[l->n++] = pid;
		if (talk[1] >= 0)
			close(talk[1]); // so that a host that dies is noticed
		talk[1] = -1;
		r = opt->netns ? join_host(talk[0], h, pid, data_mtu) : 0;
	} else if (!r) {
		r = -errno;
	}
	if (fd >= 0)
		close(fd);
	for (int i = 0; i < 2; i++)
		if (talk[i] >= 0)
			close(talk[i]);
	return r;
}

int local_start(struct local_hosts *l, const struct local_options *opt, const struct session_key *key)
{
	int key_fd = key_descriptor(key);
	int r = key_fd < 0 ? key_fd : 0;
	unsigned data_mtu;

	memset(l, 0, sizeof(*l));
	if (!r)
		r = check_link(opt, &data_mtu);
	if (!r && strncmp(opt->link, "dpdk:memif", 10) == 0) {
		snprintf(l->dir, sizeof(l->dir), "/tmp/pando-memif-XXXXXX");
		r = mkdtemp(l->dir) ? 0 : -errno;
	}
	if (!r && opt->netns)
		r = netns_enter_hub(data_mtu);
	for (unsigned h = 0; h < opt->hosts && !r; h++)
		r = start_one(l, h, key_fd, key->plain, opt, data_mtu);
	if (key_fd >= 0)
		close(key_fd);
	char text[128];
	if (r && l->n && local_ended(l, l->n - 1, 0, text, sizeof(text)))
		fprintf(stderr, "pando: host %u: %s\n", l->n - 1, text);
	if (r)
		local_end(l, 0);
	return r;
}

bool local_ended(const struct local_hosts *l, unsigned h, unsigned patience_ms, char *text, size_t cap)
{
	pid_t pid = h < l->n ? l->pids[h] : 0;
	struct pollfd p = {.fd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1, .events = POLLIN};
	siginfo_t info = {0};

	if (p.fd >= 0) { // its sockets close some time before it is a process no more
		poll(&p, 1, (int)patience_ms);
		close(p.fd);
	}
	if (!pid || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
		return false;
	if (info.si_code == CLD_EXITED)
		snprintf(text, cap, "its process %d ended with status %d", (int)pid, info.si_status);
	else
		snprintf(text, cap, "its process %d was killed by signal %d (%s)", (int)pid, info.si_status,
			 strsignal(info.si_status));
	return true;
}

static unsigned reap(struct local_hosts *l)
{
	unsigned alive = 0;

	for (unsigned h = 0; h < l->n; h++) {
		if (l->pids[h] && waitpid(l->pids[h], NULL, WNOHANG) != 0)
			l->pids[h] = 0;
		alive += l->pids[h] != 0;
	}
	return alive;
}

static void remove_dir(struct local_hosts *l)
{
	DIR *d = l->dir[0] ? opendir(l->dir) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	if (l->dir[0])
		rmdir(l->dir);
	l->dir[0] = 0;
}

void local_end(struct local_hosts *l, unsigned grace_ms)
{
	struct timespec gap = {.tv_nsec = POLL_MS * 1000000L};
	uint64_t began = now_ns(), ask = began + ASK_MS * 1000000ull;

	while (reap(l) && now_ns() < began + grace_ms * 1000000ull) {
		if (now_ns() >= ask) {
			ask = UINT64_MAX;
			for (unsigned h = 0; h < l->n; h++)
				if (l->pids[h])
					kill(l->pids[h], SIGTERM);
		}
		nanosleep(&gap, NULL);
	}
	for (unsigned h = 0; h < l->n; h++) {
		if (l->pids[h]) {
			log_warn("host %u did not leave by itself: killed", h);
			kill(l->pids[h], SIGKILL);
			waitpid(l->pids[h], NULL, 0);
			l->pids[h] = 0;
		}
	}
	remove_dir(l);
}
