"""Composed answers over lists: a call for each value, in batches, bounded; and many at once."""

import json
import socket
import threading
import unittest
import urllib.parse

from harness import SharedCase, wait_until
from origin import reply


class Lists(SharedCase):
    """One gateway before two origins: lists, and what is asked for each value."""

    @classmethod
    def prepare(cls):
        cls.document, cls.missing = "[]", set()
        cls.lock, cls.now, cls.most = threading.Lock(), 0, 0
        cls.lists = cls.stage.origin(lambda request, peer: reply(200, cls.document.encode()))
        cls.items = cls.stage.origin(cls.answer)

        def route(at, **call):
            return {"path": at, "timeout": "20s", "compose": {"calls": {
                "orders": {"service": "lists", "path": "/orders"},
                "products": {"service": "items", "path": "/p/{item}",
                             "for_each": ".orders[].lines[].product", **call}}}}
        batch = {"path": "/p?ids={items}", "batch": 2}
        cls.gateway = cls.stage.gateway({
            "services": {name: {"instances": [one.address], "retry": {"attempts": 1},
                                "breaker": "off"}
                         for name, one in (("lists", cls.lists), ("items", cls.items))},
            "routes": [route("/each"), route("/optional", require="optional"),
                       route("/default", require='default: {"n": 1.10}'),
                       route("/one", concurrency=1), route("/two", concurrency=2),
                       route("/few", values=3), route("/cached", cache={"ttl": "1h"}),
                       route("/batch", **batch),
                       route("/batch-optional", require="optional", **batch),
                       route("/batch-default", require="default: null", **batch),
                       route("/batch-key", key="data.name", **batch)]})

    @classmethod
    def answer(cls, request, peer):
        """/p/VALUE: an object that names it; /p?ids=A,B: a list of them."""
        with cls.lock:
            cls.now += 1
            cls.most = max(cls.most, cls.now)
        try:
            if "?" in request.target:
                ids = request.target.partition("=")[2].split(",")
                found = [urllib.parse.unquote(one) for one in reversed(ids)]
                return reply(200, json.dumps([{"id": one, "data": {"name": one}}
                                              for one in found if one not in cls.missing]).encode())
            value = urllib.parse.unquote(request.target[3:])
            if value in cls.missing:
                return reply(404, b"{}")
            return reply(200, json.dumps({"is": value}).encode())
        finally:
            with cls.lock:
                cls.now -= 1

    def setUp(self):
        cls = type(self)
        cls.missing, cls.most = set(), 0
        self.items.clear()

    def ask(self, path, values, status=200):
        """The answer when the orders have these products, given as JSON."""
        lines = ", ".join('{"product": %s}' % value for value in values)
        type(self).document = '[{"lines": [%s]}, {"lines": []}, {}]' % lines
        answer = self.gateway.get(path)
        self.assertEqual(answer.status, status, answer)
        return answer

    def products(self, path, values):
        """What the products came to."""
        return json.loads(self.ask(path, values).body).get("products")

    def targets(self):
        """What was asked, sorted."""
        with self.items.changed:
            return sorted(request.target for request in self.items.requests)

    def test_each_distinct_value_is_asked_for_once(self):
        products = self.products("/each", ['"desk"', '"lamp"', '"desk"', "null", '"\\u006camp"'])
        self.assertEqual(products, {"desk": {"is": "desk"}, "lamp": {"is": "lamp"}})
        self.assertEqual(self.targets(), ["/p/desk", "/p/lamp"])

    def test_the_order_is_the_list_s(self):
        self.assertIn(b'"products":{"c":{"is": "c"},"a":{"is": "a"},"b":{"is": "b"}}',
                      self.ask("/each", ['"c"', '"a"', '"b"', '"a"']).body)

    def test_numbers_keep_their_digits(self):
        products = self.products("/each", ["9007199254740993", "9007199254740992", '"1"', "1"])
        self.assertEqual(list(products), ["9007199254740993", "9007199254740992", "1"])
        self.assertIn("/p/9007199254740993", self.targets())

    def test_odd_values_stay_in_their_place(self):
        products = self.products("/each", ['"a/b?c=d"', '"\\"q\\""', '"\\u00e9"', '"a,b"'])
        self.assertEqual(sorted(products), ['"q"', "a,b", "a/b?c=d", "é"])
        self.assertEqual(self.targets(),
                         ["/p/%22q%22", "/p/%C3%A9", "/p/a%2Cb", "/p/a%2Fb%3Fc%3Dd"])

    def test_no_values_make_no_request(self):
        self.assertEqual(self.products("/each", []), {})
        self.assertEqual(self.targets(), [])

    def test_values_that_are_no_value_fail(self):
        for value in ('{"a": 1}', "[1]", '".."', '""'):
            problem = json.loads(self.ask("/each", [value], 502).body)
            self.assertEqual(problem["part"], "products")
            self.assertEqual(problem["type"], "urn:microreg:problem:part-lacks", value)

    def test_one_that_fails(self):
        type(self).missing = {"b"}
        values = ['"a"', '"b"', '"c"']
        problem = json.loads(self.ask("/each", values, 404).body)
        self.assertEqual((problem["part"], problem["status"]), ("products", 404))
        self.assertEqual(sorted(self.products("/optional", values)), ["a", "c"])
        answer = self.ask("/optional", values)
        self.assertIn("products=200;2/3", answer.headers.get("X-Composition"))
        self.assertEqual(answer.headers.get("Cache-Control"), "no-store")
        answer = self.ask("/default", values)
        self.assertIn(b'"b":{"n": 1.10}', answer.body)
        self.assertEqual(answer.headers.get("Cache-Control"), "no-store")
        self.assertIsNone(self.ask("/optional", values[:1]).headers.get("Cache-Control"))

    def test_so_many_run_at_once(self):
        values = [f'"v{i}"' for i in range(40)]
        for path, most in (("/one", 1), ("/two", 2), ("/each", 8)):
            type(self).most = 0
            self.assertEqual(len(self.products(path, values)), 40)
            self.assertLessEqual(self.most, most)

    def test_more_values_than_allowed(self):
        self.assertEqual(len(self.products("/few", ["1", "2", "3", "2", "1"])), 3)
        self.items.clear()
        problem = json.loads(self.ask("/few", ["1", "2", "3", "4"], 502).body)
        self.assertEqual(problem["type"], "urn:microreg:problem:part-too-large")
        self.assertIn("more than 3", problem["detail"])
        self.assertEqual(self.targets(), [])

    def test_a_list_of_a_million_is_refused(self):
        lines = ",".join('{"product":%d}' % i for i in range(1000000))
        type(self).document = '[{"lines":[' + lines + "]}]"
        answer = self.gateway.get("/each")
        self.assertEqual(answer.status, 502)
        self.assertEqual(json.loads(answer.body)["type"], "urn:microreg:problem:part-too-large")
        self.assertEqual(self.targets(), [])

    def test_each_value_is_cached(self):
        for _ in range(2):
            self.assertEqual(len(self.products("/cached", ['"x"', '"y"'])), 2)
        self.assertEqual(self.targets(), ["/p/x", "/p/y"])

    def test_batches(self):
        products = self.products("/batch", ['"a"', '"b"', '"c"', '"a"'])
        self.assertEqual({name: one["id"] for name, one in products.items()},
                         {"a": "a", "b": "b", "c": "c"})
        self.assertEqual(self.targets(), ["/p?ids=a,b", "/p?ids=c"])

    def test_a_comma_does_not_part_a_value(self):
        self.assertEqual(list(self.products("/batch", ['"a,b"', '"c&d"'])), ["a,b", "c&d"])
        self.assertEqual(self.targets(), ["/p?ids=a%2Cb,c%26d"])

    def test_a_value_that_a_batch_lacks(self):
        type(self).missing = {"b"}
        values = ['"a"', '"b"', '"c"']
        self.assertEqual(json.loads(self.ask("/batch", values, 502).body)["part"], "products")
        self.assertEqual(sorted(self.products("/batch-optional", values)), ["a", "c"])
        self.assertIsNone(self.products("/batch-default", values)["b"])

    def test_where_a_batch_has_its_values(self):
        self.assertEqual(list(self.products("/batch-key", ['"a"', '"b"'])), ["a", "b"])

    def test_the_list_is_none(self):
        type(self).document = '{"orders": 1}'
        self.assertEqual(json.loads(self.gateway.get("/each").body)["products"], {})


class Many(SharedCase):
    """A thousand compositions at once, one part of which is dead."""

    @classmethod
    def prepare(cls):
        good = cls.stage.origin(lambda request, peer: reply(200, b'{"id": 7, "n": 0.10}'))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            dead = listener.getsockname()[1]
        cls.silent = socket.create_server(("127.0.0.1", 0), backlog=4096)  # takes and says nothing
        calls = {"a": {"service": "good", "path": "/a"},
                 "b": {"service": "good", "path": "/b/{a.id}"},
                 "c": {"service": "dead", "path": "/c/{a.id}", "require": "optional"},
                 "d": {"service": "silent", "path": "/d", "require": "default: 1",
                       "timeout": "300ms"}}
        cls.gateway = cls.stage.gateway({
            "services": {"good": {"instances": [good.address], "breaker": "off",
                                  "connect_timeout": "50s"},
                         "dead": {"instances": [f"http://127.0.0.1:{dead}"]},
                         "silent": {"breaker": "off", "instances":
                                    [f"http://127.0.0.1:{cls.silent.getsockname()[1]}"]}},
            "routes": [{"path": "/many", "timeout": "60s", "compose": {"calls": calls}}]})

    @classmethod
    def tearDownClass(cls):
        cls.silent.close()
        super().tearDownClass()

    def test_a_thousand_at_once(self):
        before = self.descriptors()
        connections = [self.gateway.connect() for _ in range(1000)]
        for connection in connections:
            connection.send(b"GET /many HTTP/1.1\r\nHost: shop\r\n\r\n")
        for connection in connections[:100]:  # some leave
            connection.close()
        for connection in connections[100:]:
            answer = connection.reply()
            self.assertEqual(answer.body, b'{"a":{"id": 7, "n": 0.10},"b":{"id": 7, "n": 0.10},'
                                          b'"d":1}')
            connection.close()
        wait_until(lambda: self.gateway.metrics()["microreg_gateway_requests_in_flight"] == 0,
                   "the end of all requests")
        wait_until(lambda: self.descriptors() <= before + 70, "the end of their connections")

    def descriptors(self):
        """The connections of the gateway that are open, as it counts them."""
        metrics = self.gateway.metrics()
        return (metrics["microreg_gateway_connections"] +
                metrics["microreg_gateway_upstream_connections"])


if __name__ == "__main__":
    unittest.main()
