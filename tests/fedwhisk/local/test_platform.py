import os
from contextlib import ExitStack, contextmanager

import pytest

from fedcore.adapters import aws_lambda, deployment
from fedwhisk.cli.up import described
from fedwhisk.config import Settings
from fedwhisk.errors import OperatorError
from fedwhisk.local.home import Home, Running, Taken
from fedwhisk.local.platform import _host, attached
from fedwhisk.local.sharing import joined_or_started
from fedwhisk.platforms import BUDGETS, Platform, Where
from localwhisk import HostSettings

pytestmark = pytest.mark.e2e


def test_operators_and_actions_take_an_unset_budget_for_the_same() -> None:
    assert BUDGETS[Where.OPENWHISK] == deployment.OPENWHISK_CALLS_PER_MINUTE
    assert BUDGETS[Where.AWS] == aws_lambda.CALLS_PER_MINUTE


def test_the_host_takes_the_homes_key(tmp_path) -> None:
    settings = HostSettings(host="127.0.0.1", port=0, auth="uuid:key", home=tmp_path)
    with _host(settings, or_any=False) as host:
        assert host.auth == "uuid:key"
    assert "uuid:key" not in repr(settings)


@pytest.mark.parametrize("or_any", [True, False])
def test_an_address_that_cannot_be_had_is_said(tmp_path, or_any) -> None:
    settings = HostSettings(host="203.0.113.9", port=0, auth="uuid:key", home=tmp_path)
    with (
        pytest.raises(OperatorError, match=r"203\.0\.113\.9: cannot listen"),
        _host(settings, or_any=or_any),
    ):
        pass


def test_whoever_attaches_to_a_platform_gets_its_key(tmp_path) -> None:
    home = Home(tmp_path)
    there = Running(os.getpid(), "http://127.0.0.1:1/fedwhisk", "http://127.0.0.1:1")
    assert attached(Settings(fedwhisk_home=tmp_path)) is None
    with home.held():
        key = home.key()
        with home.announced(there):
            found = attached(Settings(fedwhisk_home=tmp_path))
    assert (found.base_url, found.apihost) == (there.base_url, there.apihost)
    assert (found.auth, found.secret) == (key, home.secret(Settings()))


def test_up_prints_where_others_reach_it_and_the_key() -> None:
    platform = Platform(
        "http://127.0.0.1:3233/api/v1/web/guest/fedwhisk",
        b"a secret of thirty-two bytes or more",
        apihost="http://127.0.0.1:3233",
        outside="http://10.0.0.7:3233",
        auth="uuid:key",
    )
    said = dict(described(platform))
    assert said["actions"] == "http://10.0.0.7:3233/api/v1/web/guest/fedwhisk"
    assert said["API host"] == "http://10.0.0.7:3233"
    assert said["API key"] == "uuid:key"
    assert "thirty-two" not in repr(platform)
    assert "uuid:key" not in repr(platform)


def test_one_who_comes_second_waits_and_joins(tmp_path) -> None:
    """Between looking and starting, another process has taken the home."""
    ours = Platform("http://127.0.0.1:1/fedwhisk", b"")
    looks = iter([None, ours])

    @contextmanager
    def start():
        raise Taken("in use")
        yield

    with ExitStack() as until_the_end:
        found = joined_or_started(
            until_the_end,
            Home(tmp_path),
            join=lambda _: next(looks),
            start=start,
            say=pytest.fail,
        )
    assert found is ours
