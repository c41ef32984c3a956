/* settings_join: how a composed route joins its replies: declared, or by a program. */
#include "gateway/settings_compose_parts.h"

#include "common/json_write.h"
#include "gateway/jq.h"

#include <errno.h>
#include <string.h>

enum { SETTINGS_JOIN_MAX = 64 };

static const struct settings_key settings_join_keys[] = {
	{.name = "from",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "name of a call",
	 .fallback_shown = "an empty object",
	 .help = "Whose reply, an object, the answer begins with; it is passed on as it came"},
	{.name = "set",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "map of `MEMBER: CALL` or `MEMBER: CALL.path`",
	 .help = "Members to have, and what they are; those of calls without a reply are left out"},
	{.name = "drop",
	 .type = SETTINGS_CUSTOM,
	 .custom = settings_read_later,
	 .form = "list of members",
	 .help = "Members of `from` to leave out"},
};

const struct settings_table settings_join_table = {SETTINGS_KEYS(settings_join_keys),
						   sizeof(struct settings_join), NULL};

/* A member's name as it is written, with quotes. */
static struct span settings_join_name(struct settings_calls *c, const char *name)
{
	struct json_writer j;
	struct span text = {0};
	struct buf out;

	buf_init(&out, 64 << 10);
	json_write_init(&j, &out);
	json_write_string(&j, name);
	if (buf_str(&out))
		text = (struct span){settings_table_copy(c->r, out.data), out.len};
	else
		c->r->file->no_memory = true;
	buf_fini(&out);
	return text;
}

static void settings_read_set(struct settings_calls *c, const struct settings_node *node,
			      struct settings_join *join)
{
	struct settings_join_value *set;

	if (node->kind != SETTINGS_MAP || node->count > SETTINGS_JOIN_MAX) {
		settings_file_mistake(c->r->file, node,
				      "this is no map of at most %d members; write {MEMBER: CALL}",
				      SETTINGS_JOIN_MAX);
		return;
	}
	set = settings_table_alloc(c->r, node->count, sizeof(*set));
	for (const struct settings_node *m = node->first; m && set; m = m->next) {
		struct settings_join_value *value = &set[join->set_count];
		const char *text = settings_table_text(c->r, m);

		value->name = settings_join_name(c, m->key);
		if (!text || settings_call_path(c, m, text, &value->within) < 0)
			continue;
		if (value->within.each || value->within.steps[0].kind != JSON_STEP_NAME)
			settings_file_mistake(c->r->file, m,
					      "write a call, or one place in its reply, like "
					      "order.lines[0]");
		else if (settings_find_call(c, m, value->within.steps[0].name, &value->call))
			join->set_count++;
	}
	join->set = set;
}

static void settings_read_drop(struct settings_calls *c, const struct settings_node *node,
			       struct settings_join *join)
{
	struct settings_strings names = {0};
	struct span *drop;

	settings_table_strings(c->r, node, &names);
	if (names.count > SETTINGS_JOIN_MAX) {
		settings_file_mistake(c->r->file, node, "there are %zu members; at most %d",
				      names.count, SETTINGS_JOIN_MAX);
		return;
	}
	drop = settings_table_alloc(c->r, names.count, sizeof(*drop));
	for (size_t i = 0; i < names.count && drop; i++)
		drop[i] = (struct span){names.items[i], strlen(names.items[i])};
	join->drop = drop;
	join->drop_count = drop ? names.count : 0;
}

static void settings_read_declared(struct settings_calls *c, const struct settings_node *node,
				   struct settings_join *join)
{
	const struct settings_node *from = settings_node_get(node, "from");
	const struct settings_node *set = settings_node_get(node, "set");
	const struct settings_node *drop = settings_node_get(node, "drop");
	const char *text = from ? settings_table_text(c->r, from) : NULL;

	settings_table_read(c->r, &settings_join_table, node, join); /* tells unknown keys */
	if (text)
		join->has_from =
			settings_find_call(c, from, (struct span){text, strlen(text)}, &join->from);
	if (set)
		settings_read_set(c, set, join);
	if (drop)
		settings_read_drop(c, drop, join);
	if (drop && !from)
		settings_file_mistake(c->r->file, drop, "there is no `from`; remove it");
	if (!from && !set)
		settings_file_mistake(c->r->file, node,
				      "it joins nothing; write {from: CALL, set: {MEMBER: CALL}}");
}

/* {CALL: reply, …} */
static void settings_join_all(struct settings_calls *c, struct settings_join *join)
{
	size_t count = c->scope.result_count;
	struct settings_join_value *set = settings_table_alloc(c->r, count, sizeof(*set));

	for (size_t i = 0; i < count && set; i++) {
		set[i].name = settings_join_name(c, c->scope.results[i]);
		set[i].call = i;
		set[i].within.count = 1; /* the name alone */
	}
	join->set = set;
	join->set_count = set ? count : 0;
}

/* Compiled to see that it can be; each worker compiles its own. */
void settings_read_program(struct settings_reader *r, const struct settings_node *node,
			   const char *input, struct settings_program *program)
{
	const char *text = settings_table_text(r, node), *whole;
	struct err e = {0};
	struct jq *jq;

	if (!text)
		return;
	if (strlen(text) > JQ_PROGRAM_MAX) {
		settings_file_mistake(r->file, node, "the program is longer than %d bytes",
				      JQ_PROGRAM_MAX);
		return;
	}
	whole = input ? arena_printf(r->arena, "$%s | (%s\n)", input, text)
		      : settings_table_copy(r, text);
	if (!whole) {
		r->file->no_memory = true;
		return;
	}
	jq = jq_new(whole, program->names, program->name_count, &e);
	if (!jq && e.code != ENOMEM)
		jq_explain(text, program->names, program->name_count, &e);
	if (!jq && e.code == ENOMEM)
		r->file->no_memory = true;
	else if (!jq)
		settings_file_mistake(r->file, node, "jq: %s", e.text);
	jq_free(&jq);
	program->text = whole;
}

void settings_read_join(struct settings_calls *c, const struct settings_node *node,
			struct settings_join *join)
{
	join->program = (struct settings_program){.names = c->scope.results,
						  .name_count = c->scope.result_count};
	if (!node || node->null)
		settings_join_all(c, join);
	else if (node->kind == SETTINGS_MAP)
		settings_read_declared(c, node, join);
	else
		settings_read_program(c->r, node, NULL, &join->program);
}
