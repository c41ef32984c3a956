/*
 * httpd: the wrapper around libmicrohttpd.
 *
 * One request passes these states, all on the MHD thread that owns its
 * connection but for the answer of a suspended one, which any thread gives:
 *
 *   head -> body -> handler -> answered -> queued -> completed (freed)
 *                      \-> suspended -/
 *
 * MHD forbids to queue an answer from another thread, so httpd_reply keeps it
 * and resumes the connection; MHD then calls httpd_access again, which queues.
 */
#include "common/httpd_parts.h"
#include "common/daemon.h"
#include "common/inherited.h"
#include "common/listen.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	/* Of a body that is too long, this much is read and dropped, so that its sender, who reads
	 * only afterwards, sees the 413 and no reset. */
	HTTPD_DRAIN_MAX = 8 << 20,
	HTTPD_POOL_BYTES = 32 << 10, /* MHD's own default */
	/* httpd_stop waits so long for answers to leave. */
	HTTPD_LINGER_MS = 1000,
};

/* ---- What MHD calls ---- */

static struct httpd_request *httpd_request_new(struct httpd *h, struct MHD_Connection *connection,
					       const char *method, const char *path)
{
	struct httpd_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->httpd = h;
	request->connection = connection;
	request->method = method;
	request->path = path;
	buf_init(&request->body, h->options.body_max_bytes);
	return request;
}

/* A body declared so long that it won't be drained, or whose sender waits for leave to send it,
 * is answered before it comes. MHD then closes the connection. */
static bool httpd_refuses_early(const struct httpd_request *request)
{
	const char *length = httpd_header(request, "Content-Length");
	unsigned long long declared;

	if (!length)
		return false;
	errno = 0;
	declared = strtoull(length, NULL, 10); /* MHD has checked that it is a number */
	if (errno == ERANGE)
		return true;
	if (declared <= request->httpd->options.body_max_bytes)
		return false;
	return declared > HTTPD_DRAIN_MAX || httpd_header(request, "Expect");
}

static enum MHD_Result httpd_queue(struct httpd_request *request)
{
	enum MHD_Result result;

	if (!request->response)
		return MHD_NO; /* out of memory: the connection is closed */
	result = MHD_queue_response(request->connection, request->status, request->response);
	httpd_drop_response(request); /* MHD holds its own reference */
	request->queued = true;
	return result;
}

static enum MHD_Result httpd_take_body(struct httpd_request *request, const char *data, size_t len)
{
	if (!request->too_large && len > request->body.max - request->body.len) {
		request->too_large = true;
		buf_fini(&request->body);
	}
	if (!request->too_large)
		return buf_append(&request->body, data, len) == 0 ? MHD_YES : MHD_NO;
	request->dropped += len;
	return request->dropped <= HTTPD_DRAIN_MAX ? MHD_YES : MHD_NO;
}

static enum MHD_Result httpd_handle(struct httpd_request *request)
{
	struct httpd *h = request->httpd;
	bool stopping;

	request->handled = true;
	pthread_mutex_lock(&h->lock);
	stopping = h->stopping;
	h->busy++;
	h->in_handler++;
	pthread_mutex_unlock(&h->lock);
	if (h->options.tls.cert && !httpd_tls_trusts(request->connection))
		httpd_problem(request, 403);
	else if (request->too_large)
		httpd_problem(request, 413);
	else if (stopping)
		httpd_problem(request, 503);
	else
		h->options.handler(h->options.arg, request);
	/* A suspended request may have been answered by now, but MHD looks at it again only on
	 * this thread, so it can't be gone. */
	pthread_mutex_lock(&h->lock);
	h->in_handler--;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
	if (request->suspended)
		return MHD_YES;
	if (!request->answered)
		httpd_problem(request, 500);
	return httpd_queue(request);
}

static enum MHD_Result httpd_access(void *arg, struct MHD_Connection *connection, const char *path,
				    const char *method, const char *version, const char *data,
				    size_t *len, void **slot)
{
	struct httpd_request *request = *slot;

	(void)version; /* MHD refuses others than 1.x */
	if (!request) {
		request = *slot = httpd_request_new(arg, connection, method, path);
		if (!request)
			return MHD_NO;
		if (!httpd_refuses_early(request))
			return MHD_YES;
		request->too_large = true;
		return httpd_handle(request);
	}
	if (*len) {
		enum MHD_Result result = httpd_take_body(request, data, *len);

		*len = 0;
		return result;
	}
	if (!request->handled)
		return httpd_handle(request);
	return request->queued ? MHD_YES : httpd_queue(request);
}

static void httpd_completed(void *arg, struct MHD_Connection *connection, void **slot,
			    enum MHD_RequestTerminationCode code)
{
	struct httpd *h = arg;
	struct httpd_request *request = *slot;

	(void)connection;
	(void)code;
	if (!request)
		return;
	*slot = NULL;
	if (request->handled) {
		pthread_mutex_lock(&h->lock);
		h->busy--;
		pthread_cond_broadcast(&h->changed);
		pthread_mutex_unlock(&h->lock);
	}
	httpd_drop_response(request);
	for (unsigned i = 0; i < request->header_count; i++) {
		free(request->headers[i].name);
		free(request->headers[i].value);
	}
	buf_fini(&request->body);
	free(request);
}

static void httpd_log(void *arg, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static void httpd_log(void *arg, const char *format, va_list args)
{
	char text[400];
	int n = vsnprintf(text, sizeof(text), format, args);

	(void)arg;
	if (n <= 0)
		return;
	text[strcspn(text, "\r\n")] = '\0';
	log_debug("libmicrohttpd: %s", text);
}

/* ---- Start and stop ---- */

/* RFC 8996: nothing before TLS 1.2. Not const: MHD's options are not. */
static char httpd_priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

enum { HTTPD_MORE_MAX = 8 };

/* Those that are not always there. */
static void httpd_more_options(struct httpd *h, struct MHD_OptionItem more[HTTPD_MORE_MAX])
{
	const struct httpd_options *o = &h->options;
	size_t n = 0;

	/* A pool of one is refused by MHD: that is what it does without one. */
	if (o->threads > 1)
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE,
						    (intptr_t)o->threads, NULL};
	if (o->connections_per_address)
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT,
						    (intptr_t)o->connections_per_address, NULL};
	if (o->tls.cert) {
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, o->tls.cert};
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, o->tls.key};
		more[n++] =
			(struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, httpd_priorities};
		more[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_CONNECTION,
						    (intptr_t)httpd_tls_notify, h};
	}
	more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

static struct MHD_Daemon *httpd_start_daemon(struct httpd *h, int fd)
{
	const struct httpd_options *o = &h->options;
	struct MHD_OptionItem more[HTTPD_MORE_MAX] = {{MHD_OPTION_END, 0, NULL}};
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
			 MHD_USE_ERROR_LOG;

	if (o->tls.cert)
		flags |= MHD_USE_TLS;
	httpd_more_options(h, more);
	return MHD_start_daemon(
		flags, 0, NULL, NULL, httpd_access, h, MHD_OPTION_EXTERNAL_LOGGER, httpd_log, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, httpd_completed, h,
		MHD_OPTION_CONNECTION_LIMIT, o->connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
		o->idle_timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		o->pool_bytes ? o->pool_bytes : (size_t)HTTPD_POOL_BYTES,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

static int httpd_init(struct httpd *h)
{
	pthread_condattr_t attr;
	int result = -1;

	if (pthread_condattr_init(&attr))
		return -1;
	if (pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 &&
	    pthread_cond_init(&h->changed, &attr) == 0) {
		result = pthread_mutex_init(&h->lock, NULL) ? -1 : 0;
		if (result)
			(void)pthread_cond_destroy(&h->changed);
	}
	(void)pthread_condattr_destroy(&attr);
	return result;
}

static void httpd_free(struct httpd *h)
{
	httpd_tls_fini(&h->options.tls);
	httpd_credentials_unref(&h->credentials);
	(void)pthread_mutex_destroy(&h->lock);
	(void)pthread_cond_destroy(&h->changed);
	free(h);
}

static int httpd_listen(struct httpd *h, struct err *e)
{
	const struct httpd_options *o = &h->options;
	int fd = o->inherited ? inherited_take(o->inherited, o->address, o->port) : -1;

	if (fd < 0)
		return listen_open(o->address, o->port, false, &h->port, e);
	h->shared = true;
	h->port = listen_port(fd);
	return fd;
}

struct httpd *httpd_start(const struct httpd_options *options, struct err *e)
{
	struct httpd *h = calloc(1, sizeof(*h));
	int fd;

	if (!h || httpd_init(h)) {
		struct httpd_tls tls = options->tls;

		httpd_tls_fini(&tls);
		free(h);
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "out of memory");
		return NULL;
	}
	h->options = *options;
	if (h->options.tls.cert && httpd_set_tls(h, &h->options.tls, e) < 0)
		goto fail;
	fd = httpd_listen(h, e);
	if (fd < 0)
		goto fail;
	h->daemon = httpd_start_daemon(h, fd);
	h->options.address = NULL; /* borrowed for the start only */
	h->options.inherited = NULL;
	h->listen_fd = fd;
	if (h->daemon)
		return h;
	(void)close(fd);
	(void)err_code(e, DAEMON_EXIT_SYSTEM,
		       "can't start %u threads to serve %s port %u with %u connections: the system "
		       "refused memory, threads or descriptors",
		       options->threads, options->address, options->port, options->connections_max);
fail:
	httpd_free(h);
	return NULL;
}

void httpd_quiesce(struct httpd *httpd)
{
	if (httpd->shared)
		return;
	/* Shut down, it refuses new connections. Not MHD_quiesce_daemon (0.9.75): it takes the
	 * socket out of its threads' epoll while they do the same, and who comes second aborts the
	 * process. */
	(void)shutdown(httpd->listen_fd, SHUT_RDWR); /* best effort: stop comes soon */
}

int httpd_share(struct httpd *httpd)
{
	httpd->shared = true;
	return httpd->listen_fd;
}

uint16_t httpd_port(const struct httpd *httpd)
{
	return httpd->port;
}

/* MHD_stop_daemon aborts the process while a connection is suspended. */
static void httpd_answer_suspended(struct httpd *h)
{
	struct httpd_request *request;

	for (;;) {
		pthread_mutex_lock(&h->lock);
		while (h->in_handler > 0)
			pthread_cond_wait(&h->changed, &h->lock);
		request = h->suspended;
		pthread_mutex_unlock(&h->lock);
		if (!request)
			return;
		httpd_problem(request, 503);
	}
}

/* MHD_stop_daemon cuts answers that are on their way. */
static void httpd_linger(struct httpd *h)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until); /* can't fail */
	until.tv_sec += HTTPD_LINGER_MS / 1000;
	pthread_mutex_lock(&h->lock);
	while (h->busy > 0)
		if (pthread_cond_timedwait(&h->changed, &h->lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&h->lock);
}

/* MHD_stop_daemon (0.9.75) shuts the listening socket of a thread pool down, for all who hold it:
 * it gets another one to do that to. */
static void httpd_keep_socket(struct httpd *h)
{
	int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (other < 0 || dup3(other, h->listen_fd, O_CLOEXEC) < 0)
		log_warn("the listening socket on port %u can't be kept open for others: %s",
			 (unsigned)h->port, strerror(errno));
	if (other >= 0)
		(void)close(other); /* its copy lives on */
}

void httpd_stop(struct httpd **httpd)
{
	struct httpd *h = *httpd;

	if (!h)
		return;
	*httpd = NULL;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_mutex_unlock(&h->lock);
	httpd_quiesce(h);
	httpd_answer_suspended(h);
	httpd_linger(h);
	if (h->shared)
		httpd_keep_socket(h);
	MHD_stop_daemon(h->daemon);
	httpd_free(h);
}
