/* rule_parse: recursive descent, one function for each line of the grammar:
 *
 *	either  = both { "or" both }
 *	both    = single { "and" single }
 *	single  = "not" single | "(" either ")" | term
 */
#include "common/suggest.h"
#include "gateway/rule_parts.h"

#include <stdio.h>
#include <string.h>

struct rule_parser {
	struct arena *arena;
	const struct template_scope *scope;
	const char *at;
	unsigned depth;
	char word[RULE_BYTES_MAX + 1]; /* the one at hand */
	bool quoted;
	bool needs_time;
	struct err *e;
};

static const struct rule_node *rule_either(struct rule_parser *p);

/* ---- Words ---- */

/* The next word, without taking it: what ends at white space, a bracket or an equals sign; one of
 * these; or a text in quotes. -1: a quote is not closed. The word is empty at the end. */
static int rule_peek(struct rule_parser *p, const char **after)
{
	const char *at = p->at + strspn(p->at, " \t");
	size_t len;

	p->quoted = *at == '"';
	if (p->quoted) {
		const char *end = strchr(at + 1, '"');

		if (!end)
			return err_set(p->e, "a quote is not closed");
		len = (size_t)(end - at) - 1;
		memcpy(p->word, at + 1, len);
		*after = end + 1;
	} else {
		len = strcspn(at, " \t()=\"");
		if (at[0] == '!' && at[1] == '=')
			len = 2;
		else if (len && at[len] == '=' && at[len - 1] == '!')
			len--;
		else if (!len && *at)
			len = 1;
		memcpy(p->word, at, len);
		*after = at + len;
	}
	p->word[len] = '\0';
	return 0;
}

static int rule_next(struct rule_parser *p)
{
	const char *after = p->at;

	if (rule_peek(p, &after) < 0)
		return -1;
	p->at = after;
	return 0;
}

/* Takes it when it is that one. */
static bool rule_take(struct rule_parser *p, const char *word)
{
	const char *after = p->at;

	if (rule_peek(p, &after) < 0 || p->quoted || strcmp(p->word, word) != 0)
		return false;
	p->at = after;
	return true;
}

static struct rule_node *rule_node(struct rule_parser *p, enum rule_kind kind)
{
	struct rule_node *node = arena_zalloc(p->arena, sizeof(*node));

	if (node)
		node->kind = kind;
	else
		(void)err_set(p->e, "out of memory");
	return node;
}

/* ---- Terms ---- */

static int rule_keep(struct rule_parser *p, struct rule_node *node, const char *text)
{
	char *copy = arena_strndup(p->arena, text, strlen(text));

	node->text = (struct span){copy, strlen(text)};
	return copy ? 0 : err_set(p->e, "out of memory");
}

static int rule_methods(struct rule_parser *p, struct rule_node *node, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		enum http_method method = http_method_parse(text, len);

		if (method == HTTP_OTHER)
			return err_set(p->e, "\"%.*s\" is no method; write one like GET", (int)len,
				       text);
		node->bits |= (unsigned)method;
		text += len + (text[len] == ',');
	}
	return node->bits ? 0 : err_set(p->e, "a method is missing; write method:GET");
}

static int rule_path(struct rule_parser *p, struct rule_node *node, const char *text)
{
	size_t len = strlen(text);

	if (*text != '/')
		return err_set(p->e, "\"%.100s\" is no path; write one like /a/b or /a/*", text);
	if (rule_keep(p, node, text) < 0)
		return -1;
	node->bits = text[len - 1] == '*';
	node->text.len -= node->bits;
	return 0;
}

/* "08:30", at most "24:00". */
static int rule_minute(const char *text)
{
	bool form = strspn(text, "0123456789") == 2 && text[2] == ':' &&
		    strspn(text + 3, "0123456789") == 2;
	int minute = form ? ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 +
				     text[4] - '0'
			  : -1;

	return form && text[3] < '6' && minute <= 24 * 60 ? minute : -1;
}

static int rule_time(struct rule_parser *p, struct rule_node *node, const char *text)
{
	int from = rule_minute(text);
	int to = from >= 0 && text[5] == '-' && strlen(text) == 11 ? rule_minute(text + 6) : -1;

	if (to < 0)
		return err_set(p->e, "\"%.100s\" is no time; write one like 08:00-18:00", text);
	if (from == to)
		return err_set(p->e,
			       "\"%.100s\" is no time at all; for the whole day write "
			       "00:00-24:00",
			       text);
	node->from = (unsigned)from;
	node->to = (unsigned)to;
	return 0;
}

static int rule_day(const char *text)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

	for (int i = 0; i < 7; i++)
		if (strncmp(text, names[i], 3) == 0)
			return i;
	return -1;
}

/* "mon-fri", "sat,sun". */
static int rule_days(struct rule_parser *p, struct rule_node *node, const char *text)
{
	const char *at = text;

	do {
		int from = rule_day(at), to = from;

		if (from >= 0 && at[3] == '-') {
			at += 4;
			to = rule_day(at);
		}
		if (from < 0 || to < 0 || (at[3] && at[3] != ','))
			return err_set(p->e,
				       "\"%.100s\" are no days; write some like mon-fri or sat,sun",
				       text);
		for (int day = from;; day = (day + 1) % 7) {
			node->bits |= 1u << day;
			if (day == to)
				break;
		}
		at += 3;
	} while (*at++ == ',');
	return 0;
}

static int rule_claim_term(struct rule_parser *p, struct rule_node *node, const char *text)
{
	struct err why = {0};

	if (rule_keep(p, node, text) < 0)
		return -1;
	if (rule_take(p, "="))
		node->kind = RULE_CLAIM_IS;
	else if (rule_take(p, "!="))
		node->kind = RULE_CLAIM_IS_NOT;
	else
		return 0;
	if (rule_next(p) < 0)
		return -1;
	if (!p->quoted && (!*p->word || strchr("()=", *p->word)))
		return err_set(p->e, "the value after the equals sign is missing");
	node->value = template_parse(p->arena, p->word, TEMPLATE_TEXT, p->scope, &why);
	return node->value ? 0 : err_set(p->e, "%s", why.text);
}

static const struct rule_term {
	const char *name;
	enum rule_kind kind;
	int (*read)(struct rule_parser *p, struct rule_node *node, const char *text);
} rule_terms[] = {
	{"group", RULE_GROUP, rule_keep},	{"consumer", RULE_CONSUMER, rule_keep},
	{"scope", RULE_SCOPE, rule_keep},	{"issuer", RULE_ISSUER, rule_keep},
	{"claim", RULE_CLAIM, rule_claim_term}, {"method", RULE_METHOD, rule_methods},
	{"path", RULE_PATH, rule_path},		{"time", RULE_TIME, rule_time},
	{"days", RULE_DAYS, rule_days},
};
enum { RULE_TERM_COUNT = sizeof(rule_terms) / sizeof(rule_terms[0]) };

static const struct rule_node *rule_unknown(struct rule_parser *p, const char *word)
{
	char name[64];
	struct suggest near = {.name = name};

	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, ":"), word);
	for (size_t i = 0; i < RULE_TERM_COUNT; i++)
		suggest_offer(&near, rule_terms[i].name);
	if (near.best)
		(void)err_set(p->e, "\"%.100s\" is no rule; did you mean \"%s:\"?", word,
			      near.best);
	else
		(void)err_set(p->e,
			      "\"%.100s\" is no rule; write known, group:, consumer:, scope:, "
			      "issuer:, claim:, method:, path:, time: or days:",
			      word);
	return NULL;
}

static const struct rule_node *rule_term(struct rule_parser *p)
{
	const char *text;
	struct rule_node *node;
	char *word;

	if (rule_next(p) < 0)
		return NULL;
	if (!*p->word && !p->quoted) {
		(void)err_set(p->e, "something is missing at the end");
		return NULL;
	}
	if (strcmp(p->word, "known") == 0)
		return rule_node(p, RULE_KNOWN);
	word = arena_strndup(p->arena, p->word, strlen(p->word));
	if (!word) {
		(void)err_set(p->e, "out of memory");
		return NULL;
	}
	text = strchr(word, ':');
	for (size_t i = 0; text && i < RULE_TERM_COUNT; i++) {
		const struct rule_term *term = &rule_terms[i];

		if (strlen(term->name) != (size_t)(text - word) ||
		    strncmp(term->name, word, strlen(term->name)) != 0)
			continue;
		if (!text[1]) {
			(void)err_set(p->e, "\"%s\" lacks what comes after it", word);
			return NULL;
		}
		p->needs_time |= term->kind == RULE_TIME || term->kind == RULE_DAYS;
		node = rule_node(p, term->kind);
		return node && term->read(p, node, text + 1) == 0 ? node : NULL;
	}
	return rule_unknown(p, word);
}

/* ---- The grammar ---- */

static const struct rule_node *rule_single(struct rule_parser *p)
{
	const struct rule_node *inner;
	struct rule_node *node;

	if (++p->depth > RULE_DEPTH_MAX) {
		(void)err_set(p->e, "it is nested too deeply");
		return NULL;
	}
	if (rule_take(p, "not")) {
		node = rule_node(p, RULE_NOT);
		inner = node ? rule_single(p) : NULL;
		if (inner)
			node->left = inner;
		p->depth--;
		return inner ? node : NULL;
	}
	if (!rule_take(p, "(")) {
		p->depth--;
		return rule_term(p);
	}
	inner = rule_either(p);
	p->depth--;
	if (inner && !rule_take(p, ")")) {
		(void)err_set(p->e, "a bracket is not closed");
		return NULL;
	}
	return inner;
}

static const struct rule_node *rule_join(struct rule_parser *p, enum rule_kind kind,
					 const struct rule_node *left,
					 const struct rule_node *right)
{
	struct rule_node *node = right ? rule_node(p, kind) : NULL;

	if (node) {
		node->left = left;
		node->right = right;
	}
	return node;
}

static const struct rule_node *rule_both(struct rule_parser *p)
{
	const struct rule_node *node = rule_single(p);

	while (node && rule_take(p, "and"))
		node = rule_join(p, RULE_AND, node, rule_single(p));
	return node;
}

static const struct rule_node *rule_either(struct rule_parser *p)
{
	const struct rule_node *node = rule_both(p);

	while (node && rule_take(p, "or"))
		node = rule_join(p, RULE_OR, node, rule_both(p));
	return node;
}

const struct rule *rule_parse(struct arena *arena, const char *text,
			      const struct template_scope *scope, struct err *e)
{
	struct rule_parser p = {.arena = arena, .scope = scope, .at = text, .e = e};
	struct rule *rule = arena_zalloc(arena, sizeof(*rule));

	if (strlen(text) > RULE_BYTES_MAX) {
		(void)err_set(e, "it is longer than %d bytes; write several rules", RULE_BYTES_MAX);
		return NULL;
	}
	if (rule)
		rule->text = arena_strndup(arena, text, strlen(text));
	if (!rule || !rule->text) {
		(void)err_set(e, "out of memory");
		return NULL;
	}
	rule->root = rule_either(&p);
	rule->needs_time = p.needs_time;
	if (!rule->root || rule_next(&p) < 0)
		return NULL;
	if (*p.word || p.quoted) {
		(void)err_set(e, "\"%.100s\" is too much; write `and` or `or` between two rules",
			      p.word);
		return NULL;
	}
	return rule;
}
