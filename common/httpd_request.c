/*
 * httpd_request: what a handler may ask of a request, and its answer. Only
 * the answer may come from another thread.
 */
#include "common/httpd_parts.h"
#include "common/http.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What a handler may ask ---- */

const char *httpd_method(const struct httpd_request *request)
{
	return request->method;
}

const char *httpd_path(const struct httpd_request *request)
{
	return request->path;
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *httpd_query(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool httpd_has_query(const struct httpd_request *request)
{
	return MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, NULL, NULL) >
	       0;
}

const char *httpd_body(const struct httpd_request *request, size_t *len)
{
	*len = request->body.len;
	return request->body.data ? request->body.data : "";
}

const struct sockaddr *httpd_peer(const struct httpd_request *request)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	return info->client_addr;
}

void httpd_peer_text(const struct httpd_request *request, char out[INET6_ADDRSTRLEN])
{
	const struct sockaddr *peer = httpd_peer(request);
	const void *address = NULL;

	out[0] = '\0';
	if (peer && peer->sa_family == AF_INET) {
		address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
	} else if (peer && peer->sa_family == AF_INET6) {
		const struct in6_addr *six =
			&((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;

		address = six;
		if (IN6_IS_ADDR_V4MAPPED(six)) {
			(void)inet_ntop(AF_INET, &six->s6_addr[12], out, INET6_ADDRSTRLEN);
			return;
		}
	}
	if (address && !inet_ntop(peer->sa_family, address, out, INET6_ADDRSTRLEN))
		out[0] = '\0';
}

/* RFC 4291 2.5.4: who has one IPv6 address has its whole /64. */
size_t httpd_peer_network(const struct httpd_request *request,
			  unsigned char key[HTTPD_NETWORK_SIZE])
{
	const struct sockaddr *peer = httpd_peer(request);
	const void *address;
	size_t len = 4;

	if (peer && peer->sa_family == AF_INET) {
		address = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
	} else if (peer && peer->sa_family == AF_INET6) {
		address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
		len = HTTPD_NETWORK_SIZE;
	} else {
		return 0;
	}
	memcpy(key, address, len);
	return len;
}

/* ---- The answer ---- */

void httpd_suspend(struct httpd_request *request)
{
	struct httpd *h = request->httpd;

	request->suspended = true;
	MHD_suspend_connection(request->connection);
	pthread_mutex_lock(&h->lock);
	request->next = h->suspended;
	request->link = &h->suspended;
	if (request->next)
		request->next->link = &request->next;
	h->suspended = request;
	pthread_mutex_unlock(&h->lock);
}

static bool httpd_value_is_plain(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < 0x20 || *value == 0x7f)
			return false;
	return true;
}

int httpd_add_header(struct httpd_request *request, const char *name, const char *value)
{
	struct httpd_pair *pair = &request->headers[request->header_count];

	if (request->header_count == HTTPD_HEADERS_MAX || !http_is_token(name, strlen(name)) ||
	    !httpd_value_is_plain(value))
		return -1;
	pair->name = strdup(name);
	pair->value = strdup(value);
	if (!pair->name || !pair->value) {
		free(pair->name);
		free(pair->value);
		return -1;
	}
	request->header_count++;
	return 0;
}

/* ---- Bodies that are shared ---- */

struct httpd_shared {
	atomic_uint refs;
	struct MHD_Response *response;
};

struct httpd_shared *httpd_shared_new(const char *type, const void *body, size_t len)
{
	struct httpd_shared *shared = calloc(1, sizeof(*shared));
	union {
		const void *in;
		void *out;
	} unconst = {.in = body}; /* MHD copies it */

	if (!shared)
		return NULL;
	atomic_init(&shared->refs, 1);
	shared->response = MHD_create_response_from_buffer(len, unconst.out, MHD_RESPMEM_MUST_COPY);
	if (shared->response &&
	    MHD_add_response_header(shared->response, "Content-Type", type) == MHD_YES)
		return shared;
	httpd_shared_unref(&shared);
	return NULL;
}

void httpd_shared_unref(struct httpd_shared **shared)
{
	struct httpd_shared *s = *shared;

	*shared = NULL;
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	if (s->response)
		MHD_destroy_response(s->response);
	free(s);
}

void httpd_drop_response(struct httpd_request *request)
{
	if (request->response && !request->shared)
		MHD_destroy_response(request->response);
	request->response = NULL;
	httpd_shared_unref(&request->shared);
}

/* ---- Answers ---- */

static struct MHD_Response *httpd_response(struct httpd_request *request, const char *type,
					   void *body, size_t len, bool take)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, body, take ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_MUST_COPY);
	bool ok = response != NULL;

	if (!ok && take)
		free(body);
	if (ok && type)
		ok = MHD_add_response_header(response, "Content-Type", type) == MHD_YES;
	for (unsigned i = 0; ok && i < request->header_count; i++)
		ok = MHD_add_response_header(response, request->headers[i].name,
					     request->headers[i].value) == MHD_YES;
	if (!ok && response) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return response;
}

/* True when the request was in the list. Once out of it, nobody else answers it. */
static bool httpd_unlist(struct httpd_request *request)
{
	bool listed;

	pthread_mutex_lock(&request->httpd->lock);
	listed = request->link != NULL;
	if (listed) {
		*request->link = request->next;
		if (request->next)
			request->next->link = request->link;
		request->link = NULL;
	}
	pthread_mutex_unlock(&request->httpd->lock);
	return listed;
}

/* With request->response set. */
static void httpd_finish(struct httpd_request *request, unsigned status)
{
	request->status = status;
	request->answered = true;
	if (httpd_unlist(request))
		MHD_resume_connection(request->connection); /* `request` may be gone now */
}

static void httpd_answer(struct httpd_request *request, unsigned status, const char *type,
			 void *body, size_t len, bool take)
{
	request->response = httpd_response(request, type, body, len, take);
	httpd_finish(request, status);
}

void httpd_reply_shared(struct httpd_request *request, unsigned status, struct httpd_shared *shared)
{
	atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
	request->shared = shared;
	request->response = shared->response;
	httpd_finish(request, status);
}

void httpd_reply(struct httpd_request *request, unsigned status, const char *type, const void *body,
		 size_t len)
{
	union {
		const void *in;
		void *out;
	} unconst = {.in = body}; /* MHD copies it */

	httpd_answer(request, status, type, unconst.out, len, false);
}

void httpd_reply_take(struct httpd_request *request, unsigned status, const char *type, void *body,
		      size_t len)
{
	httpd_answer(request, status, type, body, len, true);
}

void httpd_problem(struct httpd_request *request, unsigned status)
{
	char body[160];
	int n = snprintf(body, sizeof(body),
			 "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u}\n",
			 http_reason(status), status);

	httpd_reply(request, status, "application/problem+json", body, n < 0 ? 0 : (size_t)n);
}
