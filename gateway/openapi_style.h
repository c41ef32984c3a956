/* openapi_style: the style sheet of the page; its hash is in the page's policy. */
#ifndef MICROREG_GATEWAY_OPENAPI_STYLE_H
#define MICROREG_GATEWAY_OPENAPI_STYLE_H

extern const char openapi_style[];
extern const unsigned openapi_style_len; /* without the NUL */

#endif
