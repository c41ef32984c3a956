/* access_field: a table of names, and how each value is written. */
#include "gateway/access_field.h"
#include "common/clock.h"
#include "common/suggest.h"
#include "gateway/access_line.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char *const access_field_names[] = {
#define ACCESS_FIELD_NAME(id, name) name,
	ACCESS_FIELDS(ACCESS_FIELD_NAME)
#undef ACCESS_FIELD_NAME
};

const char *access_field_name(enum access_field field)
{
	return access_field_names[field];
}

/* ---- Values ---- */

static void access_write_span(struct buf *out, struct span text, size_t max)
{
	if (text.len)
		access_line_escape(out, text, max);
}

static void access_write_text(struct buf *out, const char *text)
{
	if (text)
		access_write_span(out, (struct span){text, strlen(text)}, ACCESS_TEXT_MAX);
}

static void access_write_uint(struct buf *out, uint64_t value)
{
	(void)buf_printf(out, "%" PRIu64, value); /* failure sticks, here and below */
}

static void access_write_ms(struct buf *out, uint64_t us)
{
	if (us)
		(void)buf_printf(out, "%" PRIu64 ".%03u", us / 1000, (unsigned)(us % 1000));
}

static void access_write_time(struct buf *out, int64_t wall_ms)
{
	char time[CLOCK_RFC3339_SIZE];

	clock_rfc3339(wall_ms, time);
	(void)buf_puts(out, time);
}

/* The part before the mark, or behind it. */
static void access_write_target(struct buf *out, struct span target, bool query)
{
	const char *mark = target.len ? memchr(target.at, '?', target.len) : NULL;
	size_t len = mark ? (size_t)(mark - target.at) : target.len;

	if (!query)
		access_write_span(out, (struct span){target.at, len}, ACCESS_TARGET_MAX);
	else if (mark)
		access_write_span(out, (struct span){mark + 1, target.len - len - 1},
				  ACCESS_TARGET_MAX);
}

static void access_write_flags(struct buf *out, unsigned flags)
{
	static const char *const names[] = {
#define ACCESS_FLAG_NAME(name, bit, meaning) [bit] = #name,
		ACCESS_FLAGS(ACCESS_FLAG_NAME)
#undef ACCESS_FLAG_NAME
	};
	bool some = false;

	for (unsigned bit = 0; bit < sizeof(names) / sizeof(names[0]); bit++) {
		if (!(flags & 1u << bit))
			continue;
		(void)buf_printf(out, "%s%s", some ? "," : "", names[bit]);
		some = true;
	}
}

static void access_write_number(struct buf *out, const struct access_record *r,
				enum access_field field)
{
	switch ((int)field) {
	case ACCESS_FIELD_STATUS:
		access_write_uint(out, r->status);
		break;
	case ACCESS_FIELD_BYTES_IN:
		access_write_uint(out, r->bytes_in);
		break;
	case ACCESS_FIELD_BYTES_OUT:
		access_write_uint(out, r->bytes_out);
		break;
	case ACCESS_FIELD_ATTEMPTS:
		access_write_uint(out, r->attempts);
		break;
	case ACCESS_FIELD_AUTH_MS:
		access_write_ms(out, r->auth_us);
		break;
	case ACCESS_FIELD_QUEUE_MS:
		access_write_ms(out, r->queue_us);
		break;
	case ACCESS_FIELD_RESOLVE_MS:
		access_write_ms(out, r->resolve_us);
		break;
	case ACCESS_FIELD_CONNECT_MS:
		access_write_ms(out, r->connect_us);
		break;
	case ACCESS_FIELD_FIRST_BYTE_MS:
		access_write_ms(out, r->first_byte_us);
		break;
	case ACCESS_FIELD_TOTAL_MS:
		access_write_ms(out, r->total_us);
		break;
	default:
		break;
	}
}

void access_field_write(struct buf *out, const struct access_record *r, enum access_field field)
{
	switch ((int)field) {
	case ACCESS_FIELD_TIME:
		access_write_time(out, r->wall_ms);
		break;
	case ACCESS_FIELD_REQUEST_ID:
		access_write_span(out, r->request_id, ACCESS_TEXT_MAX);
		break;
	case ACCESS_FIELD_CLIENT:
		access_write_span(out, r->client, ACCESS_TEXT_MAX);
		break;
	case ACCESS_FIELD_CONSUMER:
		access_write_span(out, r->consumer, ACCESS_TEXT_MAX);
		break;
	case ACCESS_FIELD_METHOD:
		access_write_span(out, r->method, ACCESS_TEXT_MAX);
		break;
	case ACCESS_FIELD_HOST:
		access_write_span(out, r->host, ACCESS_TEXT_MAX);
		break;
	case ACCESS_FIELD_PATH:
	case ACCESS_FIELD_QUERY:
		access_write_target(out, r->target, field == ACCESS_FIELD_QUERY);
		break;
	case ACCESS_FIELD_TARGET:
		access_write_span(out, r->target, 2 * ACCESS_TARGET_MAX);
		break;
	case ACCESS_FIELD_PROTOCOL:
		(void)buf_printf(out, "HTTP/1.%u", r->minor);
		break;
	case ACCESS_FIELD_ROUTE:
		access_write_text(out, r->route);
		break;
	case ACCESS_FIELD_SERVICE:
		access_write_text(out, r->service);
		break;
	case ACCESS_FIELD_INSTANCE:
		access_write_text(out, r->instance);
		break;
	case ACCESS_FIELD_CACHE:
		access_write_text(out, r->cache);
		break;
	case ACCESS_FIELD_FLAGS:
		access_write_flags(out, r->flags);
		break;
	case ACCESS_FIELD_REASON:
		access_write_text(out, r->reason);
		break;
	case ACCESS_FIELD_REFERER:
		access_write_span(out, r->referer, ACCESS_TEXT_MAX);
		break;
	case ACCESS_FIELD_USER_AGENT:
		access_write_span(out, r->user_agent, ACCESS_TEXT_MAX);
		break;
	default:
		access_write_number(out, r, field);
		break;
	}
}

/* ---- Templates ---- */

static int access_find_field(const char *name, size_t len, struct err *e)
{
	struct suggest suggest = {0};
	struct buf all;
	char copy[64];

	for (int i = 0; i < ACCESS_FIELD_COUNT; i++)
		if (strlen(access_field_names[i]) == len &&
		    memcmp(access_field_names[i], name, len) == 0)
			return i;
	if (len >= sizeof(copy))
		len = sizeof(copy) - 1;
	memcpy(copy, name, len);
	copy[len] = '\0';
	suggest.name = copy;
	buf_init(&all, 4096);
	for (int i = 0; i < ACCESS_FIELD_COUNT; i++) {
		suggest_offer(&suggest, access_field_names[i]);
		(void)buf_printf(&all, "%s%s", i ? ", " : "", access_field_names[i]);
	}
	(void)err_set(e, "the log has no field \"%s\"%s%s%s; there are %s", copy,
		      suggest.best ? "; did you mean \"" : "", suggest.best ? suggest.best : "",
		      suggest.best ? "\"" : "", buf_str(&all) ? buf_str(&all) : "others");
	buf_fini(&all);
	return -1;
}

/* One piece of what begins at `at`; its end. NULL: a mistake. */
static const char *access_parse_piece(struct access_piece *piece, const char *at, struct err *e)
{
	size_t len;
	int field;

	*piece = (struct access_piece){0};
	if (at[0] != '{' && at[0] != '}') {
		piece->text = (struct span){at, strcspn(at, "{}")};
		return at + piece->text.len;
	}
	if (at[1] == at[0]) {
		piece->text = (struct span){at, 1};
		return at + 2;
	}
	len = strcspn(at + 1, "{}");
	if (at[0] == '}' || at[1 + len] != '}') {
		(void)err_set(e, "a brace has no other; write {{ or }} for the brace itself");
		return NULL;
	}
	field = access_find_field(at + 1, len, e);
	if (field < 0)
		return NULL;
	piece->field = (enum access_field)field;
	return at + len + 2;
}

int access_template_parse(struct access_piece *pieces, size_t *count, const char *text,
			  struct err *e)
{
	*count = 0;
	while (*text) {
		if (*count == ACCESS_PIECES_MAX)
			return err_set(e, "more than %d parts", ACCESS_PIECES_MAX);
		text = access_parse_piece(&pieces[*count], text, e);
		if (!text)
			return -1;
		++*count;
	}
	return 0;
}

void access_line_template(struct buf *out, const struct access_template *format,
			  const struct access_record *record)
{
	for (size_t i = 0; i < format->count; i++) {
		const struct access_piece *piece = &format->pieces[i];
		size_t before = out->len;

		if (piece->text.len)
			(void)buf_append(out, piece->text.at, piece->text.len);
		else
			access_field_write(out, record, piece->field);
		if (out->len == before)
			(void)buf_putc(out, '-');
	}
	(void)buf_putc(out, '\n');
}

/* ---- The journal ---- */

void access_line_journal(struct buf *out, const struct access_record *record)
{
	(void)buf_puts(out, "SYSLOG_IDENTIFIER=microreg-gateway\nPRIORITY=6\nMESSAGE=");
	access_field_write(out, record, ACCESS_FIELD_METHOD);
	(void)buf_putc(out, ' ');
	access_field_write(out, record, ACCESS_FIELD_PATH);
	(void)buf_printf(out, " %u ", record->status);
	access_field_write(out, record, ACCESS_FIELD_TOTAL_MS);
	(void)buf_puts(out, " ms\n");
	for (int i = ACCESS_FIELD_REQUEST_ID; i < ACCESS_FIELD_COUNT; i++) {
		size_t before = out->len, start;

		(void)buf_puts(out, "MICROREG_");
		for (const char *c = access_field_names[i]; *c; c++)
			(void)buf_putc(out, (char)toupper((unsigned char)*c));
		(void)buf_putc(out, '=');
		start = out->len;
		access_field_write(out, record, (enum access_field)i);
		if (out->len == start && !out->failed)
			out->len = before; /* it is not known */
		else
			(void)buf_putc(out, '\n');
	}
	(void)buf_putc(out, '\n');
}
