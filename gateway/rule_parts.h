/* rule_parts: what rule_parse.c makes and rule.c asks. Nobody else's. */
#ifndef MICROREG_GATEWAY_RULE_PARTS_H
#define MICROREG_GATEWAY_RULE_PARTS_H

#include "gateway/rule.h"

enum rule_kind {
	RULE_AND = 0,
	RULE_OR,
	RULE_NOT,
	RULE_KNOWN,
	RULE_GROUP,
	RULE_CONSUMER,
	RULE_SCOPE,
	RULE_ISSUER,
	RULE_CLAIM, /* it is there */
	RULE_CLAIM_IS,
	RULE_CLAIM_IS_NOT,
	RULE_METHOD,
	RULE_PATH,
	RULE_TIME,
	RULE_DAYS,
};

struct rule_node {
	enum rule_kind kind;
	const struct rule_node *left, *right; /* of AND and OR; left of NOT */
	struct span text;		      /* the name, or the path before its star */
	const struct template *value;	      /* of CLAIM_IS and CLAIM_IS_NOT */
	unsigned bits;			      /* methods; days, Sunday first; PATH: it has a star */
	unsigned from, to;		      /* minutes of the day */
};

struct rule {
	const char *text;
	const struct rule_node *root;
	bool needs_time;
};

#endif
