/* handle: microreg_open and microreg_close, and what is read of the options. */
#include "client-lib/handle.h"
#include "client-lib/call.h"
#include "client-lib/snapshot.h"
#include "client-lib/consumer_file.h"
#include "client-lib/snapshot_file.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/instance.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HANDLE_URL_MAX = 2048, HANDLE_TOKEN_MAX = 4096 };

static const char handle_default_url[] = "http://127.0.0.1:8000/RPC2";

const char *microreg_version(void)
{
	return MICROREG_VERSION;
}

void handle_log(const struct microreg *m, enum microreg_log_level level, const char *format, ...)
{
	char text[700];
	va_list args;

	if (!m->on_log)
		return;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args); /* cut when too long */
	va_end(args);
	m->on_log(m->arg, level, text);
}

bool handle_is_closing(const struct microreg *m)
{
	return atomic_load(&m->closing);
}

void handle_wait_locked(struct microreg *m, uint64_t at_ms)
{
	struct timespec at = {.tv_sec = (time_t)(at_ms / 1000),
			      .tv_nsec = (long)(at_ms % 1000) * 1000000};

	/* Woken, late or early is all the same: callers look again. */
	(void)pthread_cond_timedwait(&m->changed, &m->lock, &at);
}

int handle_start_thread(pthread_t *thread, void *(*run)(void *), void *arg,
			struct microreg_error *e)
{
	sigset_t all, before;
	int failed;

	/* The program's signals are for the program's threads. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(thread, NULL, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		return error_set(e, MICROREG_NO_MEMORY, "the system starts no more threads");
	return 0;
}

/* ---- Options ---- */

static char *handle_url_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

/* Checks one address and copies it, as it is and as it may be shown. */
static int handle_read_url(const char *text, struct handle_address *out, struct microreg_error *e)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *query = NULL, *fragment = NULL, *shown = NULL;
	int failed = -1;

	if (!url)
		return error_memory(e);
	if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
		scheme = handle_url_part(url, CURLUPART_SCHEME);
		query = handle_url_part(url, CURLUPART_QUERY);
		fragment = handle_url_part(url, CURLUPART_FRAGMENT);
	}
	if (!scheme || (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) || query ||
	    fragment) {
		(void)error_set(e, MICROREG_BAD_ARGUMENT,
				"urls: \"%.100s\"; allowed: addresses like %s", text,
				handle_default_url);
		goto done;
	}
	(void)curl_url_set(url, CURLUPART_USER, NULL, 0); /* taking away can't fail */
	(void)curl_url_set(url, CURLUPART_PASSWORD, NULL, 0);
	shown = handle_url_part(url, CURLUPART_URL);
	out->url = strdup(text);
	out->shown = shown ? strdup(shown) : NULL;
	failed = out->url && out->shown ? 0 : error_memory(e);
done:
	curl_free(scheme);
	curl_free(query);
	curl_free(fragment);
	curl_free(shown);
	curl_url_cleanup(url);
	return failed;
}

static int handle_read_urls(struct microreg *m, const char *urls, struct microreg_error *e)
{
	static const char between[] = ", \t\n";
	char one[HANDLE_URL_MAX];

	for (urls += strspn(urls, between); *urls; urls += strspn(urls, between)) {
		size_t len = strcspn(urls, between);

		if (len >= sizeof(one))
			return error_set(e, MICROREG_BAD_ARGUMENT,
					 "urls: an address of %zu bytes; allowed: %d", len,
					 HANDLE_URL_MAX - 1);
		if (m->address_count == HANDLE_ADDRESSES_MAX)
			return error_set(e, MICROREG_BAD_ARGUMENT, "urls: more than %d addresses",
					 HANDLE_ADDRESSES_MAX);
		memcpy(one, urls, len);
		one[len] = '\0';
		urls += len;
		if (handle_read_url(one, &m->addresses[m->address_count++], e))
			return -1;
	}
	if (!m->address_count)
		return error_set(e, MICROREG_BAD_ARGUMENT,
				 "urls: no address in it; allowed: addresses like %s",
				 handle_default_url);
	return 0;
}

static int handle_add_header(struct microreg *m, const char *header, struct microreg_error *e)
{
	struct curl_slist *more = curl_slist_append(m->headers, header);

	if (!more)
		return error_memory(e);
	m->headers = more;
	return 0;
}

static int handle_read_token(struct microreg *m, const char *token, struct microreg_error *e)
{
	char header[HANDLE_TOKEN_MAX + 64];
	size_t len = token ? strlen(token) : 0;

	if (!len)
		return 0;
	if (len > HANDLE_TOKEN_MAX)
		return error_set(e, MICROREG_BAD_ARGUMENT, "token: of %zu bytes; allowed: %d", len,
				 HANDLE_TOKEN_MAX);
	/* The token itself is never repeated. */
	for (size_t i = 0; i < len; i++)
		if (token[i] <= ' ' || token[i] >= 0x7f)
			return error_set(e, MICROREG_BAD_ARGUMENT,
					 "token: a space or another character that no token has, "
					 "at byte %zu",
					 i);
	(void)snprintf(header, sizeof(header), "Authorization: Bearer %s", token);
	return handle_add_header(m, header, e);
}

static int handle_read_names(struct microreg *m, const struct microreg_options *o,
			     struct microreg_error *e)
{
	char host[65] = "", name[INSTANCE_TEXT_MAX + 1];

	if ((o->name &&
	     (strlen(o->name) > INSTANCE_TEXT_MAX || !instance_text_is_valid(o->name))) ||
	    (o->kind && (strlen(o->kind) > INSTANCE_TEXT_MAX || !instance_text_is_valid(o->kind))))
		return error_set(e, MICROREG_BAD_ARGUMENT,
				 "name, kind: allowed: at most %d bytes, no control characters",
				 INSTANCE_TEXT_MAX);
	(void)gethostname(host, sizeof(host) - 1); /* then it stays empty */
	(void)snprintf(name, sizeof(name), "%s:%ld", host, (long)getpid());
	m->name = strdup(o->name ? o->name : name);
	m->kind = strdup(o->kind ? o->kind : "client");
	return !m->name || !m->kind ? error_memory(e) : 0;
}

static int handle_read_files(struct microreg *m, const struct microreg_options *o,
			     struct microreg_error *e)
{
	static const char ending[] = ".consumers";
	size_t len = o->snapshot_file ? strlen(o->snapshot_file) : 0;

	if (!len)
		return 0;
	m->snapshot_file = strdup(o->snapshot_file);
	m->consumers_file = malloc(len + sizeof(ending));
	if (!m->snapshot_file || !m->consumers_file)
		return error_memory(e);
	memcpy(m->consumers_file, o->snapshot_file, len);
	memcpy(m->consumers_file + len, ending, sizeof(ending));
	return 0;
}

static int handle_copy_name(const char *name, char **out)
{
	*out = name && name[0] ? strdup(name) : NULL;
	return name && name[0] && !*out ? -1 : 0;
}

static int handle_read_tls(struct microreg *m, const struct microreg_options *o,
			   struct microreg_error *e)
{
	if (!o->cert_file != !o->key_file)
		return error_set(e, MICROREG_BAD_ARGUMENT,
				 "cert_file, key_file: one without the other; give both or none");
	if (handle_copy_name(o->ca_file ? o->ca_file : getenv("MICROREG_CA"), &m->tls.ca_file) ||
	    handle_copy_name(o->cert_file, &m->tls.cert_file) ||
	    handle_copy_name(o->key_file, &m->tls.key_file))
		return error_memory(e);
	return 0;
}

static int handle_read_options(struct microreg *m, const struct microreg_options *o,
			       struct microreg_error *e)
{
	const char *urls = o->urls, *token = o->token;

	/* The environment is read like getenv allows: programs that change it have one thread. */
	if (!urls)
		urls = getenv("MICROREG_URL");
	if (!token)
		token = getenv("MICROREG_TOKEN");
	m->timeout_ms = o->timeout_ms ? o->timeout_ms : HANDLE_TIMEOUT_DEFAULT_MS;
	if (m->timeout_ms < HANDLE_TIMEOUT_MIN_MS || m->timeout_ms > HANDLE_TIMEOUT_MAX_MS)
		return error_set(e, MICROREG_BAD_ARGUMENT, "timeout_ms: %u; allowed: %d to %d",
				 m->timeout_ms, HANDLE_TIMEOUT_MIN_MS, HANDLE_TIMEOUT_MAX_MS);
	m->on_log = o->on_log;
	m->on_change = o->on_change;
	m->arg = o->arg;
	if (handle_read_urls(m, urls && urls[0] ? urls : handle_default_url, e) ||
	    handle_read_token(m, token, e) || handle_read_names(m, o, e) ||
	    handle_read_files(m, o, e) || handle_read_tls(m, o, e) ||
	    handle_add_header(m, "Content-Type: text/xml; charset=utf-8", e) ||
	    handle_add_header(m, "User-Agent: libmicroreg/" MICROREG_VERSION, e) ||
	    handle_add_header(m, "Expect:", e))
		return -1;
	return 0;
}

/* ---- Open and close ---- */

static int handle_init_lock(struct microreg *m)
{
	pthread_condattr_t monotonic;
	int failed;

	if (pthread_mutex_init(&m->lock, NULL))
		return -1;
	failed = pthread_condattr_init(&monotonic);
	if (!failed) {
		failed = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) ||
			 pthread_cond_init(&m->changed, &monotonic);
		(void)pthread_condattr_destroy(&monotonic);
	}
	if (failed)
		(void)pthread_mutex_destroy(&m->lock);
	return failed ? -1 : 0;
}

static void handle_load_snapshot(struct microreg *m)
{
	struct err reason = {0};

	if (!m->snapshot_file)
		return;
	m->saved = snapshot_file_read(m->snapshot_file, &reason);
	if (!m->saved && reason.code != ENOENT)
		handle_log(m, MICROREG_LOG_WARN, "%s", reason.text);
	reason.code = 0;
	m->saved_consumers = consumer_file_read(m->consumers_file, &reason);
	if (!m->saved_consumers && reason.code != ENOENT)
		handle_log(m, MICROREG_LOG_WARN, "%s", reason.text);
}

static void handle_free(struct microreg *m)
{
	for (unsigned i = 0; i < m->address_count; i++) {
		free(m->addresses[i].url);
		free(m->addresses[i].shown);
	}
	curl_slist_free_all(m->headers);
	free(m->tls.ca_file);
	free(m->tls.cert_file);
	free(m->tls.key_file);
	free(m->name);
	free(m->kind);
	free(m->snapshot_file);
	free(m->consumers_file);
	microreg_snapshot_unref(&m->snapshot);
	microreg_snapshot_unref(&m->saved);
	microreg_consumers_unref(&m->consumers);
	microreg_consumers_unref(&m->saved_consumers);
	free(m);
}

struct microreg *microreg_open(const struct microreg_options *options, struct microreg_error *error)
{
	static const struct microreg_options defaults;
	struct microreg *m;

	error_clear(error);
	if (carrier_global_init() || call_global_init()) {
		(void)error_set(error, MICROREG_NO_MEMORY, "libcurl or xmlrpc-c can't start");
		return NULL;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		(void)error_memory(error);
		return NULL;
	}
	m->snapshot = snapshot_new();
	if (!m->snapshot || handle_init_lock(m)) {
		(void)error_memory(error);
		handle_free(m);
		return NULL;
	}
	if (handle_read_options(m, options ? options : &defaults, error)) {
		(void)pthread_cond_destroy(&m->changed);
		(void)pthread_mutex_destroy(&m->lock);
		handle_free(m);
		return NULL;
	}
	handle_load_snapshot(m);
	return m;
}

void microreg_close(struct microreg **registry)
{
	struct microreg *m;

	if (!registry || !*registry)
		return;
	m = *registry;
	*registry = NULL;
	(void)pthread_mutex_lock(&m->lock);
	atomic_store(&m->closing, true);
	(void)pthread_cond_broadcast(&m->changed);
	for (struct carrier *c = m->busy; c; c = c->next)
		(void)curl_multi_wakeup(c->multi); /* fails only when one is pending */
	(void)pthread_mutex_unlock(&m->lock);
	lease_close_all(m);
	watch_close(m);
	while (m->idle) {
		struct carrier *c = m->idle;

		m->idle = c->next;
		carrier_free(&c);
	}
	(void)pthread_cond_destroy(&m->changed);
	(void)pthread_mutex_destroy(&m->lock);
	handle_free(m);
}
