/*
 * fuzz_xml_json: what is read of XML is JSON within its depth; written as XML
 * and read again it is the same. A document type is never let through.
 */
#include "common/json_check.h"
#include "common/json_walk.h"
#include "gateway/xml_json.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <string.h>

static void check_again(struct span json)
{
	struct buf xml, again;
	struct err e = {0};

	buf_init(&xml, 64 * json.len + 256);
	buf_init(&again, 64 * json.len + 256);
	FUZZ_HOLDS(json_check(json, &e) == 0);
	FUZZ_HOLDS(xml_from_json(json, NULL, &xml, &e) == 0);
	FUZZ_HOLDS(xml_to_json((struct span){xml.data, xml.len}, &again, &e) == 0);
	FUZZ_HOLDS(again.len == json.len && memcmp(again.data, json.at, json.len) == 0);
	buf_fini(&again);
	buf_fini(&xml);
}

/* As JSON in the place of XML: anything but a crash. */
static void check_value(struct span text)
{
	struct buf xml, json;
	struct err e = {0};

	if (json_check(text, NULL) < 0)
		return;
	buf_init(&xml, 64 * text.len + 256);
	buf_init(&json, 64 * text.len + 256);
	if (xml_from_json(json_value(text), "r", &xml, &e) == 0)
		FUZZ_HOLDS(xml_to_json((struct span){xml.data, xml.len}, &json, &e) == 0 ||
			   strstr(e.text, "deeper"));
	buf_fini(&json);
	buf_fini(&xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* Of its very size, so that reading behind it shows. */
	char *text = malloc(len ? len : 1);
	struct err e = {0};
	struct buf json;

	FUZZ_HOLDS(text);
	memcpy(text, data, len);
	xml_json_init();
	buf_init(&json, 8 * len + 256);
	if (xml_to_json((struct span){text, len}, &json, &e) == 0)
		check_again((struct span){json.data, json.len});
	FUZZ_HOLDS(e.code != EFBIG);
	check_value((struct span){text, len});
	buf_fini(&json);
	free(text);
	return 0;
}
