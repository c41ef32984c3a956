/* cache_control: cuts the field into directives, and looks each up in a table. */
#include "gateway/cache_control.h"

#include <string.h>

/* Either a bit or an age. */
static const struct cache_directive_name {
	const char *name;
	unsigned bit;
	enum cache_age age;
} cache_directive_names[] = {
	{"no-store", CACHE_NO_STORE, CACHE_AGE_COUNT},
	{"no-cache", CACHE_NO_CACHE, CACHE_AGE_COUNT},
	{"private", CACHE_PRIVATE, CACHE_AGE_COUNT},
	{"public", CACHE_PUBLIC, CACHE_AGE_COUNT},
	{"must-revalidate", CACHE_MUST_REVALIDATE, CACHE_AGE_COUNT},
	{"proxy-revalidate", CACHE_PROXY_REVALIDATE, CACHE_AGE_COUNT},
	{"only-if-cached", CACHE_ONLY_IF_CACHED, CACHE_AGE_COUNT},
	{"max-age", 0, CACHE_MAX_AGE},
	{"s-maxage", 0, CACHE_S_MAXAGE},
	{"stale-if-error", 0, CACHE_AGE_STALE_IF_ERROR},
	{"stale-while-revalidate", 0, CACHE_AGE_STALE_WHILE_REVALIDATE},
	{"min-fresh", 0, CACHE_MIN_FRESH},
	{"max-stale", 0, CACHE_MAX_STALE},
};

int64_t cache_control_seconds(struct span text)
{
	int64_t s = 0;

	if (text.len == 0)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return -1;
		s = s * 10 + (text.at[i] - '0');
		if (s > CACHE_AGE_MAX)
			s = CACHE_AGE_MAX;
	}
	return s;
}

static bool cache_control_is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct span cache_control_trim(struct span s)
{
	while (s.len && cache_control_is_space(s.at[0])) {
		s.at++;
		s.len--;
	}
	while (s.len && cache_control_is_space(s.at[s.len - 1]))
		s.len--;
	return s;
}

static void cache_control_age(struct cache_control *cc, enum cache_age which, struct span value,
			      bool has_value)
{
	int64_t *age = &cc->age_s[which], s = cache_control_seconds(value);
	bool longest = which == CACHE_MIN_FRESH; /* the strictest is the longest */

	if (s < 0) /* RFC 9111 4.2.1: with an invalid number it is stale */
		s = longest ? CACHE_AGE_MAX : 0;
	if (which == CACHE_MAX_STALE && !has_value)
		s = CACHE_AGE_ANY;
	if (*age < 0 || (longest ? s > *age : s < *age))
		*age = s;
}

static void cache_control_take(struct cache_control *cc, struct span directive)
{
	const char *equals;
	struct span name = directive, value = {.at = "", .len = 0};

	if (directive.len == 0)
		return;
	equals = memchr(directive.at, '=', directive.len);
	if (equals) {
		name.len = (size_t)(equals - directive.at);
		value.at = equals + 1;
		value.len = directive.len - name.len - 1;
	}
	name = cache_control_trim(name);
	value = cache_control_trim(value);
	/* RFC 9111 5.2: recipients take both forms of a value. */
	if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"') {
		value.at++;
		value.len -= 2;
	}
	for (size_t i = 0; i < sizeof(cache_directive_names) / sizeof(cache_directive_names[0]);
	     i++) {
		const struct cache_directive_name *known = &cache_directive_names[i];

		if (!http_equal_nocase(name.at, name.len, known->name, strlen(known->name)))
			continue;
		cc->directives |= known->bit;
		if (!known->bit)
			cache_control_age(cc, known->age, value, equals != NULL);
		return;
	}
}

/* The length of the next directive: up to a comma that is in no quoted string. */
static size_t cache_control_next(struct cache_control *cc, struct span rest)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < rest.len; i++) {
		if (quoted && rest.at[i] == '\\' && i + 1 < rest.len)
			i++;
		else if (rest.at[i] == '"')
			quoted = !quoted;
		else if (rest.at[i] == ',' && !quoted)
			break;
	}
	cc->malformed |= quoted;
	return i;
}

void cache_control_read(struct cache_control *cc, const struct http1_head *head,
			enum http1_name known)
{
	memset(cc, 0, sizeof(*cc));
	for (unsigned i = 0; i < CACHE_AGE_COUNT; i++)
		cc->age_s[i] = -1;
	for (size_t i = 0; i < head->field_count; i++) {
		struct span rest = head->fields[i].value;

		if (head->fields[i].known != known)
			continue;
		cc->given |= rest.len > 0;
		while (rest.len > 0) {
			size_t n = cache_control_next(cc, rest);

			cache_control_take(
				cc, cache_control_trim((struct span){.at = rest.at, .len = n}));
			n += n < rest.len; /* the comma */
			rest.at += n;
			rest.len -= n;
		}
	}
}
