/* server_reload: reads the settings again, and puts them in effect. */
#include "common/log.h"
#include "common/notify.h"
#include "gateway/access_log.h"
#include "gateway/admin.h"
#include "gateway/audit.h"
#include "gateway/server_parts.h"
#include "gateway/stats.h"
#include "gateway/worker.h"

#include <string.h>

static void server_note_reload(struct server *s, bool ok, const char *text)
{
	const struct audit_entry entry = {.event = AUDIT_RELOAD,
					  .reason = ok ? "in effect" : "refused, what ran goes on"};

	audit_write(s->gateway.audit, &entry);
	stats_inc(stats_main(s->gateway.stats), ok ? STAT_RELOADS_OK : STAT_RELOADS_REFUSED);
	admin_note_reload(s->admin, ok, text);
}

int server_apply_logs(struct server *s, const struct settings_log *settings, struct err *e)
{
	int failed = access_log_apply(s->gateway.access_log, settings, e);

	/* Also when the first can't be opened: they have nothing to do with each other. */
	return audit_apply(s->gateway.audit, settings, e) < 0 ? -1 : failed;
}

static bool server_listens_alike(const struct settings *a, const struct settings *b)
{
	if (a->listen_count != b->listen_count)
		return false;
	for (size_t i = 0; i < a->listen_count; i++)
		if (strcmp(a->listen[i].text, b->listen[i].text) != 0)
			return false;
	return true;
}

/* Either may be NULL. */
static bool server_texts_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* What a reload can't change, by its key; NULL when there is no such change. `then` is what the
 * gateway started with: a change that was taken back asks for nothing. */
static const char *server_needs_restart(const struct settings *then, const struct settings *now)
{
	const struct settings_registry *a = &then->registry, *b = &now->registry;

	if (!server_listens_alike(then, now))
		return "listen";
	if (then->workers != now->workers)
		return "workers";
	if (!admin_is_same_door(&then->admin, &now->admin))
		return "admin";
	if (a->given != b->given || a->urls.count != b->urls.count ||
	    a->consumers != b->consumers || !server_texts_equal(a->token_file, b->token_file) ||
	    !server_texts_equal(a->ca, b->ca) || !server_texts_equal(a->cert, b->cert) ||
	    !server_texts_equal(a->key, b->key) || !server_texts_equal(a->snapshot, b->snapshot))
		return "registry";
	for (size_t i = 0; i < a->urls.count; i++)
		if (strcmp(a->urls.items[i], b->urls.items[i]) != 0)
			return "registry";
	if (then->limits.cache_bytes != now->limits.cache_bytes ||
	    then->limits.cache_object_bytes != now->limits.cache_object_bytes)
		return "limits.cache";
	if (then->limits.rate_keys != now->limits.rate_keys)
		return "limits.rate_keys";
	return NULL;
}

/* A door that had TLS never becomes plain: what clients send is meant for nobody in between. */
static void server_tell_of_doors(const struct settings *then, const struct settings *now)
{
	for (size_t i = 0; i < now->listen_count && i < then->listen_count; i++)
		if (then->listen[i].tls.count && !now->listen[i].tls.count &&
		    strcmp(then->listen[i].text, now->listen[i].text) == 0)
			log_warn("reload: %s goes on with the TLS that it had; it becomes plain by "
				 "a restart only",
				 now->listen[i].text);
}

static void server_swap(struct server *s, struct table *next)
{
	const char *key = server_needs_restart(s->first->settings, next->settings);
	struct err e;

	if (key)
		log_warn("reload: a change of `%s` needs a restart", key);
	server_tell_of_doors(s->table->settings, next->settings);
	if (server_apply_logs(s, &next->settings->log, &e) < 0)
		log_warn("reload: %s", e.text);
	log_set_level(next->settings->log.level);
	for (size_t i = 0; i < s->gateway.worker_count; i++)
		if (worker_post_table(s->gateway.workers[i], next) < 0)
			log_error("reload: out of memory; worker %zu keeps the old table", i);
	table_unref(&s->table);
	s->table = next;
	admin_set_table(s->admin, next);
	(void)server_renew_roster(s); /* told, and tried again */
}

/* Mistakes, each a line of its own. */
static void server_log_lines(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		log_error("%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

int server_take_over(struct server *s, struct settings *settings, struct err *e)
{
	struct table *table = table_new(settings, &s->gateway, e);

	if (!table)
		return -1;
	server_swap(s, table);
	return 0;
}

/* -1 with e->text, which is empty when the mistakes say it. */
static int server_read_again(struct server *s, struct buf *mistakes, struct err *e)
{
	struct settings *settings = settings_read(s->options->file.path, mistakes);

	e->text[0] = '\0';
	if (!settings)
		return -1;
	if (server_add_claims(s, settings, e) < 0) {
		settings_free(&settings);
		return -1;
	}
	return server_take_over(s, settings, e);
}

void server_reload(void *arg)
{
	struct server *s = arg;
	struct buf mistakes;
	struct err e;

	buf_init(&mistakes, 64 << 10);
	notify_reloading(&s->notify);
	reload_note(&s->reload);
	if (server_read_again(s, &mistakes, &e) == 0) {
		log_info("%s is in effect; routes: %zu", s->options->file.path,
			 s->table->settings->route_count);
		server_note_reload(s, true, "in effect");
	} else {
		const char *text = e.text[0] ? e.text : buf_str(&mistakes);

		log_error("%s was not taken over, what ran before goes on:", s->options->file.path);
		server_log_lines(text ? text : "out of memory");
		server_note_reload(s, false, text ? text : "out of memory");
	}
	buf_fini(&mistakes);
	notify_ready(&s->notify); /* also with the old settings */
}
