/* endpoint: one instance, from its list to its last connection. */
#include "gateway/endpoint.h"
#include "gateway/pool.h"
#include "gateway/tls_origin.h"
#include "gateway/usage.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static void endpoint_parse_address(struct endpoint *ep)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ep->address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ep->address;
	struct sockaddr_un *local = (struct sockaddr_un *)&ep->address;
	size_t len = strlen(ep->host);

	if (inet_pton(AF_INET, ep->host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(ep->port);
		ep->address_len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, ep->host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(ep->port);
		ep->address_len = sizeof(*v6);
	} else if (ep->host[0] == '/' && len < sizeof(local->sun_path)) {
		local->sun_family = AF_UNIX;
		memcpy(local->sun_path, ep->host, len + 1);
		ep->address_len = sizeof(*local);
	}
}

struct endpoint *endpoint_new(const struct endpoint_place *place)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));

	if (!ep)
		return NULL;
	ep->refs = 1;
	ep->port = place->port;
	ep->https = place->https;
	ep->weight = place->weight ? place->weight : 1;
	ep->id = strdup(place->id);
	ep->host = strdup(place->host);
	if (!ep->id || !ep->host) {
		endpoint_unref(&ep);
		return NULL;
	}
	endpoint_parse_address(ep);
	return ep;
}

struct endpoint *endpoint_ref(struct endpoint *ep)
{
	ep->refs++;
	return ep;
}

void endpoint_unref(struct endpoint **ep)
{
	struct endpoint *e = *ep;

	*ep = NULL;
	if (!e || --e->refs)
		return;
	usage_unref(&e->usage);
	SSL_SESSION_free(e->session);
	tls_origin_unref(&e->tls);
	free(e->id);
	free(e->host);
	free(e);
}

void endpoint_configure(struct endpoint *ep, const struct settings_pool *pool,
			struct tls_origin *tls)
{
	ep->pool = *pool;
	if (!ep->https || tls_origin_is_same(ep->tls, tls))
		return;
	pool_close_idle(ep);
	SSL_SESSION_free(ep->session); /* it would stand for what was checked then */
	ep->session = NULL;
	tls_origin_unref(&ep->tls);
	ep->tls = tls ? tls_origin_ref(tls) : NULL;
}
