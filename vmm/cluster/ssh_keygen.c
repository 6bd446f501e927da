// SPDX-License-Identifier: Apache-2.0
#include "vmm/cluster/ssh_keygen.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coherence/base/refuse.h"
#include "net/child.h"
#include "net/id/ssh_sig.h"

enum { MESSAGE, SIGNERS, SIGNATURE, FILES };

_Static_assert(CHILD_FIRST_FD == 3 && FILES <= CHILD_FDS_MAX, "the numbers in the command below");

/* A file in memory that begins at its beginning, or a negative errno. */
static int file_of(const void *p, size_t n)
{
	int fd = memfd_create("pando-verify", MFD_CLOEXEC);
	const uint8_t *from = p;

	while (fd >= 0 && n) {
		ssize_t w = write(fd, from, n);

		if (w <= 0) {
			int e = w < 0 ? -errno : -EIO;

			close(fd);
			return e;
		}
		from += w;
		n -= (size_t)w;
	}
	return fd < 0 ? -errno : lseek(fd, 0, SEEK_SET) ? -errno : fd;
}

static int run(const char *who, const char *namespace_, const int *files, char *why, size_t why_cap)
{
	/* a shell, because a child's standard input is empty */
	const char *const argv[] = {
		"/bin/sh",
		"-c",
		"exec ssh-keygen -Y verify -f /proc/self/fd/4 -s /proc/self/fd/5 -I \"$1\" -n \"$2\" <&3",
		"sh",
		who,
		namespace_,
		NULL};
	struct child c;
	char how[96];
	int r = child_start(&c, "ssh-keygen", argv, files, FILES);

	if (r)
		return refuse_with(why, why_cap, r, "ssh-keygen cannot be started: %s", strerror(-r));
	if (!child_wait(&c, SSH_KEYGEN_MS, how, sizeof(how))) {
		child_end(&c, 0);
		return refuse_with(why, why_cap, -ETIMEDOUT, "ssh-keygen did not end in time");
	}
	if (strcmp(how, "ended with status 0") == 0)
		return 0;
	if (strcmp(how, "ended with status 127") == 0)
		return refuse_with(why, why_cap, -ENOENT,
				   "there is no ssh-keygen here, which this kind of key wants (openssh-client)");
	return refuse_with(why, why_cap, -EACCES, "ssh-keygen says: %s", c.line[0] ? c.line : how);
}

int ssh_keygen_verify(const char *signers, size_t signers_n, const char *who, const char *namespace_,
		      const void *message, size_t n, const uint8_t *sig, size_t sig_n, char *why, size_t why_cap)
{
	char armored[SSH_SIG_TEXT_MAX];
	size_t armored_n = ssh_sig_armor(sig, sig_n, armored, sizeof(armored));
	int files[FILES] = {file_of(message, n), file_of(signers, signers_n), file_of(armored, armored_n)}, r = 0;

	for (unsigned i = 0; i < FILES; i++)
		r = files[i] < 0 ? files[i] : r;
	if (r)
		refuse_with(why, why_cap, r, "no room for what ssh-keygen is asked: %s", strerror(-r));
	else
		r = run(who, namespace_, files, why, why_cap);
	for (unsigned i = 0; i < FILES; i++)
		if (files[i] >= 0)
			close(files[i]);
	return r;
}
