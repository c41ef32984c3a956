/* reload: compares what stat(2) says. */
#include "gateway/reload.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A file that is not there, as between unlink and rename, is all zero: no change to act on. */
static struct reload_mark reload_look(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return (struct reload_mark){0};
	return (struct reload_mark){.device = st.st_dev,
				    .inode = st.st_ino,
				    .size = st.st_size,
				    .modified = st.st_mtim,
				    .changed = st.st_ctim};
}

static bool reload_is_same(const struct reload_mark *a, const struct reload_mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void reload_on_time(struct wheel_timer *timer)
{
	struct reload *r =
		(struct reload *)(void *)((char *)timer - offsetof(struct reload, timer));
	struct reload_mark now = reload_look(r->file.path);
	/* Twice the same: whoever writes it has come to rest. */
	bool rests = reload_is_same(&now, &r->seen);

	r->seen = now;
	loop_timer_set(r->loop, &r->timer, RELOAD_LOOK_MS);
	if (!rests || !now.inode || reload_is_same(&now, &r->file.known))
		return;
	r->file.known = now;
	r->on_change(r->arg);
}

void reload_mark(struct reload_file *file, const char *path)
{
	*file = (struct reload_file){.path = path, .known = reload_look(path)};
}

void reload_start(struct reload *r, struct loop *loop, const struct reload_file *file,
		  void (*on_change)(void *arg), void *arg)
{
	*r = (struct reload){.loop = loop, .file = *file, .on_change = on_change, .arg = arg};
	r->timer.on_time = reload_on_time;
	r->seen = r->file.known;
	loop_timer_set(loop, &r->timer, RELOAD_LOOK_MS);
}

void reload_note(struct reload *r)
{
	r->file.known = reload_look(r->file.path);
}

bool reload_is_known(const struct reload *r)
{
	struct reload_mark now = reload_look(r->file.path);

	return reload_is_same(&now, &r->file.known);
}

void reload_stop(struct reload *r)
{
	if (r->loop)
		loop_timer_clear(r->loop, &r->timer);
}
