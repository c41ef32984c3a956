/* packed: what is written is read again, and what is cut or too long is bad, never read past. */
#include "client-lib/packed.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct packed_reader reader;

static void setup(void)
{
	reader = (struct packed_reader){0};
	arena_init(&reader.arena, 4096);
}

static void teardown(void)
{
	arena_fini(&reader.arena);
}

static void read_bytes(const char *bytes, size_t len)
{
	reader.data = (const unsigned char *)bytes;
	reader.len = len;
	reader.at = 0;
	reader.bad = false;
}

START_TEST(numbers_come_back)
{
	static const uint64_t numbers[] = {0, 1, 0xff, 0x1234, 0xdeadbeef, UINT64_MAX};
	struct buf out;

	buf_init(&out, 256);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		for (unsigned bytes = 1; bytes <= 8; bytes++) {
			uint64_t kept = bytes == 8 ? numbers[i]
						   : numbers[i] & ((UINT64_C(1) << 8 * bytes) - 1);

			buf_reset(&out);
			packed_put_number(&out, numbers[i], bytes);
			ck_assert_uint_eq(out.len, bytes);
			read_bytes(out.data, out.len);
			ck_assert_uint_eq(packed_number(&reader, bytes), kept);
			ck_assert(!reader.bad && reader.at == bytes);
		}
	buf_fini(&out);
}
END_TEST

START_TEST(a_number_that_is_cut_is_bad)
{
	read_bytes("\1\2\3", 3);
	ck_assert_uint_eq(packed_number(&reader, 4), 0);
	ck_assert(reader.bad);
	ck_assert_uint_eq(packed_number(&reader, 1), 0);
	ck_assert_uint_eq(reader.at, 0);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len, max;
	const char *text; /* NULL: bad */
} texts[] = {
	{"\0\0", 2, 9, ""},
	{"\2\0ab", 4, 9, "ab"},
	{"\2\0ab", 4, 2, "ab"},
	{"\2\0ab", 4, 1, NULL},
	{"\2\0a", 3, 9, NULL},
	{"\2\0a\0", 4, 9, NULL},
	{"\xff\xff"
	 "a",
	 3, 99999, NULL},
	{"\2", 1, 9, NULL},
};

START_TEST(a_text_is_there_whole_or_bad)
{
	const char *text;

	read_bytes(texts[_i].bytes, texts[_i].len);
	text = packed_text(&reader, 2, texts[_i].max);
	ck_assert_str_eq(text, texts[_i].text ? texts[_i].text : "");
	ck_assert(reader.bad == !texts[_i].text);
	if (texts[_i].text)
		ck_assert_uint_eq(reader.at, texts[_i].len);
}
END_TEST

START_TEST(a_count_is_held_against_what_is_left)
{
	static const char bytes[] = "\2\0\0\0abcd";

	read_bytes(bytes, 8);
	ck_assert_uint_eq(packed_count(&reader, 2, 2), 2);
	ck_assert(!reader.bad);
	read_bytes(bytes, 8);
	ck_assert_uint_eq(packed_count(&reader, 1, 2), 0);
	ck_assert(reader.bad);
	read_bytes(bytes, 8);
	ck_assert_uint_eq(packed_count(&reader, 9, 3), 0);
	ck_assert(reader.bad);
}
END_TEST

START_TEST(room_that_there_is_none_of_is_bad)
{
	ck_assert_ptr_nonnull(packed_room(&reader, 4, 8));
	ck_assert(!reader.bad);
	ck_assert_ptr_null(packed_room(&reader, 1000, 8));
	ck_assert(reader.bad);
}
END_TEST

START_TEST(the_hash_is_fnv_1a)
{
	ck_assert_uint_eq(packed_hash(PACKED_HASH_START, "", 0), PACKED_HASH_START);
	ck_assert_uint_eq(packed_hash(PACKED_HASH_START, "foobar", 6),
			  UINT64_C(0x85944171f73967e8));
	ck_assert_uint_eq(packed_hash(packed_hash(PACKED_HASH_START, "foo", 3), "bar", 3),
			  UINT64_C(0x85944171f73967e8));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("packed");
	TCase *t = tcase_create("packed");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, numbers_come_back);
	tcase_add_test(t, a_number_that_is_cut_is_bad);
	tcase_add_loop_test(t, a_text_is_there_whole_or_bad, 0,
			    (int)(sizeof(texts) / sizeof(texts[0])));
	tcase_add_test(t, a_count_is_held_against_what_is_left);
	tcase_add_test(t, room_that_there_is_none_of_is_bad);
	tcase_add_test(t, the_hash_is_fnv_1a);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
