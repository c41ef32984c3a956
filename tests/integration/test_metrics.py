"""The gateway's /metrics, as Prometheus' own client reads them."""

import sys
import unittest

from harness import Case, request, wait_until
from origin import reply

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's, whichever python3 runs this
# pylint: disable=wrong-import-position
from prometheus_client.openmetrics.parser import (  # noqa: E402
    text_string_to_metric_families as read_open)
from prometheus_client.parser import (  # noqa: E402
    text_string_to_metric_families as read_text)

PREFIX = "microreg_gateway_"


def scrape(gateway, accept=None):
    """All samples: {(name without the prefix, labels): value}."""
    page = request(gateway.admin_port, "GET", "/metrics", headers={"Accept": accept or "*/*"})
    read = read_open if accept else read_text
    assert ("openmetrics" in page.headers.get("Content-Type")) == bool(accept), page.headers
    samples = {}
    for family in read(page.body.decode()):
        for sample in family.samples:
            key = (sample.name.removeprefix(PREFIX), *sorted(sample.labels.items()))
            assert key not in samples, f"twice: {key}"
            samples[key] = sample.value
    return samples


def of(samples, name, **labels):
    """One sample; 0 when it is not there."""
    return samples.get((name, *sorted(labels.items())), 0)


class Metrics(Case):
    """Two origins, one of which fails when told to."""

    def start(self, **settings):
        """A gateway before them; one worker, so that five failures are one worker's five."""
        self.bad = False
        self.good = self.stage.origin(lambda asked, peer: reply(200, b"hello"))
        self.other = self.stage.origin(
            lambda asked, peer: reply(503 if self.bad else 200, b"hello"))
        self.settings = {
            "workers": 1,
            "services": {"s": {"instances": [self.good.address, self.other.address],
                               "breaker": "off"}},
            "routes": [{"path": "/s/{id}", "service": "s", "cache": {"ttl": "10s"}},
                       {"path": "/n", "service": "s", "name": "named", "cache": "off"}],
            **settings}
        return self.stage.gateway(self.settings)

    def test_both_formats_are_read_by_prometheus_own_client(self):
        gateway = self.start()
        gateway.get("/s/1")
        gateway.get("/n")
        text = scrape(gateway)
        opened = scrape(gateway, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertEqual({key[0] for key in text}, {key[0] for key in opened})

    def test_routes_are_counted_by_name_and_code(self):
        gateway = self.start()
        for _ in range(3):
            gateway.get("/s/1")
        gateway.get("/n")
        gateway.get("/none")

        def counted():
            samples = scrape(gateway)
            return samples if of(samples, "requests_total", **{"class": "2xx"}) == 4 else None
        samples = wait_until(counted, "the count")
        self.assertEqual(of(samples, "route_requests_total", route="/s/{id}", code="200"), 3)
        self.assertEqual(of(samples, "route_requests_total", route="named", code="200"), 1)
        self.assertEqual(of(samples, "route_cache_total", route="/s/{id}", result="hit"), 2)
        self.assertEqual(of(samples, "route_cache_total", route="/s/{id}", result="miss"), 1)
        self.assertEqual(of(samples, "route_cache_stored_total", route="/s/{id}"), 1)
        self.assertEqual(
            of(samples, "route_request_duration_seconds_count", route="/s/{id}"), 3)
        self.assertEqual(of(samples, "route_requests_in_flight", route="/s/{id}"), 0)
        self.assertGreater(of(samples, "route_sent_bytes_total", route="/s/{id}"), 300)
        self.assertEqual(of(samples, "service_first_byte_seconds_count", service="s"), 2)
        self.assertEqual(of(samples, "service_replies_total", service="s", code="200"), 2)
        self.assertEqual(of(samples, "service_breaker", service="s", state="closed"), 1)

    def test_counts_survive_a_reload(self):
        gateway = self.start()
        gateway.get("/n")
        before = scrape(gateway)
        gateway.write({**self.stage.settings(), **self.settings,
                       "routes": [{"path": "/n", "service": "s", "name": "named",
                                   "cache": "off", "timeout": "3s"}]})
        gateway.wait_log("is in effect")
        gateway.get("/n")

        def twice():
            samples = scrape(gateway)
            return of(samples, "route_requests_total", route="named", code="200") == 2 and samples
        samples = wait_until(twice, "the second one in the same row")
        self.assertEqual(of(samples, "reloads_total", result="ok"), 1)
        self.assertEqual(of(samples, "last_reload_successful"), 1)
        self.assertGreater(of(samples, "last_reload_success_timestamp_seconds"),
                           of(before, "last_reload_success_timestamp_seconds"))
        gateway.write("routes: 7\n")
        gateway.wait_log("not taken over")
        self.assertEqual(of(wait_until(
            lambda: of(scrape(gateway), "last_reload_successful") == 0 and scrape(gateway),
            "the mark"), "reloads_total", result="refused"), 1)

    def test_an_instance_shows_its_connections_failures_and_ejection(self):
        gateway = self.start()
        good = {"service": "s", "instance": self.good.address}
        bad = {"service": "s", "instance": self.other.address}
        gateway.get("/n")
        gateway.get("/n")
        samples = scrape(gateway)
        for one in good, bad:
            self.assertEqual(of(samples, "instance_connections", **one), 1)
            self.assertEqual(of(samples, "instance_connections_idle", **one), 1)
            self.assertEqual(of(samples, "instance_in_flight", **one), 0)
            self.assertEqual(of(samples, "instance_first_byte_seconds_count", **one), 1)
        self.assertEqual(of(samples, "upstream_connections_idle"), 2)
        self.bad = True
        for _ in range(12):
            gateway.get("/n")
        samples = scrape(gateway)
        self.assertEqual(of(samples, "instance_ejected", **bad), 1)
        self.assertEqual(of(samples, "instance_ejected", **good), 0)
        self.assertEqual(of(samples, "instance_failures_total", **bad), 5)
        self.assertEqual(of(samples, "instance_replies_total", code="503", **bad), 5)
        self.assertEqual(of(samples, "service_ejections_total", service="s"), 1)
        self.assertEqual(of(samples, "route_retries_total", route="named"), 5)

    def test_names_over_the_maximum_are_counted_as_other(self):
        gateway = self.start(limits={"metrics": 1})
        gateway.get("/s/1")
        gateway.get("/n")
        samples = wait_until(
            lambda: of(scrape(gateway), "route_requests_total", route="other", code="200") and
            scrape(gateway), "the count")
        self.assertEqual(of(samples, "route_requests_total", route="/s/{id}", code="200"), 1)
        self.assertEqual(of(samples, "route_requests_total", route="named", code="200"), 0)
        shown = {dict(key[1:])["instance"] for key in samples if key[0].startswith("instance_")}
        self.assertEqual(len(shown - {"other"}), 1)

    def test_a_worker_tells_how_busy_it_is(self):
        gateway = self.start()
        gateway.get("/n")
        samples = wait_until(
            lambda: of(scrape(gateway), "worker_turns_total", worker="0") and scrape(gateway),
            "a turn")
        self.assertGreater(of(samples, "worker_busy_seconds_total", worker="0"), 0)
        self.assertGreater(of(samples, "worker_longest_turn_seconds", worker="0"), 0)


if __name__ == "__main__":
    unittest.main()
