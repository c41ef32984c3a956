/* snapshot_file: what was written is read again; anything else is ignored with a reason. */
#include "client-lib/service.h"
#include "client-lib/snapshot_file.h"
#include "common/buf.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/snapshot_file.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/snapshot", dir);
}

static void teardown(void)
{
	(void)unlink(path);
	(void)rmdir(path);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing is left beside it */
}

static struct microreg_snapshot *make(void)
{
	static const char *const tags[] = {"a", "b"};
	static const struct instance_pair meta[] = {{"k", "v\xc3\xa9"}};
	static const struct instance instances[] = {
		{.id = "1",
		 .host = "10.0.0.1",
		 .scheme = "https",
		 .zone = "z",
		 .version = "2",
		 .detail = "d",
		 .port = 65535,
		 .weight = 1000,
		 .status = INSTANCE_DRAINING,
		 .tags = tags,
		 .tag_count = 2,
		 .meta = meta,
		 .meta_count = 1},
		{.id = "2",
		 .host = "::1",
		 .scheme = "http",
		 .zone = "",
		 .version = "",
		 .detail = "",
		 .port = 1,
		 .weight = 1,
		 .status = INSTANCE_UP},
	};
	const struct service_facts facts[] = {
		{.name = "orders",
		 .revision = "12",
		 .reason = "",
		 .instances = instances,
		 .count = 2},
		{.name = "users", .revision = "3", .reason = "all_expired", .held = true},
	};
	struct microreg_snapshot *s = snapshot_new();

	for (int i = 0; i < 2; i++) {
		const struct microreg_service *service = service_new(&facts[i]);

		ck_assert_int_eq(snapshot_put(s, service), 0);
		microreg_service_unref(&service);
	}
	return s;
}

static void load(struct buf *b)
{
	FILE *f = fopen(path, "rb");
	int c;

	buf_init(b, 1 << 20);
	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		ck_assert_int_eq(buf_putc(b, (char)c), 0);
	(void)fclose(f);
}

static void store(const void *data, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(data, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static void write_one(void)
{
	const struct microreg_snapshot *s = make();
	struct err e = {0};

	ck_assert_msg(snapshot_file_write(path, s, &e) == 0, "%s", e.text);
	microreg_snapshot_unref(&s);
}

static void read_one(void)
{
	struct err e = {0};
	const struct microreg_snapshot *s = snapshot_file_read(path, &e);

	ck_assert_msg(s != NULL, "%s", e.text);
	microreg_snapshot_unref(&s);
}

/* Reads what must not be good; the reason must say so. */
static void refuse(const char *says)
{
	struct err e = {0};
	const struct microreg_snapshot *s = snapshot_file_read(path, &e);

	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(e.text, says), "%s", e.text);
	ck_assert_msg(strstr(e.text, path), "%s", e.text);
}

START_TEST(what_is_written_is_read)
{
	const struct microreg_snapshot *a = make(), *b;
	const char *const names[] = {"orders", "users"};
	struct err e = {0};

	write_one();
	write_one(); /* over itself */
	b = snapshot_file_read(path, &e);
	ck_assert_msg(b != NULL, "%s", e.text);
	ck_assert_uint_eq(snapshot_count(b), 2);
	for (int i = 0; i < 2; i++) {
		const struct microreg_service *was = microreg_snapshot_find(a, names[i]),
					      *is = microreg_snapshot_find(b, names[i]);

		ck_assert(service_is_same(was, is));
		ck_assert_str_eq(was->revision, is->revision);
	}
	microreg_snapshot_unref(&a);
	microreg_snapshot_unref(&b);
}
END_TEST

START_TEST(an_empty_snapshot_is_one_too)
{
	const struct microreg_snapshot *s = snapshot_new(), *read;

	ck_assert_int_eq(snapshot_file_write(path, s, NULL), 0);
	read = snapshot_file_read(path, NULL);
	ck_assert_ptr_nonnull(read);
	ck_assert_uint_eq(snapshot_count(read), 0);
	microreg_snapshot_unref(&s);
	microreg_snapshot_unref(&read);
}
END_TEST

START_TEST(a_missing_file_is_told_from_a_bad_one)
{
	struct err e = {0};

	ck_assert_ptr_null(snapshot_file_read(path, &e));
	ck_assert_int_eq(e.code, ENOENT);
}
END_TEST

START_TEST(every_cut_is_ignored)
{
	struct buf b;

	write_one();
	load(&b);
	for (size_t n = 0; n < b.len; n++) {
		store(b.data, n);
		refuse(n < 20 ? "not a snapshot" : "cut or damaged");
	}
	buf_fini(&b);
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
	struct buf b;

	write_one();
	load(&b);
	for (size_t i = 0; i < b.len; i++) {
		b.data[i] ^= 0x41;
		store(b.data, b.len);
		refuse("ignored");
		b.data[i] ^= 0x41;
	}
	buf_fini(&b);
}
END_TEST

START_TEST(what_was_appended_to_is_ignored)
{
	struct buf b;

	write_one();
	load(&b);
	ck_assert_int_eq(buf_puts(&b, "x"), 0);
	store(b.data, b.len);
	refuse("cut or damaged");
	buf_fini(&b);
}
END_TEST

static uint64_t hash(const struct buf *b)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < b->len; i++)
		h = (h ^ (unsigned char)b->data[i]) * 0x100000001b3u;
	return h;
}

/* Damage that a right hash does not betray must not be read past the end of anything. */
START_TEST(lies_under_a_right_hash_are_ignored_or_harmless)
{
	struct buf b;

	write_one();
	load(&b);
	for (size_t i = 20; i < b.len - 8; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			char kept = b.data[i];
			const struct microreg_snapshot *s;
			struct buf copy;
			uint64_t h;

			b.data[i] = (char)(b.data[i] ^ (char)(1u << bit));
			buf_init(&copy, b.len);
			ck_assert_int_eq(buf_append(&copy, b.data, b.len - 8), 0);
			h = hash(&copy);
			ck_assert_int_eq(buf_append(&copy, &h, sizeof(h)), 0); /* little endian */
			store(copy.data, copy.len);
			s = snapshot_file_read(path, NULL);
			microreg_snapshot_unref(&s);
			buf_fini(&copy);
			b.data[i] = kept;
		}
	}
	buf_fini(&b);
}
END_TEST

START_TEST(other_programs_files_are_ignored)
{
	static const char *const others[] = {"", "{\"services\": []}", "\177ELF", "microreg"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		store(others[i], strlen(others[i]));
		refuse("not a snapshot of MicroReg");
	}
}
END_TEST

START_TEST(another_version_is_ignored)
{
	store("microreg snapshot 3\nS whatever", 30);
	refuse("another version");
}
END_TEST

START_TEST(what_is_no_file_is_ignored)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	refuse("");
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	refuse("not a file");
}
END_TEST

/* What a program that was killed while it wrote leaves. */
START_TEST(what_a_killed_writer_left_is_taken_over)
{
	char beside[128];
	FILE *left;

	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	left = fopen(beside, "w");
	ck_assert_ptr_nonnull(left);
	for (int i = 0; i < 100000; i++)
		ck_assert_int_ne(fputc('x', left), EOF);
	ck_assert_int_eq(fclose(left), 0);
	write_one();
	read_one();
}
END_TEST

START_TEST(what_was_left_is_its_owners_only)
{
	bool foreign = geteuid() == 0; /* who alone can give a file away */
	char beside[128];
	struct stat st;
	int left;

	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	for (int give = 0; give <= (int)foreign; give++) {
		left = open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_eq(fchmod(left, 0666), 0);
		ck_assert_int_eq(fchown(left, give ? 65534 : geteuid(), (gid_t)-1), 0);
		ck_assert_int_eq(close(left), 0);
		write_one();
		ck_assert_int_eq(stat(path, &st), 0);
		ck_assert_uint_eq(st.st_mode & 07777, 0600);
		ck_assert_uint_eq(st.st_uid, geteuid());
	}
	ck_assert_int_eq(unlink(beside), foreign ? 0 : -1); /* another's is left alone */
	read_one();
}
END_TEST

START_TEST(two_programs_with_one_path_do_not_mix)
{
	char beside[128];
	int other;

	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	other = open(beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(flock(other, LOCK_EX), 0);
	ck_assert_int_eq(write(other, "half", 4), 4);
	write_one();
	read_one();
	ck_assert_int_eq(lseek(other, 0, SEEK_END), 4); /* its writer goes on undisturbed */
	ck_assert_int_eq(close(other), 0);
	ck_assert_int_eq(unlink(beside), 0);
}
END_TEST

/* A name that leads elsewhere must not be written through. */
START_TEST(a_link_beside_it_is_not_followed)
{
	char beside[128], elsewhere[128];

	(void)snprintf(beside, sizeof(beside), "%s.new", path);
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s.elsewhere", path);
	ck_assert_int_eq(symlink(elsewhere, beside), 0);
	write_one();
	ck_assert_int_eq(access(elsewhere, F_OK), -1);
	ck_assert_int_eq(unlink(beside), 0);
}
END_TEST

START_TEST(a_file_that_can_not_be_written_leaves_nothing_behind)
{
	const struct microreg_snapshot *s = make();
	struct err e = {0};
	char nowhere[128];

	(void)snprintf(nowhere, sizeof(nowhere), "%s/no/such", dir);
	ck_assert_int_eq(snapshot_file_write(nowhere, s, &e), -1);
	ck_assert_msg(strstr(e.text, "No such file"), "%s", e.text);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(snapshot_file_write(path, s, &e), -1); /* the rename fails */
	ck_assert_msg(strstr(e.text, path), "%s", e.text);
	microreg_snapshot_unref(&s);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("snapshot_file");
	TCase *t = tcase_create("snapshot_file");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_written_is_read);
	tcase_add_test(t, an_empty_snapshot_is_one_too);
	tcase_add_test(t, a_missing_file_is_told_from_a_bad_one);
	tcase_add_test(t, every_cut_is_ignored);
	tcase_add_test(t, every_changed_byte_is_noticed);
	tcase_add_test(t, what_was_appended_to_is_ignored);
	tcase_add_test(t, lies_under_a_right_hash_are_ignored_or_harmless);
	tcase_add_test(t, other_programs_files_are_ignored);
	tcase_add_test(t, another_version_is_ignored);
	tcase_add_test(t, what_is_no_file_is_ignored);
	tcase_add_test(t, what_a_killed_writer_left_is_taken_over);
	tcase_add_test(t, what_was_left_is_its_owners_only);
	tcase_add_test(t, two_programs_with_one_path_do_not_mix);
	tcase_add_test(t, a_link_beside_it_is_not_followed);
	tcase_add_test(t, a_file_that_can_not_be_written_leaves_nothing_behind);
	suite_add_tcase(s, t);
	return unit_run(s);
}
