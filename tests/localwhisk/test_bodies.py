"""What those without credentials make the host hold."""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from localwhisk import HostServer, HostSettings
from tests.openwhisk import ECHO, OpenWhisk

CONNECTIONS = 40
MIB = 1 << 20
LARGE = 48 * MIB
CHUNK = b"%x\r\n" % MIB + b" " * MIB + b"\r\n"


def resident() -> int:
    """Bytes of memory of this process, which the host is a thread of."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def connect(server: HostServer, path: str, *lines: str) -> socket.socket:
    """A connection on which a request's head has been sent."""
    port = int(server.url.rpartition(":")[2])
    made = socket.create_connection(("127.0.0.1", port), timeout=10)
    head = [f"POST {path} HTTP/1.1", "Host: h", "Content-Type: text/plain", *lines]
    made.sendall("\r\n".join([*head, "", ""]).encode())
    return made


def status_of(connection: socket.socket) -> int:
    """The answer's status."""
    found = re.match(rb"HTTP/1.1 (\d+)", connection.recv(4096))
    assert found
    return int(found[1])


@pytest.fixture(scope="module")
def echo(whisk: OpenWhisk) -> str:
    whisk.put("packages/bodies", {})
    whisk.web_action("bodies/echo", ECHO)
    return "/api/v1/web/guest/bodies/echo"


REST = "/api/v1/namespaces/_/actions/a"


@pytest.mark.parametrize("kind", ["web", "REST", "gateway's"])
@pytest.mark.parametrize("announced", [True, False])
def test_forty_connections_without_credentials_take_little_memory(
    host, echo, kind, announced
) -> None:
    gateway = "/api/v1/web/whisk.system/apimgmt/createApi.http"
    path = {"web": echo, "REST": REST, "gateway's": gateway}[kind]
    how = f"Content-Length: {LARGE}" if announced else "Transfer-Encoding: chunked"
    before = resident()
    with ExitStack() as stack:
        opened = [
            stack.enter_context(connect(host, path, how)) for _ in range(CONNECTIONS)
        ]
        for connection in opened:
            with suppress(OSError):  # refused and closed under our hands
                for _ in range(6):
                    connection.sendall(b" " * MIB if announced else CHUNK)
        grown = resident() - before
        # Each may have been read to the limit, 1 MiB, and a piece in the buffers.
        assert grown < CONNECTIONS * 2 * MIB


@pytest.mark.parametrize(
    ("path", "status"), [("web", 413), (REST, 401), ("/api/v1/web/guest/no/no", 404)]
)
def test_an_announced_body_is_refused_before_it_comes(host, echo, path, status) -> None:
    path = echo if path == "web" else path
    with connect(host, path, f"Content-Length: {LARGE}") as connection:
        connection.sendall(b"x")
        assert status_of(connection) == status


def test_a_body_that_trickles_is_given_up() -> None:
    with HostServer(HostSettings(port=0, body_s=0.2)) as server:
        whisk = OpenWhisk(server.url, server.auth)
        whisk.put("packages/slow", {})
        whisk.web_action("slow/echo", ECHO)
        path = "/api/v1/web/guest/slow/echo"
        with connect(server, path, "Content-Length: 1000") as connection:
            connection.sendall(b"x")
            time.sleep(0.1)
            connection.sendall(b"x")
            assert status_of(connection) == 408
