/* roster_read: checks every member, since a registry is another program. */
#include "gateway/roster_read.h"
#include "client-lib/microreg.h"
#include "common/clock.h"
#include "common/http.h"
#include "gateway/hasher.h"

#include <string.h>

enum { ROSTER_KEYS_MAX = 64, ROSTER_LIMITS_MAX = 8, ROSTER_LIST_MAX = 256 };

struct roster_reader {
	struct arena *arena;
	const char *why; /* the first thing that is wrong */
	bool failed;
};

static void roster_fail(struct roster_reader *r, const char *why)
{
	if (!r->failed)
		r->why = why;
	r->failed = true;
}

static void *roster_room(struct roster_reader *r, size_t count, size_t size)
{
	void *room = arena_zalloc(r->arena, (count + 1) * size);

	if (!room)
		roster_fail(r, NULL);
	return room;
}

/* "" when it is not there. */
static const char *roster_text(const struct microreg_value *of, const char *name)
{
	const struct microreg_value *value = microreg_value_find(of, name);

	return value && value->type == MICROREG_TYPE_STRING ? value->text : "";
}

static unsigned roster_number(const struct microreg_value *of, const char *name)
{
	const struct microreg_value *value = microreg_value_find(of, name);

	return value && value->type == MICROREG_TYPE_INT && value->number > 0
		       ? (unsigned)value->number
		       : 0;
}

/* The items of an array; *count 0 when there is none. */
static const struct microreg_value *roster_list(struct roster_reader *r,
						const struct microreg_value *of, const char *name,
						size_t max, size_t *count)
{
	const struct microreg_value *list = microreg_value_find(of, name);

	*count = list && list->type == MICROREG_TYPE_ARRAY ? list->count : 0;
	if (*count <= max)
		return list ? list->items : NULL;
	roster_fail(r, "one of its lists is longer than a gateway allows");
	*count = 0;
	return NULL;
}

static void roster_strings(struct roster_reader *r, const struct microreg_value *of,
			   const char *name, struct settings_strings *out)
{
	size_t count;
	const struct microreg_value *list = roster_list(r, of, name, ROSTER_LIST_MAX, &count);
	const char **items = roster_room(r, count, sizeof(*items));

	for (size_t i = 0; items && i < count; i++) {
		items[i] = list[i].type == MICROREG_TYPE_STRING ? list[i].text : "";
		if (!items[i][0])
			roster_fail(r, "one of its lists has what is no text");
	}
	if (items)
		*out = (struct settings_strings){.items = items, .count = count};
}

static void roster_networks(struct roster_reader *r, const struct microreg_value *of,
			    const char *name, struct settings_networks *out)
{
	struct settings_strings texts = {0};
	struct cidr *items;

	roster_strings(r, of, name, &texts);
	items = roster_room(r, texts.count, sizeof(*items));
	for (size_t i = 0; items && i < texts.count; i++)
		if (cidr_parse(&items[i], texts.items[i]) < 0)
			roster_fail(r, "its ip has what is no address");
	if (items)
		*out = (struct settings_networks){items, texts.count};
}

/* ---- Keys ---- */

static int roster_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool roster_hash(const char *text, uint8_t sha256[32])
{
	if (strncmp(text, "sha256:", 7) != 0 || strlen(text + 7) != 64)
		return false;
	for (size_t i = 0; i < 32; i++) {
		int high = roster_digit(text[7 + 2 * i]), low = roster_digit(text[8 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		sha256[i] = (uint8_t)(high * 16 + low);
	}
	return true;
}

static void roster_keys(struct roster_reader *r, const struct microreg_value *of,
			struct settings_consumer *out)
{
	size_t count;
	const struct microreg_value *list = roster_list(r, of, "keys", ROSTER_KEYS_MAX, &count);
	struct settings_secret *keys = roster_room(r, count, sizeof(*keys));

	for (size_t i = 0; keys && i < count; i++) {
		const char *expires = roster_text(&list[i], "expires");

		if (!roster_hash(roster_text(&list[i], "hash"), keys[i].sha256))
			roster_fail(r, "one of its keys has no hash");
		if (*expires && !clock_read_rfc3339(expires, &keys[i].expires_ms))
			roster_fail(r, "one of its keys expires at what is no time");
	}
	out->keys = keys;
	out->key_count = keys ? count : 0;
}

/* ---- Limits ---- */

static bool roster_by(const char *text, struct settings_limit *limit)
{
	static const struct {
		const char *name;
		enum settings_limit_by by;
	} names[] = {
		{"address", LIMIT_BY_ADDRESS}, {"consumer", LIMIT_BY_CONSUMER},
		{"key", LIMIT_BY_KEY},	       {"route", LIMIT_BY_ROUTE},
		{"service", LIMIT_BY_SERVICE}, {"all", LIMIT_BY_ALL},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].name, text) == 0) {
			limit->by = names[i].by;
			return true;
		}
	limit->by = LIMIT_BY_HEADER;
	limit->header = text + 7;
	return strncmp(text, "header:", 7) == 0 && http_is_token(text + 7, strlen(text + 7));
}

/* As settings have it. */
static bool roster_quota(const char *per, struct settings_limit *limit)
{
	limit->kind = LIMIT_QUOTA;
	limit->rate = limit->quota;
	limit->calendar = true;
	limit->period = strcmp(per, "month") == 0 ? PERIOD_MONTH : PERIOD_DAY;
	return strcmp(per, "month") == 0 || strcmp(per, "day") == 0;
}

static void roster_limit(struct roster_reader *r, const struct microreg_value *of,
			 struct settings_limit *limit)
{
	const char *algorithm = roster_text(of, "algorithm");

	limit->name = roster_text(of, "name");
	limit->per_ms = roster_number(of, "per_ms");
	limit->rate = roster_number(of, "rate");
	limit->burst = roster_number(of, "burst");
	limit->concurrent = roster_number(of, "concurrent");
	limit->quota = roster_number(of, "quota");
	if (limit->quota) {
		if (!roster_quota(roster_text(of, "per"), limit))
			roster_fail(r, "one of its limits makes no sense");
	} else if (limit->concurrent) {
		limit->kind = LIMIT_CONCURRENT;
		limit->rate = limit->concurrent;
	} else if (strcmp(algorithm, "window") == 0) {
		limit->kind = LIMIT_WINDOW;
	}
	if (!http_is_token(limit->name, strlen(limit->name)) ||
	    !roster_by(roster_text(of, "by"), limit) || !limit->rate ||
	    (!limit->concurrent && !limit->quota && !limit->per_ms))
		roster_fail(r, "one of its limits makes no sense");
}

/* The registry's word for a limit without a name: it then has the one that it would have in the
 * settings. */
static void roster_name_limit(struct roster_reader *r, struct settings_limit *limit,
			      size_t *unnamed)
{
	if (strcmp(limit->name, "default") != 0)
		return;
	limit->name = settings_limit_name(r->arena, SETTINGS_LIMIT_OF_CONSUMER, ++*unnamed);
	if (!limit->name)
		roster_fail(r, NULL);
}

static void roster_limits(struct roster_reader *r, const struct microreg_value *of,
			  struct settings_consumer *out)
{
	size_t count, unnamed = 0;
	const struct microreg_value *list = roster_list(r, of, "limits", ROSTER_LIMITS_MAX, &count);
	struct settings_limit *limits = roster_room(r, count, sizeof(*limits));

	for (size_t i = 0; limits && i < count; i++) {
		roster_limit(r, &list[i], &limits[i]);
		roster_name_limit(r, &limits[i], &unnamed);
		if (!r->failed && settings_limit_finish(r->arena, &limits[i], out->id) < 0)
			roster_fail(r, limits[i].step_ns ? "a limit's burst is too large" : NULL);
	}
	if (limits)
		out->limits = (struct settings_limits_list){limits, count};
}

/* ---- The whole ---- */

int roster_read(struct arena *arena, const struct microreg_value *value,
		struct settings_consumer *out, const char **why)
{
	struct roster_reader r = {.arena = arena};
	const char *password = roster_text(value, "password_hash");
	const struct microreg_value *ip = microreg_value_find(value, "ip");

	*out = (struct settings_consumer){.name = roster_text(value, "name"),
					  .id = roster_text(value, "id")};
	if (!settings_name_is_plain(out->name) || !settings_name_is_plain(out->id))
		roster_fail(&r, "its name or id can't stand in a header field");
	roster_strings(&r, value, "groups", &out->groups);
	for (size_t i = 0; i < out->groups.count; i++)
		if (!settings_name_is_plain(out->groups.items[i]))
			roster_fail(&r, "a group can't stand in a header field");
	roster_strings(&r, value, "certificates", &out->certificates);
	roster_networks(&r, ip, "allow", &out->ip.allow);
	roster_networks(&r, ip, "deny", &out->ip.deny);
	if (*password && !hasher_knows(password))
		roster_fail(&r, "its password is hashed in a way that is not known");
	if (*password)
		out->password = password;
	roster_keys(&r, value, out);
	roster_limits(&r, value, out);
	*why = r.why;
	return r.failed ? -1 : 0;
}
