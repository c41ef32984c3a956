/* explain_claims: asks the registry which routes registrations bring now. */
#include "client-lib/microreg.h"
#include "gateway/claimed_routes.h"
#include "gateway/explain.h"
#include "gateway/registry.h"

enum { EXPLAIN_CLAIMS_MS = 3000 };

static void explain_left_out(const struct settings *settings, struct buf *out)
{
	for (size_t i = 0; i < settings->claim_count; i++)
		if (settings->claims[i].reason)
			(void)buf_printf(out, "left out: \"%s\" of %s: %s\n",
					 settings->claims[i].text, settings->claims[i].service,
					 settings->claims[i].reason);
}

void explain_add_claims(struct settings *settings, struct buf *out)
{
	const struct microreg_snapshot *snapshot = NULL;
	struct microreg_error error = {0};
	char name[REGISTRY_NAME_SIZE];
	struct microreg *handle;
	struct err e = {0};

	if (!settings->grant_count)
		return;
	registry_name(name);
	handle = registry_connect(&settings->registry, name, EXPLAIN_CLAIMS_MS, NULL, &e);
	if (handle && microreg_follow(handle, NULL, &error) == 0 &&
	    microreg_follow_wait(handle, EXPLAIN_CLAIMS_MS, &error) == 0)
		snapshot = microreg_snapshot_ref(handle);
	if (!snapshot)
		(void)buf_printf(out, "routes of registrations: the registry can't be asked: %s\n",
				 handle ? error.text : e.text);
	else if (claimed_routes_add(settings, snapshot, &e) < 0)
		(void)buf_printf(out, "%s\n", e.text);
	explain_left_out(settings, out);
	microreg_snapshot_unref(&snapshot);
	microreg_close(&handle);
}
