/* reload: the tokens and the certificates each for itself, since a certificate that is no good must
 * not keep a token that was taken back. */
#include "registry/reload.h"
#include "common/buf.h"
#include "common/log.h"
#include "registry/access.h"
#include "registry/door.h"
#include "registry/setup.h"

enum { RELOAD_TEXT_MAX = 1 << 20 };

void reload_init(struct reload *reload, const struct setup *settings, struct access_gate *access,
		 struct door *door)
{
	*reload = (struct reload){.access = access,
				  .door = door,
				  .tokens = settings->token_count > 0,
				  .tls = settings->tls.cert != NULL,
				  .client_ca = settings->tls.client_ca != NULL};
}

static void reload_tokens(struct reload *r, const struct setup *settings, const char *config)
{
	struct access *access;

	if (!settings->token_count) {
		if (r->tokens)
			log_error("SIGHUP: the tokens stay: %s has none any more, which would let "
				  "everybody in; restart to do that",
				  config);
		return;
	}
	access = access_new(settings->tokens, settings->token_count);
	if (!access) {
		log_error("SIGHUP: the tokens stay: out of memory");
		return;
	}
	access_gate_set(r->access, access);
	r->tokens = true;
	log_info("SIGHUP: %zu tokens are in force", settings->token_count);
}

/* The files may hold others by now, whose names are the same. */
static int reload_renew(struct reload *r, const struct httpd_tls_names *names, struct err *e)
{
	struct httpd_tls tls;
	int failed = httpd_tls_load(&tls, names, e);

	if (!failed)
		failed = door_set_tls(r->door, &tls, e);
	httpd_tls_fini(&tls);
	return failed;
}

static void reload_tls(struct reload *r, const struct httpd_tls_names *names, const char *config)
{
	struct err e = {0};

	if (r->tls != (names->cert != NULL)) {
		log_error("SIGHUP: the door goes on %s TLS; restart to change that",
			  r->tls ? "with" : "without");
	} else if (r->client_ca && !names->client_ca && !r->tokens) {
		log_error("SIGHUP: the certificates stay: %s has no tls.client_ca any more, which "
			  "would let everybody in; restart to do that",
			  config);
	} else if (names->cert && reload_renew(r, names, &e) < 0) {
		log_error("SIGHUP: the certificates stay: %s", e.text);
	} else if (names->cert) {
		r->client_ca = names->client_ca != NULL;
		log_info("SIGHUP: new connections are shown the certificate in %s%s%s", names->cert,
			 r->client_ca ? ", and have to show one of the CA in " : "",
			 r->client_ca ? names->client_ca : "");
	}
}

void reload_read(struct reload *reload, const char *config)
{
	struct setup *settings;
	struct buf mistakes;
	const char *text;

	if (!config) {
		log_info("SIGHUP: there is no settings file to read again");
		return;
	}
	buf_init(&mistakes, RELOAD_TEXT_MAX);
	settings = setup_read(config, &mistakes);
	if (settings) {
		reload_tokens(reload, settings, config);
		reload_tls(reload, &settings->tls, config);
		log_info("SIGHUP: %s is read; what is neither tokens nor tls needs a restart",
			 config);
	} else {
		text = buf_str(&mistakes);
		log_error("SIGHUP: nothing was changed: %s", text ? text : "out of memory");
	}
	setup_free(&settings);
	buf_fini(&mistakes);
}
