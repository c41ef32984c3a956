/*
 * openapi_page: the same for people: one page without a script or anything from
 * elsewhere. What stands in the settings is text here, but for `names` and
 * empty lines between paragraphs.
 */
#include "gateway/openapi_parts.h"
#include "gateway/openapi_style.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_TAGS_MAX = 512, PAGE_WORDS_MAX = 1 << 20 };

/* ---- Text ---- */

/* Failures stick in the buf, here and below. */
static void page_text_n(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '<':
			(void)buf_puts(out, "&lt;");
			break;
		case '>':
			(void)buf_puts(out, "&gt;");
			break;
		case '&':
			(void)buf_puts(out, "&amp;");
			break;
		case '"':
			(void)buf_puts(out, "&quot;");
			break;
		case '\'':
			(void)buf_puts(out, "&#39;");
			break;
		default:
			(void)buf_putc(out, text[i]);
		}
	}
}

static void page_text(struct buf *out, const char *text)
{
	page_text_n(out, text, strlen(text));
}

/* One line of words, with `names`. */
static void page_line(struct buf *out, const char *text, size_t len)
{
	while (len) {
		const char *open = memchr(text, '`', len), *close = NULL;
		size_t before = open ? (size_t)(open - text) : len;

		if (open)
			close = memchr(open + 1, '`', len - before - 1);
		if (!close) {
			page_text_n(out, text, len);
			return;
		}
		page_text_n(out, text, before);
		(void)buf_puts(out, "<code>");
		page_text_n(out, open + 1, (size_t)(close - open) - 1);
		(void)buf_puts(out, "</code>");
		len -= (size_t)(close + 1 - text);
		text = close + 1;
	}
}

/* Paragraphs, and lists of lines that begin with "- ". */
static void page_words(struct buf *out, const char *text)
{
	const char *inside = NULL; /* the element that is open */

	while (*text) {
		size_t len = strcspn(text, "\n");
		bool item = strncmp(text, "- ", 2) == 0;
		const char *wanted = !len ? NULL : item ? "ul" : "p";

		if (inside && (!wanted || strcmp(inside, wanted) != 0)) {
			(void)buf_printf(out, "</%s>\n", inside);
			inside = NULL;
		}
		if (wanted && !inside)
			(void)buf_printf(out, "<%s>", wanted);
		inside = wanted;
		(void)buf_puts(out, item ? "<li>" : "");
		page_line(out, text + (item ? 2 : 0), len - (item ? 2 : 0));
		(void)buf_puts(out, item ? "</li>\n" : len ? "\n" : "");
		text += len + (text[len] == '\n');
	}
	if (inside)
		(void)buf_printf(out, "</%s>\n", inside);
}

/* Words that a writer makes. */
static void page_made(struct buf *out, struct buf *words, const char *title)
{
	if (words->len && buf_str(words)) {
		(void)buf_puts(out, title);
		page_words(out, words->data);
	}
	out->failed |= words->failed;
	buf_reset(words);
}

/* ---- One operation ---- */

static void page_path(struct buf *out, const char *path)
{
	for (const char *at = path; *at; at++) {
		(void)buf_puts(out, *at == '{' ? "<i>" : "");
		page_text_n(out, at, 1);
		(void)buf_puts(out, *at == '}' ? "</i>" : "");
	}
}

struct page_params {
	struct buf *out;
	size_t count;
};

static void page_param(void *arg, const struct openapi_param *param)
{
	struct page_params *p = arg;
	struct buf *out = p->out;

	(void)buf_puts(out, p->count++ ? "" : "<h3>Parameters</h3>\n<dl>\n");
	(void)buf_puts(out, "<dt><code>");
	page_text(out, param->name);
	(void)buf_printf(out, "</code></dt><dd>%s, %s%s%s",
			 strcmp(param->in, "path") == 0	   ? "in the path"
			 : strcmp(param->in, "query") == 0 ? "in the query"
							   : "header",
			 param->format ? param->format : (param->type ? param->type : "any type"),
			 strcmp(param->in, "path") == 0 || !param->required ? "" : ", required",
			 param->only || param->otherwise ? ": <code>" : "");
	page_text(out, param->only ? param->only : param->otherwise ? param->otherwise : "");
	(void)buf_puts(out, param->only || param->otherwise ? "</code>" : "");
	(void)buf_puts(out, !param->only && param->otherwise ? " if it is left out" : "");
	if (param->words) {
		(void)buf_puts(out, ". ");
		page_text(out, param->words);
	}
	(void)buf_puts(out, "</dd>\n");
}

static void page_schema(struct buf *out, const char *title, const char *schema)
{
	if (!schema)
		return;
	(void)buf_printf(out, "<h3>%s</h3>\n<pre><code>", title);
	/* A line for each member, so that it can be read. */
	for (unsigned depth = 0; *schema; schema++) {
		size_t len = 1;

		if (*schema == '"') { /* a string is one, whatever is in it */
			while (schema[len] != '"')
				len += schema[len] == '\\' ? 2 : 1;
			len++;
		}
		if (strchr("}]", *schema))
			(void)buf_printf(out, "\n%*s", (int)(2 * --depth), "");
		page_text_n(out, schema, len);
		if (strchr("{[", *schema))
			depth++;
		if (strchr("{[,", *schema))
			(void)buf_printf(out, "\n%*s", (int)(2 * depth), "");
		(void)buf_puts(out, *schema == ':' ? " " : "");
		schema += len - 1;
	}
	(void)buf_puts(out, "</code></pre>\n");
}

static void page_problems(const struct settings *settings, const struct settings_route *route,
			  enum http_method method, struct buf *out)
{
	unsigned statuses[OPENAPI_STATUSES_MAX];
	size_t count = openapi_problems(settings, route, method, statuses);

	(void)buf_puts(out, "<h3>Problems</h3>\n<dl>\n");
	for (size_t i = 0; i < count; i++)
		(void)buf_printf(out, "<dt>%u</dt><dd>%s</dd>\n", statuses[i],
				 openapi_problem_words(statuses[i]));
	(void)buf_puts(out, "</dl>\n");
}

static void page_others(const struct openapi_model *model, const struct openapi_path *path,
			enum http_method method, struct buf *out)
{
	const struct settings_route *told = openapi_find(path, method);
	struct buf words;

	buf_init(&words, PAGE_WORDS_MAX);
	for (const struct openapi_route *r = path->routes; r; r = r->next) {
		if (r->route == told || !openapi_route_has(r->route, method))
			continue;
		openapi_write_when(r->route, &words);
		(void)buf_puts(&words, words.len ? ": " : "");
		if (r->route->docs.summary)
			(void)buf_printf(&words, "%s. ", r->route->docs.summary);
		openapi_write_does(model->settings, r->route, &words);
		page_made(out, &words, "<h3>Otherwise</h3>\n");
	}
	buf_fini(&words);
}

static void page_rules(const struct openapi_model *model, const struct settings_route *route,
		       struct buf *out)
{
	struct buf words;

	buf_init(&words, PAGE_WORDS_MAX);
	openapi_write_when(route, &words);
	page_made(out, &words, "<h3>Taken</h3>\n");
	openapi_write_auth(model->settings, &route->policy.auth, &words);
	page_made(out, &words, "<h3>Callers</h3>\n");
	openapi_write_limits(&route->policy.limits, &words);
	openapi_write_limits(&model->settings->rate_limits, &words);
	page_made(out, &words, "<h3>Limits</h3>\n");
	buf_fini(&words);
}

static void page_operation(const struct openapi_model *model, const struct openapi_path *path,
			   enum http_method method, struct buf *out)
{
	const struct settings_route *route = openapi_find(path, method);
	const struct settings_docs *docs = &route->docs;
	const char *name = http_method_name(method);
	struct page_params params = {.out = out};
	struct buf words;

	(void)buf_puts(out, "<details><summary><b class=\"");
	for (const char *c = name; *c; c++)
		(void)buf_putc(out, (char)(*c | 0x20));
	(void)buf_printf(out, "\">%s</b><code>", name);
	page_path(out, path->text);
	(void)buf_puts(out, "</code>");
	if (docs->summary) {
		(void)buf_puts(out, "<span>");
		page_text(out, docs->summary);
		(void)buf_puts(out, "</span>");
	}
	(void)buf_puts(out, route->policy.auth.count && !route->policy.auth.optional
				    ? "<em>needs a credential</em></summary><div>\n"
				    : "</summary><div>\n");
	if (docs->description)
		page_words(out, docs->description);
	buf_init(&words, PAGE_WORDS_MAX);
	openapi_write_does(model->settings, route, &words);
	page_made(out, &words, "");
	buf_fini(&words);
	page_rules(model, route, out);
	openapi_each_param(path, route, page_param, &params);
	(void)buf_puts(out, params.count ? "</dl>\n" : "");
	page_schema(out, "Body", docs->request);
	page_schema(out, "Answer", docs->reply);
	page_problems(model->settings, route, method, out);
	page_others(model, path, method, out);
	(void)buf_puts(out, "</div></details>\n");
}

/* ---- The whole ---- */

/* In the order in which they come; those beyond the last are not told. */
static size_t page_tags(const struct openapi_model *model, const char *tags[PAGE_TAGS_MAX])
{
	size_t count = 0;

	for (const struct openapi_path *path = model->paths; path; path = path->next)
		for (size_t m = 0; m < OPENAPI_METHODS; m++) {
			const struct settings_route *route = openapi_find(path, openapi_methods[m]);
			size_t i = 0;

			if (!route)
				continue;
			while (i < count && strcmp(tags[i], openapi_tag(route)) != 0)
				i++;
			if (i == count && count < PAGE_TAGS_MAX)
				tags[count++] = openapi_tag(route);
		}
	return count;
}

static void page_head(const struct openapi_model *model, const char *const *tags, size_t count,
		      struct buf *out)
{
	const struct settings_openapi *openapi = &model->settings->openapi;

	(void)buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
			    "<meta name=\"viewport\" content=\"width=device-width,"
			    "initial-scale=1\">\n<title>");
	page_text(out, openapi->title);
	(void)buf_puts(out, "</title>\n<style>");
	(void)buf_append(out, openapi_style, openapi_style_len);
	(void)buf_puts(out, "</style></head>\n<body><header><h1>");
	page_text(out, openapi->title);
	(void)buf_puts(out, "<small>");
	page_text(out, openapi->version);
	(void)buf_puts(out, "</small></h1>\n");
	if (openapi->description)
		page_words(out, openapi->description);
	for (size_t i = 0; i < openapi->servers.count; i++) {
		(void)buf_puts(out, "<p><code>");
		page_text(out, openapi->servers.items[i]);
		(void)buf_puts(out, "</code></p>\n");
	}
	(void)buf_puts(out, "<nav>");
	for (size_t i = 0; i < count && count > 1; i++) {
		(void)buf_printf(out, "<a href=\"#t%zu\">", i);
		page_text(out, tags[i]);
		(void)buf_puts(out, "</a>");
	}
	(void)buf_puts(out, "</nav></header>\n<main>\n");
}

void openapi_write_page(const struct openapi_model *model, struct buf *out)
{
	const char *tags[PAGE_TAGS_MAX];
	size_t count = page_tags(model, tags);

	page_head(model, tags, count, out);
	for (size_t i = 0; i < count; i++) {
		(void)buf_printf(out, "<h2 id=\"t%zu\">", i);
		page_text(out, tags[i]);
		(void)buf_puts(out, "</h2>\n");
		for (const struct openapi_path *path = model->paths; path; path = path->next)
			for (size_t m = 0; m < OPENAPI_METHODS; m++) {
				const struct settings_route *route =
					openapi_find(path, openapi_methods[m]);

				if (route && strcmp(openapi_tag(route), tags[i]) == 0)
					page_operation(model, path, openapi_methods[m], out);
			}
	}
	(void)buf_puts(out, "</main><footer>Answers that are problems are "
			    "<code>application/problem+json</code> (RFC 9457).</footer>"
			    "</body></html>\n");
}

int openapi_page_policy(char *text, size_t size)
{
	unsigned char digest[EVP_MAX_MD_SIZE], base64[2 * EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_Digest(openapi_style, openapi_style_len, digest, &len, EVP_sha256(), NULL) != 1)
		return -1;
	(void)EVP_EncodeBlock(base64, digest, (int)len);
	(void)snprintf(text, size,
		       "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
		       "form-action 'none'; frame-ancestors 'none'",
		       (const char *)base64);
	return 0;
}
