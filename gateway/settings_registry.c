/* settings_registry: where the registry is, and what is asked of it. */
#include "gateway/settings_parts.h"

static const struct settings_key settings_registry_keys[] = {
	{.name = "urls",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings_registry, urls),
	 .required = true,
	 .custom = settings_read_urls,
	 .form = "[\"http://HOST:8000/RPC2\"]",
	 .help = "Addresses of the registry's daemons, tried in this order, the one that answered "
		 "last first"},
	{.name = "token_file",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_registry, token_file),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "File that holds the token to show to the registry"},
	{.name = "ca",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_registry, ca),
	 .fallback_shown = "the system's",
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "CAs that may have signed the registry's certificate, PEM, for https"},
	{.name = "cert",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_registry, cert),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "Certificate to show to the registry, PEM; with `key`"},
	{.name = "key",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_registry, key),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "The private key of `cert`, PEM, without a password"},
	{.name = "snapshot",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings_registry, snapshot),
	 .min = 1,
	 .max = 4096,
	 .form = "file",
	 .help = "File (with FILE.consumers) that keeps what it told, for starts without it"},
	{.name = "consumers",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings_registry, consumers),
	 .fallback = "false",
	 .help = "Whether the registry's consumers may call, too; needs the role `gateway`"},
};

static void settings_registry_done(struct settings_reader *r, const struct settings_node *map,
				   void *to)
{
	(void)r;
	((struct settings_registry *)to)->given = map != NULL;
}

const struct settings_table settings_registry_table = {SETTINGS_KEYS(settings_registry_keys),
						       sizeof(struct settings_registry),
						       settings_registry_done};
