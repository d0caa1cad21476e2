"""The two throttles: the minute by itself, calls at once on a host.

Probe 73 spends a minute's calls over HTTP, on this host or on a real one.
"""

import pytest

from localwhisk import HostServer, HostSettings
from localwhisk.errors import Refused
from localwhisk.throttles import MinuteThrottle
from tests.openwhisk import SLOW, OpenWhisk, annotation


def test_a_minutes_calls_start_anew_with_the_minute():
    now = [59.0]
    throttle = MinuteThrottle(2, lambda: now[0])
    throttle.count("guest")
    throttle.count("guest")
    with pytest.raises(Refused, match=r"\(count: 3, allowed: 2\)"):
        throttle.count("guest")
    now[0] = 60.0
    throttle.count("guest")


def test_activations_in_flight_are_limited():
    with HostServer(HostSettings(port=0, concurrent_invocations=1)) as host:
        whisk = OpenWhisk(host.url, host.auth)
        whisk.action("slow", SLOW)
        running = whisk.post("actions/slow", {"s": 3}).json()["activationId"]
        answer = whisk.post("actions/slow")
        assert answer.status_code == 429
        assert answer.json()["error"] == (
            "Too many concurrent requests in flight (count: 1, allowed: 1)."
        )
        whisk.record(running)
        assert whisk.post("actions/slow").status_code == 202


def test_the_wait_for_a_process_is_not_billed():
    with HostServer(HostSettings(port=0, max_processes_per_action=1)) as host:
        whisk = OpenWhisk(host.url, host.auth)
        whisk.action("slow", SLOW)
        ids = [
            whisk.post("actions/slow", {"s": 0.3}).json()["activationId"]
            for _ in range(2)
        ]
        first, second = sorted(
            (whisk.record(each) for each in ids), key=lambda record: record["end"]
        )
        assert second["start"] >= first["end"]  # it has waited until the first ended
        assert annotation(second, "waitTime") > 0
