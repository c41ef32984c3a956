/* instance: names of statuses and the checks of what an instance says of itself. */
#include "common/instance.h"

#include <arpa/inet.h>
#include <string.h>

static const char *const instance_statuses[INSTANCE_STATUS_COUNT] = {
	"down", "starting", "up", "draining", "maintenance",
};

const char *instance_status_name(enum instance_status status)
{
	return (unsigned)status < INSTANCE_STATUS_COUNT ? instance_statuses[status] : "down";
}

int instance_status_parse(const char *text)
{
	for (int i = 0; i < INSTANCE_STATUS_COUNT; i++)
		if (strcmp(text, instance_statuses[i]) == 0)
			return i;
	return -1;
}

/* ASCII whatever the locale. */
static bool instance_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool instance_is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || instance_is_digit(c);
}

static bool instance_name_is_valid(const char *name, const char *inner)
{
	size_t len = strlen(name);

	if (len == 0 || len > INSTANCE_NAME_MAX)
		return false;
	if (!instance_is_alnum(name[0]) && name[0] != '_')
		return false;
	for (size_t i = 1; i < len; i++)
		if (!instance_is_alnum(name[i]) && !strchr(inner, name[i]))
			return false;
	return true;
}

bool instance_service_is_valid(const char *name)
{
	return instance_name_is_valid(name, "._-");
}

bool instance_id_is_valid(const char *id)
{
	return instance_name_is_valid(id, "._:-");
}

/* One part of a host name between dots. RFC 1123 knows no '_', but the names that container
 * networks give do. */
static bool instance_label_is_valid(const char *label, size_t len)
{
	if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!instance_is_alnum(label[i]) && label[i] != '-' && label[i] != '_')
			return false;
	return true;
}

bool instance_host_is_valid(const char *host)
{
	struct in6_addr address;
	size_t len = strlen(host), label = 0;

	if (len == 0 || len > INSTANCE_HOST_MAX)
		return false;
	if (strchr(host, ':'))
		return inet_pton(AF_INET6, host, &address) == 1;
	for (size_t i = 0; i <= len; i++) {
		if (host[i] != '.' && host[i] != '\0')
			continue;
		/* One final dot marks a name as complete. */
		if (i == len && label == len && len > 1)
			break;
		if (!instance_label_is_valid(host + label, i - label))
			return false;
		label = i + 1;
	}
	/* What ends in a number is an address, and resolvers read "10.1" or "010.0.0.1" as
	 * another one than people do: the dotted form of four only. */
	label = strspn(host, "0123456789.");
	if (label == len || (len > 1 && host[len - 1] == '.' && label == len - 1))
		return inet_pton(AF_INET, host, &address) == 1;
	return true;
}

bool instance_scheme_is_valid(const char *scheme)
{
	size_t len = strlen(scheme);

	if (len == 0 || len > INSTANCE_SCHEME_MAX || scheme[0] < 'a' || scheme[0] > 'z')
		return false;
	for (size_t i = 1; i < len; i++)
		if (!(scheme[i] >= 'a' && scheme[i] <= 'z') && !instance_is_digit(scheme[i]) &&
		    !strchr("+.-", scheme[i]))
			return false;
	return true;
}

bool instance_scheme_is_served(const char *scheme)
{
	return strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
}

bool instance_text_is_valid(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}
