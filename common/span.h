/* span: a run of bytes in somebody's memory. */
#ifndef MICROREG_COMMON_SPAN_H
#define MICROREG_COMMON_SPAN_H

#include <stddef.h>

/* Not NUL-terminated. */
struct span {
	const char *at;
	size_t len;
};

#endif
