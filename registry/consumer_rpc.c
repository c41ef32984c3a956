/* consumer_rpc: the tables of what a consumer may have, and the way back. */
#include "registry/consumer_rpc.h"
#include "common/clock.h"
#include "common/http.h"
#include "common/rpc_write.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

#define CONSUMER_COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

#define CONSUMER_NAME_RULE "1 to 128 letters, digits and . _ : @ / + -"

/* As it comes off the wire. */
struct consumer_wire {
	struct consumer draft;
	xmlrpc_value *limits, *ip;
};

#define DRAFT(member) .name = #member, .offset = offsetof(struct consumer_wire, draft.member)

static const struct rpc_field consumer_fields[] = {
	{DRAFT(name), .type = RPC_STRING, .required = true, .min = 1, .max = CONSUMER_NAME_MAX,
	 .is_valid = consumer_name_is_valid, .allowed = CONSUMER_NAME_RULE},
	{DRAFT(id), .type = RPC_STRING, .min = 1, .max = CONSUMER_NAME_MAX,
	 .is_valid = consumer_name_is_valid, .allowed = CONSUMER_NAME_RULE},
	{DRAFT(groups), .type = RPC_STRINGS, .max = CONSUMER_GROUPS_MAX,
	 .item_max = CONSUMER_NAME_MAX, .is_valid = consumer_name_is_valid,
	 .allowed = CONSUMER_NAME_RULE},
	{DRAFT(certificates), .type = RPC_STRINGS, .max = CONSUMER_CERTIFICATES_MAX,
	 .item_max = CONSUMER_CERTIFICATE_MAX, .is_valid = consumer_certificate_is_valid,
	 .allowed = "\"sha256:\" and 64 hex digits, \"subject:CN=…\" or \"san:NAME\""},
	{DRAFT(meta), .type = RPC_PAIRS, .max = CONSUMER_META_MAX,
	 .is_valid = instance_text_is_valid},
	{.name = "limits",
	 .type = RPC_ARRAY,
	 .offset = offsetof(struct consumer_wire, limits),
	 .max = CONSUMER_LIMITS_MAX},
	{.name = "ip", .type = RPC_STRUCT, .offset = offsetof(struct consumer_wire, ip)},
};

/* Apart, because a mistaken text may be the password: no fault may repeat it. */
static const struct rpc_field consumer_password_field = {
	.name = "password_hash",
	.type = RPC_STRING,
	.offset = offsetof(struct consumer_wire, draft.password),
};

static const struct rpc_field consumer_ip_fields[] = {
	{.name = "allow",
	 .type = RPC_STRINGS,
	 .offset = offsetof(struct consumer, allow),
	 .max = CONSUMER_NETWORKS_MAX,
	 .is_valid = consumer_network_is_valid,
	 .allowed = "addresses, or ranges like \"10.0.0.0/8\""},
	{.name = "deny",
	 .type = RPC_STRINGS,
	 .offset = offsetof(struct consumer, deny),
	 .max = CONSUMER_NETWORKS_MAX,
	 .is_valid = consumer_network_is_valid,
	 .allowed = "addresses, or ranges like \"10.0.0.0/8\""},
};

static bool consumer_algorithm_is_valid(const char *text)
{
	return strcmp(text, "bucket") == 0 || strcmp(text, "window") == 0;
}

static bool consumer_token_is_valid(const char *text)
{
	return http_is_token(text, strlen(text));
}

#define LIMIT(member) .name = #member, .offset = offsetof(struct consumer_limit, member)

static const struct rpc_field consumer_limit_fields[] = {
	{LIMIT(rate), .type = RPC_INT, .min = 1, .max = CONSUMER_RATE_MAX,
	 .allowed = "requests, an int from 1 to 1000000"},
	{LIMIT(per_ms), .type = RPC_INT, .min = CONSUMER_PER_MIN_MS, .max = INT_MAX,
	 .allowed = "milliseconds, an int from 100"},
	{LIMIT(burst), .type = RPC_INT, .min = 1, .max = CONSUMER_RATE_MAX,
	 .allowed = "requests, an int from 1 to 1000000"},
	{LIMIT(concurrent), .type = RPC_INT, .min = 1, .max = CONSUMER_RATE_MAX,
	 .allowed = "requests, an int from 1 to 1000000"},
	{LIMIT(quota), .type = RPC_INT, .min = 1, .max = CONSUMER_QUOTA_MAX,
	 .allowed = "requests, an int from 1 to 1000000000"},
	{LIMIT(per), .type = RPC_STRING, .max = 16, .is_valid = consumer_per_is_valid,
	 .allowed = "\"day\" or \"month\", of a quota"},
	{LIMIT(algorithm), .type = RPC_STRING, .max = 16, .is_valid = consumer_algorithm_is_valid,
	 .allowed = "\"bucket\" or \"window\""},
	{LIMIT(by), .type = RPC_STRING, .max = CONSUMER_NAME_MAX, .is_valid = consumer_by_is_valid,
	 .allowed = "\"address\", \"consumer\", \"key\", \"header:NAME\", \"route\", \"service\" "
		    "or \"all\""},
	{LIMIT(name), .type = RPC_STRING, .min = 1, .max = 64, .is_valid = consumer_token_is_valid,
	 .allowed = "a name of at most 64 letters, digits and -._~!#$%&'*+^`|"},
};

/* ---- Reading ---- */

/* The rules of the gateway's rate_limit, and its defaults. */
static int consumer_check_limit(const char *where, struct consumer_limit *limit, struct err *e)
{
	uint64_t step_ns;

	if ((limit->rate != 0) + (limit->concurrent != 0) + (limit->quota != 0) != 1)
		return err_code(e, RPC_FAULT_PARAMS,
				"%s: give either rate, or concurrent, or quota", where);
	if (*limit->per && !limit->quota)
		return err_code(e, RPC_FAULT_PARAMS, "%s: per: is of a quota; a rate has per_ms",
				where);
	if (limit->quota && (limit->burst || limit->per_ms))
		return err_code(e, RPC_FAULT_PARAMS,
				"%s: a quota has per, \"day\" or \"month\", and neither per_ms nor "
				"burst",
				where);
	if (strcmp(limit->algorithm, "window") == 0 && limit->burst)
		return err_code(e, RPC_FAULT_PARAMS, "%s: burst: a window has none; leave it out",
				where);
	if (limit->quota && !*limit->per)
		limit->per = "day";
	if (!limit->quota && !limit->per_ms)
		limit->per_ms = 1000;
	if (!limit->rate)
		return 0;
	step_ns = (uint64_t)limit->per_ms * 1000000 / (uint64_t)limit->rate + 1;
	if (limit->burst && step_ns > UINT64_MAX / 4 / (uint64_t)limit->burst)
		return err_code(e, RPC_FAULT_PARAMS,
				"%s: burst: %d would take centuries to fill; give less", where,
				limit->burst);
	return 0;
}

static int consumer_read_limit(const char *where, xmlrpc_value *item, struct arena *arena,
			       struct consumer_limit *limit, struct err *e)
{
	*limit = (struct consumer_limit){
		.name = "default", .algorithm = "bucket", .by = "consumer", .per = ""};
	if (rpc_read_struct(where, item, consumer_limit_fields,
			    CONSUMER_COUNT(consumer_limit_fields), arena, limit, e) < 0)
		return -1;
	return consumer_check_limit(where, limit, e);
}

static int consumer_read_limits(const char *where, xmlrpc_value *list, struct arena *arena,
				struct consumer *draft, struct err *e)
{
	struct consumer_limit *limits;
	xmlrpc_env env;
	int count, failed = 0;

	xmlrpc_env_init(&env);
	count = xmlrpc_array_size(&env, list); /* bounded by the table */
	limits = arena_zalloc(arena, (size_t)(count + 1) * sizeof(*limits));
	if (!limits) {
		xmlrpc_env_clean(&env);
		return err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
	}
	for (int i = 0; !failed && i < count; i++) {
		xmlrpc_value *item = NULL;

		xmlrpc_array_read_item(&env, list, (unsigned)i, &item);
		if (env.fault_occurred) {
			failed = err_code(e, RPC_FAULT_STORE, "the registry is out of memory");
			break;
		}
		failed = consumer_read_limit(where, item, arena, &limits[i], e);
		xmlrpc_DECREF(item); /* the array keeps it */
	}
	xmlrpc_env_clean(&env);
	draft->limits = limits;
	draft->limit_count = (size_t)count;
	return failed;
}

static const char *consumer_where(struct arena *arena, const char *where, const char *member)
{
	const char *text = arena_printf(arena, "%s: %s", where, member);

	return text ? text : where;
}

int consumer_rpc_read(const char *where, xmlrpc_value *value, struct arena *arena,
		      struct consumer *draft, struct err *e)
{
	struct consumer_wire wire = {.draft = {.name = "", .id = "", .password = ""}};
	struct rpc_field fields[CONSUMER_COUNT(consumer_fields) + 1];

	memcpy(fields, consumer_fields, sizeof(consumer_fields));
	fields[CONSUMER_COUNT(consumer_fields)] = consumer_password_field;
	if (rpc_read_struct(where, value, fields, CONSUMER_COUNT(fields), arena, &wire, e) < 0)
		return -1;
	*draft = wire.draft;
	if (!*draft->id)
		draft->id = draft->name;
	if (*draft->password && (strlen(draft->password) > CONSUMER_PASSWORD_MAX ||
				 !consumer_password_is_valid(draft->password)))
		return err_code(e, RPC_FAULT_PARAMS,
				"%s: password_hash: this is no hash of a password; allowed: one "
				"that begins with $argon2id$, $2b$ or $y$, as microreg-gateway "
				"--hash-password prints it",
				where);
	if (wire.ip &&
	    rpc_read_struct(consumer_where(arena, where, "ip"), wire.ip, consumer_ip_fields,
			    CONSUMER_COUNT(consumer_ip_fields), arena, draft, e) < 0)
		return -1;
	if (!wire.limits)
		return 0;
	return consumer_read_limits(consumer_where(arena, where, "limits"), wire.limits, arena,
				    draft, e);
}

/* ---- Writing ---- */

static void consumer_write_strings(struct buf *to, const char *name,
				   const struct rpc_strings *strings)
{
	rpc_write_member(to, name);
	rpc_write_array(to);
	for (size_t i = 0; i < strings->count; i++)
		rpc_write_string(to, strings->items[i]);
	rpc_write_array_end(to);
	rpc_write_member_end(to);
}

static void consumer_write_limits(struct buf *to, const struct consumer *consumer)
{
	rpc_write_member(to, "limits");
	rpc_write_array(to);
	for (size_t i = 0; i < consumer->limit_count; i++) {
		const struct consumer_limit *limit = &consumer->limits[i];

		rpc_write_struct(to);
		rpc_write_set_string(to, "name", limit->name);
		rpc_write_set_string(to, "by", limit->by);
		if (limit->concurrent) {
			rpc_write_set_int(to, "concurrent", limit->concurrent);
		} else if (limit->quota) {
			rpc_write_set_int(to, "quota", limit->quota);
			rpc_write_set_string(to, "per", limit->per);
		} else {
			rpc_write_set_string(to, "algorithm", limit->algorithm);
			rpc_write_set_int(to, "rate", limit->rate);
			rpc_write_set_int(to, "per_ms", limit->per_ms);
		}
		if (limit->burst)
			rpc_write_set_int(to, "burst", limit->burst);
		rpc_write_struct_end(to);
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
}

static void consumer_write_time(struct buf *to, const char *name, int64_t wall_ms)
{
	char time[CLOCK_RFC3339_SIZE] = "";

	if (wall_ms)
		clock_rfc3339(wall_ms, time);
	rpc_write_set_string(to, name, time);
}

static void consumer_write_keys(struct buf *to, const struct consumer *consumer, bool hashes)
{
	char hash[CONSUMER_HASH_TEXT_SIZE];

	rpc_write_member(to, "keys");
	rpc_write_array(to);
	for (size_t i = 0; i < consumer->key_count; i++) {
		const struct consumer_key *key = &consumer->keys[i];

		rpc_write_struct(to);
		rpc_write_set_string(to, "id", key->id);
		rpc_write_set_string(to, "label", key->label);
		consumer_write_time(to, "created", key->created_wall_ms);
		consumer_write_time(to, "expires", key->expires_wall_ms);
		if (hashes) {
			consumer_print_hash(key->sha256, hash);
			rpc_write_set_string(to, "hash", hash);
		}
		rpc_write_struct_end(to);
	}
	rpc_write_array_end(to);
	rpc_write_member_end(to);
}

static void consumer_write_meta(struct buf *to, const struct consumer *consumer)
{
	rpc_write_member(to, "meta");
	rpc_write_struct(to);
	for (size_t i = 0; i < consumer->meta.count; i++)
		rpc_write_set_string(to, consumer->meta.items[i].name,
				     consumer->meta.items[i].value);
	rpc_write_struct_end(to);
	rpc_write_member_end(to);
}

void consumer_rpc_write(struct buf *to, const struct consumer *consumer, const char *revision,
			bool hashes)
{
	rpc_write_struct(to);
	rpc_write_set_string(to, "name", consumer->name);
	rpc_write_set_string(to, "id", consumer->id);
	consumer_write_strings(to, "groups", &consumer->groups);
	consumer_write_limits(to, consumer);
	rpc_write_member(to, "ip");
	rpc_write_struct(to);
	consumer_write_strings(to, "allow", &consumer->allow);
	consumer_write_strings(to, "deny", &consumer->deny);
	rpc_write_struct_end(to);
	rpc_write_member_end(to);
	consumer_write_strings(to, "certificates", &consumer->certificates);
	consumer_write_keys(to, consumer, hashes);
	if (hashes) {
		rpc_write_set_string(to, "password_hash", consumer->password);
	} else {
		rpc_write_set_bool(to, "password", *consumer->password != '\0');
		consumer_write_meta(to, consumer);
		consumer_write_time(to, "created", consumer->created_wall_ms);
	}
	rpc_write_set_string(to, "revision", revision);
	rpc_write_struct_end(to);
}
