"""`fedwhisk deploy --gateway` on hosts with and without an API gateway."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from fedwhisk.cli import app
from fedwhisk.errors import OperatorError
from localwhisk import HostServer, HostSettings
from localwhisk import app as host_app

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["with", "without"])
def gateway(request, monkeypatch):
    """A host with or without an API gateway, as the real one answers there."""
    if request.param == "without":
        kept = [route for route in host_app.ROUTES if "apimgmt" not in route.path]
        monkeypatch.setattr(host_app, "ROUTES", kept)
    with HostServer(HostSettings(port=0)) as host:
        monkeypatch.setenv("APIHOST", host.url)
        monkeypatch.setenv("AUTH", host.auth)
        yield request.param == "with"


def test_without_a_gateway_it_says_so_and_where_the_actions_are(
    gateway, monkeypatch
) -> None:
    monkeypatch.setenv("MONGODB_URL", "mongodb://db.example")
    monkeypatch.setenv("FED_SECRET", "a secret of thirty-two bytes or more")
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("fedwhisk.deploy.openwhisk.build", lambda settings: None)
    monkeypatch.setattr("fedwhisk.deploy.openwhisk._wskdeploy", lambda *given: None)
    result = CliRunner().invoke(app, ["deploy", "--gateway"])
    if gateway:
        assert result.exit_code == 0
        assert result.stdout.startswith("BASE_URL_OW=http://127.0.0.1:")
        assert "/api/v1/web" not in result.stdout
        return
    assert isinstance(result.exception, OperatorError)
    assert result.stdout.startswith("BASE_URL_OW=http://127.0.0.1:")
    assert result.stdout.endswith("/api/v1/web/guest/fedwhisk\n")
    assert "makes no gateway paths" in str(result.exception)
    assert "The actions are deployed" in str(result.exception)
