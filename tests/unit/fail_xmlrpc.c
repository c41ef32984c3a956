/*
 * fail_xmlrpc: stands before the functions of xmlrpc-c 1.33 that can't run out
 * of memory in their middle (they free what they never had), so that
 * fail_malloc spares them. The callers make sure of room before; that can fail.
 */
#include "tests/unit/fail_malloc.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <xmlrpc-c/base.h>

#define BEFORE __attribute__((visibility("default")))

/* Declares `real`, a pointer to the function behind, and holds failures off. */
#define SPARE(result, name, ...)     \
	result (*real)(__VA_ARGS__); \
	fail_malloc_pause();         \
	*(void **)&real = dlsym(RTLD_NEXT, name)

/* Their parameters have other names in the libraries' headers.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
BEFORE void xmlrpc_parse_call(xmlrpc_env *env, const char *body, size_t len, const char **name,
			      xmlrpc_value **params)
{
	SPARE(void, "xmlrpc_parse_call", xmlrpc_env *, const char *, size_t, const char **,
	      xmlrpc_value **);
	real(env, body, len, name, params);
	fail_malloc_resume();
}

BEFORE void xmlrpc_parse_response2(xmlrpc_env *env, const char *body, size_t len,
				   xmlrpc_value **result, int *code, const char **fault)
{
	SPARE(void, "xmlrpc_parse_response2", xmlrpc_env *, const char *, size_t, xmlrpc_value **,
	      int *, const char **);
	real(env, body, len, result, code, fault);
	fail_malloc_resume();
}

BEFORE xmlrpc_value *xmlrpc_struct_new(xmlrpc_env *env)
{
	xmlrpc_value *made;

	SPARE(xmlrpc_value *, "xmlrpc_struct_new", xmlrpc_env *);
	made = real(env);
	fail_malloc_resume();
	return made;
}

BEFORE xmlrpc_value *xmlrpc_array_new(xmlrpc_env *env)
{
	xmlrpc_value *made;

	SPARE(xmlrpc_value *, "xmlrpc_array_new", xmlrpc_env *);
	made = real(env);
	fail_malloc_resume();
	return made;
}

BEFORE xmlrpc_value *xmlrpc_string_new_lp(xmlrpc_env *env, size_t len, const char *text)
{
	xmlrpc_value *made;

	SPARE(xmlrpc_value *, "xmlrpc_string_new_lp", xmlrpc_env *, size_t, const char *);
	made = real(env, len, text);
	fail_malloc_resume();
	return made;
}

BEFORE xmlrpc_value *xmlrpc_int_new(xmlrpc_env *env, int number)
{
	xmlrpc_value *made;

	SPARE(xmlrpc_value *, "xmlrpc_int_new", xmlrpc_env *, int);
	made = real(env, number);
	fail_malloc_resume();
	return made;
}

BEFORE xmlrpc_value *xmlrpc_bool_new(xmlrpc_env *env, xmlrpc_bool yes)
{
	xmlrpc_value *made;

	SPARE(xmlrpc_value *, "xmlrpc_bool_new", xmlrpc_env *, xmlrpc_bool);
	made = real(env, yes);
	fail_malloc_resume();
	return made;
}

BEFORE void xmlrpc_struct_set_value(xmlrpc_env *env, xmlrpc_value *to, const char *name,
				    xmlrpc_value *value)
{
	SPARE(void, "xmlrpc_struct_set_value", xmlrpc_env *, xmlrpc_value *, const char *,
	      xmlrpc_value *);
	real(env, to, name, value);
	fail_malloc_resume();
}

/* These make the text of a fault by vasprintf, and free what that leaves when it fails. */
static void __attribute__((format(printf, 3, 0)))
fail_xmlrpc_fault(xmlrpc_env *env, int code, const char *format, va_list args)
{
	char text[256];

	(void)vsnprintf(text, sizeof(text), format, args); /* cut when too long */
	fail_malloc_pause();
	xmlrpc_env_set_fault(env, code, text);
	fail_malloc_resume();
}

BEFORE void xmlrpc_faultf(xmlrpc_env *env, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_xmlrpc_fault(env, XMLRPC_INTERNAL_ERROR, format, args);
	va_end(args);
}

BEFORE void xmlrpc_env_set_fault_formatted(xmlrpc_env *env, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fail_xmlrpc_fault(env, code, format, args);
	va_end(args);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
