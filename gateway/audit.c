/* audit: the refusals of a second, in a table that audit_flush empties; an access log writes. */
#include "gateway/audit.h"
#include "common/clock.h"
#include "common/daemon.h"
#include "common/json_write.h"
#include "common/log.h"
#include "common/siphash.h"
#include "gateway/access_log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	AUDIT_SLOTS = 128,
	AUDIT_KEPT_MAX = 1024,	/* of a line that is told again with its count */
	AUDIT_LINE_MAX = 16384, /* each text is cut; a byte may be written as six */
	AUDIT_TEXT_MAX = 400,
	AUDIT_TEXT_MIN = 12, /* of each: all of them fit into AUDIT_KEPT_MAX, whatever they are */
	AUDIT_NAME_MAX = 200,
};

/* A refusal of this second. */
struct audit_slot {
	uint64_t key;
	uint64_t repeated;
	size_t len; /* 0: free */
	char line[AUDIT_KEPT_MAX];
};

struct audit {
	struct access_log *log;
	atomic_int to;		/* enum settings_access */
	pthread_mutex_t lock;	/* guards what follows */
	struct audit_slot *now; /* of this second */
	unsigned used;
	uint64_t over;		   /* refusals that no line of their own was left for */
	struct audit_slot *before; /* audit_flush's, all free */
	struct audit_slot slots[2][AUDIT_SLOTS]; /* now and before, in turn */
};

static const char *const audit_names[] = {
	[AUDIT_DENIED] = "denied", [AUDIT_ADMIN] = "admin", [AUDIT_RELOAD] = "reload"};

/* ---- Lines ---- */

/* True when it was cut. */
static bool audit_text(struct json_writer *j, const char *key, struct span text, size_t max)
{
	if (!text.len)
		return false;
	json_write_key(j, key);
	json_write_string_n(j, text.at, text.len < max ? text.len : max);
	return text.len > max;
}

static struct span audit_span(const char *text)
{
	return text ? (struct span){text, strlen(text)} : (struct span){0};
}

/* The object, but for its last brace; of each text at most `max` bytes. */
static void audit_line_of(struct buf *out, const struct audit_entry *entry, size_t max)
{
	const size_t name_max = max < AUDIT_NAME_MAX ? max : AUDIT_NAME_MAX;
	char time[CLOCK_RFC3339_SIZE];
	struct json_writer j;
	bool cut = false;

	clock_rfc3339(clock_wall_ms(), time);
	json_write_init(&j, out);
	json_write_object(&j);
	json_write_key(&j, "time");
	json_write_string(&j, time);
	json_write_key(&j, "event");
	json_write_string(&j, audit_names[entry->event]);
	cut |= audit_text(&j, "client", entry->client, name_max);
	cut |= audit_text(&j, "consumer", entry->consumer, name_max);
	cut |= audit_text(&j, "token", audit_span(entry->token), name_max);
	cut |= audit_text(&j, "route", audit_span(entry->route), name_max);
	cut |= audit_text(&j, "policy", audit_span(entry->policy), name_max);
	cut |= audit_text(&j, "action", audit_span(entry->action), name_max);
	cut |= audit_text(&j, "reason", audit_span(entry->reason), max);
	cut |= audit_text(&j, "request_id", entry->request_id, name_max);
	if (cut) {
		json_write_key(&j, "cut");
		json_write_bool(&j, true);
	}
}

/* As much of the texts as fits into `fit` bytes: a byte may be written as six. */
static void audit_line(struct buf *out, const struct audit_entry *entry, size_t fit)
{
	for (size_t max = AUDIT_TEXT_MAX; max >= AUDIT_TEXT_MIN; max /= 2) {
		buf_reset(out);
		audit_line_of(out, entry, max);
		if (!out->failed && out->len <= fit)
			return;
	}
}

/* `repeated` 0: it is told for the first time. */
static void audit_send(struct audit *a, const char *line, size_t len, uint64_t repeated)
{
	char memory[AUDIT_LINE_MAX + 512], head[LOG_HEAD_SIZE];
	/* Never grows, so it needs no heap. */
	struct buf out = {.data = memory, .cap = sizeof(memory), .max = sizeof(memory)};
	int to = atomic_load_explicit(&a->to, memory_order_relaxed);

	if (to == ACCESS_STDERR) {
		log_head(LOG_INFO, head);
		(void)buf_printf(&out, "%saudit ", head); /* failure sticks, here and below */
	} else if (to == ACCESS_JOURNAL) {
		(void)buf_puts(&out, "SYSLOG_IDENTIFIER=microreg-gateway\nPRIORITY=6\n"
				     "MICROREG_AUDIT=1\nMESSAGE=");
	}
	(void)buf_append(&out, line, len);
	if (repeated)
		(void)buf_printf(&out, ",\"repeated\":%llu", (unsigned long long)repeated);
	(void)buf_puts(&out, to == ACCESS_JOURNAL ? "}\n\n" : "}\n");
	if (!out.failed)
		access_log_append(a->log, out.data, out.len);
}

static bool audit_is_on(const struct audit *a)
{
	int to = atomic_load_explicit(&a->to, memory_order_relaxed);

	return to == ACCESS_STDERR ? log_is_shown(LOG_INFO) : to != ACCESS_OFF;
}

/* ---- Refusals ---- */

/* What makes two of them alike. */
static uint64_t audit_key(const struct audit_entry *entry)
{
	const struct span parts[] = {entry->client,
				     entry->consumer,
				     audit_span(entry->token),
				     audit_span(entry->route),
				     audit_span(entry->policy),
				     audit_span(entry->reason)};
	uint64_t hashes[sizeof(parts) / sizeof(parts[0])];

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hashes[i] = parts[i].len ? siphash_process(parts[i].at, parts[i].len) : 0;
	return siphash_process(hashes, sizeof(hashes));
}

/* Its slot, or the one for it. */
static struct audit_slot *audit_slot_locked(struct audit *a, uint64_t key)
{
	size_t i = key % AUDIT_SLOTS;

	while (a->now[i].len && a->now[i].key != key)
		i = (i + 1) % AUDIT_SLOTS;
	return &a->now[i];
}

/* True when it needs no line: there is one like it, or there are too many. */
static bool audit_is_counted(struct audit *a, uint64_t key)
{
	struct audit_slot *slot;
	bool counted = true;

	pthread_mutex_lock(&a->lock);
	slot = audit_slot_locked(a, key);
	if (slot->len)
		slot->repeated++;
	else if (a->used == AUDIT_LINES_MAX)
		a->over++;
	else
		counted = false;
	pthread_mutex_unlock(&a->lock);
	return counted;
}

/* False when another thread was first. */
static bool audit_keep(struct audit *a, uint64_t key, const struct buf *line)
{
	struct audit_slot *slot;
	bool kept = false;

	pthread_mutex_lock(&a->lock);
	slot = audit_slot_locked(a, key);
	if (slot->len) {
		slot->repeated++;
	} else if (a->used == AUDIT_LINES_MAX || line->failed || line->len > AUDIT_KEPT_MAX) {
		a->over++;
	} else {
		kept = true;
		a->used++;
		slot->key = key;
		slot->len = line->len;
		memcpy(slot->line, line->data, line->len);
	}
	pthread_mutex_unlock(&a->lock);
	return kept;
}

void audit_write(struct audit *audit, const struct audit_entry *entry)
{
	char memory[AUDIT_LINE_MAX];
	struct buf line = {.data = memory, .cap = sizeof(memory), .max = sizeof(memory)};
	bool denied = entry->event == AUDIT_DENIED;
	uint64_t key;

	if (!audit || !audit_is_on(audit))
		return;
	key = denied ? audit_key(entry) : 0;
	if (denied && audit_is_counted(audit, key))
		return;
	audit_line(&line, entry, denied ? AUDIT_KEPT_MAX : AUDIT_LINE_MAX);
	if (denied && !audit_keep(audit, key, &line))
		return;
	if (!line.failed)
		audit_send(audit, line.data, line.len, 0);
}

static void audit_tell_over(struct audit *a, uint64_t over)
{
	const struct audit_entry entry = {.reason = "more refusals than have lines of their own"};
	char memory[AUDIT_KEPT_MAX];
	struct buf line = {.data = memory, .cap = sizeof(memory), .max = sizeof(memory)};

	audit_line(&line, &entry, AUDIT_KEPT_MAX);
	if (!line.failed)
		audit_send(a, line.data, line.len, over);
}

void audit_flush(struct audit *audit)
{
	struct audit_slot *slots;
	uint64_t over;

	if (!audit)
		return;
	pthread_mutex_lock(&audit->lock);
	slots = audit->now;
	audit->now = audit->before;
	over = audit->over;
	audit->used = 0;
	audit->over = 0;
	pthread_mutex_unlock(&audit->lock);
	for (size_t i = 0; i < AUDIT_SLOTS; i++) {
		if (slots[i].repeated)
			audit_send(audit, slots[i].line, slots[i].len, slots[i].repeated);
		slots[i].len = slots[i].repeated = 0;
	}
	audit->before = slots;
	if (over)
		audit_tell_over(audit, over);
}

/* ---- Open, change, close ---- */

/* As if it were the access log's. */
static struct settings_log audit_settings(const struct settings_log *settings)
{
	return (struct settings_log){
		.access = settings->audit, .access_file = settings->audit_file, .key = "log.audit"};
}

struct audit *audit_open(const struct settings_log *settings, struct err *e)
{
	const struct settings_log own = audit_settings(settings);
	struct audit *a = calloc(1, sizeof(*a));

	if (!a || pthread_mutex_init(&a->lock, NULL)) {
		free(a);
		(void)err_code(e, DAEMON_EXIT_SYSTEM, "audit: out of memory");
		return NULL;
	}
	atomic_init(&a->to, (int)settings->audit);
	a->now = a->slots[0];
	a->before = a->slots[1];
	a->log = access_log_open(&own, e);
	if (a->log)
		return a;
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
	return NULL;
}

int audit_apply(struct audit *audit, const struct settings_log *settings, struct err *e)
{
	const struct settings_log own = audit_settings(settings);

	if (!audit)
		return 0;
	if (access_log_apply(audit->log, &own, e) < 0)
		return -1;
	atomic_store_explicit(&audit->to, (int)settings->audit, memory_order_relaxed);
	return 0;
}

uint64_t audit_dropped(const struct audit *audit)
{
	return audit ? access_log_dropped(audit->log) : 0;
}

void audit_close(struct audit **audit)
{
	struct audit *a = *audit;

	if (!a)
		return;
	audit_flush(a);
	*audit = NULL;
	access_log_close(&a->log);
	(void)pthread_mutex_destroy(&a->lock);
	free(a);
}
