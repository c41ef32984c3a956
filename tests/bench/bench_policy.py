"""What policies cost: keys, tokens, limits and addresses, beside what nginx has of them.

nginx has names with passwords in the place of keys, and nothing in that of tokens. Every request
shows a key, a name and, as a cookie, whatever else there is, so that they differ by the policy
alone. Of fresh tokens there are more than a worker remembers, each shown in turn.
"""

import base64
import hashlib
import os
import sys

FRESH = 10000
KEY = "mrk_" + "k" * 43
BASIC = base64.b64encode(b"ada:password").decode()
FIELDS = (f"Host: bench\r\nUser-Agent: bench\r\nAccept: */*\r\nX-Api-Key: {KEY}\r\n"
          f"Authorization: Basic {BASIC}\r\n")
NETWORKS = [f"10.{i}.0.0/16" for i in range(9)] + ["127.0.0.0/8"]
LIMIT = {"rate": 1000000, "per": "1s"}
ALGORITHMS = {"ES256": "P-256", "RS256": "RSA"}

NGINX = """
location /key {{ auth_basic bench; auth_basic_user_file {dir}/passwords;
                 proxy_pass http://origin; }}
location /limit {{ limit_req zone=bench burst=100000 nodelay; proxy_pass http://origin; }}
location /cidr {{ {allow} deny all; proxy_pass http://origin; }}
location /all {{ auth_basic bench; auth_basic_user_file {dir}/passwords;
                 limit_req zone=bench burst=100000 nodelay; {allow} deny all;
                 proxy_pass http://origin; }}
"""
NGINX_HTTP = "limit_req_zone $binary_remote_addr zone=bench:10m rate=100000r/s;"


def get(path):
    """A request that shows everything."""
    return f"GET {path} HTTP/1.1\r\n{FIELDS}\r\n".encode()


def make_tokens(folder):
    """tokens.ALGORITHM with FRESH of them, and the set of their keys, once."""
    jwks = os.path.join(folder, "jwks")
    if os.path.exists(jwks):
        return jwks
    sys.path.append(os.path.join(os.path.dirname(__file__), "../integration"))
    import tokens  # pylint: disable=import-outside-toplevel
    keys = {name: tokens.key(kind, name) for name, kind in ALGORITHMS.items()}
    for name, key in keys.items():
        said = tokens.claims()
        said["exp"] += 86400
        with open(os.path.join(folder, "tokens." + name), "w", encoding="ascii") as file:
            for i in range(FRESH):
                file.write(tokens.sign(key, name, {**said, "jti": f"{i:08}"}) + "\n")
    with open(jwks, "w", encoding="ascii") as file:
        file.write(tokens.public(*keys.values()))
    return jwks


def token_request(folder, algorithm):
    """A request with the first token, and the option that has load show the others."""
    path = os.path.join(folder, "tokens." + algorithm)
    with open(path, encoding="ascii") as file:
        first = file.readline().strip()
    fields = FIELDS.replace("Basic " + BASIC, "Bearer " + first)
    return f"GET /jwt HTTP/1.1\r\n{fields}\r\n".encode(), ("--lines", path)


def gateway_settings(folder, variant, service):
    """What the gateway's settings have beside the usual."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    routes = [{"path": "/key", "auth": "key", **service},
              {"path": "/limit", "rate_limit": LIMIT, **service},
              {"path": "/cidr", "ip": {"allow": NETWORKS}, **service},
              {"path": "/all", "auth": "key", "rate_limit": LIMIT, "ip": {"allow": NETWORKS},
               "allow": ["group:staff"], **service}]
    if variant == "policy":
        return {"routes": routes, "consumers": [
            {"name": "ada", "groups": ["staff"], "keys": ["sha256:" + digest]}]}
    return {"routes": [{"path": "/jwt", "auth": {"jwt": "main"}, **service}],
            "issuers": {"main": {"jwks_file": make_tokens(folder)}}}


def nginx_locations(folder):
    """What nginx has of them."""
    digest = base64.b64encode(hashlib.sha1(b"password").digest()).decode()
    with open(os.path.join(folder, "passwords"), "w", encoding="ascii") as file:
        file.write("ada:{SHA}" + digest + "\n")
    return NGINX.format(dir=folder, allow=" ".join(f"allow {one};" for one in NETWORKS))
