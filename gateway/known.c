/* known: the settings first. */
#include "gateway/known.h"
#include "gateway/roster.h"
#include "gateway/worker.h"

bool known_is_complete(const struct worker_table *wt)
{
	return wt->roster || !wt->table->settings->registry.consumers;
}

const struct identity *known_by_key(const struct worker_table *wt, const uint8_t sha256[32],
				    const struct settings_secret **secret)
{
	const struct identity *found = consumers_by_key(wt->table->consumers, sha256, secret);

	if (!found && wt->roster)
		found = consumers_by_key(wt->roster->consumers, sha256, secret);
	return found;
}

const struct identity *known_by_id(const struct worker_table *wt, struct span id)
{
	const struct identity *found = consumers_by_id(wt->table->consumers, id);

	return found || !wt->roster ? found : consumers_by_id(wt->roster->consumers, id);
}

const struct identity *known_by_name(const struct worker_table *wt, struct span name)
{
	const struct identity *found = consumers_by_name(wt->table->consumers, name);

	return found || !wt->roster ? found : consumers_by_name(wt->roster->consumers, name);
}

const struct identity *known_by_certificate(const struct worker_table *wt, struct span certificate)
{
	const struct identity *found = consumers_by_certificate(wt->table->consumers, certificate);

	return found || !wt->roster ? found
				    : consumers_by_certificate(wt->roster->consumers, certificate);
}

const char *known_any_password(const struct worker_table *wt)
{
	const char *hash = consumers_any_password(wt->table->consumers);

	return hash || !wt->roster ? hash : consumers_any_password(wt->roster->consumers);
}
