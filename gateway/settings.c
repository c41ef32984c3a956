/* settings: the top level of the gateway's settings file. */
#include "gateway/settings.h"

#include "common/instance.h"
#include "common/memory.h"
#include "gateway/http1_head.h"
#include "gateway/settings_parts.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* A route is about 2 KB, mostly its pattern; the file may hold 16,384. */
static const size_t settings_arena_max = (size_t)128 << 20;

enum {
	SETTINGS_ROUTES_MAX = 16384,
	SETTINGS_SERVICES_MAX = 16384,
	SETTINGS_WORKERS_MAX = 256,
	SETTINGS_CONSUMERS_MAX = 65536,
	SETTINGS_ISSUERS_MAX = 64
};

#define MINUTE_MS (60 * UINT64_C(1000))
#define HOUR_MS	  (60 * MINUTE_MS)
#define KIB	  (UINT64_C(1) << 10)
#define MIB	  (UINT64_C(1) << 20)
#define GIB	  (UINT64_C(1) << 30)
#define TIB	  (UINT64_C(1) << 40)

static const struct settings_key settings_limits_keys[] = {
	{.name = "request_line",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, request_line_bytes),
	 .fallback = "16KiB",
	 .min = 256,
	 .max = MIB,
	 .help = "Longest request line; over it the answer is 414"},
	{.name = "headers",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, headers_bytes),
	 .fallback = "32KiB",
	 .min = KIB,
	 .max = MIB,
	 .help = "All header lines of a request together; over it the answer is 431"},
	{.name = "header_count",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, headers_count),
	 .fallback = "100",
	 .min = 1,
	 .max = HTTP1_FIELDS_MAX,
	 .help = "Header lines of a request; over it the answer is 431"},
	{.name = "body",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, body_bytes),
	 .fallback = "10MiB",
	 .min = 1,
	 .max = TIB,
	 .help = "Largest body of a request, for routes that do not say; over it the answer is "
		 "413"},
	{.name = "connections",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, connections),
	 .fallback = "10000",
	 .min = 1,
	 .max = 1000000,
	 .help = "Connections of clients open at once, of all workers together"},
	{.name = "tunnels",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, tunnels),
	 .fallback = "5000",
	 .max = 1000000,
	 .help = "Of these, upgraded ones (WebSocket) at once; over it the answer is 503"},
	{.name = "tunnel_idle_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limits, tunnel_idle_ms),
	 .fallback = "1h",
	 .min = 1,
	 .max = 24 * HOUR_MS,
	 .help = "How long an upgraded connection may be without a byte in either direction; a "
		 "peer that vanished is found after two minutes"},
	{.name = "requests",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, requests),
	 .fallback_shown = "as many as there are connections",
	 .min = 1,
	 .max = 1000000,
	 .help = "Requests under way at once, of all workers together; over it the answer is 503"},
	{.name = "memory",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, memory_bytes),
	 .fallback_shown = "half of the machine's, or of its control group's",
	 .min = 4 * MIB,
	 .max = TIB,
	 .help = "Memory in buffers and heads of requests and replies; over it new requests get a "
		 "503, until a tenth of it is free again"},
	{.name = "header_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limits, header_timeout_ms),
	 .fallback = "10s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "Time for the whole head of a request, however it drips"},
	{.name = "idle_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limits, idle_timeout_ms),
	 .fallback = "60s",
	 .min = 1,
	 .max = 24 * HOUR_MS,
	 .help = "Time between two requests of a connection, and without a byte in either "
		 "direction"},
	{.name = "half_close_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limits, half_close_ms),
	 .fallback = "1s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "A client that has ended its side, and to which nothing could be sent for so "
		 "long, is taken for gone: its request is cancelled"},
	{.name = "min_rate",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, rate_bytes),
	 .fallback = "240",
	 .max = GIB,
	 .help = "Bytes a second that a client must send of a body, and take of a reply, on "
		 "average while it is waited for; a slower one gets a 408, or is cut; 0: any"},
	{.name = "min_rate_grace",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limits, rate_grace_ms),
	 .fallback = "10s",
	 .min = 1,
	 .max = HOUR_MS,
	 .help = "How long a client may be slower than that"},
	{.name = "rate_keys",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, rate_keys),
	 .fallback = "1000000",
	 .min = 1000,
	 .max = 100000000,
	 .help = "Callers whose use of a `rate_limit` is counted at once, 64 bytes each; of more, "
		 "those are forgotten that have used the least. As many whose use of a quota is, "
		 "some 250 bytes each; of more, those that the registry knows all of"},
	{.name = "cache",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, cache_bytes),
	 .fallback = "64MiB",
	 .max = TIB,
	 .help = "Memory for all cached replies"},
	{.name = "cache_object",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, cache_object_bytes),
	 .fallback = "1MiB",
	 .max = GIB,
	 .help = "Largest reply that is cached"},
	{.name = "metrics",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, metrics),
	 .fallback = "1000",
	 .max = 100000,
	 .help = "Routes, services and instances, each, that the metrics tell apart; what is "
		 "beyond "
		 "is counted together as `other`"},
	{.name = "program_time",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings_limits, program_time_ms),
	 .fallback = "1s",
	 .min = 10,
	 .max = HOUR_MS,
	 .help = "CPU time of a jq program that may run long; such programs, and any with more "
		 "than "
		 "64 KiB of input, run in processes of their own"},
	{.name = "program_memory",
	 .type = SETTINGS_SIZE,
	 .at = offsetof(struct settings_limits, program_bytes),
	 .fallback = "256MiB",
	 .min = 16 * MIB,
	 .max = TIB,
	 .help = "Memory of each such process"},
	{.name = "program_helpers",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings_limits, program_helpers),
	 .fallback = "2",
	 .min = 1,
	 .max = 16,
	 .help = "Such processes of each worker at most; what comes beyond waits"},
};

static void settings_limits_done(struct settings_reader *r, const struct settings_node *map,
				 void *to)
{
	struct settings_limits *limits = to;

	(void)r;
	(void)map;
	if (!limits->memory_bytes)
		limits->memory_bytes = memory_available() / 2;
}

static const struct settings_table settings_limits_table = {
	SETTINGS_KEYS(settings_limits_keys), sizeof(struct settings_limits), settings_limits_done};

static const struct settings_key settings_keys[] = {
	{.name = "listen",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "127.0.0.1:8080",
	 .custom = settings_read_listen,
	 .table = &settings_listen_table,
	 .listed = true,
	 .form = "`ADDRESS:PORT`, or a list of them; `:PORT` is every IPv4 address",
	 .help = "Where clients are listened to"},
	{.name = "admin",
	 .type = SETTINGS_CUSTOM,
	 .fallback = "127.0.0.1:8081",
	 .at = offsetof(struct settings, admin),
	 .custom = settings_read_admin,
	 .table = &settings_admin_table,
	 .form = "`ADDRESS:PORT`, `off`, or a map",
	 .help = "The admin door: health, metrics, what is known of services and routes"},
	{.name = "registry",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, registry),
	 .table = &settings_registry_table,
	 .fallback_shown = "no registry is asked",
	 .help = "The registry that knows where services run"},
	{.name = "zone",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings, zone),
	 .min = 1,
	 .max = INSTANCE_TEXT_MAX,
	 .form = "text",
	 .help = "Where the gateway is; instances of the same zone are preferred while there are "
		 "any"},
	{.name = "workers",
	 .type = SETTINGS_INT,
	 .at = offsetof(struct settings, workers),
	 .fallback_shown = "the cores of the machine",
	 .min = 1,
	 .max = SETTINGS_WORKERS_MAX,
	 .help = "Threads that serve requests"},
	{.name = "limits",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, limits),
	 .table = &settings_limits_table,
	 .help = "What one client, or all of them, may take"},
	{.name = "trusted_proxies",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings, trusted_proxies),
	 .custom = settings_read_networks,
	 .form = "list of networks, like `10.0.0.0/8`",
	 .help = "Proxies in front that are believed when they tell whom they speak for, in "
		 "X-Forwarded-For or Forwarded; where both are there the first counts, so that a "
		 "proxy "
		 "that sets Forwarded has to drop a client's X-Forwarded-For"},
	{.name = "paths",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, paths),
	 .table = &settings_paths_table,
	 .help = "What of a path services may read otherwise than the routes, so that the rules of "
		 "one route would be gone round by another"},
	{.name = "server_timing",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings, timing),
	 .fallback = "false",
	 .names = settings_timings,
	 .help = "Whether answers tell in `Server-Timing` where their time went (`queue`, "
		 "`resolve`, "
		 "`connect`, `ttfb`, `total`); `asked`: those to requests with an X-Server-Timing "
		 "field"},
	{.name = "trailers",
	 .type = SETTINGS_ENUM,
	 .at = offsetof(struct settings, trailers),
	 .fallback = "drop",
	 .names = settings_trailers_names,
	 .help = "What becomes of trailer fields, behind bodies in chunks, of requests and of "
		 "replies; `pass`: where the body is passed on as it comes, in chunks, they follow "
		 "it, at most 64 and 8 KiB of them, but for those that only the gateway may set, "
		 "that are routed by, or that `Connection` names. Either way a message is refused, "
		 "a request with a 400, for one that frames, shows who asks, steers or describes "
		 "the rest: Host, Content-Length, Content-Type, Authorization, Cookie, Set-Cookie, "
		 "Cache-Control, Location, Range, those that begin with If- or Proxy-, and their "
		 "like"},
	{.name = "ip",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, ip),
	 .table = &settings_ip_table,
	 .help = "From which addresses the gateway's routes may be called"},
	{.name = "openapi",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, openapi),
	 .table = &settings_openapi_table,
	 .help = "How the whole is called where routes with `openapi` tell of it, and "
		 "`--openapi`"},
	{.name = "method_override",
	 .type = SETTINGS_BOOL,
	 .at = offsetof(struct settings, method_override),
	 .fallback = "false",
	 .help = "Whether fields like X-HTTP-Method-Override are passed on; else a request with "
		 "one gets a 400, since routes and rules go by the method"},
	{.name = "rate_limit",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings, rate_limits),
	 .custom = settings_read_gateway_limits,
	 .table = &settings_limit_table,
	 .listed = true,
	 .form = "map, or list of maps",
	 .help = "How often the routes may be called, all of them together"},
	{.name = "consumers",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct settings, consumers),
	 .count_at = offsetof(struct settings, consumer_count),
	 .max = SETTINGS_CONSUMERS_MAX,
	 .table = &settings_consumer_table,
	 .help = "Who may call routes that ask for it (`auth`)"},
	{.name = "issuers",
	 .type = SETTINGS_NAMED,
	 .at = offsetof(struct settings, issuers),
	 .count_at = offsetof(struct settings, issuer_count),
	 .max = SETTINGS_ISSUERS_MAX,
	 .table = &settings_issuer_table,
	 .help = "Who signs tokens (JWT) that are believed"},
	{.name = "security_headers",
	 .type = SETTINGS_CUSTOM,
	 .at = offsetof(struct settings, security),
	 .custom = settings_read_security,
	 .form = "`true`, `false`, or map of `NAME: value`",
	 .fallback_shown = "none",
	 .help = "Fields of every answer that does not have them: `true` for "
		 "X-Content-Type-Options, "
		 "X-Frame-Options, Content-Security-Policy (`frame-ancestors`), Referrer-Policy, "
		 "Cross-Origin-Opener-Policy and X-Permitted-Cross-Domain-Policies"},
	{.name = "identity",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, sign),
	 .table = &settings_identity_table,
	 .help = "How services can tell that what they are told of a caller is the gateway's word"},
	{.name = "log",
	 .type = SETTINGS_SUBMAP,
	 .at = offsetof(struct settings, log),
	 .table = &settings_log_table,
	 .help = "What is written down, and where"},
	{.name = "handover",
	 .type = SETTINGS_STRING,
	 .at = offsetof(struct settings, handover),
	 .min = 1,
	 .max = 100,
	 .form = "file, or `off`",
	 .fallback_shown =
		 "gateway-ADDRESS-PORT.sock in $RUNTIME_DIRECTORY, else in `microreg` in "
		 "$XDG_RUNTIME_DIR or, for root, in /run, else in /tmp/microreg-UID; none "
		 "for port 0",
	 .help = "Unix socket where a gateway started with `--replace` gets the listening sockets "
		 "of this one; only processes of the same user can use it"},
	{.name = "drain_delay",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings, drain_delay_ms),
	 .fallback = "0s",
	 .max = HOUR_MS,
	 .help = "How long to go on accepting after SIGTERM, while health says that it stops"},
	{.name = "drain_timeout",
	 .type = SETTINGS_DURATION,
	 .at = offsetof(struct settings, drain_timeout_ms),
	 .fallback = "30s",
	 .max = 24 * HOUR_MS,
	 .help = "How long requests may take to finish after that"},
	{.name = "services",
	 .type = SETTINGS_NAMED,
	 .at = offsetof(struct settings, services),
	 .count_at = offsetof(struct settings, service_count),
	 .max = SETTINGS_SERVICES_MAX,
	 .table = &settings_service_table,
	 .help = "Services that need more than the defaults, or are not in the registry"},
	{.name = "registry_routes",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct settings, grants),
	 .count_at = offsetof(struct settings, grant_count),
	 .max = 256,
	 .table = &settings_grant_table,
	 .fallback_shown = "none",
	 .help = "Which services may bring routes with their registrations; what `routes` says "
		 "goes before them"},
	{.name = "routes",
	 .type = SETTINGS_LISTED,
	 .at = offsetof(struct settings, routes),
	 .count_at = offsetof(struct settings, route_count),
	 .max = SETTINGS_ROUTES_MAX,
	 .table = &settings_route_table,
	 .help = "Which requests go where; the most specific one wins"},
};

static unsigned settings_cores(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > SETTINGS_WORKERS_MAX ? SETTINGS_WORKERS_MAX : (unsigned)n;
}

static void settings_done(struct settings_reader *r, const struct settings_node *map, void *to)
{
	struct settings *s = to;

	(void)map;
	if (s->workers == 0)
		s->workers = settings_cores();
	s->service_listed = s->service_count;
	settings_check(r, s);
}

static const struct settings_table settings_table = {SETTINGS_KEYS(settings_keys),
						     sizeof(struct settings), settings_done};

struct settings *settings_read(const char *file, struct buf *mistakes)
{
	struct settings *s = calloc(1, sizeof(*s));
	struct settings_file *tree = settings_file_read(file);
	struct settings_reader r = {.file = tree};

	if (!s || !tree) {
		(void)buf_printf(mistakes, "%s: there is not enough memory to read the settings\n",
				 file);
		goto fail;
	}
	arena_init(&s->arena, settings_arena_max);
	r.arena = &s->arena;
	s->file = settings_table_copy(&r, file);
	if (tree->root)
		settings_table_read(&r, &settings_table, tree->root, s);
	if (settings_file_has_mistakes(tree)) {
		settings_file_print_mistakes(tree, mistakes);
		goto fail;
	}
	settings_file_free(&tree);
	return s;
fail:
	settings_file_free(&tree);
	settings_free(&s);
	return NULL;
}

void settings_free(struct settings **settings)
{
	if (!*settings)
		return;
	arena_fini(&(*settings)->arena);
	free(*settings);
	*settings = NULL;
}

void settings_print_reference(struct buf *out)
{
	settings_table_print(&settings_table, out);
}
