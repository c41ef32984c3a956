/* route_pattern: reads patterns, and brings request paths into the one form they are matched in. */
#include "common/route_pattern.h"

#include <string.h>
#include <strings.h>

static int route_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* RFC 3986 2.3. */
static bool route_is_unreserved(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

/* Most paths have nothing to normalize: the offset of the first escape or dot segment's slash. */
static size_t route_path_plain(const char *path, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (path[i] == '%' || (path[i] == '/' && i + 1 < len && path[i + 1] == '.'))
			break;
	return i;
}

/* Writes what the escape at `from` stands for. The bytes written, 0 for an escape to refuse. */
static size_t route_escape(char *to, const char *from, size_t left)
{
	static const char digits[] = "0123456789ABCDEF";
	int high = left > 2 ? route_hex(from[1]) : -1;
	int low = left > 2 ? route_hex(from[2]) : -1;
	int c = high * 16 + low;

	if (high < 0 || low < 0 || c == 0)
		return 0;
	if (route_is_unreserved(c)) {
		to[0] = (char)c;
		return 1;
	}
	to[0] = '%';
	to[1] = digits[high];
	to[2] = digits[low];
	return 3;
}

/* Called when the segment [start, *end) is whole: moves *end back when it is a dot segment, and
 * says so in *dropped. -1: an escaped one climbs above the root. Browsers and curl resolve plain
 * dots themselves, so dots at the root are harmless, but whoever escapes them has a reason. */
static int route_segment_end(const char *path, size_t start, size_t *end, bool escaped,
			     bool *dropped)
{
	size_t len = *end - start;

	*dropped = false;
	if (len == 0 || len > 2 || path[start] != '.' || path[start + len - 1] != '.')
		return 0;
	*dropped = true;
	*end = start;
	if (len == 1)
		return 0;
	if (start == 1)
		return escaped ? -1 : 0;
	*end = start - 1;
	while (path[*end - 1] != '/')
		--*end;
	return 0;
}

int route_path_normalize(char *path, size_t *len)
{
	size_t n = *len, from = route_path_plain(path, n), to, start;
	bool escaped = false, dropped;

	if (n == 0 || path[0] != '/')
		return -1;
	if (from == n)
		return 0;
	for (start = from + (path[from] == '/'); path[start - 1] != '/'; start--)
		;
	from = path[from] == '/' ? from + 1 : from;
	to = from;
	for (;;) {
		size_t wrote;

		if (from == n || path[from] == '/') {
			if (route_segment_end(path, start, &to, escaped, &dropped) < 0)
				return -1;
			if (from == n)
				break;
			if (!dropped)
				path[to++] = '/';
			from++;
			start = to;
			escaped = false;
		} else if (path[from] == '%') {
			wrote = route_escape(path + to, path + from, n - from);
			if (!wrote)
				return -1;
			escaped = escaped || path[to] == '.';
			to += wrote;
			from += 3;
		} else {
			path[to++] = path[from++];
		}
	}
	*len = to;
	return 0;
}

static int route_parameter_check(const struct route_pattern *p, const struct route_segment *s,
				 const char *text, struct err *e)
{
	if (s->len == 0)
		return err_set(e, "\"%.200s\" has a parameter without a name; write {id}", text);
	for (size_t i = 0; i < s->len; i++) {
		char c = s->text[i];

		if (c != '_' && (!route_is_unreserved(c) || c == '.' || c == '~' || c == '-'))
			return err_set(
				e,
				"\"%.200s\": a parameter's name is made of letters, digits and "
				"'_', not '%c'",
				text, c);
	}
	for (const struct route_segment *other = p->segments; other < s; other++)
		if (other->kind == ROUTE_PARAMETER && strcmp(other->text, s->text) == 0)
			return err_set(e, "\"%.200s\" has {%s} twice; give each its own name", text,
				       s->text);
	return 0;
}

static int route_literal_check(const struct route_segment *s, const char *text, struct err *e)
{
	for (size_t i = 0; i < s->len; i++) {
		unsigned char c = (unsigned char)s->text[i];

		if (c == '{' || c == '}')
			return err_set(
				e, "\"%.200s\": {name} stands for a whole segment, as in /a/{id}/b",
				text);
		if (c == '*')
			return err_set(e, "\"%.200s\": a '*' is the whole last segment, as in /a/*",
				       text);
		if (c == '?' || c == '#')
			return err_set(
				e,
				"\"%.200s\": '%c' is not part of a path; conditions on the query "
				"are written as `query`",
				text, c);
		if (c <= ' ' || c >= 0x7f)
			return err_set(
				e,
				"\"%.200s\": no path holds the byte 0x%02X as it is; write %%%02X",
				text, c, c);
	}
	return 0;
}

static int route_segment_read(struct route_pattern *p, char *at, size_t len, bool last,
			      const char *text, struct err *e)
{
	struct route_segment *s;

	if (p->count == ROUTE_PATTERN_SEGMENTS_MAX)
		return err_set(e, "\"%.200s\" has more than %d segments; end it in '*' earlier",
			       text, ROUTE_PATTERN_SEGMENTS_MAX);
	s = &p->segments[p->count++];
	at[len] = '\0';
	*s = (struct route_segment){.kind = ROUTE_LITERAL, .text = at, .len = len};
	if (len == 1 && at[0] == '*') {
		s->kind = ROUTE_REST;
		s->text = at + 1;
		s->len = 0;
		return last ? 0
			    : err_set(e,
				      "\"%.200s\": a '*' stands at the end only; for one segment "
				      "write {name}",
				      text);
	}
	if (len >= 2 && at[0] == '{' && at[len - 1] == '}') {
		at[len - 1] = '\0';
		s->kind = ROUTE_PARAMETER;
		s->text = at + 1;
		s->len = len - 2;
		return route_parameter_check(p, s, text, e);
	}
	return route_literal_check(s, text, e);
}

/* "." or "..", also escaped. */
static bool route_is_dots(const char *at, size_t len)
{
	unsigned dots = 0;

	for (size_t i = 0; i < len; dots++) {
		if (at[i] == '.')
			i++;
		else if (len - i >= 3 && strncasecmp(at + i, "%2e", 3) == 0)
			i += 3;
		else
			return false;
	}
	return dots == 1 || dots == 2;
}

/* A pattern is written in the form it matches, so dots that would vanish are a mistake. */
static int route_pattern_normalize(char *path, size_t *len, const char *text, struct err *e)
{
	for (const char *s = text; s; s = strchr(s + 1, '/'))
		if (route_is_dots(s + 1, strcspn(s + 1, "/")))
			return err_set(
				e,
				"\"%.200s\" has a dot segment, which no request's path keeps; "
				"write the path without it",
				text);
	if (route_path_normalize(path, len) < 0)
		return err_set(e,
			       "\"%.200s\" has a bad escape; write %% and two hex digits, not 00",
			       text);
	return 0;
}

int route_pattern_parse(struct route_pattern *p, const char *text, struct err *e)
{
	size_t len = strlen(text);
	char *at, *end;

	p->count = 0;
	if (text[0] != '/')
		return err_set(e, "\"%.100s\" does not start with '/'; write \"/%.100s\"", text,
			       text);
	if (len >= sizeof(p->text))
		return err_set(e, "the path is %zu bytes long; at most %zu are allowed", len,
			       sizeof(p->text) - 1);
	memcpy(p->text, text, len + 1);
	if (route_pattern_normalize(p->text, &len, text, e) < 0)
		return -1;
	p->text[len] = '\0';
	for (at = p->text + 1;; at = end + 1) {
		bool last;

		end = strchr(at, '/');
		last = end == NULL;
		if (last)
			end = at + strlen(at);
		if (route_segment_read(p, at, (size_t)(end - at), last, text, e) < 0)
			return -1;
		if (last)
			return 0;
	}
}

bool route_pattern_equal(const struct route_pattern *a, const struct route_pattern *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct route_segment *s = &a->segments[i], *t = &b->segments[i];

		if (s->kind != t->kind)
			return false;
		if (s->kind == ROUTE_LITERAL &&
		    (s->len != t->len || memcmp(s->text, t->text, s->len) != 0))
			return false;
	}
	return true;
}

int route_pattern_compare(const struct route_pattern *a, const struct route_pattern *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (a->segments[i].kind != b->segments[i].kind)
			return a->segments[i].kind < b->segments[i].kind ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return 0;
}
