/* settings_file: reads the bytes, and keeps the mistakes in the file's order. */
#include "common/settings_file.h"

#include "common/settings_yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nodes are about 100 bytes each; texts grow by what the environment puts into them. */
enum { SETTINGS_FILE_ARENA_MAX = 64 << 20 };

struct settings_mistake {
	unsigned line;	  /* 0: of the file as a whole */
	size_t number;	  /* in the order they were found */
	const char *text; /* "path: what" */
	struct settings_mistake *next;
};

/* ---- Nodes ---- */

const struct settings_node *settings_node_get(const struct settings_node *map, const char *key)
{
	if (!map || map->kind != SETTINGS_MAP)
		return NULL;
	for (const struct settings_node *m = map->first; m; m = m->next)
		if (strcmp(m->key, key) == 0)
			return m;
	return NULL;
}

const char *settings_node_kind(const struct settings_node *node)
{
	switch (node->kind) {
	case SETTINGS_LIST:
		return "list";
	case SETTINGS_MAP:
		return "map";
	case SETTINGS_SCALAR:
		break;
	}
	return "value";
}

/* "routes[3].cache.ttl" */
static void settings_node_path(const struct settings_node *node, struct buf *out)
{
	const struct settings_node *chain[SETTINGS_FILE_DEPTH_MAX + 1];
	size_t n = 0;

	for (; node && node->parent && n <= SETTINGS_FILE_DEPTH_MAX; node = node->parent)
		chain[n++] = node;
	while (n-- > 0) {
		if (!chain[n]->key)
			(void)buf_printf(out, "[%zu]", chain[n]->index);
		else
			(void)buf_printf(out, "%s%.100s", out->len ? "." : "", chain[n]->key);
	}
}

/* ---- Mistakes ---- */

void settings_file_mistake(struct settings_file *file, const struct settings_node *at,
			   const char *format, ...)
{
	struct settings_mistake *m;
	struct buf path;
	char text[1024];
	va_list args;

	if (at && at->unknown)
		return;
	if (file->mistake_count++ >= SETTINGS_FILE_MISTAKES_MAX)
		return;
	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	buf_init(&path, 8192);
	settings_node_path(at, &path);
	m = arena_alloc(&file->arena, sizeof(*m));
	if (m && buf_str(&path)) {
		*m = (struct settings_mistake){.line = at ? at->line : 0,
					       .number = file->mistake_count,
					       .next = file->mistakes};
		m->text =
			arena_printf(&file->arena, "%s%s%s", path.data, path.len ? ": " : "", text);
	}
	if (!m || path.failed || !m->text)
		file->no_memory = true;
	else
		file->mistakes = m;
	buf_fini(&path);
}

bool settings_file_has_mistakes(const struct settings_file *file)
{
	return file->mistake_count > 0 || file->no_memory;
}

static int settings_mistake_compare(const void *a, const void *b)
{
	const struct settings_mistake *const *left = a, *const *right = b;

	if ((*left)->line != (*right)->line)
		return (*left)->line < (*right)->line ? -1 : 1;
	return (*left)->number < (*right)->number ? -1 : 1;
}

void settings_file_print_mistakes(struct settings_file *file, struct buf *out)
{
	const struct settings_mistake *sorted[SETTINGS_FILE_MISTAKES_MAX];
	size_t n = 0;

	/* What was found before memory ran out may be wrong, or not all. */
	if (file->no_memory) {
		(void)buf_printf(out, "%s: there is not enough memory to read the settings\n",
				 file->name);
		return;
	}
	for (const struct settings_mistake *m = file->mistakes; m; m = m->next)
		sorted[n++] = m;
	qsort(sorted, n, sizeof(sorted[0]), settings_mistake_compare);
	for (size_t i = 0; i < n; i++) {
		(void)buf_puts(out, file->name);
		if (sorted[i]->line)
			(void)buf_printf(out, ":%u", sorted[i]->line);
		(void)buf_printf(out, ": %s\n", sorted[i]->text);
	}
	if (file->mistake_count > n)
		(void)buf_printf(out, "%s: and %zu more mistakes\n", file->name,
				 file->mistake_count - n);
}

/* ---- Reading ---- */

struct settings_file *settings_file_read_text(const char *name, const char *text, size_t len)
{
	struct settings_file *file = calloc(1, sizeof(*file));
	static const struct settings_node empty = {.kind = SETTINGS_MAP, .line = 1, .text = ""};

	if (!file)
		return NULL;
	file->name = name;
	arena_init(&file->arena, SETTINGS_FILE_ARENA_MAX);
	if (len > SETTINGS_FILE_BYTES_MAX)
		settings_file_mistake(file, NULL, "the file is larger than 1 MiB");
	else if (settings_yaml_read(file, text, len) == 0 && (!file->root || file->root->null))
		file->root = &empty;
	return file;
}

/* Reads at most one byte more than is allowed, so that too much is noticed. */
static int settings_read_bytes(const char *name, struct buf *out)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC), saved;
	ssize_t n = 0;

	if (fd < 0)
		return -1;
	do {
		char *to = buf_reserve(out, 16384);

		if (!to) {
			errno = ENOMEM;
			n = -1;
			break;
		}
		n = read(fd, to, 16384);
		if (n > 0)
			out->len += (size_t)n;
	} while ((n > 0 && out->len <= SETTINGS_FILE_BYTES_MAX) || (n < 0 && errno == EINTR));
	saved = errno;
	(void)close(fd); /* only read from */
	errno = saved;
	return n < 0 ? -1 : 0;
}

struct settings_file *settings_file_read(const char *name)
{
	struct settings_file *file;
	struct buf bytes;
	int failed = 0;

	buf_init(&bytes, SETTINGS_FILE_BYTES_MAX + 65536);
	if (settings_read_bytes(name, &bytes) < 0)
		failed = errno;
	file = settings_file_read_text(name, bytes.len ? bytes.data : "", failed ? 0 : bytes.len);
	buf_fini(&bytes);
	if (file && failed) {
		file->root = NULL;
		settings_file_mistake(file, NULL, "the file can't be read: %s", strerror(failed));
	}
	return file;
}

void settings_file_free(struct settings_file **file)
{
	if (!*file)
		return;
	arena_fini(&(*file)->arena);
	free(*file);
	*file = NULL;
}
