// SPDX-License-Identifier: Apache-2.0
#include "vmm/run/images.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/log.h"
#include "vmm/call/steps.h"

int image_open(struct image *i, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		log_tell("pando: cannot open '%s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -EINVAL;
	}
	i->total = (uint64_t)st.st_size;
	i->bytes = mmap(NULL, i->total ? i->total : 1, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (i->bytes != MAP_FAILED)
		return 0;
	i->bytes = NULL;
	return -errno;
}

void image_close(struct image *i)
{
	if (i->bytes)
		munmap(i->bytes, i->total ? i->total : 1);
	i->bytes = NULL;
}

int images_pump(struct image v[2], struct link *l, uint32_t epoch)
{
	int n = 0;

	for (unsigned which = 0; which < 2; which++) {
		struct image *i = &v[which];

		while (i->bytes && i->at < i->total) {
			uint64_t left = i->total - i->at;
			struct msg m = {.kind = MSG_CTL_IMAGE, .epoch = epoch};

			m.u.ctl_image.which = (uint8_t)which;
			m.u.ctl_image.offset = i->at;
			m.u.ctl_image.total = i->total;
			m.blob = i->bytes + i->at;
			m.blob_bytes = (uint32_t)(left < CTL_PIECE_BYTES ? left : CTL_PIECE_BYTES);
			if (link_send(l, 0, &m))
				return n; // its queue is full: when some of it has left
			i->at += m.blob_bytes;
			n++;
		}
	}
	return n;
}

bool images_sent(const struct image v[2], const struct link *l)
{
	for (unsigned which = 0; which < 2; which++)
		if (v[which].at < v[which].total)
			return false;
	return link_drained(l, 0);
}
