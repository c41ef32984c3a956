/*
 * http1_framing: the checks that need all fields of a head: whom it is for
 * (Host), where its body ends (Content-Length, Transfer-Encoding) and what
 * becomes of the connection (Connection). Whatever two readers could
 * understand differently is refused.
 */
#include "gateway/http1_parts.h"

#include <arpa/inet.h>
#include <string.h>

/* More are nobody's, and each is looked for among all fields. */
enum { HTTP1_OPTIONS_MAX = 32 };

/* The fields that decide, NULL when absent, and whether one of them came twice. */
struct http1_deciders {
	const struct http1_field *host, *length, *coding, *upgrade, *expect;
	bool connection;
};

/* RFC 3986 3.2.2, without IPvFuture and zones. */
static bool http1_is_ipv6(const char *at, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (len >= sizeof(text) || memchr(at, '\0', len))
		return false;
	memcpy(text, at, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

static bool http1_is_port(const char *at, size_t len)
{
	unsigned port = 0;

	for (size_t i = 0; i < len; i++) {
		if (!http1_char_is(at[i], HTTP1_CHAR_DIGIT))
			return false;
		port = port * 10 + (unsigned)(at[i] - '0');
		if (port > UINT16_MAX)
			return false;
	}
	return true; /* none after the colon is the scheme's (RFC 3986 3.2.3) */
}

/* A name is checked more strictly than RFC 3986 says: no escapes, no sub-delimiters. No host has
 * them, and they would come out again in logs, redirects and cache keys. */
bool http1_authority_is_valid(struct span authority)
{
	size_t host;

	if (authority.len && authority.at[0] == '[') {
		const char *close = memchr(authority.at, ']', authority.len);

		if (!close || !http1_is_ipv6(authority.at + 1, (size_t)(close - authority.at) - 1))
			return false;
		host = (size_t)(close - authority.at) + 1;
	} else {
		host = http1_run(authority.at, authority.len, HTTP1_CHAR_HOST);
		if (host == 0)
			return false;
	}
	if (host == authority.len)
		return true;
	return authority.at[host] == ':' &&
	       http1_is_port(authority.at + host + 1, authority.len - host - 1);
}

/* RFC 9112 3.2. An empty Host is allowed there for targets without an authority, of which there
 * are none here. */
static int http1_check_host(struct http1_reader *r, const struct http1_deciders *d,
			    struct http1_head *head)
{
	if (!d->host) {
		if (head->minor > 0)
			return http1_refuse(r, 400, "no Host");
		return 0;
	}
	if (!http1_authority_is_valid(d->host->value))
		return http1_refuse(r, 400, "the Host is malformed");
	if (!head->authority.at)
		head->authority = d->host->value;
	return 0;
}

/* RFC 9110 8.6: digits only; a list of the same number over and over is not worth its risk. */
static int http1_read_length(struct http1_reader *r, struct span text, uint64_t *length)
{
	uint64_t n = 0;

	if (text.len == 0 || http1_run(text.at, text.len, HTTP1_CHAR_DIGIT) != text.len)
		return http1_refuse(r, 400, "the Content-Length is malformed");
	for (size_t i = 0; i < text.len; i++) {
		unsigned digit = (unsigned)(text.at[i] - '0');

		if (n > ((uint64_t)INT64_MAX - digit) / 10)
			return http1_refuse(r, 400, "the Content-Length is too large");
		n = n * 10 + digit;
	}
	*length = n;
	return 0;
}

/* RFC 9112 6.1: only "chunked", alone, is done here. */
static int http1_check_coding(struct http1_reader *r, const struct http1_head *head,
			      struct span codings)
{
	struct span rest = codings, coding = {0};
	bool chunked = false;

	if (head->minor == 0)
		return http1_refuse(r, 400, "Transfer-Encoding in HTTP/1.0");
	if (http1_name_is(codings.at, codings.len, "chunked", 7))
		return 0;
	while (http1_list_next(&rest, &coding)) {
		if (chunked)
			return http1_refuse(r, 400, "chunked is not the last transfer coding");
		if (!http_is_token(coding.at, coding.len))
			return http1_refuse(r, 400, "the Transfer-Encoding is malformed");
		chunked = http1_name_is(coding.at, coding.len, "chunked", 7);
	}
	return http1_refuse(r, 501, "the transfer coding is not known here");
}

/* RFC 9112 6.3 for a reply; `length` was read already. */
static int http1_frame_reply(struct http1_reader *r, const struct http1_deciders *d,
			     struct http1_head *head)
{
	if (head->status < 200 || head->status == 204) {
		/* RFC 9110 8.6, RFC 9112 6.1: they must have neither; 0 says the same. */
		if (d->coding || head->content_length)
			return http1_refuse(r, 400, "a body in a reply that has none");
		return 0;
	}
	if (head->status == 304 || r->request_method == HTTP_HEAD)
		return 0;
	if (d->coding)
		head->framing = HTTP1_CHUNKED;
	else
		head->framing = d->length ? HTTP1_LENGTH : HTTP1_UNTIL_CLOSE;
	return 0;
}

static int http1_check_body(struct http1_reader *r, const struct http1_deciders *d,
			    struct http1_head *head)
{
	if (d->length && d->coding)
		return http1_refuse(r, 400, "Content-Length with Transfer-Encoding");
	if (d->length && http1_read_length(r, d->length->value, &head->content_length) < 0)
		return -1;
	if (d->coding && http1_check_coding(r, head, d->coding->value) < 0)
		return -1;
	if (r->kind == HTTP1_REPLY)
		return http1_frame_reply(r, d, head);
	if (d->coding)
		head->framing = HTTP1_CHUNKED;
	else if (d->length)
		head->framing = HTTP1_LENGTH;
	return 0;
}

/* The named fields are dropped before forwarding, but for those that say what the message is. */
static void http1_mark_hop(struct http1_head *head, struct span name)
{
	for (size_t i = 0; i < head->field_count; i++) {
		struct http1_field *field = &head->fields[i];

		if (field->known != HTTP1_HOST && field->known != HTTP1_CONTENT_LENGTH &&
		    http_equal_nocase(field->name.at, field->name.len, name.at, name.len))
			field->hop = true;
	}
}

struct http1_options {
	bool close, keep_alive, upgrade;
	unsigned count;
};

static int http1_read_options(struct http1_reader *r, struct http1_head *head, struct span rest,
			      struct http1_options *options)
{
	struct span option;

	while (http1_list_next(&rest, &option)) {
		if (++options->count > HTTP1_OPTIONS_MAX)
			return http1_refuse(r, 400, "too many Connection options");
		if (option.len == 0)
			continue; /* RFC 9110 5.6.1.2 */
		if (!http_is_token(option.at, option.len))
			return http1_refuse(r, 400, "the Connection field is malformed");
		if (http1_name_is(option.at, option.len, "close", 5))
			options->close = true;
		else if (http1_name_is(option.at, option.len, "keep-alive", 10))
			options->keep_alive = true;
		else if (http1_name_is(option.at, option.len, "upgrade", 7))
			options->upgrade = true;
		else
			http1_mark_hop(head, option);
	}
	return 0;
}

/* RFC 9112 9.3, 9.6; RFC 9110 7.6.1, 7.8, 10.1.1: 1.0 knows neither Upgrade nor Expect. */
static int http1_check_connection(struct http1_reader *r, const struct http1_deciders *d,
				  struct http1_head *head)
{
	struct http1_options options = {0};

	for (size_t i = 0; d->connection && i < head->field_count; i++)
		if (head->fields[i].known == HTTP1_CONNECTION &&
		    http1_read_options(r, head, head->fields[i].value, &options) < 0)
			return -1;
	head->keep_alive = !options.close && (head->minor > 0 || options.keep_alive) &&
			   head->framing != HTTP1_UNTIL_CLOSE;
	head->upgrade = head->minor > 0 && options.upgrade && d->upgrade;
	head->expect_continue =
		head->minor > 0 && d->expect && r->kind == HTTP1_REQUEST &&
		http_equal_nocase(d->expect->value.at, d->expect->value.len, "100-continue", 12);
	return 0;
}

static int http1_once(struct http1_reader *r, const struct http1_field **slot,
		      const struct http1_field *field, const char *mistake)
{
	if (*slot)
		return http1_refuse(r, 400, mistake);
	*slot = field;
	return 0;
}

static int http1_find_deciders(struct http1_reader *r, const struct http1_head *head,
			       struct http1_deciders *d)
{
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];
		int bad = 0;

		if (field->known == HTTP1_HOST)
			bad = http1_once(r, &d->host, field, "two Host fields");
		else if (field->known == HTTP1_CONTENT_LENGTH)
			bad = http1_once(r, &d->length, field, "two Content-Length fields");
		else if (field->known == HTTP1_TRANSFER_ENCODING)
			bad = http1_once(r, &d->coding, field, "two Transfer-Encoding fields");
		else if (field->known == HTTP1_CONNECTION)
			d->connection = true;
		else if (field->known == HTTP1_UPGRADE)
			d->upgrade = field;
		else if (field->known == HTTP1_EXPECT)
			d->expect = field;
		if (bad < 0)
			return -1;
	}
	return 0;
}

int http1_framing_check(struct http1_reader *r, struct http1_head *head)
{
	struct http1_deciders deciders = {0};

	if (http1_find_deciders(r, head, &deciders) < 0)
		return -1;
	if (r->kind == HTTP1_REQUEST && http1_check_host(r, &deciders, head) < 0)
		return -1;
	if (http1_check_body(r, &deciders, head) < 0)
		return -1;
	return http1_check_connection(r, &deciders, head);
}
