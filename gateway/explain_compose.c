/* explain_compose: the calls of a composed route in their order, and how they are joined. */
#include "gateway/explain.h"
#include "gateway/jq.h"
#include "gateway/template.h"

#include <string.h>

/* "order, user" */
static void explain_names(const struct settings_compose *compose, uint32_t calls, struct buf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < compose->call_count; i++) {
		if (!(calls & UINT32_C(1) << i))
			continue;
		(void)buf_printf(out, "%s%s", comma, compose->calls[i].name); /* sticks */
		comma = ", ";
	}
}

/* As it will be asked for, as far as that is known before anything is. */
static void explain_path(const struct template *path, const struct template_values *values,
			 struct buf *out)
{
	const char *reason;
	struct buf text;

	buf_init(&text, 64 << 10);
	if (!template_results(path) && !template_has_item(path) &&
	    template_render(path, values, &text, &reason) == 0 && buf_str(&text))
		(void)buf_puts(out, text.data);
	else
		(void)buf_puts(out, template_text(path));
	buf_fini(&text);
}

static void explain_require(const struct settings_call *call, struct buf *out)
{
	switch (call->require) {
	case REQUIRE_REQUIRED:
		(void)buf_puts(out, "required");
		break;
	case REQUIRE_OPTIONAL:
		(void)buf_puts(out, "optional");
		break;
	case REQUIRE_STALE:
		(void)buf_puts(out, "a kept reply will do");
		break;
	case REQUIRE_DEFAULT:
		(void)buf_printf(out, "else %.*s", (int)call->otherwise.len, call->otherwise.at);
		break;
	}
}

static void explain_call(const struct settings_compose *compose, const struct settings_call *call,
			 const struct template_values *values, struct buf *out)
{
	(void)buf_printf(out, "  %s: %s ", call->name, call->method_text);
	explain_path(call->path, values, out);
	(void)buf_printf(out, " of %s, ", call->service_name);
	explain_require(call, out);
	if (call->each.given)
		(void)buf_printf(out, ", for each of at most %u values of %s, %u requests at once",
				 call->each.values_max, call->each.list.steps[0].name.at,
				 call->each.concurrency);
	if (call->each.batch)
		(void)buf_printf(out, ", %u values in each", call->each.batch);
	if (call->timeout_ms)
		(void)buf_printf(out, ", within %u ms", call->timeout_ms);
	if (call->cache->given && call->cache->ttl_ms > 0)
		(void)buf_printf(out, ", kept for %lld ms", (long long)call->cache->ttl_ms);
	for (size_t i = 0; i < call->when_count; i++)
		(void)buf_printf(out, ", %s %s%s%.*s", i ? "and" : "when",
				 template_text(call->when[i].value),
				 call->when[i].test == WHEN_EQUAL	? " == "
				 : call->when[i].test == WHEN_NOT_EQUAL ? " != "
									: "",
				 (int)call->when[i].other.len, call->when[i].other.at);
	if (call->after) {
		(void)buf_puts(out, "; waits for ");
		explain_names(compose, call->after, out);
	}
	(void)buf_puts(out, "\n");
}

static void explain_join(const struct settings_compose *compose, struct buf *out)
{
	const struct settings_join *join = &compose->join;

	(void)buf_puts(out, "joined: ");
	if (join->program.text) {
		(void)buf_printf(out, "by a program of jq, in %s\n",
				 jq_text_is_tame(join->program.text)
					 ? "the worker while the replies are small"
					 : "a process of its own, since it may run long");
		return;
	}
	(void)buf_puts(out, join->has_from ? compose->calls[join->from].name : "an object");
	for (size_t i = 0; i < join->set_count; i++)
		(void)buf_printf(out, "%s %.*s", i ? "," : " with", (int)join->set[i].name.len,
				 join->set[i].name.at);
	for (size_t i = 0; i < join->drop_count; i++)
		(void)buf_printf(out, "%s \"%.*s\"", i ? "," : " without", (int)join->drop[i].len,
				 join->drop[i].at);
	(void)buf_puts(out, "\n");
}

/* Each service once. */
static void explain_services(const struct settings *settings,
			     const struct settings_compose *compose, struct buf *out)
{
	for (size_t i = 0; i < compose->call_count; i++) {
		size_t k = 0;

		while (compose->calls[k].service != compose->calls[i].service)
			k++;
		if (k < i)
			continue;
		(void)buf_printf(out, "service: %s\n", compose->calls[i].service_name);
		explain_service(settings, &settings->services[compose->calls[i].service], out);
	}
}

void explain_compose(const struct settings *settings, const struct settings_route *route,
		     const struct template_values *values, struct buf *out)
{
	const struct settings_compose *compose = &route->compose;
	uint32_t done = 0, ready;
	unsigned turn = 0;

	for (; done != (uint32_t)((UINT64_C(1) << compose->call_count) - 1); done |= ready) {
		ready = 0;
		for (size_t i = 0; i < compose->call_count; i++)
			if (!(done & UINT32_C(1) << i) && !(compose->calls[i].after & ~done))
				ready |= UINT32_C(1) << i;
		(void)buf_puts(out, turn++		    ? "then, as their values come:\n"
				    : (ready & (ready - 1)) ? "composed of, at the same time:\n"
							    : "composed of:\n");
		for (size_t i = 0; i < compose->call_count; i++)
			if (ready & UINT32_C(1) << i)
				explain_call(compose, &compose->calls[i], values, out);
	}
	explain_join(compose, out);
	explain_bodies(route, out);
	explain_services(settings, compose, out);
}
