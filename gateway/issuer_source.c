/* issuer_source: libcurl and stdio. */
#include "gateway/issuer_source.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ISSUER_SOURCE_TIMEOUT_MS = 5000 };

int issuer_source_file(const char *file, struct buf *out, struct err *e)
{
	FILE *in = fopen(file, "rbe");
	char piece[16384];
	size_t got;
	bool ok;

	if (!in)
		return err_set(e, "%s can't be read: %s", file, strerror(errno));
	while ((got = fread(piece, 1, sizeof(piece), in)) > 0)
		(void)buf_append(out, piece, got); /* failure sticks */
	ok = !ferror(in);
	(void)fclose(in); /* it was only read */
	if (!ok)
		return err_set(e, "%s can't be read: %s", file, strerror(errno));
	return out->failed ? err_set(e, "%s is longer than %d bytes", file, ISSUER_SOURCE_MAX) : 0;
}

static size_t issuer_source_on_data(char *data, size_t size, size_t count, void *arg)
{
	return buf_append(arg, data, size * count) < 0 ? 0 : size * count;
}

static int issuer_source_on_progress(void *arg, curl_off_t all_down, curl_off_t down,
				     curl_off_t all_up, curl_off_t up)
{
	const atomic_bool *stop = arg;

	(void)all_down, (void)down, (void)all_up, (void)up; /* it is only asked whether to go on */
	return atomic_load_explicit(stop, memory_order_relaxed);
}

/* Redirects are not followed: whoever answers must not choose what is asked next. */
static void issuer_source_prepare(CURL *curl, const char *url, const atomic_bool *stop,
				  struct buf *out, char *why)
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)ISSUER_SOURCE_TIMEOUT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, issuer_source_on_data);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, issuer_source_on_progress);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, stop);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "microreg");
}

int issuer_source_url(const char *url, const atomic_bool *stop, struct buf *out, struct err *e)
{
	CURL *curl = curl_easy_init();
	char why[CURL_ERROR_SIZE] = "";
	long status = 0;
	CURLcode code;

	if (!curl)
		return err_set(e, "%s: out of memory", url);
	issuer_source_prepare(curl, url, stop, out, why);
	code = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status); /* else 0 */
	curl_easy_cleanup(curl);
	if (code != CURLE_OK)
		return err_set(e, "%s: %s", url, *why ? why : curl_easy_strerror(code));
	if (status != 200)
		return err_set(e, "%s: the answer is %ld", url, status);
	return 0;
}

/* "https://id.example.org" or ".../.well-known/openid-configuration". */
static void issuer_source_configuration(struct buf *out, const char *url)
{
	size_t len = strlen(url);

	while (len && url[len - 1] == '/')
		len--;
	(void)buf_append(out, url, len); /* failure sticks */
	if (!strstr(url, "/.well-known/"))
		(void)buf_puts(out, "/.well-known/openid-configuration");
}

static int issuer_source_read(const struct buf *text, const char *expected, char **jwks_url,
			      char **iss, struct err *e)
{
	json_t *root =
		json_loadb(text->len ? text->data : "", text->len, JSON_REJECT_DUPLICATES, NULL);
	const char *issuer = json_string_value(json_object_get(root, "issuer"));
	const char *jwks = json_string_value(json_object_get(root, "jwks_uri"));
	int result = -1;

	if (!issuer || !jwks) {
		(void)err_set(e, "the openid-configuration has no issuer or no jwks_uri");
	} else if (expected && strcmp(expected, issuer) != 0) {
		(void)err_set(e, "the openid-configuration is of \"%.200s\", not of \"%.200s\"",
			      issuer, expected);
	} else {
		*jwks_url = strdup(jwks);
		*iss = strdup(issuer);
		result = *jwks_url && *iss ? 0 : err_set(e, "out of memory");
	}
	json_decref(root);
	return result;
}

int issuer_source_discover(const char *url, const char *expected, const atomic_bool *stop,
			   char **jwks_url, char **iss, struct err *e)
{
	struct buf where, text;
	int result = -1;

	*jwks_url = *iss = NULL;
	buf_init(&where, 8192);
	buf_init(&text, ISSUER_SOURCE_MAX);
	issuer_source_configuration(&where, url);
	if (!buf_str(&where))
		(void)err_set(e, "out of memory");
	else if (issuer_source_url(buf_str(&where), stop, &text, e) == 0)
		result = issuer_source_read(&text, expected, jwks_url, iss, e);
	if (result < 0) {
		free(*jwks_url);
		free(*iss);
		*jwks_url = *iss = NULL;
	}
	buf_fini(&where);
	buf_fini(&text);
	return result;
}
