/* siphash: the vectors of the reference, key 00 01 … 0f, text 00 01 … of each length. */
#include "common/siphash.h"
#include "tests/unit/unit.h"

static const struct {
	size_t len;
	uint64_t hash, both[2];
} cases[] = {
	{0, 0x726fdb47dd0e0e31, {0xe6a825ba047f81a3, 0x930255c71472f66d}},
	{1, 0x74f839c593dc67fd, {0x44af996bd8c187da, 0x45fc229b11597634}},
	{7, 0xab0200f58b01d137, {0x53c1dbd8beebf1a1, 0x3982f01fa64ab8c0}},
	{8, 0x93f5f5799a932462, {0x61f55862baa9623b, 0xb49714f364e2830f}},
	{15, 0xa129ca6149be45e5, {0x11a8b03399e99354, 0xd9c3cf970fec087e}},
	{47, 0xd06c98cd5c0975eb, {0xd1190b722b431ce6, 0x1b1563dc4bd8c88e}},
	{63, 0x958a324ceb064572, {0x4a83502f77d15051, 0x7cbd3f979a063e50}},
};

START_TEST(both_lengths_are_those_of_the_reference)
{
	uint8_t key[16], text[64];
	uint64_t both[2];

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)i;
	ck_assert_uint_eq(siphash(key, text, cases[_i].len), cases[_i].hash);
	siphash_128(key, text, cases[_i].len, both);
	ck_assert_uint_eq(both[0], cases[_i].both[0]);
	ck_assert_uint_eq(both[1], cases[_i].both[1]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("siphash");
	TCase *t = tcase_create("siphash");

	tcase_add_loop_test(t, both_lengths_are_those_of_the_reference, 0,
			    (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(s, t);
	return unit_run(s);
}
