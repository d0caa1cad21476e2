"""Which deployment a command means, and what it does where there is none."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fedwhisk.cli import app
from fedwhisk.config import Settings
from fedwhisk.errors import InputError, OperatorError
from fedwhisk.local.home import Home, made_home
from fedwhisk.platforms import Where
from fedwhisk.reach import chosen

OW = {"base_url_ow": "http://ow.example"}
AWS = {"base_url_aws": "http://aws.example"}
LOOKING = [
    ["status"],
    ["list"],
    ["watch"],
    ["export"],
    ["export", "e", "--all", "e.fed"],
    ["stop", "e"],
    ["clients", "list"],
    ["clients", "revoke", "c"],
    ["token", "enrol"],
    ["token", "operator"],
    ["doctor"],
    ["predict", "model.safetensors", "x.png"],
    ["client"],
    ["client", "--count", "2"],
    ["client", "--detach"],
]


@pytest.mark.parametrize(
    ("configured", "running", "meant"),
    [
        ({}, False, Where.EMBEDDED),
        ({}, True, Where.EMBEDDED),
        (OW, False, Where.OPENWHISK),
        (AWS, False, Where.AWS),
        (OW | AWS, False, "BASE_URL_OW .* BASE_URL_AWS .* --on openwhisk or --on aws"),
        (OW, True, "BASE_URL_OW is set and .* up in .* --on openwhisk or --on embedd"),
        (OW | AWS, True, "--on openwhisk or --on aws or --on embedded"),
    ],
)
def test_the_only_deployment_is_meant_and_of_several_none(
    tmp_path, configured, running, meant
) -> None:
    home = Home(tmp_path / "home")
    settings = Settings(fedwhisk_home=home.path, **configured)

    def check() -> None:
        if isinstance(meant, Where):
            assert chosen(settings, None) is meant
        else:
            with pytest.raises(InputError, match=meant):
                chosen(settings, None)
        for said in Where:
            assert chosen(settings, said) is said

    if not running:
        check()
        assert not home.path.exists()
        return
    with home.held():
        check()


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """An empty working directory, with nothing configured."""
    for name in ("FEDWHISK_HOME", "BASE_URL_OW", "BASE_URL_AWS", "MONGODB_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION",
        str(tmp_path / "none"),
    )
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("words", LOOKING, ids=" ".join)
def test_who_looks_in_the_wrong_folder_starts_nothing_and_leaves_nothing(
    nowhere, words
) -> None:
    result = CliRunner().invoke(app, words)
    assert isinstance(result.exception, OperatorError)
    assert list(nowhere.iterdir()) == []
    if words[0] not in ("clients", "predict") or words[1] == "revoke":
        said = str(result.exception)
        assert said.startswith(f"no platform's state at {nowhere}/.fedwhisk")
        assert "`fedwhisk run`" in said


def test_a_new_home_is_said_and_an_old_one_is_not(tmp_path, capsys) -> None:
    settings = Settings(fedwhisk_home=tmp_path / "home")
    made_home(settings)
    assert (
        capsys.readouterr().err == f"keeping the platform's state in {tmp_path}/home\n"
    )
    made_home(settings)
    assert capsys.readouterr().err == ""
