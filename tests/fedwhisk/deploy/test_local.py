"""Deploying by REST; e2e/test_own_manifests.py compares it with wskdeploy."""

from __future__ import annotations

import pytest
import requests

from fedcore.adapters.deployment import BOUND
from fedwhisk.deploy import local
from fedwhisk.deploy.rest import DeployError, Host
from localwhisk import HostServer, HostSettings

pytestmark = pytest.mark.e2e


def test_the_actions_are_deployed_and_deployed_again():
    zips = local.build()
    with HostServer(HostSettings(port=0)) as host:
        for secret in ("short", "also short"):
            parameters = {**dict.fromkeys(BOUND, ""), "FED_SECRET": secret}
            url = local.deploy(zips, parameters, apihost=host.url, auth=host.auth)
        assert url == f"{host.web_url}/fedwhisk"
        answer = requests.get(f"{url}/status", timeout=30)
        assert (
            answer.json()["error"]["message"]
            == "MONGODB_URL: not set in this deployment"
        )
        assert requests.post(f"{url}/fedavg", timeout=30).status_code == 404


def test_a_host_that_is_not_there_is_named():
    with pytest.raises(DeployError, match=r"http://127\.0\.0\.1:1 can't be reached"):
        Host(apihost="http://127.0.0.1:1", auth="a:b").base_url()


def test_a_refusal_names_the_call_and_the_reason():
    with (
        HostServer(HostSettings(port=0)) as host,
        pytest.raises(DeployError, match=r"GET .*: 401 The supplied authentication is"),
    ):
        Host(apihost=host.url, auth="a:b").base_url()
