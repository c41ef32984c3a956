/* carrier: the options, the loop over one transfer, and what its end means. */
#include "client-lib/carrier.h"
#include "client-lib/error.h"
#include "common/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	CARRIER_HEADERS_MAX = 64 * 1024, /* curl would keep any number of them */
	CARRIER_POLL_MOST_MS = 1000,
};

static pthread_once_t carrier_once = PTHREAD_ONCE_INIT;
static CURLcode carrier_started; /* written once, by carrier_start */

static void carrier_start(void)
{
	carrier_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int carrier_global_init(void)
{
	(void)pthread_once(&carrier_once, carrier_start); /* fails for no reason we could give */
	return carrier_started == CURLE_OK ? 0 : -1;
}

static size_t carrier_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct carrier *c = arg;

	if (buf_append(&c->reply, data, size * count)) {
		c->too_large = true;
		return 0;
	}
	return size * count;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t carrier_on_header(char *data, size_t size, size_t count, void *arg)
{
	struct carrier *c = arg;

	(void)data; /* curl has read what matters */
	c->header_bytes += size * count;
	if (c->header_bytes > CARRIER_HEADERS_MAX) {
		c->too_large = true;
		return 0;
	}
	return size * count;
}

struct carrier *carrier_new(bool with_multi)
{
	struct carrier *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	buf_init(&c->reply, 0);
	c->easy = curl_easy_init();
	c->multi = with_multi ? curl_multi_init() : NULL;
	if (!c->easy || (with_multi && !c->multi))
		carrier_free(&c);
	return c;
}

void carrier_free(struct carrier **carrier)
{
	struct carrier *c = *carrier;

	if (!c)
		return;
	if (c->easy)
		curl_easy_cleanup(c->easy);
	if (c->multi)
		(void)curl_multi_cleanup(c->multi); /* nothing is in it */
	buf_fini(&c->reply);
	free(c);
	*carrier = NULL;
}

static bool carrier_has_token(const struct curl_slist *headers)
{
	for (; headers; headers = headers->next)
		if (strncmp(headers->data, "Authorization:", 14) == 0)
			return true;
	return false;
}

int carrier_prepare(struct carrier *c, const struct carrier_request *request)
{
	CURL *easy = c->easy;
	CURLcode failed = CURLE_OK;

	buf_fini(&c->reply);
	buf_init(&c->reply, request->reply_max);
	c->header_bytes = 0;
	c->too_large = false;
	c->shows_token = carrier_has_token(request->headers);
	c->text[0] = '\0';
#define CARRIER_SET(option, value)                                      \
	do {                                                            \
		if (!failed)                                            \
			failed = curl_easy_setopt(easy, option, value); \
	} while (0)
	CARRIER_SET(CURLOPT_URL, request->url);
	CARRIER_SET(CURLOPT_POSTFIELDS, request->body);
	CARRIER_SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
	CARRIER_SET(CURLOPT_HTTPHEADER, request->headers);
	CARRIER_SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
	CARRIER_SET(CURLOPT_WRITEFUNCTION, carrier_on_body);
	CARRIER_SET(CURLOPT_WRITEDATA, c);
	CARRIER_SET(CURLOPT_HEADERFUNCTION, carrier_on_header);
	CARRIER_SET(CURLOPT_HEADERDATA, c);
	CARRIER_SET(CURLOPT_ERRORBUFFER, c->text);
	CARRIER_SET(CURLOPT_PRIVATE, c);
	CARRIER_SET(CURLOPT_NOSIGNAL, 1L);
	CARRIER_SET(CURLOPT_FOLLOWLOCATION, 0L);
	CARRIER_SET(CURLOPT_PROXY, "");
	CARRIER_SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	CARRIER_SET(CURLOPT_PROTOCOLS_STR, "http,https");
	/* RFC 8996: nothing before TLS 1.2. NULL is curl's own default. */
	CARRIER_SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (request->tls->ca_file)
		CARRIER_SET(CURLOPT_CAINFO, request->tls->ca_file);
	CARRIER_SET(CURLOPT_SSLCERT, request->tls->cert_file);
	CARRIER_SET(CURLOPT_SSLKEY, request->tls->key_file);
	CARRIER_SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	CARRIER_SET(CURLOPT_TCP_KEEPALIVE, 1L);
	/* Else closing would wait for a name server that does not answer. */
	CARRIER_SET(CURLOPT_QUICK_EXIT, 1L);
#undef CARRIER_SET
	return failed ? -1 : 0;
}

/* True when the transfer is over. */
static bool carrier_is_done(CURLM *multi, CURLcode *code)
{
	int left;
	CURLMsg *message = curl_multi_info_read(multi, &left);

	if (!message || message->msg != CURLMSG_DONE)
		return false;
	*code = message->data.result;
	return true;
}

CURLcode carrier_run(struct carrier *c, uint64_t deadline_ms, const atomic_bool *closing)
{
	CURLcode code = CURLE_FAILED_INIT;

	if (curl_multi_add_handle(c->multi, c->easy) != CURLM_OK)
		return CURLE_OUT_OF_MEMORY;
	for (;;) {
		uint64_t now = clock_ms();
		int running, wait;

		if (curl_multi_perform(c->multi, &running) != CURLM_OK) {
			code = CURLE_OUT_OF_MEMORY;
			break;
		}
		if (carrier_is_done(c->multi, &code))
			break;
		if (atomic_load(closing)) {
			code = CURLE_ABORTED_BY_CALLBACK;
			break;
		}
		if (now >= deadline_ms) {
			code = CURLE_OPERATION_TIMEDOUT;
			break;
		}
		wait = deadline_ms - now < CARRIER_POLL_MOST_MS ? (int)(deadline_ms - now)
								: CARRIER_POLL_MOST_MS;
		if (curl_multi_poll(c->multi, NULL, 0, wait, NULL) != CURLM_OK) {
			code = CURLE_OUT_OF_MEMORY;
			break;
		}
	}
	/* A transfer that is not over loses its connection here. */
	(void)curl_multi_remove_handle(c->multi, c->easy); /* it was added above */
	return code;
}

static int carrier_judge_status(const struct carrier *c, struct microreg_error *e)
{
	long status = 0;

	(void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status); /* stays 0 at worst */
	if (status == 200)
		return 0;
	if (status == 401 || status == 403) {
		(void)error_set(e, MICROREG_DENIED, "%s",
				status == 403 ? "the token may not do this (HTTP 403)"
				: c->shows_token
					? "the registry does not know this token (HTTP 401)"
					: "the registry wants a token (HTTP 401); set "
					  "MICROREG_TOKEN");
		if (e)
			e->fault = (int)status;
		return -1;
	}
	if (status >= 300 && status < 400)
		return error_set(e, MICROREG_BAD_REPLY,
				 "answers with a redirect (HTTP %ld), which is not followed",
				 status);
	return error_set(e, MICROREG_BAD_REPLY, "answers HTTP %ld; is it a MicroReg registry?",
			 status);
}

int carrier_judge(const struct carrier *c, CURLcode code, uint64_t waited_ms,
		  struct microreg_error *e)
{
	long number = 0;
	char reason[128];

	if (c->too_large)
		return error_set(e, MICROREG_BAD_REPLY, "answers more than %zu bytes",
				 c->reply.max);
	switch ((int)code) {
	case CURLE_OK:
		return carrier_judge_status(c, e);
	case CURLE_COULDNT_RESOLVE_HOST:
		return error_set(e, MICROREG_UNREACHABLE, "no such host name");
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &number); /* stays 0 at worst */
		return error_set(e, MICROREG_UNREACHABLE, "%s",
				 number ? strerror_r((int)number, reason, sizeof(reason))
					: "can't be connected to");
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return error_set(e, MICROREG_UNREACHABLE,
				 "its certificate is not trusted: %s; name a file with its CA in "
				 "MICROREG_CA",
				 c->text[0] ? c->text : curl_easy_strerror(code));
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
		return error_set(e, MICROREG_UNREACHABLE, "no TLS with it: %s",
				 c->text[0] ? c->text : curl_easy_strerror(code));
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(e, MICROREG_TIMEOUT, "no answer within %llu ms",
				 (unsigned long long)waited_ms);
	case CURLE_ABORTED_BY_CALLBACK:
		return error_set(e, MICROREG_CLOSED, "the handle is being closed");
	case CURLE_OUT_OF_MEMORY:
		return error_memory(e);
	default:
		return error_set(e, MICROREG_BAD_REPLY, "%s",
				 c->text[0] ? c->text : curl_easy_strerror(code));
	}
}
