/* access_log: a line a request, safe whatever a peer says, never at a worker's cost. */
#include "common/daemon.h"
#include "gateway/access_field.h"
#include "gateway/access_line.h"
#include "gateway/access_log.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct span text(const char *s)
{
	return (struct span){.at = s, .len = strlen(s)};
}

static struct access_record record_full(void)
{
	return (struct access_record){
		.wall_ms = 784111777123, /* Sun, 06 Nov 1994 08:49:37.123 */
		.request_id = text("0a1b"),
		.client = text("192.0.2.7"),
		.method = text("GET"),
		.target = text("/s/7?a=b"),
		.host = text("example.org"),
		.referer = text("http://a/"),
		.user_agent = text("curl/8"),
		.minor = 1,
		.route = "/s/{id}",
		.status = 200,
		.bytes_in = 90,
		.bytes_out = 1234,
		.connect_us = 250,
		.first_byte_us = 1001,
		.total_us = 2000500,
		.service = "s",
		.instance = "s-1",
		.attempts = 2,
		.cache = "miss",
		.flags = ACCESS_UF | ACCESS_SI,
	};
}

START_TEST(a_json_line_has_all_that_is_known)
{
	struct access_record r = record_full();
	struct buf out;

	buf_init(&out, ACCESS_LINE_MAX);
	access_line_json(&out, &r);
	ck_assert_str_eq(
		buf_str(&out),
		"{\"time\":\"1994-11-06T08:49:37.123Z\",\"request_id\":\"0a1b\","
		"\"client\":\"192.0.2.7\",\"method\":\"GET\",\"host\":\"example.org\","
		"\"path\":\"/s/7\",\"query\":\"a=b\",\"route\":\"/s/{id}\",\"status\":200,"
		"\"bytes_in\":90,\"bytes_out\":1234,\"connect_ms\":0.250,"
		"\"first_byte_ms\":1.001,\"total_ms\":2000.500,\"service\":\"s\","
		"\"instance\":\"s-1\",\"attempts\":2,\"cache\":\"miss\","
		"\"flags\":[\"UF\",\"SI\"],\"referer\":\"http://a/\",\"user_agent\":\"curl/8\"}\n");
	buf_fini(&out);
}
END_TEST

static const char *line_of(const char *format, const struct access_record *r, struct buf *out)
{
	struct access_piece pieces[ACCESS_PIECES_MAX];
	struct access_template made = {.pieces = pieces};
	struct err e = {0};

	ck_assert_msg(access_template_parse(pieces, &made.count, format, &e) == 0, "%s", e.text);
	buf_init(out, ACCESS_LINE_MAX);
	access_line_template(out, &made, r);
	return buf_str(out);
}

START_TEST(a_template_has_text_and_fields)
{
	struct access_record r = record_full(), empty = {.status = 0};
	struct buf out;

	ck_assert_str_eq(
		line_of("{client} \"{method} {path}\" {status} {{{total_ms}}} {flags}", &r, &out),
		"192.0.2.7 \"GET /s/7\" 200 {2000.500} UF,SI\n");
	buf_fini(&out);
	ck_assert_str_eq(line_of("{client}|{query}|{connect_ms}|{instance}|{status}", &empty, &out),
			 "-|-|-|-|0\n");
	buf_fini(&out);
	r.user_agent = text("a\"\n\\");
	ck_assert_str_eq(line_of("{target} {user_agent}", &r, &out), "/s/7?a=b a\\x22\\x0A\\x5C\n");
	buf_fini(&out);
}
END_TEST

START_TEST(a_template_with_a_mistake_says_what_is_possible)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"{metod}", "no field \"metod\"; did you mean \"method\"; there are time, "},
		{"{}", "no field \"\""},
		{"{client", "a brace has no other"},
		{"a } b", "a brace has no other"},
		{"{a{b}}", "a brace has no other"},
	};
	struct access_piece pieces[ACCESS_PIECES_MAX];
	char many[2 * ACCESS_PIECES_MAX + 3];
	struct err e = {0};
	size_t count;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(access_template_parse(pieces, &count, cases[i].text, &e), -1);
		ck_assert_msg(strstr(e.text, cases[i].says) != NULL, "%s: %s", cases[i].text,
			      e.text);
	}
	memset(many, '{', sizeof(many) - 1);
	many[sizeof(many) - 1] = '\0';
	ck_assert_int_eq(access_template_parse(pieces, &count, many, &e), -1);
	ck_assert_str_eq(e.text, "more than 128 parts");
}
END_TEST

START_TEST(a_message_for_the_journal_has_what_is_known_as_fields)
{
	struct access_record r = record_full();
	struct buf out;

	r.client = text("a\nMESSAGE=forged");
	buf_init(&out, ACCESS_LINE_MAX);
	access_line_journal(&out, &r);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "MESSAGE=GET /s/7 200 2000.500 ms\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "\nMICROREG_CLIENT=a\\x0AMESSAGE=forged\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "\nMICROREG_FIRST_BYTE_MS=1.001\n"));
	ck_assert_ptr_null(strstr(buf_str(&out), "MICROREG_CONSUMER"));
	ck_assert_str_eq(buf_str(&out) + out.len - 2, "\n\n");
	ck_assert_ptr_eq(strstr(buf_str(&out), "\n\n"), out.data + out.len - 2);
	buf_fini(&out);
}
END_TEST

START_TEST(what_is_not_known_is_left_out)
{
	struct access_record r = {.wall_ms = 0, .status = 400};
	struct buf out;

	buf_init(&out, ACCESS_LINE_MAX);
	access_line_json(&out, &r);
	ck_assert_str_eq(buf_str(&out), "{\"time\":\"1970-01-01T00:00:00.000Z\",\"status\":400,"
					"\"bytes_in\":0,\"bytes_out\":0}\n");
	buf_reset(&out);
	access_line_combined(&out, &r);
	ck_assert_str_eq(buf_str(&out),
			 "- - - [01/Jan/1970:00:00:00 +0000] \"- - HTTP/1.0\" 400 0 \"-\" \"-\"\n");
	buf_fini(&out);
}
END_TEST

START_TEST(the_combined_format_is_what_its_readers_expect)
{
	struct access_record r = record_full();
	struct buf out;

	buf_init(&out, ACCESS_LINE_MAX);
	access_line_combined(&out, &r);
	ck_assert_str_eq(buf_str(&out), "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] "
					"\"GET /s/7?a=b HTTP/1.1\" 200 1234 \"http://a/\" "
					"\"curl/8\"\n");
	buf_fini(&out);
}
END_TEST

START_TEST(no_peer_can_forge_a_line_or_make_it_too_long)
{
	static char nasty[20000];
	struct access_record r = record_full();
	json_error_t error;
	struct buf out;
	json_t *doc;

	for (size_t i = 0; i < sizeof(nasty); i++)
		nasty[i] = "\"\\\n\x01\x7f\xff{}"[i % 8];
	r.target = r.user_agent = r.referer = r.method = r.host = r.client = r.request_id =
		(struct span){.at = nasty, .len = sizeof(nasty)};
	buf_init(&out, ACCESS_LINE_MAX);
	access_line_json(&out, &r);
	ck_assert(!out.failed);
	doc = json_loadb(out.data, out.len, 0, &error);
	ck_assert_msg(doc != NULL, "%s", error.text);
	json_decref(doc);
	ck_assert_ptr_eq(memchr(out.data, '\n', out.len), out.data + out.len - 1);
	buf_reset(&out);
	access_line_combined(&out, &r);
	ck_assert(!out.failed);
	ck_assert_ptr_eq(memchr(out.data, '\n', out.len), out.data + out.len - 1);
	for (size_t i = 0; i + 1 < out.len; i++) /* nor has a terminal an order in it */
		ck_assert(out.data[i] >= 0x20 && out.data[i] < 0x7f);
	buf_fini(&out);
}
END_TEST

/* ---- The log ---- */

static char directory[] = "/tmp/access_log.XXXXXX";
static char path[64], rotated[64];

static void files_setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/log", directory);
	(void)snprintf(rotated, sizeof(rotated), "%s/log.1", directory);
}

static void files_teardown(void)
{
	(void)unlink(path);
	(void)unlink(rotated);
	(void)rmdir(directory);
}

static struct settings_log to_file(void)
{
	return (struct settings_log){.access = ACCESS_FILE, .access_file = path};
}

static unsigned count_lines(const char *file)
{
	FILE *f = fopen(file, "r");
	unsigned lines = 0;
	char line[ACCESS_LINE_MAX];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f)) {
		json_error_t error;
		json_t *doc = json_loads(line, 0, &error);

		ck_assert_msg(doc != NULL, "%s: %s", error.text, line);
		json_decref(doc);
		lines++;
	}
	(void)fclose(f);
	return lines;
}

static void *write_many(void *arg)
{
	struct access_record r = record_full();

	for (unsigned i = 0; i < 5000; i++)
		access_log_write(arg, &r);
	return NULL;
}

START_TEST(lines_of_many_threads_come_whole_and_none_is_lost_unseen)
{
	struct settings_log settings = to_file();
	struct access_log *log = access_log_open(&settings, NULL);
	pthread_t threads[4];
	unsigned lost;

	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, log), 0);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	lost = (unsigned)access_log_dropped(log);
	access_log_close(&log);
	ck_assert_ptr_null(log);
	ck_assert_uint_eq(count_lines(path) + lost, 20000);
}
END_TEST

START_TEST(a_rotated_file_is_opened_anew)
{
	struct settings_log settings = to_file();
	struct access_log *log = access_log_open(&settings, NULL);
	struct access_record r = record_full();

	access_log_write(log, &r);
	access_log_write(log, &r);
	ck_assert_int_eq(rename(path, rotated), 0);
	ck_assert_int_eq(access_log_apply(log, &settings, NULL), 0);
	access_log_close(&log);
	ck_assert_uint_eq(count_lines(rotated), 2);
	ck_assert_uint_eq(count_lines(path), 0);
}
END_TEST

START_TEST(off_writes_nothing)
{
	struct settings_log settings = to_file();
	struct access_log *log = access_log_open(&settings, NULL);
	struct access_record r = record_full();

	ck_assert(access_log_is_on(log));
	settings.access = ACCESS_OFF;
	ck_assert_int_eq(access_log_apply(log, &settings, NULL), 0);
	ck_assert(!access_log_is_on(log));
	access_log_write(log, &r);
	ck_assert_uint_eq(access_log_dropped(log), 0);
	access_log_close(&log);
	ck_assert_uint_eq(count_lines(path), 0);
}
END_TEST

START_TEST(a_file_that_can_not_be_opened_is_said_so_and_the_old_one_stays)
{
	struct settings_log settings = to_file(), bad = to_file();
	struct access_log *log = access_log_open(&settings, NULL);
	struct access_record r = record_full();
	struct err e = {0};

	bad.access_file = "/nonexistent/log";
	ck_assert_ptr_null(access_log_open(&bad, &e));
	ck_assert_int_eq(e.code, DAEMON_EXIT_SETTINGS);
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent/log"));
	ck_assert_int_eq(access_log_apply(log, &bad, &e), -1);
	access_log_write(log, &r);
	access_log_close(&log);
	ck_assert_uint_eq(count_lines(path), 1);
}
END_TEST

START_TEST(a_full_disk_costs_lines_which_are_counted)
{
	struct settings_log settings = {.access = ACCESS_FILE, .access_file = "/dev/full"};
	struct access_log *log = access_log_open(&settings, NULL);
	struct access_record r = record_full();

	access_log_write(log, &r);
	while (access_log_dropped(log) < 1)
		(void)sched_yield();
	access_log_close(&log);
}
END_TEST

START_TEST(a_pipe_that_nobody_reads_neither_stops_a_worker_nor_the_close)
{
	struct settings_log settings = to_file();
	struct access_record r = record_full();
	struct access_log *log;
	int reader;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	ck_assert_int_ge(reader, 0);
	log = access_log_open(&settings, NULL);
	ck_assert_ptr_nonnull(log);
	for (unsigned i = 0; i < 20000; i++) /* 8 MB: more than pipe and buffers hold */
		access_log_write(log, &r);
	ck_assert_uint_gt(access_log_dropped(log), 0);
	access_log_close(&log);
	(void)close(reader);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("access_log");
	TCase *lines = tcase_create("lines"), *log = tcase_create("log");

	tcase_add_test(lines, a_json_line_has_all_that_is_known);
	tcase_add_test(lines, a_template_has_text_and_fields);
	tcase_add_test(lines, a_template_with_a_mistake_says_what_is_possible);
	tcase_add_test(lines, a_message_for_the_journal_has_what_is_known_as_fields);
	tcase_add_test(lines, what_is_not_known_is_left_out);
	tcase_add_test(lines, the_combined_format_is_what_its_readers_expect);
	tcase_add_test(lines, no_peer_can_forge_a_line_or_make_it_too_long);
	suite_add_tcase(s, lines);
	tcase_set_timeout(log, 60);
	tcase_add_checked_fixture(log, files_setup, files_teardown);
	tcase_add_test(log, lines_of_many_threads_come_whole_and_none_is_lost_unseen);
	tcase_add_test(log, a_rotated_file_is_opened_anew);
	tcase_add_test(log, off_writes_nothing);
	tcase_add_test(log, a_file_that_can_not_be_opened_is_said_so_and_the_old_one_stays);
	tcase_add_test(log, a_full_disk_costs_lines_which_are_counted);
	tcase_add_test(log, a_pipe_that_nobody_reads_neither_stops_a_worker_nor_the_close);
	suite_add_tcase(s, log);
	return unit_run(s);
}
