/* caller: reads what proxies tell, from the end. */
#include "gateway/caller.h"
#include "common/cidr.h"
#include "gateway/client.h"
#include "gateway/exchange.h"
#include "gateway/http1_parts.h"
#include "gateway/worker.h"

#include <string.h>

enum { CALLER_HOPS_MAX = 32 }; /* proxies in a row; what is before them is not looked at */

bool caller_is_in(const struct caller *caller, const struct settings_networks *networks)
{
	return cidr_has(networks->items, networks->count, caller->bytes);
}

/* ---- One address ---- */

/* "10.0.0.1", "10.0.0.1:80", "2001:db8::1", "[2001:db8::1]:80". False for "unknown", "_hidden"
 * and whatever else is no address. */
static bool caller_parse(struct caller *caller, struct span text)
{
	const char *colon = text.len ? memchr(text.at, ':', text.len) : NULL;
	const char *bracket = text.len ? memchr(text.at, ']', text.len) : NULL;

	if (text.len && text.at[0] == '[') {
		if (!bracket)
			return false;
		text = http1_span(text.at + 1, (size_t)(bracket - text.at) - 1);
	} else if (colon && !memchr(colon + 1, ':', text.len - (size_t)(colon - text.at) - 1)) {
		text.len = (size_t)(colon - text.at);
	}
	caller->text = text;
	return cidr_address_text(caller->bytes, text.at, text.len);
}

/* The value of `for` in one element of Forwarded; len 0: it has none. */
static struct span caller_for(struct span element)
{
	while (element.len) {
		const char *end = memchr(element.at, ';', element.len);
		size_t len = end ? (size_t)(end - element.at) : element.len;
		struct span pair = http1_trim(element.at, len);

		if (pair.len > 4 && http_equal_nocase(pair.at, 4, "for=", 4)) {
			pair = http1_span(pair.at + 4, pair.len - 4);
			if (pair.len >= 2 && pair.at[0] == '"' && pair.at[pair.len - 1] == '"')
				pair = http1_span(pair.at + 1, pair.len - 2);
			return pair;
		}
		len += end != NULL;
		element = http1_span(element.at + len, element.len - len);
	}
	return http1_span(NULL, 0);
}

/* ---- The list ---- */

/* The last of a field's elements, of all its lines in their order. */
struct caller_list {
	struct span items[CALLER_HOPS_MAX];
	size_t count; /* of all that were there */
};

static void caller_collect(struct caller_list *list, const struct http1_head *head,
			   const char *name)
{
	size_t len = strlen(name);

	list->count = 0;
	for (size_t i = 0; i < head->field_count; i++) {
		const struct http1_field *field = &head->fields[i];
		struct span rest = field->value, item;

		if (!http_equal_nocase(field->name.at, field->name.len, name, len))
			continue;
		while (http1_list_next(&rest, &item))
			if (item.len)
				list->items[list->count++ % CALLER_HOPS_MAX] = item;
	}
}

bool caller_told(struct caller *caller, const struct http1_head *head,
		 const struct settings_networks *trusted)
{
	struct caller_list list;
	bool found = false, forwarded = false;

	caller_collect(&list, head, "X-Forwarded-For");
	if (!list.count) {
		forwarded = true;
		caller_collect(&list, head, "Forwarded");
	}
	for (size_t hops = 0; hops < CALLER_HOPS_MAX && hops < list.count; hops++) {
		struct span item = list.items[(list.count - 1 - hops) % CALLER_HOPS_MAX];
		struct caller next;

		if (!caller_parse(&next, forwarded ? caller_for(item) : item))
			return found; /* the proxy before it is as far as is known */
		*caller = next;
		found = true;
		if (!caller_is_in(caller, trusted))
			return true;
	}
	return found;
}

const struct caller *caller_of(struct exchange *x)
{
	const struct client *client = x->client;
	const struct settings_networks *trusted = &x->table->table->settings->trusted_proxies;
	struct caller *caller = &x->caller;

	if (caller->text.len)
		return caller;
	caller->text = http1_span(client->address, strlen(client->address));
	(void)cidr_address(caller->bytes, (const struct sockaddr *)&client->peer); /* IP always */
	if (trusted->count && caller_is_in(caller, trusted))
		(void)caller_told(caller, &x->request, trusted); /* else it stays the proxy */
	return caller;
}
