"""Bodies and statuses that become others on their way: forms, XML, programs, templates."""

import hashlib
import json
import os
import threading
import unittest
import xml.etree.ElementTree as ElementTree

from harness import Case, SharedCase
from origin import chunked, head, reply

FORM = "application/x-www-form-urlencoded"
ORDER = (b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- of old -->\n'
         b'<order id="7" xmlns:s="urn:shop"><s:line>a &amp; b</s:line><s:line n="2">c</s:line>'
         b'<note/>\n</order>')
ORDER_JSON = ('{"order":{"@id":"7","@xmlns:s":"urn:shop","s:line":["a & b",{"@n":"2","#text":"c"}],'
              '"note":""}}').encode()
LOOP = "def f: f; f"
XML = {"Content-Type": "application/xml"}
JSON = {"Content-Type": "application/json"}


def deep(depth):
    """A document of so many elements within each other."""
    return b"<a>" * depth + b"</a>" * depth


BOMB = (b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 100 + b'">' + b"".join(
    b'<!ENTITY x%d "%s">' % (i, b"&x%d;" % (i - 1) * 20) for i in range(2, 8)) + b"]><a>&x7;</a>")
HOSTILE = {
    "a bomb of entities": BOMB,
    "a file as an entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "a type from elsewhere": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
    "a type behind a comment": b"<!-- a --> <?p i?> <!DOCTYPE a><a/>",
    "a type behind a mark": b"\xef\xbb\xbf<!DOCTYPE a><a/>",
    "a type in UTF-16": '<?xml version="1.0"?><!DOCTYPE a><a/>'.encode("utf-16"),
    "a type in UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a><a/>',
    "an entity of nobody": b"<a>&x;</a>",
    "too many levels": deep(33),
    "a great many levels": deep(100000),
    "too many elements": b"<a>" + b"<b/>" * 50000 + b"</a>",
    "too many attributes": b"<a" + b"".join(b' a%x=""' % n for n in range(40000)) + b"/>",
    "too many attributes behind what looks like a comment's end":
        b"<a><!--><![CDATA[ --><b" + b"".join(b' a%x=""' % n for n in range(40000)) + b"/></a>",
    "no end": b"<a><b></b>",
    "two ends": b"<a></a></a>",
    "two roots": b"<a/><b/>",
    "an attribute twice": b'<a b="1" b="2"/>',
    "text around": b"x<a/>",
    "a NUL": b"<a>\0</a>",
    "bytes that are no UTF-8": b"<a>\xff</a>",
    "other bytes than declared": b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
    "nothing but space": b" ",
    "JSON": b'{"a":1}',
}


class Requests(SharedCase):
    """What services get."""

    @classmethod
    def prepare(cls):
        cls.origin = cls.stage.origin()
        cls.shadow = cls.stage.origin()
        cls.gateway = cls.stage.gateway({
            "workers": 1,
            "services": {"o": {"instances": [cls.origin.address], "retry": {"attempts": 2}},
                         "shadow": {"instances": [cls.shadow.address]}},
            "routes": [
                {"path": "/form", "service": "o", "request": {"body": {"from": "form"}}},
                {"path": "/xml", "service": "o", "request": {"body": {"from": "xml"}}},
                {"path": "/any", "service": "o", "request": {"body": {}}},
                {"path": "/copied", "service": "o", "mirror": {"service": "shadow"},
                 "request": {"body": {}}},
                {"path": "/text", "service": "o", "request": {"body": {"from": "text"}}},
                {"path": "/to-xml", "service": "o", "request": {"body": {"to": "xml"}}},
                {"path": "/rooted", "service": "o", "request": {
                    "body": {"to": "xml", "root": "order"}}},
                {"path": "/to-form", "service": "o", "request": {"body": {"to": "form"}}},
                {"path": "/jq/{id}", "service": "o", "request": {"body": {
                    "jq": "{user: .name, id: $path.id, q: $query, agent: $header[\"x-agent\"], "
                          "who: $claims.sub, n: .n}"}}},
                {"path": "/error", "service": "o", "request": {"body": {
                    "jq": "error(\"secret\")"}}},
                {"path": "/template", "service": "o", "request": {"body": {
                    "template": "{{\"hello\": \"{body.name}\", \"none\": \"{body.none}\"}}",
                    "type": "application/json"}}},
                {"path": "/small", "service": "o", "limits": {"body": "1KiB"},
                 "request": {"body": {}}},
                {"path": "/set", "service": "o", "request": {
                    "headers": {"set": {"Content-Type": "application/x-own"}},
                    "body": {"from": "form"}}},
                {"path": "/get", "service": "o", "cache": {"ttl": "1h"},
                 "request": {"body": {"from": "form"}}},
            ]})

    def ask(self, path, body, kind=None, **headers):
        """The gateway's answer to a POST."""
        self.origin.clear()
        if kind:
            headers["Content-Type"] = kind
        return self.gateway.request("POST", path, body, headers)

    def sent(self, path, body, kind=None, **headers):
        """The request that came to the origin."""
        answer = self.ask(path, body, kind, **headers)
        self.assertEqual(answer.status, 200, answer)
        request = self.origin.wait_requests(1)[0]
        self.assertEqual(request.headers.all("Content-Length"), [str(len(request.body))])
        self.assertNotIn("Transfer-Encoding", request.headers)
        return request

    def test_a_body_becomes_another(self):
        cases = [
            ("/form", b"a=1&b=x&b=y&c=&%C3%A4=%2B+", FORM,
             b'{"a":"1","b":["x","y"],"c":"","\xc3\xa4":"+ "}'),
            ("/form", b"a=1", FORM + "; charset=UTF-8", b'{"a":"1"}'),
            ("/xml", ORDER, "text/xml; charset=\"utf-8\"", ORDER_JSON),
            ("/any", ORDER, "application/soap+xml", ORDER_JSON),
            ("/any", b' {"n": 12345678901234567890, "d": 0.10} ', "application/json",
             b'{"n": 12345678901234567890, "d": 0.10}'),
            ("/any", b"a=%00", FORM, b'{"a":"\\u0000"}'),
            ("/text", b"a \"b\"\n", "text/csv", b'"a \\"b\\"\\n"'),
            ("/to-form", b'{"a":1.10,"b":[true,null,"x y&z"],"c":{}}'.replace(b',"c":{}', b""),
             "application/json", b"a=1.10&b=true&b=&b=x+y%26z"),
            ("/template", b'{"name":"Ada \\"L\\""}', "application/json",
             b'{"hello": "Ada \\"L\\"", "none": ""}'),
        ]
        for path, body, kind, made in cases:
            with self.subTest(path=path, body=body):
                self.assertEqual(self.sent(path, body, kind).body, made)

    def test_a_program_sees_the_request(self):
        request = self.sent("/jq/a%20b?x=1&y=2&y=3", b'{"name":"ada","n":9007199254740993}',
                            "application/json", **{"X-Agent": "me"})
        self.assertEqual(request.body, b'{"user":"ada","id":"a b","q":{"x":"1","y":["2","3"]},'
                                       b'"agent":"me","who":null,"n":9007199254740993}')
        self.assertEqual(request.headers.get("Content-Type"), "application/json")

    def test_xml_is_written_as_others_read_it(self):
        value = {"order": {"@id": "7\n", "line": ["a&b", {"@n": 1, "#text": "<c>"}], "none": None,
                           "flag": True, "empty": []}}
        request = self.sent("/to-xml", json.dumps(value), "application/json")
        self.assertEqual(request.headers.get("Content-Type"), "application/xml")
        root = ElementTree.fromstring(request.body)
        self.assertEqual((root.tag, root.get("id")), ("order", "7\n"))
        self.assertEqual([child.text for child in root], ["a&b", "<c>", None, "true"])
        self.assertEqual(root[1].get("n"), "1")
        request = self.sent("/rooted", b'{"a":1,"b":2}', "application/json")
        self.assertEqual([child.text for child in ElementTree.fromstring(request.body)], ["1", "2"])

    def test_xml_comes_back_as_it_was(self):
        root = ElementTree.fromstring(ORDER)
        made = json.loads(self.sent("/xml", ORDER, "text/xml").body)
        again = ElementTree.fromstring(self.sent("/to-xml", json.dumps(made),
                                                 "application/json").body)
        self.assertEqual([(e.tag, e.text, e.attrib) for e in again.iter()],
                         [(e.tag, e.text, e.attrib) for e in root.iter()])

    def test_a_malformed_body_is_told(self):
        cases = [
            ("/form", b"a=%zz", FORM), ("/form", b"a=%ff", FORM), ("/form", b"%", FORM),
            ("/form", b"&".join(b"a%d=1" % i for i in range(1001)), FORM),
            ("/any", b'{"a":1', "application/json"), ("/any", b'{"a":1,"a":2}', "application/json"),
            ("/to-xml", b'{"a":1,"b":2}', "application/json"),
            ("/to-xml", b'{"a b":1}', "application/json"), ("/to-xml", b'[1]', "application/json"),
            ("/to-xml", b'{"a":[1]}', "application/json"),
            ("/to-xml", b'{"a":"\\u0001"}', "application/json"),
            ("/to-xml", b'{"a":{"b":[[1]]}}', "application/json"),
            ("/to-form", b"[1]", "application/json"), ("/to-form", b'{"a":{}}', "application/json"),
            ("/text", b"\xff", "text/plain"), ("/error", b"{}", "application/json"),
            *(("/xml", body, "application/xml") for body in HOSTILE.values()),
        ]
        for path, body, kind in cases:
            with self.subTest(path=path, body=body[:60]):
                answer = self.ask(path, body, kind)
                self.assertEqual(answer.status, 400, answer)
                problem = json.loads(answer.body)
                self.assertNotIn("secret", problem["detail"])
                self.assertEqual(self.origin.requests, [])

    def test_another_type_is_refused(self):
        cases = [("/form", "application/json", {}), ("/xml", "text/plain", {}),
                 ("/any", "text/plain", {}), ("/any", None, {}),
                 ("/form", "multipart/form-data", {}),
                 ("/any", "application/xml; charset=utf-16", {}),
                 ("/text", "text/plain; a=b; Charset=ISO-8859-1", {}),
                 ("/any", "application/json", {"Content-Encoding": "gzip"})]
        for path, kind, headers in cases:
            with self.subTest(path=path, kind=kind):
                answer = self.ask(path, b"a", kind, **headers)
                self.assertEqual(answer.status, 415, answer)
                self.assertEqual(self.origin.requests, [])

    def test_what_has_no_type_is_what_the_route_says(self):
        self.assertEqual(self.sent("/form", b"a=1").body, b'{"a":"1"}')

    def test_fields_of_the_clients_bytes_are_dropped(self):
        request = self.sent("/form", b"a=1", FORM, **{
            "Content-MD5": "x", "Digest": "x", "Repr-Digest": "x", "Content-Language": "de",
            "Content-Encoding": "identity"})
        for name in ("Content-MD5", "Digest", "Repr-Digest", "Content-Encoding"):
            self.assertNotIn(name, request.headers)
        self.assertEqual(request.headers.all("Content-Type"), ["application/json"])
        self.assertEqual(request.headers.get("Content-Language"), "de")
        self.assertEqual(self.sent("/set", b"a=1", FORM).headers.all("Content-Type"),
                         ["application/x-own"])

    def test_bodies_in_chunks_and_drop_by_drop(self):
        with self.gateway.connect() as client:
            self.origin.clear()
            client.send(b"POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n")
            for byte in b"a=1&b=2":
                client.send(b"1\r\n%c\r\n" % byte)
            client.send(b"0\r\n\r\n")
            self.assertEqual(client.reply().status, 200)
            self.assertEqual(self.origin.wait_requests(1)[0].body, b'{"a":"1","b":"2"}')
            client.send(b"POST /form HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n0\r\n\r\n"
                        b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                        b"Expect: 100-continue\r\n\r\n")
            self.assertEqual(client.reply().status, 200)
            self.assertEqual(client.reply().status, 100)
            client.send(b"c=3")
            self.assertEqual(client.reply().status, 200)
            self.assertEqual(self.origin.wait_requests(3)[2].body, b'{"c":"3"}')
        self.assertEqual(self.origin.requests[1].body, b"{}")

    def test_none_is_malformed_where_one_is_expected_and_can_be(self):
        chunked = (b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                   b"Content-Type: application/json\r\n\r\n0\r\n\r\n")
        for path in ("/any", "/xml", "/to-xml", "/jq/1", "/template"):
            for method in ("POST", "PUT", "PATCH"):
                with self.subTest((method, path)):
                    answer = self.gateway.request(method, path, None, {})
                    self.assertEqual((answer.status, json.loads(answer.body)["detail"]),
                                     (400, "the request needs a body and has none"))
            for method in ("GET", "DELETE", "OPTIONS"):
                self.assertEqual(self.gateway.request(method, path, None, {}).status, 200)
        with self.gateway.connect() as client:
            for method, path, status in (("POST", "/any", 400), ("DELETE", "/any", 200)):
                client.send(f"{method} {path}".encode() + chunked)
                self.assertEqual(client.reply().status, status)
        self.assertEqual(self.sent("/form", b"").body, b"{}")  # a form without fields
        self.assertEqual(self.sent("/text", b"").body, b'""')

    def test_two_types_are_refused(self):
        with self.gateway.connect() as client:
            for lines in (b"Content-Type: text/xml\r\nContent-Type: application/json\r\n",
                          b"Content-Type: application/json, text/xml\r\n"):
                client.send(b"POST /any HTTP/1.1\r\nHost: a\r\n" + lines
                            + b"Content-Length: 2\r\n\r\n{}")
                answer = client.reply()
                self.assertEqual(answer.status, 400)
                self.assertIn(b"two Content-Types", answer.body)

    def test_a_body_over_the_bound_is_413(self):
        long = json.dumps("a" * 2000)
        self.assertEqual(self.ask("/small", long, "application/json").status, 413)
        with self.gateway.connect() as client:
            client.send(b"POST /small HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                        b"Content-Type: application/json\r\n\r\n800\r\n" + b"1" * 0x800)
            self.assertEqual(client.reply().status, 413)
        self.assertEqual(self.origin.requests, [])

    def test_what_is_made_may_be_long_and_is_sent_again(self):
        seen = []

        def fail_first(request, peer):
            seen.append(request.body)
            return peer.reset() if len(seen) == 1 else reply()
        self.origin.behave, before = fail_first, self.origin.behave
        try:
            answer = self.gateway.request("PUT", "/any", json.dumps(["x" * 300000]), JSON)
        finally:
            self.origin.behave = before
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual([len(body) for body in seen], [300004, 300004])

    def test_what_is_made_may_be_long_and_is_copied(self):
        body = json.dumps(["x" * 300000])
        self.assertEqual(self.ask("/copied", body, JSON["Content-Type"]).status, 200)
        self.assertEqual(self.shadow.wait_requests(1)[0].body,
                         self.origin.wait_requests(1)[0].body)

    def test_a_get_with_a_body_is_not_answered_from_the_cache(self):
        self.origin.clear()
        for body in (b"a=1", b"a=2"):
            answer = self.gateway.request("GET", "/get", body, {"Content-Type": FORM})
            self.assertEqual(answer.status, 200)
        self.assertEqual([r.body for r in self.origin.wait_requests(2)],
                         [b'{"a":"1"}', b'{"a":"2"}'])


class Replies(SharedCase):
    """What clients get."""

    @classmethod
    def prepare(cls):
        cls.answers = {}
        cls.origin = cls.stage.origin(lambda request, peer: cls.answers.get(
            request.target.partition("?")[0], reply(404, b'{"none":true}', JSON)))
        made = {"from": "xml", "jq": ".order[\"s:line\"]"}
        cls.gateway = cls.stage.gateway({
            "workers": 1,  # each compiles every program
            "limits": {"program_time": "3s"},
            "services": {"o": {"instances": [cls.origin.address], "breaker": "off",
                               "retry": {"attempts": 1}}},
            "routes": [
                {"path": "/xml", "service": "o", "cache": "off", "reply": {"body": made}},
                {"path": "/raw", "service": "o", "cache": "off", "reply": {
                    "body": {"from": "xml"}}},
                {"path": "/any", "service": "o", "cache": "off", "reply": {"body": {}}},
                {"path": "/text", "service": "o", "cache": "off", "reply": {"body": {
                    "jq": ".name", "to": "text"}}},
                {"path": "/hello", "service": "o", "cache": "off", "reply": {"body": {
                    "template": "Hello {reply.name}\n"}}},
                {"path": "/page", "service": "o", "cache": "off", "reply": {"body": {
                    "template": "<p title='{query.t}'>{reply.name}</p>", "type": "text/html"}}},
                {"path": "/big", "service": "o", "cache": "off", "limits": {"reply": "64KiB"},
                 "reply": {"body": {"jq": "length"}}},
                {"path": "/helped", "service": "o", "cache": "off", "reply": {"body": {
                    "jq": "[limit(2; repeat(.n))] + [$status, $query.q]"}}},
                {"path": "/loop", "service": "o", "cache": "off", "timeout": "100ms",
                 "reply": {"body": {"jq": LOOP}}},
                {"path": "/error", "service": "o", "cache": "off", "reply": {"body": {
                    "jq": "error(\"secret\")"}}},
                {"path": "/fallback", "service": "o", "cache": "off", "reply": {"body": made},
                 "fallback": {"status": 200, "json": []}},
                {"path": "/on", "service": "o", "cache": "off", "reply": {"body": {
                    "jq": "{error: .none}", "on": ["4xx", 500]}, "status": {"500": 503}}},
                {"path": "/status", "service": "o", "cache": "off",
                 "reply": {"status": {"404": 200, "5xx": 502, "202": 201}}},
                {"path": "/kept", "service": "o", "cache": {"ttl": "1h"}, "reply": {"body": made}},
                {"path": "/stale", "service": "o", "reply": {"body": made}},
            ]})

    def get(self, path, data, **headers):
        """The answer, when the origin's is this."""
        self.answers[path.partition("?")[0]] = data
        return self.gateway.get(path, headers)

    def test_a_reply_becomes_another(self):
        cases = [
            ("/xml", reply(200, ORDER, XML), b'["a & b",{"@n":"2","#text":"c"}]',
             "application/json"),
            ("/xml", chunked([ORDER[:7], ORDER[7:]], headers=XML),
             b'["a & b",{"@n":"2","#text":"c"}]', "application/json"),
            ("/xml", reply(200, ORDER, {"Content-Type": "text/plain"}),
             b'["a & b",{"@n":"2","#text":"c"}]', "application/json"),
            ("/any", reply(201, b"a=1&a=2", {"Content-Type": FORM}), b'{"a":["1","2"]}',
             "application/json"),
            ("/any", reply(200, b'{"n": 1.10}\n', {"Content-Type": "application/hal+json"}),
             b'{"n": 1.10}', "application/json"),
            ("/text", reply(200, b'{"name":"\\u00e4\\n"}', JSON), b"\xc3\xa4\n",
             "text/plain; charset=utf-8"),
            ("/text", reply(200, b'{"name":[1.10]}', JSON), b"[1.10]", "text/plain; charset=utf-8"),
            ("/hello", reply(200, b'{"name":"Ada"}', JSON), b"Hello Ada\n",
             "text/plain; charset=utf-8"),
            ("/hello", reply(200, b'{"name":{"a":1}}', JSON), b"Hello \n",
             "text/plain; charset=utf-8"),
            ("/page?t=%27%22%3E", reply(200, b'{"name":"<b>&"}', JSON),
             b"<p title='&#39;&quot;&gt;'>&lt;b&gt;&amp;</p>", "text/html"),
            ("/helped?q=x", reply(200, b'{"n":9007199254740993}', JSON),
             b'[9007199254740993,9007199254740993,200,"x"]', "application/json"),
            ("/any", reply(200, b"", JSON), b"", "application/json"),
        ]
        for path, data, body, kind in cases:
            with self.subTest(path=path, data=data):
                answer = self.get(path, data)
                self.assertIn(answer.status, (200, 201), answer)
                self.assertEqual(answer.body, body)
                self.assertEqual(answer.headers.get("Content-Type"), kind)
                self.assertEqual(answer.headers.all("Content-Length"), [str(len(body))])
                self.assertNotIn("Transfer-Encoding", answer.headers)

    def test_what_cannot_be_made_is_502(self):
        cases = [
            *(("/raw", reply(200, body, XML), "reply-unusable") for body in HOSTILE.values()),
            ("/any", reply(200, b"{", JSON), "reply-unusable"),
            ("/any", reply(200, b"hi", {"Content-Type": "text/html"}), "reply-unusable"),
            ("/any", reply(200, b"hi"), "reply-unusable"),
            ("/any", reply(200, b"{}", {**JSON, "Content-Encoding": "gzip"}), "reply-unusable"),
            ("/any", reply(200, b"<a/>", {"Content-Type": "text/xml; charset=utf-16"}),
             "reply-unusable"),
            ("/any", reply(206, b"{}", {**JSON, "Content-Range": "bytes 0-1/9"}), "reply-unusable"),
            ("/error", reply(200, b"{}", JSON), "reply-unusable"),
            ("/loop", reply(200, b"{}", JSON), "reply-unusable"),
            ("/big", reply(200, b'"' + b"a" * 70000 + b'"', JSON), "reply-too-large"),
            ("/big", chunked([b'"' + b"a" * 70000, b'"'], headers=JSON), "reply-too-large"),
            ("/any", head(200, {**JSON, "Content-Length": 5}) + b"[1,", "reply-cut"),
        ]
        for path, data, problem in cases:
            with self.subTest(path=path, data=data[:90]):
                if problem == "reply-cut":
                    self.answers.pop(path, None)
                    self.origin.behave, before = lambda r, p: (p.send(data), p.close())[1], \
                        self.origin.behave
                    answer = self.gateway.get(path)
                    self.origin.behave = before
                else:
                    answer = self.get(path, data)
                self.assertEqual(answer.status, 502, answer)
                told = json.loads(answer.body)
                self.assertEqual(told["type"], f"urn:microreg:problem:{problem}")
                self.assertNotIn("detail", told)
                self.assertNotIn(b"secret", answer.body)
        self.assertEqual(self.get("/fallback", reply(200, b"<", XML)).body, b"[]")
        self.assertIn("secret", self.gateway.log())

    def test_other_statuses_pass_as_they_are(self):
        answer = self.get("/xml", reply(404, b"none", {"ETag": '"x"', "Content-Type": "a/b"}))
        self.assertEqual((answer.status, answer.body), (404, b"none"))
        self.assertEqual(answer.headers.get("ETag"), '"x"')
        self.assertEqual(answer.headers.get("Content-Type"), "a/b")
        self.assertEqual(self.get("/on", reply(404, b'{"none":1}', JSON)).body, b'{"error":1}')
        answer = self.get("/on", reply(500, b'{"none":2}', JSON))
        self.assertEqual((answer.status, answer.body), (503, b'{"error":2}'))
        self.assertEqual(self.get("/on", reply(200, b"{", JSON)).body, b"{")

    def test_statuses_are_changed(self):
        for came, goes in ((404, 200), (500, 502), (504, 502), (202, 201), (403, 403), (204, 204)):
            answer = self.get("/status", reply(came, b"" if came == 204 else b"x"))
            self.assertEqual(answer.status, goes)
            self.assertEqual(answer.body, b"" if came == 204 else b"x")

    def test_fields_of_the_services_bytes_are_dropped(self):
        fields = {**XML, "ETag": '"strong"', "Content-MD5": "x", "Digest": "x", "Repr-Digest": "x",
                  "Accept-Ranges": "bytes", "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
                  "X-Own": "1"}
        answer = self.get("/xml", reply(200, ORDER, fields))
        for name in ("Content-MD5", "Digest", "Repr-Digest", "Accept-Ranges", "Last-Modified"):
            self.assertNotIn(name, answer.headers)
        self.assertEqual(answer.headers.get("X-Own"), "1")
        self.assertEqual(answer.headers.all("ETag"),
                         [f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'])

    def test_conditions_and_ranges_are_about_what_was_made(self):
        self.origin.clear()
        tag = self.get("/xml", reply(200, ORDER, {**XML, "ETag": '"a"'})).headers.get("ETag")
        for value, status in ((tag, 304), (f'"x", W/{tag}', 304), ("*", 304), ('"a"', 200)):
            answer = self.gateway.get("/xml", {"If-None-Match": value, "Range": "bytes=0-1",
                                               "If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 GMT",
                                               "Accept-Encoding": "gzip, br"})
            self.assertEqual(answer.status, status, value)
            self.assertEqual(answer.headers.get("ETag"), tag)
            self.assertEqual(answer.body == b"", status == 304)
            self.assertNotEqual("Content-Type" in answer.headers, status == 304)
        for request in self.origin.requests:
            self.assertEqual(request.headers.all("Accept-Encoding"), ["identity"])
            for name in ("If-None-Match", "If-Modified-Since", "Range"):
                self.assertNotIn(name, request.headers)

    def test_head_and_replies_without_a_body(self):
        self.answers["/xml"] = head(200, {**XML, "Content-Length": 999, "ETag": '"x"'})
        answer = self.gateway.request("HEAD", "/xml")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.all("Content-Type"), ["application/json"])
        self.assertNotIn("Content-Length", answer.headers)
        self.assertNotIn("ETag", answer.headers)
        answer = self.get("/xml", reply(204, b"", {"ETag": '"x"'}))
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_the_cache_keeps_what_the_service_sent(self):
        self.origin.clear()
        first = self.get("/kept", reply(200, ORDER, {**XML, "ETag": '"v1"'}))
        again = self.gateway.get("/kept")
        self.assertEqual((first.status, first.body), (again.status, again.body))
        self.assertEqual(first.headers.get("ETag"), again.headers.get("ETag"))
        self.assertEqual(again.headers.all("Content-Type"), ["application/json"])
        self.assertIn("hit", again.headers.get("Cache-Status"))
        self.assertIn("Age", again.headers)
        answer = self.gateway.request("HEAD", "/kept")
        self.assertEqual(answer.headers.get("Content-Length"), str(len(first.body)))
        self.assertEqual(answer.headers.get("ETag"), first.headers.get("ETag"))
        answer = self.gateway.get("/kept", {"If-None-Match": first.headers.get("ETag")})
        self.assertEqual(answer.status, 304)
        answer = self.gateway.get("/kept", {"Range": "bytes=0-3"})
        self.assertEqual((answer.status, answer.body), (200, first.body))
        self.assertEqual(len(self.origin.wait_requests(1)), 1)
        # The service is asked by its own tag.
        self.answers["/kept"] = reply(304, b"", {"ETag": '"v1"'})
        answer = self.gateway.get("/kept", {"Cache-Control": "no-cache"})
        self.assertEqual((answer.status, answer.body), (200, first.body))
        self.assertEqual(self.origin.wait_requests(2)[1].headers.get("If-None-Match"), '"v1"')

    def test_a_stale_reply_is_made_the_same(self):
        first = self.get("/stale", reply(200, ORDER, {**XML, "Cache-Control": "max-age=0"}))
        self.assertEqual(first.status, 200)
        stale = self.get("/stale", reply(503, b"down"))
        self.assertEqual((stale.status, stale.body), (200, first.body))
        self.assertIn("stale-if-error", stale.headers.get("Cache-Status"))

    def test_many_at_once(self):
        self.answers["/helped"] = reply(200, b'{"n":1}', JSON)
        self.answers["/xml"] = reply(200, ORDER, XML)
        results = []

        def run():
            for path in ("/helped", "/xml", "/helped"):
                results.append(self.gateway.get(path).status)
        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(results), {200})

    def test_a_client_that_leaves_while_it_is_made(self):
        self.answers["/loop"] = reply(200, b"{}", JSON)
        for _ in range(5):
            with self.gateway.connect() as client:
                self.origin.clear()
                client.send(b"GET /loop HTTP/1.1\r\nHost: a\r\n\r\n")
                self.origin.wait_requests(1)
        self.assertEqual(self.get("/xml", reply(200, ORDER, XML)).status, 200)


class Parts(SharedCase):
    """Views and fields."""

    @classmethod
    def prepare(cls):
        cls.body = (b'{"id":12345678901234567890,"secret":1,"customer":{"name":"Ada","age":0.10},'
                    b'"lines":[{"price":1.10,"note":"x"},{"price":2}],"none":null}')
        cls.kind = JSON
        cls.origin = cls.stage.origin(lambda request, peer: reply(
            404 if request.target.startswith("/none") else 200, cls.body,
            {**cls.kind, "Cache-Control": "max-age=60", "ETag": '"o"'}))
        views = {
            "watch": {"headers": {"X-Device": "watch"}, "reply": "{id}"},
            "phone": {"device": "mobile", "reply": "{id, name: .customer.name}"},
            "lean": {"query": {"lean": True}, "reply": "del(.secret, .lines)"}}
        watch, phone = ({name: views[name]} for name in ("watch", "phone"))
        cls.gateway = cls.stage.gateway({
            "workers": 1,  # each compiles every program
            "services": {"o": {"instances": [cls.origin.address]}},
            "routes": [
                {"path": "/views", "service": "o", "views": views, "cache": "off"},
                {"path": "/none", "service": "o", "views": watch, "cache": "off"},
                {"path": "/kept", "service": "o", "views": {**watch, **phone},
                 "cache": {"ttl": "1h"}, "fields": True},
                {"path": "/fields", "service": "o", "fields": True, "cache": "off"},
                {"path": "/fields/{id}", "service": "o", "fields": True, "cache": "off",
                 "rewrite": "/f/{id}"},
                {"path": "/few", "service": "o", "cache": "off",
                 "fields": {"param": "only", "max": 2}},
                {"path": "/made", "service": "o", "fields": True, "cache": "off",
                 "reply": {"body": {"jq": ". + {more: 1}", "to": "xml", "root": "r"}}},
                {"path": "/composed", "fields": True, "views": phone, "compose": {
                    "calls": {"a": {"service": "o", "path": "/a"}}, "reply": {"from": "a"}}},
            ]})

    def test_a_view_is_chosen_on_a_route_that_is_not_composed(self):
        cases = [
            ({"X-Device": "watch"}, "/views", b'{"id":12345678901234567890}'),
            ({"User-Agent": "Mobi"}, "/views", b'{"id":12345678901234567890,"name":"Ada"}'),
            ({}, "/views?lean=1",
             b'{"id":12345678901234567890,"customer":{"name":"Ada","age":0.10},"none":null}'),
            ({}, "/views", self.body), ({"X-Device": "watch"}, "/none", self.body),
        ]
        for headers, path, body in cases:
            with self.subTest(path=path, headers=headers):
                answer = self.gateway.get(path, headers)
                self.assertEqual(answer.body, body)
                self.assertEqual(answer.headers.all("Vary"), [
                    "X-Device" if path == "/none" else "X-Device, User-Agent"])
                self.assertEqual(answer.headers.get("Content-Type"), "application/json")

    def test_one_kept_reply_serves_all(self):
        self.origin.clear()
        whole = self.gateway.get("/kept")
        tags = {whole.headers.get("ETag")}
        for headers, path in (({"X-Device": "watch"}, "/kept"), ({"User-Agent": "Mobi"}, "/kept"),
                              ({}, "/kept?fields=id"), ({}, "/kept?fields=none"), ({}, "/kept")):
            answer = self.gateway.get(path, headers)
            self.assertIn("hit", answer.headers.get("Cache-Status"))
            tags.add(answer.headers.get("ETag"))
        self.assertEqual(len(self.origin.wait_requests(1)), 1)
        self.assertEqual(len(tags), 4)  # the same bytes have the same

    def test_fields_are_selected(self):
        cases = [
            ("id", b'{"id":12345678901234567890}'),
            ("none,id", b'{"id":12345678901234567890,"none":null}'),
            ("customer.name", b'{"customer":{"name":"Ada"}}'),
            ("customer(age),lines(price)",
             b'{"customer":{"age":0.10},"lines":[{"price":1.10},{"price":2}]}'),
            ("customer,customer.name", b'{"customer":{"name":"Ada","age":0.10}}'),
            ("id.x,none.x,nobody", b'{"none":null}'),
            ("", self.body),
        ]
        for path in ("/fields", "/composed"):
            for fields, body in cases:
                with self.subTest(path=path, fields=fields):
                    answer = self.gateway.get(f"{path}?fields={fields}")
                    self.assertEqual(answer.status, 200, answer)
                    self.assertEqual(answer.body, body)
        self.assertEqual(self.gateway.get("/composed?fields=name", {"User-Agent": "Mobi"}).body,
                         b'{"name":"Ada"}')
        made = ElementTree.fromstring(self.gateway.get("/made?fields=more,id").body)
        self.assertEqual([(child.tag, child.text) for child in made],
                         [("id", "12345678901234567890"), ("more", "1")])

    def test_the_service_does_not_get_the_parameter(self):
        cases = [("/fields?fields=id", "/fields"), ("/fields?a=1&%66ields=id&b", "/fields?a=1&b"),
                 ("/fields/7?fields=id&x=1", "/f/7?x=1"),
                 ("/few?fields=1&only=id", "/few?fields=1"),
                 ("/composed?fields=id", "/a")]
        for path, target in cases:
            with self.subTest(path=path):
                self.origin.clear()
                self.assertEqual(self.gateway.get(path).status, 200)
                self.assertEqual(self.origin.wait_requests(1)[0].target, target)

    def test_a_malformed_selection_is_told(self):
        self.origin.clear()
        for path in ("/fields", "/composed"):
            for fields in ("a,", ",", "a(", "a(b", "a)", "a..b", "a()", "%00", "%ff", "a" * 5000,
                           ",".join("abcdefghi" * 6), ".".join("a" * 17)):
                with self.subTest(fields=fields):
                    answer = self.gateway.get(f"{path}?fields={fields}")
                    self.assertEqual(answer.status, 400, answer)
                    self.assertIn("fields: ", json.loads(answer.body)["detail"])
        self.assertEqual(self.gateway.get("/few?only=a,b,c").status, 400)
        self.assertEqual(self.origin.requests, [])

    def test_what_is_no_json(self):
        type(self).kind, before = {"Content-Type": "text/html"}, self.kind
        try:
            self.assertEqual(self.gateway.get("/fields?fields=id").body, self.body)
            self.assertEqual(self.gateway.get("/views", {"X-Device": "watch"}).status, 502)
            self.assertEqual(self.gateway.get("/views").body, self.body)
        finally:
            type(self).kind = before


class Settings(Case):
    """What --check and --explain say."""

    def checked(self, text, *args):
        """The gateway's exit code and words about a route with these settings."""
        path = os.path.join(self.stage.dir, "gateway.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("services: {o: {instances: ['http://127.0.0.1:1']}}\nroutes:\n"
                       f"  - {{path: /a, service: o, {text}}}\n")
        return self.stage.check("microreg-gateway", "--config", path, *(args or ("--check",)))

    def test_what_becomes_of_bodies_is_explained(self):
        code, out, _ = self.checked(
            "request: {body: {from: form}}, fields: true, "
            "reply: {status: {5xx: 502, '404': 200}, body: {on: 2xx, from: xml, jq: '.a'}}",
            "--explain", "GET /a")
        self.assertEqual(code, 0)
        for line in ("request body: gathered, at most 10485760 bytes, and made from a form, "
                     "to JSON",
                     "status: 5xx as 502, 404 as 200",
                     "reply body: gathered, at most 8388608 bytes, of 2xx, and made from XML, by a "
                     "program of jq in the worker while the body is small, to JSON",
                     "fields: ?fields= selects at most 50 names of a JSON answer"):
            self.assertIn(line, out.splitlines())

    def test_mistakes_are_told(self):
        cases = [
            ("reply: {status: {'99': 200}}", "can be changed"),
            ("reply: {status: {'204': 200}}", "can be changed"),
            ("reply: {status: {'404': 304}}", "can't be answered with"),
            ("reply: {body: {from: yaml}}", "xml"),
            ("reply: {body: {jq: '.a ['}}", "jq: "),
            ("reply: {body: {jq: '$body'}}", "jq: "),
            ("request: {body: {jq: '$status'}}", "jq: "),
            ("reply: {body: {template: '{reply.a', type: text/plain}}", "'{' without"),
            ("reply: {body: {template: a, to: xml}}", "keep one of them"),
            ("reply: {body: {root: a}}", "to: xml"),
            ("reply: {body: {on: 600}}", "no status"),
            ("fields: 3", "true"),
            ("xmlrpc: {method: a}, reply: {body: {}}", "XML-RPC"),
            ("xmlrpc: {method: a}, fields: true", "XML-RPC"),
        ]
        for text, told in cases:
            with self.subTest(text=text):
                code, _, error = self.checked(text)
                self.assertEqual(code, 1)
                self.assertIn(told, error)


if __name__ == "__main__":
    unittest.main()
