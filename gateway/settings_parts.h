/*
 * settings_parts: what the files that read the settings share: the tables of
 * the larger parts, and the checks after all keys are read. Nobody else's.
 */
#ifndef MICROREG_GATEWAY_SETTINGS_PARTS_H
#define MICROREG_GATEWAY_SETTINGS_PARTS_H

#include "common/settings_table.h"
#include "gateway/settings.h"

/* One service, one route. */
extern const struct settings_table settings_log_table;
extern const struct settings_table settings_service_table;
extern const struct settings_table settings_route_table;
extern const struct settings_table settings_listen_table; /* of an entry that is a map */
extern const struct settings_table settings_admin_table;  /* of `admin` when it is a map */

/* Parts of a route. While one is read the reader's arg is the route, once its path is known: names
 * in templates are looked up there. */
extern const struct settings_table settings_fallback_table;
void settings_read_cache(struct settings_reader *r, const struct settings_node *node, void *to);
extern const struct settings_table settings_cache_table;
extern const struct settings_table settings_redirect_table;
extern const struct settings_table settings_request_table; /* of a struct settings_edits */
extern const struct settings_table settings_reply_table;   /* the same */
extern const struct settings_table settings_mirror_table;
/* `body` of each of them, a struct settings_body, and `status` of a reply, a struct
 * settings_statuses. */
extern const struct settings_table settings_request_body_table;
extern const struct settings_table settings_reply_body_table;
void settings_read_statuses(struct settings_reader *r, const struct settings_node *node, void *to);
/* A route's `limits`, a struct settings_route_limits. */
extern const struct settings_table settings_route_limits_table;
/* A route's `fields`, into a struct settings_fields. */
extern const struct settings_table settings_fields_table;
void settings_read_select(struct settings_reader *r, const struct settings_node *node, void *to);
/* A percentage, into an unsigned of SETTINGS_SHARE_WHOLE. */
void settings_read_share(struct settings_reader *r, const struct settings_node *node, void *to);
void settings_read_rewrite(struct settings_reader *r, const struct settings_node *node, void *to);
/* What only shows when the whole route is read. */
void settings_check_actions(struct settings_reader *r, const struct settings_node *map,
			    const struct settings_route *route);

/* `compose`, a struct settings_compose, and a view of it, a struct settings_view. */
extern const struct settings_table settings_compose_table;
extern const struct settings_table settings_view_table;
/* A program, whose names are set; `input` is the one of them that its `.` is, NULL: all. */
void settings_read_program(struct settings_reader *r, const struct settings_node *node,
			   const char *input, struct settings_program *program);
/* `headers` and `query`, into a struct settings_conditions. */
void settings_read_headers(struct settings_reader *r, const struct settings_node *node, void *to);
void settings_read_query(struct settings_reader *r, const struct settings_node *node, void *to);
/* `xmlrpc`, a struct settings_bridge. */
extern const struct settings_table settings_bridge_table;
/* `openapi` of the top level, and a route's `docs`. */
extern const struct settings_table settings_openapi_table;
extern const struct settings_table settings_docs_table;
/* `rpc`, a struct settings_rpc. */
extern const struct settings_table settings_rpc_table;
/* Methods whose requests no route takes. */
void settings_check_rpc(struct settings_reader *r, const struct settings *s);
/* Whether a field may be set; notes why not. `reply`: of an answer. */
bool settings_field_is_editable(struct settings_reader *r, const struct settings_node *at,
				const char *name, bool reply);

/* Custom readers of `listen` (`to` is the struct settings), `admin` (a struct settings_admin) and
 * one address (a struct settings_address), of lists of networks (a struct settings_networks) and
 * `registry.urls` (a struct settings_strings). */
void settings_read_address(struct settings_reader *r, const struct settings_node *node, void *out);
void settings_read_listen(struct settings_reader *r, const struct settings_node *node, void *to);
void settings_read_admin(struct settings_reader *r, const struct settings_node *node, void *to);
void settings_read_networks(struct settings_reader *r, const struct settings_node *node, void *to);
void settings_read_urls(struct settings_reader *r, const struct settings_node *node, void *to);

/* A route's `upgrade`, into a struct settings_strings. */
void settings_read_upgrade(struct settings_reader *r, const struct settings_node *node, void *to);

/* A service's `balance`, into a struct settings_balance, and its keys when it is a map. */
extern const struct settings_table settings_balance_table;
void settings_read_balance(struct settings_reader *r, const struct settings_node *node, void *to);

/* A service's `instances`, into the struct settings_service, and the keys of one that is a map; its
 * `tls` and its `pool`. */
void settings_read_instances(struct settings_reader *r, const struct settings_node *node, void *to);
extern const struct settings_table settings_instance_table;
extern const struct settings_table settings_origin_tls_table;
extern const struct settings_table settings_pool_table;

/* A service's `breaker`, into a struct settings_breaker, and its keys. */
void settings_read_breaker(struct settings_reader *r, const struct settings_node *node, void *to);
extern const struct settings_table settings_breaker_table;

/* What a route does not say is the top level's. */
void settings_inherit(const struct settings *s, struct settings_route *route);

/* `paths` of the top level and of a route, each a struct settings_paths; what the route does not
 * say is taken from the top level; and routes whose own path is refused. */
extern const struct settings_table settings_paths_table;
extern const struct settings_table settings_route_paths_table;
void settings_inherit_paths(const struct settings *s, struct settings_route *route);
void settings_check_paths(struct settings_reader *r, const struct settings *s);

/* `registry`, a struct settings_registry. */
extern const struct settings_table settings_registry_table;

/* `server_timing` and `trailers`, of the top level and of a route. */
extern const struct settings_name settings_timings[];
extern const struct settings_name settings_trailers_names[];

/* A route's `hedge`. */
extern const struct settings_table settings_hedge_table;

/* A token (RFC 9110 5.6.2), say the name of a cookie or of a limit, into a const char *. */
void settings_read_token(struct settings_reader *r, const struct settings_node *node, void *to);

/* The name of a service, into a const char *. */
void settings_read_service_name(struct settings_reader *r, const struct settings_node *node,
				void *to);

/* A YAML value as JSON, in the arena; NULL: no memory, which is noted. */
const char *settings_json_text(struct settings_reader *r, const struct settings_node *node);

/* A media type, into a const char *. */
void settings_read_media_type(struct settings_reader *r, const struct settings_node *node,
			      void *to);

/* The fallback's `json`: a YAML value as JSON text, into a struct settings_fallback. */
void settings_read_json(struct settings_reader *r, const struct settings_node *node, void *to);

/* `ip` of the top level and of a route. */
extern const struct settings_table settings_ip_table;
/* A route's `cors` and `user_agents`. */
extern const struct settings_table settings_cors_table;
extern const struct settings_table settings_agents_table;
extern const struct settings_table settings_query_table;
extern const struct settings_name settings_body_checks[];
/* The methods of a `cors` that names none are the route's. */
void settings_cors_default(struct settings_reader *r, struct settings_route *route);
/* A route's `allow`, into a struct settings_rules. */
void settings_read_allow(struct settings_reader *r, const struct settings_node *node, void *to);
/* `rate_limit` of the top level, a route and a consumer, into a struct settings_limits_list, and
 * the keys of one. */
void settings_read_gateway_limits(struct settings_reader *r, const struct settings_node *node,
				  void *to);
void settings_read_route_limits(struct settings_reader *r, const struct settings_node *node,
				void *to);
void settings_read_consumer_limits(struct settings_reader *r, const struct settings_node *node,
				   void *to);
extern const struct settings_table settings_limit_table;
/* Gives each its counters. */
void settings_check_limits(struct settings_reader *r, struct settings *s,
			   const struct settings_route *routes);
/* One consumer. */
extern const struct settings_table settings_consumer_table;
/* A route's `auth`, into a struct settings_auth, and the keys of one of its methods. */
void settings_read_auth(struct settings_reader *r, const struct settings_node *node, void *to);
extern const struct settings_table settings_auth_table;
/* One of its methods, `forward`, into a struct settings_auth_method, and its keys. */
void settings_read_forward(struct settings_reader *r, const struct settings_node *node, void *to);
extern const struct settings_table settings_forward_table;
/* Where the method of that index names its service, within `auth`. */
const struct settings_node *settings_forward_node(const struct settings_node *auth, size_t index);
/* One issuer. */
extern const struct settings_table settings_issuer_table;
/* `security_headers`, into a struct settings_headers. */
void settings_read_security(struct settings_reader *r, const struct settings_node *node, void *to);
/* `identity`, a struct settings_sign. */
extern const struct settings_table settings_identity_table;
/* Which issuers the routes' methods mean, and the fields that the issuers' claims make. */
void settings_check_issuers(struct settings_reader *r, struct settings *s,
			    const struct settings_route *routes);
/* Consumers that can't be told apart. */
void settings_check_consumers(struct settings_reader *r, const struct settings *s);
/* Which policies each route has, of its own and of the top level. */
void settings_check_policies(struct settings_reader *r, struct settings *s,
			     struct settings_route *routes);

/* One of `registry_routes`; and what only shows when the routes are read. */
extern const struct settings_table settings_grant_table;
void settings_check_grants(struct settings_reader *r, struct settings *s);

/* Finds what only shows when everything is read: services nobody lists, routes that are equal,
 * addresses that are taken; adds the services that only routes name. */
void settings_check(struct settings_reader *r, struct settings *s);

#endif
