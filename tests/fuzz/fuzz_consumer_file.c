/*
 * fuzz_consumer_file: the file of consumers that a gateway starts from. The
 * input lacks the hash at its end, which is put right here. What is read comes
 * back the same after it was written, and a gateway's roster takes it or
 * leaves it out.
 */
#include "client-lib/consumer_file.h"
#include "client-lib/consumer_set.h"
#include "gateway/consumers.h"
#include "gateway/roster.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FUZZ_PATH_MAX = 64 };

static void write_input(const char *path, const uint8_t *data, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325u;
	unsigned char le[8];
	FILE *file = fopen(path, "wb");

	FUZZ_HOLDS(file);
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ data[i]) * 0x100000001b3u;
	for (unsigned i = 0; i < 8; i++)
		le[i] = (unsigned char)(hash >> (8 * i));
	FUZZ_HOLDS(fwrite(data, 1, len, file) == len && fwrite(le, 1, 8, file) == 8);
	FUZZ_HOLDS(fclose(file) == 0);
}

static void is_same(const struct microreg_value *a, const struct microreg_value *b)
{
	FUZZ_HOLDS(a->type == b->type && a->count == b->count && a->number == b->number);
	FUZZ_HOLDS(strcmp(a->name ? a->name : "", b->name ? b->name : "") == 0);
	FUZZ_HOLDS(strcmp(a->text ? a->text : "", b->text ? b->text : "") == 0);
	for (size_t i = 0; i < a->count; i++)
		is_same(&a->items[i], &b->items[i]);
}

static void write_again(const char *path, const struct microreg_consumers *set)
{
	const struct microreg_consumers *again;
	struct err e = {0};

	FUZZ_HOLDS(consumer_file_write(path, set, &e) == 0);
	again = consumer_file_read(path, &e);
	FUZZ_HOLDS(again && microreg_consumers_count(again) == microreg_consumers_count(set));
	for (size_t i = 0; i < microreg_consumers_count(set); i++)
		is_same(microreg_consumers_at(set, i), microreg_consumers_at(again, i));
	microreg_consumers_unref(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char dir[FUZZ_PATH_MAX] = "/dev/shm/fuzz_consumers.XXXXXX", path[FUZZ_PATH_MAX + 8];
	struct consumers *nobody = consumers_new(NULL, 0);
	const struct microreg_consumers *set;
	struct roster *roster;
	struct err e = {0};

	FUZZ_HOLDS(mkdtemp(dir) && nobody);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	write_input(path, data, len);
	set = consumer_file_read(path, &e);
	FUZZ_HOLDS(set || e.text[0]);
	if (set) {
		write_again(path, set);
		roster = roster_new(set, nobody); /* takes it over */
		FUZZ_HOLDS(roster && roster->count + roster->left_out >=
					     microreg_consumers_count(roster->set));
		roster_unref(&roster);
	}
	consumers_free(&nobody);
	FUZZ_HOLDS(unlink(path) == 0 && rmdir(dir) == 0);
	return 0;
}
