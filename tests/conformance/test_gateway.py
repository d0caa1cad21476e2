"""Probes 74 to 78: the API gateway, where there is one."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.conftest import Probed
from tests.conformance.expect import answered


class Gateway:
    """The gateway of the host under test, and one API of the test's own."""

    def __init__(self, probed: Probed) -> None:
        self.probed = probed
        self.base = f"/probe-{uuid.uuid4().hex[:6]}"

    def manage(self, method: str, operation: str, **options: Any) -> Any:
        """Call one of the management's web actions."""
        guid = self.probed.auth.partition(":")[0]
        query = {"accesstoken": "DUMMY TOKEN", "spaceguid": guid}
        query |= options.pop("params", {})
        url = f"{self.probed.host}/api/v1/web/whisk.system/apimgmt/{operation}.http"
        return self.probed.session.request(method, url, params=query, **options)

    def create(self) -> Any:
        """Create GET /rel, answered by the action `echo` as JSON in its body."""
        namespace = self.probed.namespace
        name = self.probed.path("gateway")
        code = "def main(args):\n    return {'body': args}\n"
        answered(self.probed.web_action(name, code))
        action = {
            "name": name,
            "namespace": namespace,
            "backendMethod": "get",
            "backendUrl": self.probed.url("gateway.http"),
            "authkey": self.probed.auth,
        }
        document = {
            "namespace": namespace,
            "apiName": "probe",
            "gatewayBasePath": self.base,
            "gatewayPath": "/rel",
            "gatewayMethod": "get",
            "id": f"API:{namespace}:{self.base}",
            "action": action,
        }
        return self.manage(
            "POST",
            "createApi",
            params={"responsetype": "http"},
            json={"apidoc": document},
        )

    def url(self, tail: str) -> str:
        """Where the API is served."""
        listed = answered(self.manage("GET", "getApi", params={"basepath": self.base}))
        return listed["apis"][0]["value"]["gwApiUrl"].rstrip("/") + tail

    def delete(self) -> Any:
        """Delete the API."""
        return self.manage("DELETE", "deleteApi", params={"basepath": self.base})


@pytest.fixture
def gateway(probed: Probed) -> Iterator[Gateway]:
    found = Gateway(probed)
    if found.manage("GET", "getApi").status_code == 404:
        pytest.skip("this OpenWhisk has no API gateway")
    yield found
    found.delete()


def test_probe_74_an_api_is_created(gateway):
    value = answered(gateway.create())
    assert value["gwApiUrl"].endswith(gateway.base)
    operation = value["apidoc"]["paths"]["/rel"]["get"]
    assert operation["operationId"]
    described = operation["x-openwhisk"]
    assert (described["package"], described["action"]) == (
        gateway.probed.package,
        "gateway",
    )
    assert described["namespace"]
    assert described["url"]


def test_probe_75_an_api_is_listed(gateway):
    answered(gateway.create())
    listed = answered(
        gateway.manage("GET", "getApi", params={"basepath": gateway.base})
    )
    (api,) = listed["apis"]
    assert api["value"]["apidoc"]["basePath"] == gateway.base


def test_probe_76_an_api_is_served(gateway):
    answered(gateway.create())
    seen = answered(gateway.probed.anybody.get(gateway.url("/rel?a=1")))
    assert (seen["a"], seen["__ow_method"]) == ("1", "get")
    assert seen["__ow_path"] == f"{gateway.base}/rel"
    assert "x-forwarded-url" in seen["__ow_headers"]


def test_probe_77_a_gateway_refuses_what_it_does_not_know(gateway):
    answered(gateway.create())
    anybody = gateway.probed.anybody
    missing = anybody.get(gateway.url("/missing"))
    assert answered(missing, 404) == {"status": 404, "message": "Error: Not found."}
    verb = anybody.post(gateway.url("/rel"))
    assert answered(verb, 404)["message"] == "Error: Whoops. Verb not supported."
    assert anybody.options(gateway.url("/rel")).status_code == 200


def test_probe_78_an_api_is_deleted(gateway):
    answered(gateway.create())
    url = gateway.url("/rel")
    assert answered(gateway.delete()) == {}
    assert gateway.probed.anybody.get(url).status_code == 404
    again = gateway.delete()
    assert again.status_code == 502
    assert "does not exist" in again.json()["error"]
