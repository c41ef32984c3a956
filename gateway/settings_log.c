/* settings_log: what the gateway tells of itself and of each request. */
#include "gateway/access_field.h"
#include "gateway/settings_parts.h"

#include <string.h>

static const char settings_journal[] = "journald:";

/* Where lines go. */
struct settings_lines {
	enum settings_access to;
	const char *file;
};

static struct settings_lines settings_read_lines(struct settings_reader *r,
						 const struct settings_node *node, const char *text,
						 const char *words)
{
	static const char socket[] = "/run/systemd/journal/socket";
	size_t journal = strlen(settings_journal);

	if (!*text)
		settings_file_mistake(r->file, node, "the text is empty; write %s or a file",
				      words);
	if (!*text || strcmp(text, "stdout") == 0)
		return (struct settings_lines){ACCESS_STDOUT, NULL};
	if (strcmp(text, "off") == 0)
		return (struct settings_lines){ACCESS_OFF, NULL};
	if (strcmp(text, "journald") == 0)
		return (struct settings_lines){ACCESS_JOURNAL, socket};
	if (strncmp(text, settings_journal, journal) != 0)
		return (struct settings_lines){ACCESS_FILE, settings_table_copy(r, text)};
	if (text[journal] != '/' || strlen(text) > ACCESS_SOCKET_MAX)
		settings_file_mistake(r->file, node,
				      "\"%.100s\" is no socket of the journal; write "
				      "journald:/run/systemd/journal.NAME/socket",
				      text);
	return (struct settings_lines){ACCESS_JOURNAL, settings_table_copy(r, text + journal)};
}

static void settings_read_access(struct settings_reader *r, const struct settings_node *node,
				 void *to)
{
	const char *text = settings_table_text(r, node);
	struct settings_log *log = to;
	struct settings_lines lines;

	if (!text)
		return;
	lines = settings_read_lines(r, node, text, "stdout, journald, off");
	log->access = lines.to;
	log->access_file = lines.file;
}

static void settings_read_audit(struct settings_reader *r, const struct settings_node *node,
				void *to)
{
	const char *text = settings_table_text(r, node);
	struct settings_log *log = to;
	struct settings_lines lines = {ACCESS_STDERR, NULL};

	if (!text)
		return;
	if (strcmp(text, "log") != 0)
		lines = settings_read_lines(r, node, text, "log, stdout, journald, off");
	log->audit = lines.to;
	log->audit_file = lines.file;
}

static void settings_read_format(struct settings_reader *r, const struct settings_node *node,
				 void *to)
{
	const char *text = settings_table_text(r, node);
	struct access_piece pieces[ACCESS_PIECES_MAX], *kept;
	struct settings_log *log = to;
	struct err e = {0};
	size_t count;

	if (!text)
		return;
	log->format = strcmp(text, "combined") == 0 ? LOG_FORMAT_COMBINED : LOG_FORMAT_JSON;
	if (log->format == LOG_FORMAT_COMBINED || strcmp(text, "json") == 0)
		return;
	if (!strchr(text, '{')) {
		settings_file_mistake(r->file, node,
				      "\"%.100s\" is not possible here; write one of json, "
				      "combined, or a template like '{client} {method} {path} "
				      "{status}'",
				      text);
		return;
	}
	text = settings_table_copy(r, text);
	if (text && access_template_parse(pieces, &count, text, &e) < 0) {
		settings_file_mistake(r->file, node, "%s", e.text);
		return;
	}
	kept = text ? settings_table_alloc(r, count, sizeof(*kept)) : NULL;
	if (!kept) /* the reader knows */
		return;
	memcpy(kept, pieces, count * sizeof(*kept));
	log->format = LOG_FORMAT_TEMPLATE;
	log->template.pieces = kept;
	log->template.count = count;
}

static const struct settings_name settings_levels[] = {{"debug", LOG_DEBUG},
						       {"info", LOG_INFO},
						       {"warn", LOG_WARN},
						       {"error", LOG_ERROR},
						       {NULL, 0}};

static const struct settings_key settings_log_keys[] = {
	{.name = "level",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings_log, level),
	 .fallback = "info",
	 .names = settings_levels,
	 .help = "What the daemon tells of itself, on standard error"},
	{.name = "access",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "stdout",
	 .custom = settings_read_access,
	 .form = "`stdout`, `journald`, `off` or a file",
	 .help = "Where the line of each request goes; to the journal as fields, also to that of a "
		 "namespace by `journald:SOCKET`"},
	{.name = "audit",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "log",
	 .custom = settings_read_audit,
	 .form = "`log`, `stdout`, `journald`, `off` or a file",
	 .help = "Where it goes, as JSON, who was refused and why, and what was changed at the "
		 "admin "
		 "door by whom; `log`: among what the daemon tells of itself, while `level` is "
		 "`info` or `debug`; refusals that are alike are counted for a second"},
	{.name = "format",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "json",
	 .custom = settings_read_format,
	 .form = "`json`, `combined` or a template",
	 .help = "One JSON object a line, the combined format of web servers, or text with fields, "
		 "named as in JSON: `{client} \"{method} {path}\" {status} {total_ms}`; also "
		 "`{target}` (path and query) and `{protocol}`"},
};

const struct settings_table settings_log_table = {SETTINGS_KEYS(settings_log_keys),
						  sizeof(struct settings_log), NULL};
