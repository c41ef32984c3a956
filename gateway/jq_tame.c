/*
 * jq_tame: what a program calls, from its text alone. Only what is known to
 * walk over its input, and no further, is tame; whatever is not known is not.
 *
 * Not tame: what makes values out of nothing (range, repeat, until, input …), a
 * function that calls itself, regular expressions, which may backtrack for
 * ever, `*`, which repeats strings, and a list's index that is computed where
 * something is assigned or deleted: `.[1e9] = 0` fills memory.
 *
 * Nor is what a value can make run long within one instruction, where nothing
 * stops it, or bring down: `-`, contains and inside compare all elements with
 * all others; libjq 1.6 never comes back from index(""), and ends the process
 * by `%` of the least integer and -1 and by todate of a date out of range.
 */
#include "gateway/jq.h"

#include <string.h>

enum { TAME_DEPTH_MAX = 64, TAME_NAMES_MAX = 64 };

static const char *const tame_builtins[] = {
	"add",
	"all",
	"any",
	"arrays",
	"ascii_downcase",
	"ascii_upcase",
	"booleans",
	"ceil",
	"del",
	"empty",
	"endswith",
	"error",
	"explode",
	"fabs",
	"first",
	"flatten",
	"floor",
	"from_entries",
	"fromdate",
	"fromdateiso8601",
	"fromjson",
	"getpath",
	"group_by",
	"has",
	"in",
	"INDEX",
	"isnan",
	"isnormal",
	"isvalid",
	"iterables",
	"join",
	"keys",
	"keys_unsorted",
	"last",
	"leaf_paths",
	"length",
	"limit",
	"ltrimstr",
	"map",
	"map_values",
	"max",
	"max_by",
	"min",
	"min_by",
	"not",
	"now",
	"nth",
	"nulls",
	"numbers",
	"objects",
	"path",
	"paths",
	"recurse",
	"reverse",
	"round",
	"rtrimstr",
	"scalars",
	"select",
	"sort",
	"sort_by",
	"sqrt",
	"startswith",
	"strings",
	"to_entries",
	"toarray",
	"tojson",
	"tonumber",
	"tostring",
	"transpose",
	"trunc",
	"type",
	"unique",
	"unique_by",
	"utf8bytelength",
	"values",
	"walk",
	"with_entries",
};

static const char *const tame_words[] = {
	"and",	 "as",	  "catch", "elif", "else",   "end",  "false", "foreach", "if",
	"label", "break", "null",  "or",   "reduce", "then", "true",  "try",
};

/* Whose index may be any value. */
static const char *const tame_paths[] = {"getpath", "nth"};

static const char *const tame_formats[] = {"text", "json", "csv", "tsv",
					   "html", "uri",  "sh",  "base64"};

struct tame {
	const char *at;
	char open[TAME_DEPTH_MAX]; /* brackets; '"': code within a string */
	size_t depth;
	/* Functions of the program: those whose body is being read last. */
	struct {
		const char *at;
		size_t len;
		bool open;
		size_t depth;
	} names[TAME_NAMES_MAX];
	size_t name_count;
	bool assigns, computes_index;
	char before; /* the last character that says what stands before: see tame_index */
};

static bool tame_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool tame_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t tame_name_len(const char *at)
{
	size_t len = 0;

	while (tame_is_letter(at[len]) || tame_is_digit(at[len]))
		len++;
	return len;
}

static const char *tame_space(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r' || *at == '#')
		at += *at == '#' ? strcspn(at, "\n") : 1;
	return at;
}

static bool tame_is_in(const char *const *list, size_t count, const char *at, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == len && memcmp(list[i], at, len) == 0)
			return true;
	return false;
}
#define TAME_IS_IN(list, at, len) tame_is_in((list), sizeof(list) / sizeof((list)[0]), (at), (len))

static bool tame_push(struct tame *t, char c)
{
	if (t->depth == TAME_DEPTH_MAX)
		return false;
	t->open[t->depth++] = c;
	return true;
}

/* Behind a quote: to the end of the string, or to code within it. */
static bool tame_string(struct tame *t)
{
	for (; *t->at; t->at++) {
		if (*t->at == '"') {
			t->at++;
			t->before = '"';
			return true;
		}
		if (*t->at != '\\')
			continue;
		t->at++;
		if (*t->at == '(') {
			t->at++;
			t->before = '(';
			return tame_push(t, '"');
		}
		if (!*t->at)
			return false;
	}
	return false;
}

/* ---- Names ---- */

static bool tame_declare(struct tame *t, const char *at, size_t len, bool open)
{
	if (t->name_count == TAME_NAMES_MAX || !len)
		return false;
	t->names[t->name_count].at = at;
	t->names[t->name_count].len = len;
	t->names[t->name_count].open = open;
	t->names[t->name_count++].depth = t->depth;
	return true;
}

/* Behind `def`: its name and parameters, which are functions too. */
static bool tame_def(struct tame *t)
{
	size_t len;

	t->at = tame_space(t->at);
	len = tame_name_len(t->at);
	if (!tame_declare(t, t->at, len, true))
		return false;
	t->at = tame_space(t->at + len);
	while (*t->at && *t->at != ':') {
		len = tame_name_len(t->at);
		if (len && t->at[-1] != '$' && !tame_declare(t, t->at, len, false))
			return false;
		t->at += len ? len : 1;
	}
	t->before = ':';
	return *t->at++ == ':';
}

/* A ';' ends the innermost body that began at this depth. */
static void tame_end_def(struct tame *t)
{
	for (size_t i = t->name_count; i-- > 0;)
		if (t->names[i].open && t->names[i].depth == t->depth) {
			t->names[i].open = false;
			return;
		}
}

/* {name: …}, {name}, {name, …} */
static bool tame_is_member(const struct tame *t, const char *end)
{
	end = tame_space(end);
	return t->depth && t->open[t->depth - 1] == '{' && (t->before == '{' || t->before == ',') &&
	       (*end == ':' || *end == ',' || *end == '}');
}

/* With two arguments it splits by a regular expression. */
static bool tame_has_two_arguments(const char *at)
{
	size_t depth = 0;

	at = tame_space(at);
	if (*at != '(')
		return false;
	for (; *at; at++) {
		if (*at == '(')
			depth++;
		else if (*at == ')' && --depth == 0)
			return false;
		else if (*at == ';' && depth == 1)
			return true;
	}
	return true;
}

static bool tame_call(struct tame *t, const char *name, size_t len)
{
	bool known = false;

	for (size_t i = t->name_count; i-- > 0;)
		if (t->names[i].len == len && memcmp(t->names[i].at, name, len) == 0) {
			if (t->names[i].open)
				return false;
			known = true;
		}
	if (known)
		return true;
	if (len == 5 && memcmp(name, "split", 5) == 0)
		return !tame_has_two_arguments(name + len);
	if (len == 7 && memcmp(name, "recurse", 7) == 0)
		return *tame_space(name + len) != '(';
	t->assigns |= len == 3 && memcmp(name, "del", 3) == 0;
	t->computes_index |= TAME_IS_IN(tame_paths, name, len);
	return TAME_IS_IN(tame_builtins, name, len);
}

static bool tame_name(struct tame *t)
{
	const char *name = t->at;
	size_t len = tame_name_len(name);
	char before = t->before;

	t->at += len;
	if (before == '.' || before == '$') {
		t->before = before == '$' ? 'v' : 'n';
		return true;
	}
	if (before == '@') {
		t->before = 'n';
		return TAME_IS_IN(tame_formats, name, len);
	}
	if (tame_is_member(t, t->at)) {
		t->before = 'n';
		return true;
	}
	if (len == 3 && memcmp(name, "def", 3) == 0)
		return tame_def(t);
	if (TAME_IS_IN(tame_words, name, len)) {
		t->before = 'w';
		return true;
	}
	t->before = 'n';
	return tame_call(t, name, len);
}

/* ---- Operators ---- */

/* Behind a '[' that follows a value: .[], .[0] and .["a"] are known, and nothing is assigned to
 * where a variable points. */
static void tame_index(struct tame *t, char before)
{
	const char *at = tame_space(t->at);
	size_t digits = 0;

	if (!before || !strchr("n.])?\"", before))
		return;
	if (*at == '"') {
		at++;
		at += strcspn(at, "\"\\");
		at += *at == '"';
	} else {
		at += *at == '-';
		while (tame_is_digit(at[digits]))
			digits++;
		at += digits;
	}
	if (*tame_space(at) != ']' || digits > 4)
		t->computes_index = true;
}

/* `=` and its kin, but no comparison. */
static bool tame_is_assignment(const char *start, const char *at)
{
	if (at[1] == '=')
		return false;
	return at == start || !strchr("=!<>", at[-1]);
}

static bool tame_operator(struct tame *t, const char *start)
{
	char c = *t->at, before = t->before;

	if (c == '*' || c == '%' || (c == '-' && !tame_is_digit(*tame_space(t->at + 1))))
		return false;
	if (c == '=' && tame_is_assignment(start, t->at))
		t->assigns = true;
	t->at++;
	t->before = c;
	if (c == '(' || c == '[' || c == '{') {
		if (c == '[')
			tame_index(t, before);
		return tame_push(t, c);
	}
	if (c == ')' || c == ']' || c == '}') {
		if (!t->depth)
			return false;
		if (t->open[--t->depth] == '"')
			return tame_string(t);
	}
	if (c == ';')
		tame_end_def(t);
	return true;
}

static void tame_number(struct tame *t)
{
	while (tame_is_digit(*t->at) || *t->at == '.' || *t->at == 'e' || *t->at == 'E' ||
	       ((*t->at == '+' || *t->at == '-') && (t->at[-1] == 'e' || t->at[-1] == 'E')))
		t->at++;
	t->before = '0';
}

bool jq_text_is_tame(const char *text)
{
	struct tame t = {.at = text};
	bool good = true;

	for (t.at = tame_space(t.at); good && *t.at; t.at = tame_space(t.at)) {
		if (*t.at == '"') {
			t.at++;
			good = tame_string(&t);
		} else if (tame_is_letter(*t.at)) {
			good = tame_name(&t);
		} else if (tame_is_digit(*t.at)) {
			tame_number(&t);
		} else {
			good = tame_operator(&t, text);
		}
	}
	return good && !t.depth && !(t.assigns && t.computes_index);
}
