/* tls_fault: what OpenSSL says of a connection to an instance that broke, for people. */
#include "gateway/tls_context.h"
#include "gateway/tls_origin.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

static const char *tls_fault_certificate(long verdict)
{
	switch (verdict) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		return "name the file with the root that it leads to in `tls: {ca: …}` of the "
		       "service, and have the instance send the certificates in between";
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return "say in `tls: {server_name: …}` of the service which name it is for, or "
		       "have one made for the instance's host (subjectAltName, DNS)";
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return "say in `tls: {server_name: …}` of the service which name it is for, or "
		       "have one made for the instance's address (subjectAltName, IP)";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "have it renewed";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "look at the clocks of both machines";
	default:
		return NULL;
	}
}

static const char *tls_fault_protocol(unsigned long code)
{
	switch (ERR_GET_REASON(code)) {
	case SSL_R_WRONG_VERSION_NUMBER:
	case SSL_R_HTTP_REQUEST:
	case SSL_R_UNEXPECTED_EOF_WHILE_READING:
		return "if it speaks plain HTTP, its scheme is http";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
		return "it must speak TLS 1.2 or 1.3";
	default:
		return NULL;
	}
}

static const char *tls_fault_alert(unsigned long code)
{
	switch (ERR_GET_REASON(code)) {
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
		return "name a certificate that it takes in `tls: {cert: …, key: …}` of the "
		       "service";
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
		return "say in `tls: {server_name: …}` of the service which name it goes by";
	default:
		return tls_fault_protocol(code);
	}
}

/* Alerts that came have reasons from SSL_AD_REASON_OFFSET on. */
static bool tls_fault_is_alert(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET &&
	       ERR_GET_REASON(code) < SSL_AD_REASON_OFFSET + 256;
}

bool tls_origin_is_refusal(void)
{
	unsigned long code = ERR_peek_last_error();

	return tls_fault_is_alert(code) && tls_fault_alert(code) != tls_fault_protocol(code);
}

enum tls_fault tls_origin_fault(const SSL *ssl, const char **reason, const char **remedy)
{
	long verdict = SSL_get_verify_result(ssl);
	unsigned long code = ERR_peek_last_error();

	if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && verdict != X509_V_OK) {
		ERR_clear_error();
		*reason = X509_verify_cert_error_string(verdict);
		*remedy = tls_fault_certificate(verdict);
		return TLS_FAULT_CERTIFICATE;
	}
	*remedy = tls_fault_is_alert(code) ? tls_fault_alert(code) : tls_fault_protocol(code);
	*reason = code ? tls_context_reason() : "the instance closed within the handshake";
	return tls_fault_is_alert(code) ? TLS_FAULT_ALERT : TLS_FAULT_PROTOCOL;
}
