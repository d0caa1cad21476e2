from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fedclient.environment import BadEnvironment, ClientConfig, read

LEAST = {"BASE_URL_OW": "http://h:3233/fed/", "FED_ENROLMENT_TOKEN": "t"}


def test_the_least_environment_gives_the_defaults() -> None:
    assert read({**LEAST, "PATH": "/bin"}) == ClientConfig(
        base_url="http://h:3233/fed",
        name=socket.gethostname(),
        enrolment_token="t",
        stay=True,
        start_spread_s=10.0,
    )
    assert read(LEAST, stay=False).start_spread_s == 0.0


def test_every_variable_is_read() -> None:
    full = {
        "BASE_URL_AWS": "https://h/x",
        "DATA_DIR": "/d",
        "FED_CLIENT_NAME": "ns/pod-0",
        "FED_ENROLLED_FILE": "/run/e",
        "FED_ENROLMENT_TOKEN": "t",
        "FED_EXPERIMENT": "mnist-1",
        "FED_HEARTBEAT_FILE": "/run/h",
        "FED_START_SPREAD_S": "2.5",
        "FED_STAY": "0",
        "FED_THREADS": "4",
    }
    assert read(full) == ClientConfig(
        base_url="https://h/x",
        name="ns/pod-0",
        enrolment_token="t",
        experiment="mnist-1",
        data_dir=Path("/d"),
        heartbeat_file=Path("/run/h"),
        enrolled_file=Path("/run/e"),
        stay=False,
        start_spread_s=2.5,
        threads=4,
    )


def test_empty_values_are_missing_values() -> None:
    config = read({**LEAST, "FED_EXPERIMENT": "", "BASE_URL_AWS": "", "FED_STAY": ""})
    assert config.experiment is None
    assert config.stay


def test_the_token_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    found = read(
        {
            "BASE_URL_OW": "http://h",
            "FED_ENROLMENT_TOKEN_FILE": str(tmp_path / "token"),
        }
    )
    assert found.enrolment_token == "secret"
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"FED_STAYS": "1"}, "FED_STAYS: unknown, expected one of FED_CLIENT_NAME"),
        ({"FED_STAY": "yes"}, "FED_STAY: found 'yes', expected 0 or 1"),
        ({"FED_THREADS": "0"}, "FED_THREADS: found '0', expected a whole number"),
        ({"FED_THREADS": "two"}, "FED_THREADS: found 'two'"),
        ({"FED_START_SPREAD_S": "nan"}, "FED_START_SPREAD_S: found 'nan'"),
        ({"FED_START_SPREAD_S": "soon"}, "FED_START_SPREAD_S: found 'soon'"),
        ({"FED_EXPERIMENT": "No Slug"}, "FED_EXPERIMENT: found 'No Slug'"),
        ({"FED_CLIENT_NAME": "x" * 254}, "FED_CLIENT_NAME: found"),
        ({"BASE_URL_OW": "host:80"}, "BASE_URL_OW: found 'host:80', expected a URL"),
        ({"BASE_URL_OW": ""}, "BASE_URL_OW, BASE_URL_AWS: neither is set"),
        ({"BASE_URL_AWS": "https://a"}, "BASE_URL_OW, BASE_URL_AWS: both are set"),
        ({"FED_ENROLMENT_TOKEN": ""}, "FED_ENROLMENT_TOKEN: not set"),
        (
            {"FED_ENROLMENT_TOKEN": "", "FED_ENROLMENT_TOKEN_FILE": "/nowhere"},
            "FED_ENROLMENT_TOKEN_FILE: .*No such file",
        ),
        (
            {"FED_ENROLMENT_TOKEN": "", "FED_ENROLMENT_TOKEN_FILE": "/dev/null"},
            "FED_ENROLMENT_TOKEN_FILE: /dev/null is empty",
        ),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, str], complaint: str) -> None:
    with pytest.raises(BadEnvironment, match=complaint):
        read({**LEAST, **changes})


def test_the_servers_own_names_are_passed_over() -> None:
    assert read({**LEAST, "FED_SECRET": "s"}) == read(LEAST)
