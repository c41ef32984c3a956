/*
 * auth_basic: names and passwords (RFC 7617). The hash is looked at by the
 * hasher's threads while the request waits; that a password was right is
 * remembered for a minute, by a digest with a secret of this process.
 */
#include "common/clock.h"
#include "gateway/auth.h"
#include "common/base64.h"
#include "gateway/gateway.h"
#include "gateway/guard.h"
#include "gateway/hasher.h"
#include "gateway/known.h"
#include "gateway/worker.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { AUTH_BASIC_MAX = 2048, AUTH_BASIC_REMEMBERED_MS = 60000 };

struct auth_basic_job {
	struct hasher_job job;
	struct exchange *x;	    /* NULL: it has gone */
	struct worker_table *table; /* held: the hash is the settings' */
};

/* ---- What is shown ---- */

struct auth_basic {
	struct span name;
	char *password; /* ends in a NUL */
	size_t len;
	struct span shown; /* both, as they came */
};

static char *auth_basic_decode(struct exchange *x, struct span text, size_t *len)
{
	uint8_t *out;

	while (text.len && text.at[text.len - 1] == '=')
		text.len--;
	out = arena_alloc(&x->arena, base64_size(text.len) + 1);
	if (!out)
		return NULL;
	*len = base64_size(text.len);
	out[*len] = '\0';
	return base64_decode(text, out) ? (char *)out : NULL;
}

/* How many there are. */
static size_t auth_basic_find(const struct exchange *x, struct span *shown)
{
	size_t count = 0;

	for (size_t i = 0; i < x->request.field_count; i++) {
		const struct http1_field *field = &x->request.fields[i];
		struct span value = field->value;

		if (field->known != HTTP1_AUTHORIZATION || value.len < 6 ||
		    !http_equal_nocase(value.at, 6, "Basic ", 6))
			continue;
		*shown = (struct span){value.at + 6, value.len - 6};
		while (shown->len && shown->at[0] == ' ')
			*shown = (struct span){shown->at + 1, shown->len - 1};
		count++;
	}
	return count;
}

/* False: it is no name with a password. */
static bool auth_basic_read(struct exchange *x, struct auth_basic *basic)
{
	size_t len = 0;
	char *text, *colon;

	if (basic->shown.len > AUTH_BASIC_MAX)
		return false;
	text = auth_basic_decode(x, basic->shown, &len);
	colon = text ? memchr(text, ':', len) : NULL;
	if (!colon || memchr(text, '\0', len))
		return false;
	basic->name = (struct span){text, (size_t)(colon - text)};
	basic->password = colon + 1;
	basic->len = len - basic->name.len - 1;
	return basic->len <= HASHER_PASSWORD_MAX;
}

/* ---- The hasher ---- */

static void auth_basic_on_cancel(struct exchange *x)
{
	x->auth->basic->x = NULL;
	x->auth->basic = NULL;
}

static void auth_basic_on_answer(struct loop_message *message)
{
	struct auth_basic_job *job =
		(struct auth_basic_job *)(void *)message; /* its first member */
	struct exchange *x = job->x;

	worker_table_unref(&job->table);
	if (x) {
		x->auth->basic = NULL;
		x->auth->answered = true;
		x->auth->right = job->job.right;
	}
	free(job);
	if (x)
		filter_resume(x);
}

static enum auth_result auth_basic_ask(struct exchange *x, const struct auth_basic *basic,
				       const char *hash, struct auth *auth)
{
	struct auth_basic_job *job = calloc(1, sizeof(*job));

	if (!job)
		return AUTH_FAILED;
	job->x = x;
	job->table = worker_table_ref(x->table);
	job->job.answer.deliver = auth_basic_on_answer;
	job->job.loop = worker_loop(x->worker);
	job->job.hash = hash;
	job->job.len = basic->len;
	memcpy(job->job.password, basic->password, basic->len + 1);
	if (!hasher_ask(x->worker->gateway->hasher, &job->job)) {
		OPENSSL_cleanse(job->job.password, sizeof(job->job.password));
		worker_table_unref(&job->table);
		free(job);
		auth->busy = true;
		return AUTH_FAILED;
	}
	auth->basic = job;
	x->unwait = auth_basic_on_cancel;
	return AUTH_WAITS;
}

/* ---- The method ---- */

/* One digest for name, password and hash: a changed password is another. */
static int auth_basic_digest(struct exchange *x, struct span shown, const char *hash,
			     uint8_t digest[GUARD_SHA256])
{
	return guard_secret_sha256(x->worker->guard, shown, hash, digest);
}

enum auth_result auth_basic_try(struct exchange *x, const struct settings_auth_method *method,
				struct auth *auth)
{
	const struct identity *identity;
	uint8_t digest[GUARD_SHA256];
	struct auth_basic basic = {0};
	const char *hash;
	size_t count = auth_basic_find(x, &basic.shown);

	(void)method; /* it has nothing to say */
	if (!count)
		return AUTH_ABSENT;
	auth->reason = "there are two names, or no name with a password";
	if (count > 1 || !auth_basic_read(x, &basic))
		return AUTH_REFUSED;
	identity = known_by_name(x->table, basic.name);
	hash = identity ? identity->consumer->password : NULL;
	auth->reason = "the name is unknown, or the password is wrong";
	auth->early = !known_is_complete(x->table);
	/* Whether a name is known must not show in how long the answer takes. */
	if (!hash) {
		hash = known_any_password(x->table);
		identity = NULL;
	}
	if (!hash || auth_basic_digest(x, basic.shown, hash, digest) < 0)
		return hash ? AUTH_FAILED : AUTH_REFUSED;
	if (auth->answered) {
		auth->answered = false;
		if (auth->right && identity)
			guard_put_password(x->worker->guard, digest,
					   loop_now_ms(worker_loop(x->worker)) +
						   AUTH_BASIC_REMEMBERED_MS);
	} else if (!guard_has_password(x->worker->guard, digest,
				       loop_now_ms(worker_loop(x->worker)))) {
		return auth_basic_ask(x, &basic, hash, auth);
	} else {
		auth->right = true;
	}
	if (!auth->right || !identity)
		return AUTH_REFUSED;
	auth->identity = identity;
	return AUTH_PROVEN;
}

void auth_basic_strip(struct exchange *x, const struct settings_auth_method *method)
{
	(void)method;
	for (size_t i = 0; i < x->request.field_count; i++) {
		struct http1_field *field = &x->request.fields[i];

		if (field->known == HTTP1_AUTHORIZATION && field->value.len >= 6 &&
		    http_equal_nocase(field->value.at, 6, "Basic ", 6))
			field->hop = true; /* for this hop only */
	}
}
