/* admin_consumers: /consumers: who may call, from the settings and from the registry. Of secrets it
 * tells what they are called, no hashes. */
#include "client-lib/microreg.h"
#include "gateway/admin_json.h"
#include "gateway/admin_pages.h"
#include "gateway/consumers.h"
#include "gateway/roster.h"

#include <string.h>

static void admin_consumer_groups(struct json_writer *j, const struct settings_consumer *consumer)
{
	json_write_key(j, "groups");
	json_write_array(j);
	for (size_t i = 0; i < consumer->groups.count; i++)
		json_write_string(j, consumer->groups.items[i]);
	json_write_array_end(j);
}

static void admin_consumer_open(struct json_writer *j, const struct settings_consumer *consumer,
				const char *from)
{
	json_write_object(j);
	admin_key_string(j, "name", consumer->name);
	admin_key_string(j, "id", consumer->id);
	admin_key_string(j, "from", from);
	admin_consumer_groups(j, consumer);
	admin_key_bool(j, "password", consumer->password != NULL);
	admin_key_uint(j, "limits", consumer->limits.count);
	json_write_key(j, "keys");
	json_write_array(j);
}

static void admin_consumer_of_settings(struct json_writer *j,
				       const struct settings_consumer *consumer)
{
	admin_consumer_open(j, consumer, "settings");
	for (size_t i = 0; i < consumer->key_count; i++) {
		json_write_object(j);
		admin_key_uint(j, "number", i + 1); /* its place in the settings */
		if (consumer->keys[i].expires_ms)
			admin_key_time(j, "expires", consumer->keys[i].expires_ms);
		json_write_object_end(j);
	}
	json_write_array_end(j);
	admin_key_uint(j, "line", consumer->line);
	json_write_object_end(j);
}

static void admin_consumer_text(struct json_writer *j, const struct microreg_value *of,
				const char *name)
{
	const struct microreg_value *text = microreg_value_find(of, name);

	if (text && text->type == MICROREG_TYPE_STRING && text->text[0])
		admin_key_string(j, name, text->text);
}

/* Its keys as the registry names them; one that is the settings' is not among those. */
static void admin_consumer_of_registry(struct json_writer *j, const struct roster *roster,
				       const struct microreg_value *value)
{
	const struct microreg_value *name = microreg_value_find(value, "name");
	const struct microreg_value *keys = microreg_value_find(value, "keys");
	const struct identity *identity =
		consumers_by_name(roster->consumers, (struct span){name->text, strlen(name->text)});

	if (!identity)
		return; /* it is left out */
	admin_consumer_open(j, identity->consumer, "registry");
	for (size_t i = 0; keys && i < keys->count; i++) {
		json_write_object(j);
		admin_consumer_text(j, &keys->items[i], "id");
		admin_consumer_text(j, &keys->items[i], "label");
		admin_consumer_text(j, &keys->items[i], "expires");
		json_write_object_end(j);
	}
	json_write_array_end(j);
	json_write_object_end(j);
}

void admin_page_consumers(const struct admin_view *view, struct buf *out)
{
	const struct settings *settings = view->table->settings;
	const struct roster *roster = view->roster;
	struct json_writer j;

	json_write_init_pretty(&j, out);
	json_write_object(&j);
	json_write_key(&j, "consumers");
	json_write_array(&j);
	for (size_t i = 0; i < settings->consumer_count; i++)
		admin_consumer_of_settings(&j, &settings->consumers[i]);
	for (size_t i = 0; roster && i < microreg_consumers_count(roster->set); i++)
		admin_consumer_of_registry(&j, roster, microreg_consumers_at(roster->set, i));
	json_write_array_end(&j);
	if (roster && roster->left_out) {
		admin_key_uint(&j, "left_out", roster->left_out);
		admin_key_string(&j, "first_left_out", roster->first);
		admin_key_string(&j, "reason", roster->reason);
	}
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* failure sticks */
}
