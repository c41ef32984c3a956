/* checker: what it may say of an instance while a name server takes its time. */
#include "registry/checker.h"
#include "common/clock.h"
#include "registry/edit.h"
#include "tests/unit/store_stub.h"
#include "tests/unit/unit.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHECK_MS = 20, NAME_MS = 250, LOOKUPS = 6 };

static struct store fake;
static struct registry registry;
static atomic_uint lookups, passed, failed, asked;
static atomic_bool hangs; /* the name server, from now on */

/* In the place of the C library's: a name server that does not answer. Its parameters' names are no
 * names for others.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
		struct addrinfo **out)
{
	struct addrinfo *info;
	struct sockaddr_in *at;

	if (hints->ai_flags & AI_NUMERICHOST && strcmp(host, "127.0.0.1") != 0)
		return EAI_NONAME;
	if (strcmp(host, "127.0.0.1") != 0) {
		(void)poll(NULL, 0, NAME_MS);
		(void)atomic_fetch_add(&lookups, 1);
		while (atomic_load(&hangs))
			(void)poll(NULL, 0, NAME_MS);
		return EAI_AGAIN;
	}
	*out = info = calloc(1, sizeof(*info) + sizeof(*at));
	if (!info)
		return EAI_MEMORY;
	at = (struct sockaddr_in *)(void *)(info + 1);
	*at = (struct sockaddr_in){.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	info->ai_family = AF_INET;
	info->ai_addr = (struct sockaddr *)at;
	info->ai_addrlen = sizeof(*at);
	return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
	free(info);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

int store_commit(struct store *store, const struct store_change *changes, size_t count,
		 uint64_t revision, uint64_t number, struct err *e)
{
	(void)e;
	store->revision = revision;
	store->number = number;
	for (size_t i = 0; i < count; i++) {
		if (changes[i].kind != STORE_PUT || strcmp(changes[i].record->in.id, "here") != 0)
			continue;
		if (changes[i].record->check_failed)
			(void)atomic_fetch_add(&failed, 1);
		else if (!changes[i].record->check_pending)
			(void)atomic_fetch_add(&passed, 1);
	}
	return 0;
}

/* ---- An instance that is well ---- */

static void *serve(void *arg)
{
	static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	int door = *(int *)arg, fd;
	char request[2048];

	while ((fd = accept(door, NULL, NULL)) >= 0) {
		if (recv(fd, request, sizeof(request), 0) > 0) {
			(void)atomic_fetch_add(&asked, 1);
			(void)send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL);
		}
		(void)close(fd);
	}
	return NULL;
}

static int listen_somewhere(uint16_t *port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*port = ntohs(at.sin_port);
	return fd;
}

/* ---- The registry ---- */

static void finish(struct edit *edit)
{
	free(edit);
}

static void add(const char *id, const char *host, uint16_t port)
{
	struct edit *edit = calloc(1, sizeof(*edit));

	ck_assert_ptr_nonnull(edit);
	edit->kind = EDIT_REGISTER;
	edit->origin = "127.0.0.1";
	edit->finish = finish;
	edit->in = (struct instance){.service = "s",
				     .id = id,
				     .host = host,
				     .port = port,
				     .scheme = "http",
				     .ttl_ms = 30000,
				     .weight = 1,
				     .status = INSTANCE_UP,
				     .check = INSTANCE_CHECK_HTTP,
				     .check_path = "/",
				     .check_status = ""};
	(void)snprintf(edit->lease, sizeof(edit->lease), "t");
	ck_assert_int_eq(edit_submit(registry.writer, edit, NULL), 0);
}

static void on_change(void *arg)
{
	(void)arg;
}

static void await(const atomic_uint *count, unsigned least)
{
	uint64_t until = clock_ms() + 20000;

	while (atomic_load(count) < least) {
		ck_assert_uint_lt(clock_ms(), until);
		(void)poll(NULL, 0, 5);
	}
}

START_TEST(a_name_server_that_does_not_answer_holds_nobody_else_up)
{
	struct catalog_limits limits = {.instances_max = 10,
					.services_max = 10,
					.tombstones_max = 10,
					.texts_max_bytes = 1 << 20};
	struct checker_options options = {.interval_ms = CHECK_MS,
					  .timeout_ms = CHECK_MS,
					  .failures = 1,
					  .rise = 1,
					  .fall = 1};
	struct writer_options writer = {.store = &fake, .on_change = on_change};
	struct checker *checker;
	pthread_t thread;
	uint16_t port;
	int door = listen_somewhere(&port);

	ck_assert_int_eq(pthread_create(&thread, NULL, serve, &door), 0);
	registry.catalog = writer.catalog = catalog_new("00aa00aa00", 0, &limits, 0);
	registry.writer = writer_start(&writer, NULL);
	checker = checker_start(&registry, &options, NULL);
	ck_assert(registry.catalog && registry.writer && checker);
	add("here", "127.0.0.1", port);
	await(&passed, 1);
	add("away", "slow.test", 80);
	await(&lookups, LOOKUPS);
	ck_assert_uint_eq(atomic_load(&failed), 0);
	await(&asked, atomic_load(&asked) + 2); /* it is checked nevertheless */
	atomic_store(&hangs, true);
	await(&lookups, atomic_load(&lookups) + 1);
	checker_stop(&checker); /* waits for nothing that may never end */
	atomic_store(&hangs, false);
	writer_stop(&registry.writer);
	catalog_free(&registry.catalog);
	(void)shutdown(door, SHUT_RDWR);
	(void)pthread_join(thread, NULL);
	(void)close(door);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("checker");
	TCase *t = tcase_create("checker");

	tcase_add_test(t, a_name_server_that_does_not_answer_holds_nobody_else_up);
	suite_add_tcase(s, t);
	return unit_run(s);
}
