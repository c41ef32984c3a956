"""The gateway and what it is compared with, all before the same origin, each with one worker.

Every one listens on two ports, plain and TLS with the same certificate. A
variant is "plain", "log" (access log to a file, as the program does it unless told
otherwise), "routes" (10,000 of them), "rpc" or "compose" (several requests to the origin for one,
and one answer; nginx does it in Lua), "policy" or "jwt" (see bench_policy).
"""

import json
import os
import shutil
import socket
import subprocess

from bench_policy import NGINX_HTTP, gateway_settings, nginx_locations
from bench_server import BUILD, SERVER_CORE, Server

ROUTES = 10000
PATH = os.environ["PATH"] + ":/usr/sbin"

NGINX = """
{modules}
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.err;
worker_rlimit_nofile 20000;
events {{ worker_connections 8192; }}
http {{
  access_log {log}; client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir};
  uwsgi_temp_path {dir}; scgi_temp_path {dir}; keepalive_requests 1000000000;
  ssl_certificate {dir}/bench.pem; ssl_certificate_key {dir}/bench.key;
  ssl_protocols TLSv1.2 TLSv1.3;
  {http}
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 1024; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    proxy_http_version 1.1; proxy_set_header Connection "";
    {locations}
    location / {{ proxy_pass http://origin; }}
  }}
}}
"""

MODULES = "/usr/lib/nginx/modules"
# What the gateway's declared join and its program do, with one subrequest after the other.
LUA = """
location /composed {
  default_type application/json;
  content_by_lua_block {
    local json = require "cjson"
    local order = json.decode(ngx.location.capture("/order/1").body)
    order.customer = json.decode(ngx.location.capture("/user/" .. order.customerId).body)
    order.customerId = nil
    local body = json.encode(order)
    ngx.header.content_length = #body
    ngx.print(body)
  }
}
location /side {
  default_type application/json;
  content_by_lua_block {
    local json = require "cjson"
    local a, b, c = ngx.location.capture_multi({{"/order/1"}, {"/user/1"}, {"/user/2"}})
    local body = json.encode({a = json.decode(a.body), b = json.decode(b.body),
                              c = json.decode(c.body)})
    ngx.header.content_length = #body
    ngx.print(body)
  }
}
"""

COMPOSED = {
    "order": {"service": "origin", "path": "/order/1", "cache": "off"},
    "customer": {"service": "origin", "path": "/user/{order.customerId}", "cache": "off"}}
COMPOSE = [
    {"path": "/composed", "compose": {"calls": COMPOSED, "reply": {
        "from": "order", "set": {"customer": "customer"}, "drop": ["customerId"]}}},
    {"path": "/composed/jq", "compose": {
        "calls": COMPOSED, "reply": "$order + {customer: $customer} | del(.customerId)"}},
    {"path": "/side", "compose": {"calls": {
        name: {"service": "origin", "path": path, "cache": "off"}
        for name, path in (("a", "/order/1"), ("b", "/user/1"), ("c", "/user/2"))}}}]

RPC = [
    {"path": "/call/{id}", "service": "origin",
     "xmlrpc": {"method": "order", "params": ["{id:int}"], "path": "/rpc"}},
    {"path": "/RPC2", "rpc": {"methods": {
        "order": {"call": "GET /order/{id}", "params": [{"id": "int"}], "returns": "struct"}}}}]

HAPROXY = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
frontend f
  bind 127.0.0.1:{plain}
  bind 127.0.0.1:{tls} ssl crt {dir}/both.pem
  default_backend b
backend b
  http-reuse always
  server o 127.0.0.1:{origin} pool-max-conn 1024
"""

CADDY = """
{{
  admin off
  auto_https off
}}
http://127.0.0.1:{plain} {{
  reverse_proxy 127.0.0.1:{origin}
}}
"""


def free_ports():
    """Two ports nobody listens on."""
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [door.getsockname()[1] for door in doors]
    for door in doors:
        door.close()
    return ports


def make_certificate(folder):
    """An ECDSA certificate: bench.pem, bench.key, and both in one file."""
    cert, key = (os.path.join(folder, f"bench.{kind}") for kind in ("pem", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    with open(os.path.join(folder, "both.pem"), "w", encoding="ascii") as both:
        for path in (cert, key):
            with open(path, encoding="ascii") as part:
                both.write(part.read())


def write(folder, name, text):
    """A file in the folder; its path."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def start_gateway(folder, origin, variant):
    """microreg-gateway with one worker."""
    plain, tls = free_ports()
    cache = {"service": "origin", "cache": "off"}
    routes = [{"path": f"/route{i}/*", **cache} for i in range(ROUTES if variant == "routes"
                                                              else 0)]
    routes += {"compose": COMPOSE, "rpc": RPC}.get(variant, [])
    more = gateway_settings(folder, variant, cache) if variant in ("policy", "jwt") else {}
    routes += more.pop("routes", [])
    log = f"{folder}/gateway.access" if variant == "log" else "off"
    settings = write(folder, f"gateway.{variant}.yaml", json.dumps({
        "listen": [f"127.0.0.1:{plain}", {"address": f"127.0.0.1:{tls}", "tls": {
            "cert": f"{folder}/bench.pem", "key": f"{folder}/bench.key"}}],
        "admin": "off", "workers": 1, "handover": "off", "log": {"access": log},
        "services": {"origin": {"instances": [f"http://127.0.0.1:{origin}"],
                                "max_in_flight": 100000}},
        "routes": [*routes, {"path": "/*", **cache}], **more}))
    return Server(folder, SERVER_CORE, [os.path.join(BUILD, "microreg-gateway"), "--config",
                                        settings], r"listening on \S*:(\d+)")


def start_nginx(folder, origin, variant):
    """nginx with one worker."""
    if variant in ("rpc", "jwt"):  # it knows nothing like it
        return None
    if variant == "compose" and not os.path.exists(f"{MODULES}/ngx_http_lua_module.so"):
        return None
    modules = "".join(f"load_module {MODULES}/{name}.so;\n"
                      for name in ("ndk_http_module", "ngx_http_lua_module")
                      if variant == "compose")
    plain, tls = free_ports()
    locations = LUA if variant == "compose" else ""
    locations += nginx_locations(folder) if variant == "policy" else ""
    locations += "".join(f"location /route{i}/ {{ proxy_pass http://origin; }}\n"
                        for i in range(ROUTES if variant == "routes" else 0))
    log = f"{folder}/nginx.access" if variant == "log" else "off"
    config = write(folder, f"nginx.{variant}.conf", NGINX.format(
        dir=folder, plain=plain, tls=tls, origin=origin, locations=locations, log=log,
        modules=modules, http=NGINX_HTTP if variant == "policy" else ""))
    server = Server(folder, SERVER_CORE, [shutil.which("nginx", path=PATH), "-c", config])
    server.ports = [plain, tls]
    return server


def start_haproxy(folder, origin, variant):
    """haproxy with one thread; no routes and no log, which goes to syslog."""
    if variant != "plain":
        return None
    plain, tls = free_ports()
    config = write(folder, "haproxy.cfg", HAPROXY.format(dir=folder, plain=plain, tls=tls,
                                                         origin=origin))
    server = Server(folder, SERVER_CORE, [shutil.which("haproxy", path=PATH), "-db", "-q", "-f",
                                          config])
    server.ports = [plain, tls]
    return server


def start_caddy(folder, origin, variant):
    """caddy, plain only: it would ask for certificates."""
    if variant != "plain":
        return None
    plain, _ = free_ports()
    config = write(folder, "Caddyfile", CADDY.format(plain=plain, origin=origin))
    server = Server(folder, SERVER_CORE, [shutil.which("caddy", path=PATH), "run", "--config",
                                          config, "--adapter", "caddyfile"],
                    env={"GOMAXPROCS": "1", "HOME": folder})
    server.ports = [plain]
    return server


STARTERS = {"gateway": start_gateway, "nginx": start_nginx, "haproxy": start_haproxy,
            "caddy": start_caddy}


def installed(wanted):
    """Those of the wanted that can be started here."""
    return [name for name in wanted if name == "gateway" or shutil.which(name, path=PATH)]
