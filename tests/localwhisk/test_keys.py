"""Who is let in: the holder of the host's key, and nobody else, on every route."""

from __future__ import annotations

import itertools
import re

import requests

from localwhisk import HostServer, HostSettings
from localwhisk.app import ROUTES
from tests.openwhisk import ECHO, OpenWhisk

OPEN = {
    "/": "runtimes and limits",
    "/ping": "a sign of life",
    "/api/v1": "the version",
    "/api/v1/web/{path:path}": "web actions, which are for everybody",
    "/api/{tenant:tenant}/{path:path}": "the same behind a gateway",
}
"""All that a host tells without a key."""

PUBLISHED = (
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:"
    "123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
)
"""The key of `guest` that every OpenWhisk standalone has."""

WRONG = {
    "published": lambda own: PUBLISHED,
    "fresh": lambda own: HostSettings().auth,
    "own uuid, another's rest": lambda own: own[:37] + HostSettings().auth[37:],
    "one letter less": lambda own: own[:-1],
    "one letter more": lambda own: own + "x",
    "uuid alone": lambda own: own.partition(":")[0] + ":",
    "empty": lambda own: ":",
}
CLOSED = sorted(
    (method, re.sub(r"{\w+(:\w+)?}", "x", route.path.replace("{namespace}", "_")))
    for route in ROUTES
    if route.path not in OPEN
    for method in route.methods
)


def test_what_is_open_is_there() -> None:
    assert OPEN.keys() < {route.path for route in ROUTES}
    assert ("PUT", "/api/v1/namespaces/_/actions/x") in CLOSED
    assert ("GET", "/api/v1/namespaces/_/packages/x") in CLOSED


def test_no_route_lets_in_without_the_key(host: HostServer, subtests) -> None:
    own = host.auth
    keys = [make(own) for make in WRONG.values()]
    asked = [{"auth": tuple(key.split(":"))} for key in keys]
    asked += [{}, {"headers": {"Authorization": f"Bearer {own}"}}]
    asked += [{"headers": {"Authorization": header}} for header in ("Basic", "Basic %")]
    with requests.Session() as session:
        for (method, path), how in itertools.product(CLOSED, asked):
            with subtests.test(method=method, path=path, how=how):
                answer = session.request(
                    method, host.url + path, json={}, timeout=10, **how
                )
                assert answer.status_code == 401


def test_every_route_lets_in_with_the_key(whisk: OpenWhisk, subtests) -> None:
    for method, path in CLOSED:
        with subtests.test(method=method, path=path):
            answer = whisk.session.request(
                method, whisk.host + path, json={}, timeout=10
            )
            assert answer.status_code != 401


def test_a_wrong_key_neither_writes_code_nor_reads_what_is_bound(
    whisk, subtests
) -> None:
    bound = [{"key": "FED_SECRET", "value": "told to nobody"}]
    whisk.put("packages/bound", {"parameters": bound})
    for wrong, make in WRONG.items():
        with subtests.test(wrong):
            stranger = OpenWhisk(whisk.host, make(whisk.auth))
            assert "told to nobody" not in stranger.get("packages/bound").text
            assert stranger.action("bound/theirs", ECHO).status_code == 401
            assert whisk.get("actions/bound/theirs").status_code == 404


def test_a_key_that_an_action_wants_is_the_whole_of_it(whisk) -> None:
    whisk.put("packages/keyed", {})
    whisk.web_action("keyed/echo", ECHO, {"require-whisk-auth": "gr\u00fcn"})
    url, name = f"{whisk.web}/keyed/echo.json", "X-Require-Whisk-Auth"
    for given, status in (("gr\u00fcn", 200), ("gr", 401), ("", 401), ("\u00fc", 401)):
        header = {name: given.encode("latin-1")}
        answer = requests.post(url, headers=header, timeout=10)
        assert answer.status_code == status, given
    assert requests.post(url, timeout=10).status_code == 401


def test_no_two_hosts_have_the_same_key_and_none_shows_it() -> None:
    one, two = HostSettings(), HostSettings()
    assert one.auth != two.auth
    assert one.auth.partition(":")[2] not in repr(one)
