// SPDX-License-Identifier: Apache-2.0
/*
 * A network: the guest's first virtio card gets an address by DHCP (busybox's client), and what the CPUs of all nodes
 * send to an echo on the host, by TCP to the gateway, comes back as it was. The client of DHCP calls us as "lease".
 *
 *   net --port=N [--kib=N] [--again=N]     in a guest; again: connections more a CPU, where the other end's patience
 *                                          is in real seconds and the guest's are not
 *   net --serve=PORT                       that echo, on the host's loopback, until it is ended
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest-tools/tool.h"

#define PIECE 16384u
#define WORDS (PIECE / 8)

/* ---- what a DHCP client has got ---- */

static int ask(unsigned long request, struct ifreq *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), n = fd < 0 ? -1 : ioctl(fd, request, r);

	if (fd >= 0)
		close(fd);
	return n;
}

static struct ifreq named(const char *card)
{
	struct ifreq r = {0};

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", card);
	return r;
}

static void put(struct sockaddr *out, in_addr_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = address};

	memcpy(out, &in, sizeof(in));
}

static in_addr_t get(const struct sockaddr *in)
{
	return ((const struct sockaddr_in *)(const void *)in)->sin_addr.s_addr;
}

static in_addr_t told(const char *name)
{
	const char *text = getenv(name);

	return text ? inet_addr(text) : INADDR_NONE; // of several routers it takes the first
}

static int set_up(const char *card)
{
	struct ifreq r = named(card);

	if (ask(SIOCGIFFLAGS, &r) < 0)
		return -1;
	r.ifr_flags |= IFF_UP;
	return ask(SIOCSIFFLAGS, &r);
}

static int set_address(const char *card)
{
	struct ifreq address = named(card), mask = named(card);
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	int fd, r;

	put(&address.ifr_addr, told("ip"));
	put(&mask.ifr_netmask, told("subnet"));
	if (ask(SIOCSIFADDR, &address) < 0 || ask(SIOCSIFNETMASK, &mask) < 0)
		return -1;
	put(&route.rt_dst, INADDR_ANY);
	put(&route.rt_genmask, INADDR_ANY);
	put(&route.rt_gateway, told("router"));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r = ioctl(fd, SIOCADDRT, &route);
	close(fd);
	return r;
}

/* Called by the DHCP client, with what it has got in the environment. */
int lease_main(int argc, char **argv)
{
	const char *card = getenv("interface");

	if (argc < 2 || !card)
		return 2;
	if (!strcmp(argv[1], "deconfig") && set_up(card) < 0)
		tool_fail("net_up", "%s: %s", card, strerror(errno));
	if (!strcmp(argv[1], "bound") && set_address(card) < 0)
		tool_fail("net_lease", "%s, %s: %s", getenv("ip"), getenv("router"), strerror(errno));
	return 0;
}

/* ---- the echo ---- */

static int echo(int fd)
{
	static char bytes[65536];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t done = 0, w; done < n; done += w)
			if ((w = write(fd, bytes + done, (size_t)(n - done))) <= 0)
				return 1;
	return n < 0;
}

static int serve(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

	signal(SIGCHLD, SIG_IGN); // nobody waits for them
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 16) < 0) {
		tool_fail("net_serve", "port %u: %s", port, strerror(errno));
		return 1;
	}
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(echo(fd));
		}
		close(fd);
	}
	return 1;
}

/* ---- a guest's network ---- */

/* The first virtio card's name and host; false if there is none. */
static bool card_find(char card[IFNAMSIZ], int *host)
{
	DIR *dir = opendir("/sys/class/net");
	bool found = false;
	struct dirent *e;
	int node;

	while (dir && !found && (e = readdir(dir))) {
		char path[300];

		snprintf(path, sizeof(path), "/sys/class/net/%s/device", e->d_name);
		snprintf(card, IFNAMSIZ, "%.15s", e->d_name);
		found = topo_virtio(path, host, &node);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Busybox's client, until it has a lease; what it says goes to a file, and is shown if it has none. */
static bool lease_get(const char *card)
{
	const char *argv[] = {"udhcpc", "-i", card, "-n", "-q", "-f", "-s", "/bin/lease", NULL};
	const char *log = "/tmp/udhcpc";
	posix_spawn_file_actions_t act;
	int status = -1;
	pid_t pid;
	char line[200];

	posix_spawn_file_actions_init(&act);
	posix_spawn_file_actions_addopen(&act, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (posix_spawnp(&pid, argv[0], &act, NULL, (char *const *)argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&act);
	if (status == 0)
		return true;
	FILE *f = fopen(log, "r");

	while (f && fgets(line, sizeof(line), f))
		printf("net: %s", line);
	if (f)
		fclose(f);
	tool_fail("net_dhcp", "no address for %s: status %d", card, status);
	return false;
}

/* The default gateway, or 0. */
static in_addr_t gateway_of(const char *card)
{
	FILE *f = fopen("/proc/net/route", "r");
	unsigned to, by, answer = 0;
	char line[256], name[32];

	while (f && !answer && fgets(line, sizeof(line), f))
		if (sscanf(line, "%31s %x %x", name, &to, &by) == 3 && !strcmp(name, card) && to == 0)
			answer = by;
	if (f)
		fclose(f);
	return answer;
}

struct exchange {
	struct sockaddr_in to;
	uint64_t pieces;
	unsigned again; // connections more that each may take
	struct {
		const char *doing; // what failed, or NULL
		int error;
		unsigned resets; // connections that the other end gave up
		uint64_t bad_words, ns_max;
	} of[TOOL_CPUS_MAX];
};

static bool whole(int fd, char *bytes, bool out)
{
	for (size_t done = 0; done < PIECE;) {
		ssize_t n =
			out ? send(fd, bytes + done, PIECE - done, MSG_NOSIGNAL) : read(fd, bytes + done, PIECE - done);

		if (n <= 0) {
			errno = n ? errno : ECONNRESET;
			return false;
		}
		done += (size_t)n;
	}
	return true;
}

/* From *at on, which is the piece that was not done in the end. */
static const char *there_and_back(struct exchange *x, int i, int fd, uint64_t *words, uint64_t *at)
{
	for (; *at < x->pieces; ++*at) {
		uint64_t start = tool_now_ns(), seed = (uint64_t)i + 1, piece = *at;

		for (uint64_t w = 0; w < WORDS; w++)
			words[w] = tool_word(piece * WORDS + w, seed);
		if (!whole(fd, (char *)words, true))
			return "sending";
		memset(words, 0, PIECE);
		if (!whole(fd, (char *)words, false))
			return "receiving";
		for (uint64_t w = 0; w < WORDS; w++)
			x->of[i].bad_words += words[w] != tool_word(piece * WORDS + w, seed);
		uint64_t ns = tool_now_ns() - start;

		x->of[i].ns_max = ns > x->of[i].ns_max ? ns : x->of[i].ns_max;
	}
	return NULL;
}

static const char *one_connection(struct exchange *x, int i, uint64_t *words, uint64_t *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	const char *doing;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	doing = connect(fd, (struct sockaddr *)&x->to, sizeof(x->to)) < 0 ? "connecting"
									  : there_and_back(x, i, fd, words, at);
	x->of[i].error = errno;
	close(fd);
	return doing;
}

static bool given_up(int error)
{
	return error == ECONNRESET || error == EPIPE;
}

static void exchange(int i, void *arg)
{
	struct exchange *x = arg;
	uint64_t *words = tool_pages(PIECE), at = 0;

	for (;;) {
		x->of[i].doing = one_connection(x, i, words, &at);
		if (!x->of[i].doing || !given_up(x->of[i].error) || x->of[i].resets == x->again)
			return;
		x->of[i].resets++;
	}
}

static void talk(in_addr_t gateway, uint16_t port, uint64_t bytes, unsigned again)
{
	static struct exchange x;
	uint64_t start = tool_now_ns(), ns = 0;
	int cpu[TOOL_CPUS_MAX], n = topo_one_each(cpu);
	unsigned resets = 0;
	bool good = true;

	x = (struct exchange){.to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = gateway},
			      .pieces = bytes / PIECE,
			      .again = again};
	tool_run(n, cpu, exchange, &x);
	for (int i = 0; i < n; i++) {
		if (x.of[i].doing)
			tool_fail("net_tcp", "CPU %d: %s: %s", cpu[i], x.of[i].doing, strerror(x.of[i].error));
		else if (x.of[i].bad_words)
			tool_fail("net_tcp", "CPU %d: %llu words came back wrong", cpu[i],
				  (unsigned long long)x.of[i].bad_words);
		good = good && !x.of[i].doing && !x.of[i].bad_words;
		ns = x.of[i].ns_max > ns ? x.of[i].ns_max : ns;
		resets += x.of[i].resets;
	}
	tool_result("net_tcp_resets", resets, "connections");
	tool_result("net_tcp_bytes", (double)(x.pieces * PIECE * (uint64_t)n), "bytes");
	tool_result("net_tcp_longest", (double)ns / 1e6, "ms");
	tool_result("net_tcp_time", (double)(tool_now_ns() - start) / 1e9, "s");
	if (good)
		tool_pass("net_tcp");
}

static void say_address(const char *name, in_addr_t address)
{
	char text[INET_ADDRSTRLEN];

	printf("RESULT %s %s address\n", name, inet_ntop(AF_INET, &address, text, sizeof(text)));
}

/* The gateway's, which the kernel has asked for by ARP. */
static void say_neighbour(const char *card, in_addr_t gateway)
{
	struct arpreq r = {0};
	const unsigned char *m = (const unsigned char *)r.arp_ha.sa_data;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	put(&r.arp_pa, gateway);
	snprintf(r.arp_dev, sizeof(r.arp_dev), "%s", card);
	if (ioctl(fd, SIOCGARP, &r) < 0 || !(r.arp_flags & ATF_COM))
		tool_fail("net_arp", "nobody has the gateway's address: %s", strerror(errno));
	else
		printf("RESULT net_gateway_mac %02x:%02x:%02x:%02x:%02x:%02x address\nPASS net_arp\n", m[0], m[1], m[2],
		       m[3], m[4], m[5]);
	close(fd);
}

int net_main(int argc, char **argv)
{
	double served = tool_arg(argc, argv, "serve", 0), port = tool_arg(argc, argv, "port", 7);
	uint64_t bytes = (uint64_t)tool_arg(argc, argv, "kib", 64) << 10, start = tool_now_ns();
	struct ifreq r;
	char card[IFNAMSIZ];
	in_addr_t gateway;
	int host = 0;

	if (served > 0)
		return serve((uint16_t)served);
	if (!card_find(card, &host)) {
		tool_fail("net_card", "there is no virtio card");
		return 1;
	}
	tool_result("net_host", host, "host");
	if (set_up(card) < 0)
		tool_fail("net_up", "%s: %s", card, strerror(errno));
	if (!lease_get(card))
		return 1;
	tool_result("net_dhcp_time", (double)(tool_now_ns() - start) / 1e9, "s");
	r = named(card);
	gateway = gateway_of(card);
	if (ask(SIOCGIFADDR, &r) < 0 || !gateway) {
		tool_fail("net_dhcp", "%s has no address or no gateway", card);
		return 1;
	}
	tool_pass("net_dhcp");
	say_address("net_address", get(&r.ifr_addr));
	say_address("net_gateway", gateway);
	if (ask(SIOCGIFMTU, &r) == 0)
		tool_result("net_mtu", r.ifr_mtu, "bytes");
	talk(gateway, (uint16_t)port, bytes, (unsigned)tool_arg(argc, argv, "again", 0));
	say_neighbour(card, gateway);
	return 0;
}
