/* auth_forward_answer: what a service has said of a caller: who it is, what the route's service is
 * told, what the client gets. */
#include "gateway/auth_forward.h"
#include "gateway/cache_control.h"
#include "gateway/gateway.h"
#include "gateway/http1_write.h"
#include "gateway/known.h"
#include "gateway/respond.h"
#include "gateway/stats.h"
#include "gateway/table.h"
#include "gateway/worker.h"

#include <string.h>

enum { FORWARD_LINES_MAX = 256 << 10 };

static bool forward_is_yes(unsigned status)
{
	return status >= 200 && status <= 299;
}

static bool forward_is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* ---- The head ---- */

/* In the arena, since the head is gone soon. */
static void forward_keep_text(struct auth_forward *f, enum verdict_part part, struct span text)
{
	char *copy = arena_strndup(&f->x->arena, text.len ? text.at : "", text.len);

	f->failed |= !copy;
	f->verdict.parts[part] = (struct span){copy, copy ? text.len : 0};
}

static void forward_keep_field(struct auth_forward *f, enum verdict_part part, const char *name,
			       const struct http1_head *head)
{
	const struct http1_field *field = name ? http1_head_find_text(head, name) : NULL;

	if (field)
		forward_keep_text(f, part, field->value);
}

static bool forward_has(const char *const *names, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (http_equal_nocase(names[i], strlen(names[i]), name.at, name.len))
			return true;
	return false;
}

/* The lines of the fields that are named, in their order. */
static void forward_keep_lines(struct auth_forward *f, enum verdict_part part,
			       const struct http1_head *head, const struct settings_strings *names)
{
	static const char *const always[] = {"WWW-Authenticate", "Location", "Set-Cookie"};
	size_t always_count = part == VERDICT_TO_CLIENT && !forward_is_yes(head->status) ? 3 : 0;
	struct buf out;

	buf_init(&out, FORWARD_LINES_MAX);
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];

		if (field->hop || !(forward_has(always, always_count, field->name) ||
				    forward_has(names->items, names->count, field->name)))
			continue;
		http1_write_span(&out, field->name, field->value);
		f->unkeepable |= part == VERDICT_TO_CLIENT && field->known == HTTP1_SET_COOKIE;
	}
	f->failed |= out.failed;
	forward_keep_text(f, part, (struct span){out.data, out.len});
	buf_fini(&out);
}

/* "a, b" and "a,b" are the same groups. */
static void forward_tidy_groups(struct span *groups)
{
	char *text = (char *)(uintptr_t)groups->at; /* ours, in the arena */
	size_t len = 0;

	for (size_t i = 0; i < groups->len; i++)
		if (text[i] != ' ' && text[i] != '\t')
			text[len++] = text[i];
	groups->len = len;
}

static void forward_read_life(struct auth_forward *f, const struct http1_head *head)
{
	struct cache_control cc;

	cache_control_read(&cc, head, HTTP1_CACHE_CONTROL);
	f->unkeepable |= cc.malformed || (cc.directives & (CACHE_NO_STORE | CACHE_NO_CACHE));
	f->life_s = UINT32_MAX;
	if (cc.age_s[CACHE_MAX_AGE] >= 0)
		f->life_s = (unsigned)cc.age_s[CACHE_MAX_AGE];
}

void auth_forward_on_head(struct call *call, const struct http1_head *head)
{
	struct auth_forward *f =
		(struct auth_forward *)(void *)((char *)call - offsetof(struct auth_forward, call));
	const struct settings_forward *forward = f->settings;
	struct verdict *v = &f->verdict;

	forward_read_life(f, head);
	forward_keep_lines(f, VERDICT_TO_CLIENT, head, &forward->reply_headers);
	if (!forward_is_yes(head->status)) {
		forward_keep_field(f, VERDICT_TYPE, "Content-Type", head);
		return;
	}
	forward_keep_lines(f, VERDICT_TO_SERVICE, head, &forward->request_headers);
	forward_keep_field(f, VERDICT_ID, forward->consumer, head);
	forward_keep_field(f, VERDICT_NAME, forward->name, head);
	forward_keep_field(f, VERDICT_GROUPS, forward->groups, head);
	forward_keep_field(f, VERDICT_SCOPES, forward->scopes, head);
	forward_tidy_groups(&v->parts[VERDICT_GROUPS]);
}

void auth_forward_hear(struct auth_forward *f)
{
	const struct call *call = &f->call;
	const char *name = f->settings->service_name;
	bool known = forward_is_yes(call->status) || forward_is_redirect(call->status) ||
		     call->status == 401 || call->status == 403;

	f->state = FORWARD_HEARD;
	if (call->outcome != CALL_REPLIED) {
		f->x->flags |= problem_kind(call->problem)->flags;
		f->reason = arena_printf(
			&f->x->arena, "no answer of \"%s\", which is asked: %s", name,
			call->reason ? call->reason : problem_kind(call->problem)->title);
	} else if (f->failed) {
		f->reason = "out of memory";
	} else if (!known) {
		f->reason = arena_printf(&f->x->arena, "\"%s\", which is asked, answers %u", name,
					 call->status);
	} else {
		f->verdict.status = call->status;
		f->verdict.body = f->settings->body && !forward_is_yes(call->status);
		if (f->verdict.body)
			forward_keep_text(f, VERDICT_BODY, call->reply);
	}
}

/* ---- What follows ---- */

static const struct identity *forward_identity(struct auth_forward *f)
{
	const struct span *parts = f->verdict.parts;
	struct identity *identity = arena_zalloc(&f->x->arena, sizeof(*identity));
	const struct identity *known =
		parts[VERDICT_ID].len ? known_by_id(f->x->table, parts[VERDICT_ID]) : NULL;

	if (!identity)
		return NULL;
	if (known)
		*identity = *known;
	else
		identity->id = identity->name = parts[VERDICT_ID];
	if (!known && parts[VERDICT_NAME].len)
		identity->name = parts[VERDICT_NAME];
	identity->groups = parts[VERDICT_GROUPS];
	identity->scopes = parts[VERDICT_SCOPES];
	identity->more = parts[VERDICT_TO_SERVICE];
	identity->method = "forward";
	return identity_write(identity, &f->x->arena) == 0 ? identity : NULL;
}

static enum auth_result forward_pass(struct auth_forward *f, struct auth *auth)
{
	const struct identity *identity = forward_identity(f);

	if (!identity)
		return AUTH_FAILED;
	auth->identity = identity;
	f->x->told = f->verdict.parts[VERDICT_TO_CLIENT];
	return AUTH_PROVEN;
}

enum auth_result auth_forward_conclude(struct auth_forward *f, struct auth *auth)
{
	struct stats_worker *stats = f->x->worker->stats;
	unsigned status = f->verdict.status;

	stats_inc(stats, f->kept		  ? STAT_ASKED_KEPT
			 : !status		  ? STAT_ASKED_FAILED
			 : forward_is_yes(status) ? STAT_ASKED_PASSED
						  : STAT_ASKED_REFUSED);
	if (forward_is_yes(status))
		return forward_pass(f, auth);
	if (!status) {
		auth->unheard = true;
		auth->reason = f->reason ? f->reason : "the service that is asked gives no answer";
		return AUTH_REFUSED;
	}
	auth->refusal = &f->verdict;
	auth->reason = arena_printf(&f->x->arena, "\"%s\", which is asked, answers %u",
				    f->settings->service_name, status);
	/* A 403 is of somebody who is known. */
	return f->shown || status == 403 ? AUTH_REFUSED : AUTH_ABSENT;
}

bool auth_forward_keep(const struct auth_forward *f)
{
	const struct settings_forward *forward = f->settings;
	uint64_t life_ms = (uint64_t)f->life_s * 1000, ttl_ms;

	if (!f->verdict.status || !f->key.text.len || f->unkeepable)
		return false;
	ttl_ms = forward_is_yes(f->verdict.status) ? forward->ttl_ms : forward->refused_ms;
	ttl_ms = ttl_ms < life_ms ? ttl_ms : life_ms;
	return ttl_ms && verdicts_put(f->x->worker->gateway->verdicts, f->digest, &f->verdict,
				      loop_now_ms(worker_loop(f->x->worker)) + ttl_ms);
}

enum filter_result auth_forward_refuse(struct exchange *x)
{
	const struct verdict *v = x->auth->refusal;
	struct span lines = v->parts[VERDICT_TO_CLIENT], type = v->parts[VERDICT_TYPE];
	bool body = v->body && v->parts[VERDICT_BODY].len;
	const char *reason = x->auth->reason;
	const char *fields =
		arena_printf(&x->arena, "%.*s%s%.*s%s", (int)lines.len, lines.len ? lines.at : "",
			     body && type.len ? "Content-Type: " : "", body ? (int)type.len : 0,
			     type.len ? type.at : "", body && type.len ? "\r\n" : "");

	if (!fields)
		return filter_deny(x, PROBLEM_NO_MEMORY, "out of memory", NULL);
	if (!body && !forward_is_redirect(v->status))
		return filter_deny(x, v->status == 401 ? PROBLEM_UNAUTHORIZED : PROBLEM_FORBIDDEN,
				   reason, fields);
	filter_count_denied(x, reason);
	x->flags |= ACCESS_UA;
	respond_foreign(x, v->status, body ? v->parts[VERDICT_BODY] : (struct span){"", 0}, fields);
	return FILTER_ANSWERED;
}
