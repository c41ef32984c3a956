/*
 * respond_remade: the head of what was made of a reply. Of the reply's own fields
 * those go that are about the bytes which the service sent: lengths, digests,
 * ranges, encodings, and the validators; what was made has a tag of its own.
 */
#include "gateway/client.h"
#include "gateway/http1_write.h"
#include "gateway/remake.h"
#include "gateway/respond_parts.h"
#include "gateway/route_action.h"
#include "gateway/worker.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { RESPOND_TAG_BYTES = 16, RESPOND_TAG_SIZE = 2 * RESPOND_TAG_BYTES + 3 };

bool respond_is_of_body(struct span name)
{
	static const char *const names[] = {
		"Content-Length", "Content-Encoding", "Content-MD5", "Content-Range",
		"Digest",	  "Content-Digest",   "Repr-Digest", "Accept-Ranges",
		"ETag",		  "Last-Modified",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (http_equal_nocase(name.at, name.len, names[i], strlen(names[i])))
			return true;
	return false;
}

/* The same bytes have the same one, with every gateway: a strong tag (RFC 9110 8.8.3). False:
 * there is none. */
static bool respond_make_tag(const struct exchange *x, const struct respond_remade *made,
			     char tag[RESPOND_TAG_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t at = 0;

	if (made->status != 200 || !((unsigned)x->request.method & (HTTP_GET | HTTP_HEAD)) ||
	    EVP_Digest(made->body.at, made->body.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	tag[at++] = '"';
	for (size_t i = 0; i < RESPOND_TAG_BYTES; i++) {
		tag[at++] = hex[digest[i] >> 4];
		tag[at++] = hex[digest[i] & 15];
	}
	tag[at++] = '"';
	tag[at] = '\0';
	return true;
}

static bool respond_has_date(struct span lines)
{
	while (lines.len) {
		const char *end = memchr(lines.at, '\n', lines.len);
		size_t len = end ? (size_t)(end - lines.at) + 1 : lines.len;

		if (len > 5 && http_equal_nocase(lines.at, 5, "Date:", 5))
			return true;
		lines.at += len;
		lines.len -= len;
	}
	return false;
}

void respond_remade(struct exchange *x, const struct respond_remade *made)
{
	struct buf *out = client_out(x->client);
	char tag[RESPOND_TAG_SIZE];
	bool tagged = respond_make_tag(x, made, tag);
	bool known = tagged && remake_is_known(x, tag);

	respond_start(x, known ? 304 : route_action_status(x, made->status));
	respond_lines(x, made->lines);
	if (made->type && !known)
		respond_own(x, "Content-Type", made->type);
	if (tagged)
		respond_own(x, "ETag", tag);
	if (!respond_has_date(made->lines)) /* RFC 9110 6.6.1 */
		respond_own(x, "Date", worker_date(x->worker));
	if (made->kept)
		respond_age(x, made->kept);
	else
		respond_way(x, made->minor);
	if (!known)
		http1_write_length(out, made->body.len);
	respond_finish_head(x);
	if (!x->bodiless)
		x->rest = made->body;
	client_reply_done(x->client);
}
