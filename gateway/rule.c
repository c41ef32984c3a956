/* rule: asks a parsed rule of one request. */
#include "gateway/rule.h"
#include "gateway/identity.h"
#include "gateway/rule_parts.h"
#include "gateway/settings_policy.h"

#include <string.h>

enum { RULE_VALUE_MAX = 8192 };

static bool rule_equal(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

static bool rule_has_scope(const struct identity *identity, struct span name)
{
	return identity && identity_lists(identity->scopes, ' ', name);
}

static const struct claim *rule_claim(const struct identity *identity, struct span name)
{
	return identity ? claims_find(identity->claims, name.at, name.len) : NULL;
}

/* A value that comes out empty is the request's lack of one. */
static bool rule_claim_is(const struct rule_node *node, const struct template_values *values)
{
	const struct claim *claim = rule_claim(values->identity, node->text);
	const char *reason;
	struct buf text;
	bool is = false;

	if (!claim)
		return false;
	buf_init(&text, RULE_VALUE_MAX);
	if (template_render(node->value, values, &text, &reason) == 0 && text.len)
		is = claim_has(claim, (struct span){text.data, text.len});
	buf_fini(&text);
	return is;
}

static bool rule_path_is(const struct rule_node *node, struct span path)
{
	if (!node->bits)
		return rule_equal(path, node->text);
	return path.len >= node->text.len && memcmp(path.at, node->text.at, node->text.len) == 0;
}

static bool rule_time_is(const struct rule_node *node, int64_t wall_ms)
{
	unsigned minute = (unsigned)(wall_ms / 60000 % (24 * 60));

	if (node->from <= node->to)
		return minute >= node->from && minute < node->to;
	return minute >= node->from || minute < node->to; /* over midnight */
}

static bool rule_node_holds(const struct rule_node *node, const struct template_values *values,
			    int64_t wall_ms)
{
	const struct identity *identity = values->identity;

	switch (node->kind) {
	case RULE_AND: /* as deep as RULE_DEPTH_MAX lets it be */
		return rule_node_holds(node->left, values, wall_ms) &&
		       rule_node_holds(node->right, values, wall_ms);
	case RULE_OR:
		return rule_node_holds(node->left, values, wall_ms) ||
		       rule_node_holds(node->right, values, wall_ms);
	case RULE_NOT:
		return !rule_node_holds(node->left, values, wall_ms);
	case RULE_KNOWN:
		return identity != NULL;
	case RULE_GROUP:
		return identity_is_of_group(identity, node->text);
	case RULE_CONSUMER:
		return identity && identity->consumer && rule_equal(identity->id, node->text);
	case RULE_SCOPE:
		return rule_has_scope(identity, node->text);
	case RULE_ISSUER:
		return identity && identity->issuer && strlen(identity->issuer) == node->text.len &&
		       memcmp(identity->issuer, node->text.at, node->text.len) == 0;
	case RULE_CLAIM:
		return rule_claim(identity, node->text) != NULL;
	case RULE_CLAIM_IS:
		return rule_claim_is(node, values);
	case RULE_CLAIM_IS_NOT:
		return !rule_claim_is(node, values);
	case RULE_METHOD:
		return (node->bits & (unsigned)values->request->method) != 0;
	case RULE_PATH:
		return rule_path_is(node, values->path);
	case RULE_TIME:
		return rule_time_is(node, wall_ms);
	case RULE_DAYS: /* 1970 began on a Thursday */
		return (node->bits >> (wall_ms / 86400000 + 4) % 7 & 1) != 0;
	}
	return false;
}

bool rule_holds(const struct rule *rule, const struct template_values *values, int64_t wall_ms)
{
	return rule_node_holds(rule->root, values, wall_ms);
}

bool rule_needs_time(const struct rule *rule)
{
	return rule->needs_time;
}

/* Could it come out as `holds` for nobody? What is asked of the request may be either. */
static bool rule_node_may_be(const struct rule_node *node, bool holds)
{
	switch (node->kind) {
	case RULE_AND:
	case RULE_OR:
		if ((node->kind == RULE_AND) == holds)
			return rule_node_may_be(node->left, holds) &&
			       rule_node_may_be(node->right, holds);
		return rule_node_may_be(node->left, holds) || rule_node_may_be(node->right, holds);
	case RULE_NOT:
		return rule_node_may_be(node->left, !holds);
	case RULE_KNOWN:
	case RULE_GROUP:
	case RULE_CONSUMER:
	case RULE_SCOPE:
	case RULE_ISSUER:
	case RULE_CLAIM:
	case RULE_CLAIM_IS:
		return !holds;
	case RULE_CLAIM_IS_NOT:
		return holds;
	case RULE_METHOD:
	case RULE_PATH:
	case RULE_TIME:
	case RULE_DAYS:
		break;
	}
	return true;
}

bool rule_needs_somebody(const struct rule *rule)
{
	return !rule_node_may_be(rule->root, true);
}

static const char *rule_node_find(const struct rule_node *node, rule_has_fn *has, const void *arg,
				  struct span *name)
{
	static const char *const kinds[] = {
		[RULE_SCOPE] = "scope",	   [RULE_ISSUER] = "issuer",	  [RULE_CLAIM] = "claim",
		[RULE_CLAIM_IS] = "claim", [RULE_CLAIM_IS_NOT] = "claim", [RULE_DAYS] = NULL};
	const char *kind = kinds[node->kind];

	if (kind && !has(arg, kind, node->text)) {
		*name = node->text;
		return kind;
	}
	kind = node->left ? rule_node_find(node->left, has, arg, name) : NULL;
	if (!kind && node->right)
		kind = rule_node_find(node->right, has, arg, name);
	return kind;
}

const char *rule_find_strange(const struct rule *rule, rule_has_fn *has, const void *arg,
			      struct span *name)
{
	return rule_node_find(rule->root, has, arg, name);
}

const char *rule_text(const struct rule *rule)
{
	return rule->text;
}
