"""The server around the host: starting, restarting, queueing."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from localwhisk import HostServer, HostSettings
from localwhisk.addresses import own_address
from localwhisk.server import CannotListen, PortBusy
from localwhisk.storage import HomeInUse
from tests.openwhisk import COUNT, ECHO, SLOW, OpenWhisk, zipped
from tests.tools import wait_until


def client(host: HostServer) -> OpenWhisk:
    return OpenWhisk(host.url, host.auth)


def test_a_busy_port_is_named():
    with HostServer(HostSettings(port=0)) as host:
        port = int(host.url.rpartition(":")[2])
        with pytest.raises(PortBusy, match=str(port)):
            HostServer(HostSettings(port=port)).start()


@pytest.mark.parametrize("address", ["203.0.113.9", "no such name", "::1"])
def test_an_address_that_is_not_this_machines_is_named(address):
    with pytest.raises(CannotListen, match=f"{address}.*an IPv4 address"):
        HostServer(HostSettings(host=address, port=0)).start()


def test_a_host_for_all_addresses_says_one_that_can_be_connected_to():
    settings = HostSettings(host="0.0.0.0", port=0)  # noqa: S104
    with HostServer(settings) as host:
        port = host.url.rpartition(":")[2]
        assert host.url == f"http://127.0.0.1:{port}"
        assert host.outside_url == f"http://{own_address()}:{port}"
        for url in (host.url, host.outside_url):
            assert requests.get(f"{url}/ping", timeout=10).text == "pong"


def test_a_host_for_one_address_says_that_one():
    with HostServer(HostSettings(port=0)) as host:
        assert host.url == host.outside_url
        assert host.url.startswith("http://127.0.0.1:")


def test_a_machine_with_no_way_to_others_says_its_name(monkeypatch):
    nowhere = ("255.255.255.255", 9)  # a broadcast, which a plain socket may not send
    monkeypatch.setattr("localwhisk.addresses.FAR_AWAY", nowhere)
    assert own_address() == socket.gethostname()


def test_a_home_belongs_to_one_host(tmp_path):
    settings = HostSettings(port=0, home=tmp_path)
    with HostServer(settings), pytest.raises(HomeInUse, match=str(tmp_path)):
        HostServer(settings).start()


def test_entities_and_activations_survive_a_restart(tmp_path):
    settings = HostSettings(port=0, home=tmp_path)
    with HostServer(settings) as host:
        whisk = client(host)
        whisk.put("packages/p", {})
        whisk.web_action("p/zip", zipped({"__main__.py": ECHO}))
        whisk.put("triggers/t", {})
        whisk.put("rules/r", {"trigger": "/_/t", "action": "/_/p/zip"})
        activation = whisk.call("p/zip", {"a": 1}).json()["activationId"]
    with HostServer(settings) as host:
        whisk = client(host)
        assert whisk.record(activation)["response"]["result"] == {"a": 1}
        assert whisk.call("p/zip", {"a": 2}, result="true").json() == {"a": 2}
        assert whisk.post("triggers/t").status_code == 202


SERVE = """
import sys
from pathlib import Path
from localwhisk import HostServer, HostSettings
host = HostServer(HostSettings(port=0, home=Path(sys.argv[1])))
host.start()
print(host.url, host.auth, flush=True)
sys.stdin.read()
"""


def test_a_host_that_was_killed_starts_again_with_all_it_had(tmp_path: Path):
    command = [sys.executable, "-c", SERVE, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url, auth = process.stdout.readline().split()
        whisk = OpenWhisk(url, auth)
        whisk.action("echo", ECHO)
        activation = whisk.call("echo", {"a": 1}).json()["activationId"]
        os.kill(process.pid, signal.SIGKILL)
    with HostServer(HostSettings(port=0, home=tmp_path)) as host:
        again = client(host)
        assert again.record(activation)["response"]["result"] == {"a": 1}
        assert again.call("echo", {"a": 2}, result="true").json() == {"a": 2}


def test_the_oldest_activations_are_dropped():
    settings = HostSettings(port=0, kept_activations=50, invocations_per_minute=1000)
    with HostServer(settings) as host:
        whisk = client(host)
        whisk.action("echo", ECHO)
        for _ in range(100):
            whisk.call("echo")
        assert whisk.get("activations", count="true").json() == {"activations": 50}


def test_calls_beyond_the_processes_queue_and_all_are_answered():
    settings = HostSettings(port=0, max_processes=2)
    with HostServer(settings) as host:
        whisk = client(host)
        whisk.action("count", COUNT)
        whisk.action("slow", SLOW)
        answers: list[int] = []

        def call(name: str) -> None:
            other = client(host)
            answers.append(other.call(name, {"s": 0.05}).status_code)

        names = ["count", "slow"] * 6
        threads = [threading.Thread(target=call, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [200] * 12
        assert sum(host.services.invoker.pool._alive.values()) <= 2


def test_an_idle_process_ends(monkeypatch):
    monkeypatch.setattr("localwhisk.app.REAP_EVERY_S", 0.05)
    with HostServer(HostSettings(port=0, idle_s=0.1)) as host:
        whisk = client(host)
        whisk.action("count", COUNT)
        whisk.call("count")
        wait_until(lambda: not host.services.invoker.pool._alive.total(), "its end")
        assert whisk.call("count", result="true").json() == {"n": 1}


def test_no_process_outlives_its_host():
    code = "import os\ndef main(args):\n return {'pid': os.getpid()}\n"
    with HostServer(HostSettings(port=0)) as host:
        whisk = client(host)
        whisk.action("pid", code)
        pid = whisk.call("pid", result="true").json()["pid"]
        whisk.action("slow", SLOW)
        whisk.post("actions/slow", {"s": 60})
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
