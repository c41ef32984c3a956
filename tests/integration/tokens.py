"""Tokens (JWT) and keys for the tests, made by jwcrypto, and by hand where no library would."""

import base64
import hashlib
import hmac
import json
import sys
import time

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whichever Python runs

from jwcrypto import jwk, jws  # noqa: E402  pylint: disable=wrong-import-position

ISSUER, AUDIENCE = "https://id.example.org", "gw"
ALGORITHMS = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
              "ES256", "ES384", "ES512", "EdDSA")


def b64(data):
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key(kind, kid=None, **options):
    """A new key of a kind: RSA, P-256, P-384, P-521, Ed25519, Ed448, oct."""
    if kid:
        options["kid"] = kid
    if kind == "RSA":
        return jwk.JWK.generate(kty="RSA", size=options.pop("size", 2048), **options)
    if kind == "oct":
        return jwk.JWK.generate(kty="oct", size=options.pop("size", 512), **options)
    return jwk.JWK.generate(kty="OKP" if kind.startswith("Ed") else "EC", crv=kind, **options)


def public(*keys):
    """A JWK set, as an issuer would publish it; secrets stay what they are."""
    return json.dumps({"keys": [
        json.loads(one.export() if one.get("kty") == "oct" else one.export_public())
        for one in keys]})


def claims(**more):
    """What a good token says; None leaves a claim out."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 300, **more}
    return {name: value for name, value in said.items() if value is not None}


def sign(signer, algorithm, said=None, header=None):
    """A token. `said` may be bytes, for payloads that are no JSON."""
    token = jws.JWS(said if isinstance(said, bytes) else json.dumps(
        claims() if said is None else said).encode())
    token.allowed_algs = list(ALGORITHMS)
    fields = {"alg": algorithm, **(header or {})}
    if signer.key_id and "kid" not in fields:
        fields["kid"] = signer.key_id
    token.add_signature(signer, None, json.dumps(
        {name: value for name, value in fields.items() if value is not None}), None)
    return token.serialize(compact=True)


def raw(header, payload, signature=b"x"):
    """Any three parts; texts are taken as JSON, bytes as they are."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode()
             for one in (header, payload)]
    return ".".join([b64(parts[0]), b64(parts[1]), b64(signature)])


def hmac_raw(secret, header, payload, digest=hashlib.sha256):
    """The same, signed with a secret, whatever the header says."""
    text = raw(header, payload).rpartition(".")[0]
    return text + "." + b64(hmac.new(secret, text.encode(), digest).digest())
