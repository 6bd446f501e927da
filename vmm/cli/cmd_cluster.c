// SPDX-License-Identifier: Apache-2.0
// `pando cluster`: the cluster's folder, and the folders of those who belong to it.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/log.h"
#include "net/session.h"
#include "vmm/cli/cli.h"
#include "vmm/cli/when.h"
#include "vmm/cluster/authority.h"
#include "vmm/cluster/enter.h"
#include "vmm/cluster/member.h"
#include "vmm/cluster/serve.h"
#include "vmm/conf/units.h"

#define USAGE                                                                                                          \
	"Usage: pando cluster init FOLDER\n"                                                                           \
	"       pando cluster token FOLDER [--role ROLE] [--name NAME] [--ttl TIME]\n"                                 \
	"       pando cluster serve FOLDER [--listen ADDRESS:PORT]\n"                                                  \
	"       pando cluster answer FOLDER\n"                                                                         \
	"       pando cluster join TOKEN --out FOLDER (--to ADDRESS:PORT | --via COMMAND) [--name NAME]\n"             \
	"       pando cluster revoke FOLDER (NAME | SERIAL)\n"                                                         \
	"       pando cluster update FOLDER FILE\n"                                                                    \
	"       pando cluster show FOLDER\n\n"                                                                         \
	"'init' makes a cluster's folder: its root key, a key for sessions, an empty list of the revoked. 'token' "    \
	"prints a\n"                                                                                                   \
	"token, by which one host (or person: --role) joins once; 'join' uses it, and writes a certificate, its key "  \
	"and the\n"                                                                                                    \
	"key for sessions to a folder. 'serve' answers those who join or log in, on a port; 'answer' one of them, on " \
	"standard\n"                                                                                                   \
	"input and output: --via 'ssh ADMIN pando cluster answer FOLDER'. 'revoke' takes certificates back, by their " \
	"number or\n"                                                                                                  \
	"all of a name; 'update' takes the list FILE, which that has written, into the folder of a host. 'show' "      \
	"tells what is\n"                                                                                              \
	"in a folder of either kind, and whether its certificate is good.\n\n"                                         \
	"Hosts and commands show what is in such a folder with --id FOLDER, and take who shows a good one.\n\n"

struct cluster_args {
	const char *role, *name, *ttl, *to, *via, *out, *listen;
};

static char why[512];

static int failed(const char *what)
{
	fprintf(stderr, "pando: cluster %s: %s\n", what, why);
	return 1;
}

static uint64_t now_s(void)
{
	return (uint64_t)time(NULL);
}

static int init(const char *dir, const struct cluster_args *a)
{
	(void)a;
	if (authority_init(dir, why, sizeof(why)))
		return failed("init");
	printf("'%s' is a cluster now. Keep root.key as you keep an SSH key, on one machine.\n", dir);
	return 0;
}

static int token(const char *dir, const struct cluster_args *a)
{
	char text[TOKEN_TEXT_BYTES];
	enum id_role role = ID_HOST;
	uint64_t ttl = 3600;

	if (a->role && !id_role_find(a->role, &role)) {
		fprintf(stderr, "pando: cluster token: '%s' is no role: want host, operator or monitor\n", a->role);
		return 2;
	}
	if (a->ttl && (units_parse_duration(a->ttl, &ttl) || !ttl || ttl > AUTHORITY_TTL_MAX)) {
		fprintf(stderr, "pando: cluster token: --ttl '%s': want up to 30 days, as in 90s, 30m, 1h, 2d\n",
			a->ttl);
		return 2;
	}
	struct authority *au = authority_open(dir, why, sizeof(why));
	int r = au ? authority_token(au, role, a->name ? a->name : "", now_s(), ttl, text) : -1;
	authority_close(au);
	if (r)
		return failed("token");
	printf("%s\n", text);
	return 0;
}

static int answer(const char *dir, const struct cluster_args *a)
{
	struct talk t = {.in = STDIN_FILENO, .out = STDOUT_FILENO, .deadline_ns = talk_deadline(TALK_MS)};

	(void)a;
	signal(SIGPIPE, SIG_IGN);
	if (talk_serve(&t, dir, why, sizeof(why)))
		return failed("answer");
	fprintf(stderr, "pando: %s\n", why);
	return 0;
}

static int listen_and_serve(const char *dir, const struct cluster_args *a)
{
	const char *address = a->listen ? a->listen : ":7412", *what = "";
	struct authority *au = authority_open(dir, why, sizeof(why)); // is it one?

	if (!au)
		return failed("serve");
	authority_close(au);
	int fd = session_listen(address, &what);
	if (fd < 0) {
		fprintf(stderr, "pando: cluster serve: cannot listen on '%s': %s\n", address, what);
		return 1;
	}
	log_set(LOG_INFO, "cluster");
	log_info("listening on %s for those who join or log in", address);
	int r = serve(fd, -1, dir);
	close(fd);
	return r ? 1 : 0;
}

static int join(const char *text, const struct cluster_args *a)
{
	char host[ID_NAME_MAX + 1] = "";
	struct token t;
	enum token_fault f = token_parse(text, strlen(text), &t);
	const char *name = a->name;

	if (!a->out || !a->to == !a->via) {
		fprintf(stderr, "pando: cluster join: --out FOLDER is needed, and one of --to and --via\n");
		return 2;
	}
	if (f) {
		fprintf(stderr, "pando: cluster join: the token: %s\n", token_fault_text(f));
		return 2;
	}
	if (!name && gethostname(host, sizeof(host) - 1) == 0)
		name = host;
	if (!name || !id_name_good(name, strlen(name))) {
		fprintf(stderr, "pando: cluster join: '%s' is no name for a certificate: give one by --name\n",
			name ? name : "");
		return 2;
	}
	struct enter_way way = {.address = a->to, .command = a->via};
	struct cert c;
	int r = enter_join(&way, &t, name, a->out, &c, why, sizeof(why));
	id_wipe(&t, sizeof(t));
	if (r)
		return failed("join");
	when_print_cert(&c, a->out);
	return 0;
}

static int take_back(const char *dir, const char *what)
{
	struct authority *a = authority_open(dir, why, sizeof(why));
	unsigned n = 0;
	int r = a ? authority_revoke(a, what, now_s(), &n) : -1;
	uint64_t number = a ? a->list.number : 0;

	authority_close(a);
	if (r)
		return failed("revoke");
	printf("%u more revoked; '%s/revoked' is list %" PRIu64 ".\n", n, dir, number);
	return 0;
}

static int update(const char *dir, const char *path)
{
	struct folder f = {dir, why, sizeof(why)};
	uint64_t number = 0;

	if (member_update(&f, path, &number))
		return failed("update");
	printf("'%s' has list %" PRIu64 " of the revoked.\n", dir, number);
	return 0;
}

/* ---- show ---- */

static int show_authority(struct authority *a)
{
	char mark[2 * ID_MARK_BYTES + 1], at[WHEN_BYTES];
	uint8_t root[ID_MARK_BYTES];

	id_mark(a->root->pub, root);
	id_hex(root, sizeof(root), mark);
	printf("cluster %s\nrevoked: %" PRIu32 ", list %" PRIu64 "\ntokens:\n", mark, a->list.n, a->list.number);
	for (uint32_t i = 0; i < a->tokens.n; i++) {
		const struct token_record *t = &a->tokens.tokens[i];
		char id[2 * TOKEN_ID_BYTES + 1];

		id_hex(t->id, sizeof(t->id), id);
		printf("  %s %s%s%s: ", id, id_role_name(t->role), t->name[0] ? " " : "", t->name);
		if (t->used)
			printf("used %s for certificate %" PRIu64 "\n", when_text(t->used, at), t->serial);
		else
			printf("%s %s\n", now_s() > t->expires ? "expired" : "good until", when_text(t->expires, at));
	}
	authority_close(a);
	return 0;
}

static int show(const char *dir, const struct cluster_args *args)
{
	char path[4096];
	static struct member m; // wiped below

	(void)args;
	snprintf(path, sizeof(path), "%s/root.key", dir);
	if (access(path, F_OK) == 0) {
		struct authority *a = authority_open(dir, why, sizeof(why));

		return a ? show_authority(a) : failed("show");
	}
	struct folder f = {dir, why, sizeof(why)};
	if (member_load(&f, &m))
		return failed("show");
	enum id_fault fault = member_check(&m, now_s());
	when_print_cert(&m.who, dir);
	printf("certificate %" PRIu64 ", list of the revoked %" PRIu64 ": %s\n", m.who.serial, m.list.number,
	       id_fault_text(fault));
	id_wipe(&m, sizeof(m));
	return fault ? 1 : 0;
}

int cli_cluster(int argc, char **argv)
{
	struct cluster_args a = {0};
	const struct cli_option table[] = {
		{"role", "ROLE", "token: host (standard), operator or monitor", CLI_TEXT, &a.role, 0, 0},
		{"name", "NAME", "token: for that name alone; join: as whom (standard: this host's name)", CLI_TEXT,
		 &a.name, 0, 0},
		{"ttl", "TIME", "token: how long it is good: 90s, 30m, 1h (standard), 2d", CLI_TEXT, &a.ttl, 0, 0},
		{"listen", "ADDRESS:PORT", "serve: where (standard :7412)", CLI_TEXT, &a.listen, 0, 0},
		{"to", "ADDRESS:PORT", "join: where 'serve' listens", CLI_TEXT, &a.to, 0, 0},
		{"via", "COMMAND", "join: a command that reaches 'answer'", CLI_TEXT, &a.via, 0, 0},
		{"out", "FOLDER", "join: where to", CLI_TEXT, &a.out, 0, 0},
		{0},
	};
	static const struct {
		const char *word;
		int (*run)(const char *dir, const struct cluster_args *a);
		int (*run_two)(const char *dir, const char *what);
	} words[] = {{"init", init, NULL},        {"token", token, NULL},  {"serve", listen_and_serve, NULL},
		     {"answer", answer, NULL},    {"join", join, NULL},    {"show", show, NULL},
		     {"revoke", NULL, take_back}, {"update", NULL, update}};
	int left = cli_parse(argc, argv, table);

	if (left == -1)
		return 2;
	for (size_t i = 0; left >= 2 && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(argv[1], words[i].word))
			continue;
		if (left == 2 && words[i].run)
			return words[i].run(argv[2], &a);
		if (left == 3 && words[i].run_two)
			return words[i].run_two(argv[2], argv[3]);
	}
	fprintf(left == -2 ? stdout : stderr, USAGE);
	if (left == -2)
		cli_print_options(table);
	return left == -2 ? 0 : 2;
}
