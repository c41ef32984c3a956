/* programs: a table of compiled programs, by route and worker. */
#include "gateway/programs.h"
#include "gateway/settings.h"

#include <stdlib.h>

struct programs {
	unsigned workers;
	size_t count;
	struct jq *items[]; /* those of one program side by side */
};

static int programs_compile(struct programs *programs, const struct settings_program *program,
			    struct err *e)
{
	struct jq **first = &programs->items[program->index * programs->workers];

	for (unsigned i = 0; program->text && i < programs->workers; i++) {
		first[i] = jq_new(program->text, program->names, program->name_count, e);
		if (!first[i])
			return -1;
	}
	return 0;
}

static int programs_compile_route(struct programs *programs, const struct settings_route *route,
				  struct err *e)
{
	for (size_t i = 0; i < route->view_count; i++)
		if (programs_compile(programs, &route->views[i].program, e) < 0)
			return -1;
	if (programs_compile(programs, &route->request_edits.body.program, e) < 0 ||
	    programs_compile(programs, &route->reply_edits.body.program, e) < 0)
		return -1;
	return programs_compile(programs, &route->compose.join.program, e);
}

struct programs *programs_new(const struct settings *settings, struct err *e)
{
	size_t count = settings->program_count * settings->workers;
	struct programs *programs = calloc(1, sizeof(*programs) + count * sizeof(struct jq *));

	if (!programs) {
		(void)err_set(e, "programs: out of memory");
		return NULL;
	}
	programs->workers = settings->workers;
	programs->count = count;
	for (size_t i = 0; i < settings->route_count; i++)
		if (programs_compile_route(programs, &settings->routes[i], e) < 0) {
			programs_free(&programs);
			return NULL;
		}
	return programs;
}

void programs_free(struct programs **programs)
{
	struct programs *p = *programs;

	*programs = NULL;
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		jq_free(&p->items[i]);
	free(p);
}

struct jq *programs_get(const struct programs *programs, size_t program, unsigned worker)
{
	if (worker >= programs->workers) /* a reload has lowered their number */
		return NULL;
	return programs->items[program * programs->workers + worker];
}

void programs_give_up(struct programs *programs, size_t program, unsigned worker)
{
	programs->items[program * programs->workers + worker] = NULL;
}
