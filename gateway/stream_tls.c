/* stream_tls: SSL_read and SSL_write, with their wishes turned into edges. */
#include "gateway/stream_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

/* What a call that gave nothing means. Whichever direction it waits for, the next event of either
 * kind makes both be tried again (stream_note). */
static enum stream_result stream_tls_result(struct stream *s, int result, bool *flag)
{
	switch (SSL_get_error(s->tls, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		*flag = false;
		return STREAM_WAIT;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_END;
	default:
		return STREAM_BROKEN;
	}
}

enum stream_result stream_tls_read(struct stream *s, struct buf *in, char *to, size_t room)
{
	size_t n = 0;
	int result;

	ERR_clear_error(); /* what others left would be taken for ours */
	result = SSL_read_ex(s->tls, to, room, &n);
	if (result <= 0)
		return stream_tls_result(s, result, &s->readable);
	in->len += n;
	return STREAM_OK;
}

enum stream_result stream_tls_write(struct stream *s, struct buf *out, size_t *at, uint64_t *sent)
{
	while (*at < out->len) {
		size_t n = 0;
		int result;

		ERR_clear_error();
		result = SSL_write_ex(s->tls, out->data + *at, out->len - *at, &n);
		if (result <= 0)
			return stream_tls_result(s, result, &s->writable);
		*at += n;
		*sent += n;
	}
	buf_reset(out);
	*at = 0;
	return STREAM_OK;
}

void stream_tls_shutdown(struct stream *s)
{
	ERR_clear_error();
	if (SSL_is_init_finished(s->tls))
		(void)SSL_shutdown(s->tls); /* 0: the peer's own end is not waited for */
	ERR_clear_error();
}
