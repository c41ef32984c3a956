/* problem: the table of causes and their documents. */
#include "gateway/problem.h"
#include "common/json_write.h"

#include <string.h>

static const struct problem_kind problem_kinds[PROBLEM_COUNT] = {
#define PROBLEM_KIND(name, code, urn, words, bits, proxy)        \
	[PROBLEM_##name] = {.status = (code),                    \
			    .type = "urn:microreg:problem:" urn, \
			    .title = (words),                    \
			    .flags = (bits),                     \
			    .proxy_error = (proxy)},
	PROBLEMS(PROBLEM_KIND)
#undef PROBLEM_KIND
};

const struct problem_kind *problem_kind(enum problem problem)
{
	if (problem <= PROBLEM_NONE || problem >= PROBLEM_COUNT)
		problem = PROBLEM_INTERNAL;
	return &problem_kinds[problem];
}

enum problem problem_of_status(unsigned status)
{
	switch (status) {
	case 408:
		return PROBLEM_REQUEST_TIMEOUT;
	case 413:
		return PROBLEM_BODY_TOO_LARGE;
	case 414:
		return PROBLEM_TARGET_TOO_LONG;
	case 417:
		return PROBLEM_EXPECTATION;
	case 431:
		return PROBLEM_HEADERS_TOO_LARGE;
	case 501:
		return PROBLEM_NOT_IMPLEMENTED;
	case 503:
		return PROBLEM_NO_MEMORY;
	case 505:
		return PROBLEM_VERSION;
	default:
		return PROBLEM_BAD_REQUEST;
	}
}

void problem_write(struct buf *out, enum problem problem, const char *detail,
		   const char *request_id)
{
	problem_write_part(out, problem, &(struct problem_part){0}, detail, request_id);
}

void problem_write_part(struct buf *out, enum problem problem, const struct problem_part *part,
			const char *detail, const char *request_id)
{
	const struct problem_kind *kind = problem_kind(problem);
	struct json_writer j;
	char instance[200] = "urn:microreg:request:";
	size_t used = strlen(instance);

	json_write_init(&j, out);
	json_write_object(&j);
	json_write_key(&j, "type");
	json_write_string(&j, kind->type);
	json_write_key(&j, "title");
	json_write_string(&j, kind->title);
	json_write_key(&j, "status");
	json_write_uint(&j, part->status ? part->status : kind->status);
	if (detail) {
		json_write_key(&j, "detail");
		json_write_string(&j, detail);
	}
	if (part->part) {
		json_write_key(&j, "part");
		json_write_string(&j, part->part);
	}
	if (part->fault) {
		json_write_key(&j, "faultCode");
		json_write_int(&j, part->fault_code);
		json_write_key(&j, "faultString");
		json_write_string(&j, part->fault);
	}
	if (request_id && strlen(request_id) < sizeof(instance) - used) {
		memcpy(instance + used, request_id, strlen(request_id) + 1);
		json_write_key(&j, "instance");
		json_write_string(&j, instance);
	}
	json_write_object_end(&j);
	(void)buf_putc(out, '\n'); /* failure sticks in the buf */
}

/* A quoted string of a structured field holds ASCII that shows (RFC 8941 3.3.3). */
static void problem_write_quoted(struct buf *out, const char *text)
{
	(void)buf_putc(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			(void)buf_putc(out, '\\');
		if (*text >= 0x20 && *text < 0x7f)
			(void)buf_putc(out, *text);
	}
	(void)buf_putc(out, '"');
}

void problem_write_proxy_status(struct buf *out, enum problem problem, const char *next_hop)
{
	const struct problem_kind *kind = problem_kind(problem);

	if (!kind->proxy_error)
		return;
	(void)buf_puts(out, "microreg; error=");
	(void)buf_puts(out, kind->proxy_error);
	if (!next_hop)
		return;
	(void)buf_puts(out, "; next-hop=");
	problem_write_quoted(out, next_hop);
}

void problem_print_reference(struct buf *out)
{
	(void)buf_puts(out, "| status | type | title |\n|---|---|---|\n");
	for (unsigned i = PROBLEM_NONE + 1; i < PROBLEM_COUNT; i++)
		(void)buf_printf(out, "| %u | `%s` | %s |\n", problem_kinds[i].status,
				 problem_kinds[i].type, problem_kinds[i].title);
}
