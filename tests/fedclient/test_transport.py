"""What a dishonest server sends, and how little of it a client keeps."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest

from fedclient.emulator import EmulatorTransport
from fedclient.transport import LARGEST_ANSWER, HttpTransport, Message, NoAnswer

Serve = Callable[[socket.socket], None]
ASK = Message("check_in", "POST", body=b"{}")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def read_request(caller: socket.socket) -> None:
    """Read all of it: closing a socket with unread bytes resets the connection."""
    with caller.makefile("rb") as stream:
        stream.readline()
        headers = http.client.parse_headers(stream)
        stream.read(int(headers.get("Content-Length", 0)))


@pytest.fixture
def dishonest() -> Iterator[Callable[[Serve], str]]:
    """Start a server that reads each request and then does as it likes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def begin(serve: Serve) -> str:
        def work() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    with closing(caller), suppress(OSError):
                        read_request(caller)
                        serve(caller)

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield begin
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def flood(caller: socket.socket) -> None:
    """Send for as long as somebody reads, at most 64 MiB."""
    caller.sendall(HEAD + b"\r\n")
    for _ in range(64):
        caller.sendall(b" " * (1 << 20))


def chunks(caller: socket.socket) -> None:
    """The same in chunks."""
    caller.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(64):
        caller.sendall(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")


BOMB = gzip.compress(b" " * (64 << 20))


def bomb(caller: socket.socket) -> None:
    """Send what grows a thousandfold when it is unpacked."""
    body = BOMB
    length = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    caller.sendall(HEAD + length.encode() + body)


@pytest.mark.parametrize(
    ("serve", "complaint"),
    [
        (flood, f"found a body of more than {LARGEST_ANSWER:,} bytes"),
        (chunks, f"found a body of more than {LARGEST_ANSWER:,} bytes"),
        (bomb, "found a body in 'gzip', expected a plain one"),
    ],
)
@pytest.mark.parametrize("kind", [HttpTransport, EmulatorTransport])
def test_no_answer_takes_more_memory_than_an_action_may_send(
    dishonest, serve, complaint, kind
) -> None:
    url = dishonest(serve)
    path = "/2015-03-31/functions/function/invocations"
    transport = kind(url + path if kind is EmulatorTransport else url)
    tracemalloc.start()
    try:
        with pytest.raises(NoAnswer, match=complaint):
            transport.send(ASK)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        transport.close()
    assert peak < 5 * LARGEST_ANSWER  # the server's own megabytes are among them


@pytest.mark.parametrize(
    "head", [HEAD + b"Content-Length: 100000\r\n\r\n", HEAD + b"X-Slow: "]
)
def test_an_answer_that_trickles_has_an_end(dishonest, head) -> None:
    ended = threading.Event()

    def trickle(caller: socket.socket) -> None:
        caller.sendall(head)
        while not ended.is_set():
            caller.sendall(b" ")
            time.sleep(0.02)

    transport = HttpTransport(dishonest(trickle), timeout=(5.0, 60.0), answer_s=0.1)
    with pytest.raises(NoAnswer, match=r"^no whole answer within 0\.1 s$"):
        transport.send(ASK)
    ended.set()


def test_a_server_that_says_nothing_is_given_up_before_the_deadline(dishonest) -> None:
    ended = threading.Event()
    url = dishonest(lambda caller: ended.wait(60) and None)
    transport = HttpTransport(url, timeout=(5.0, 0.05), answer_s=60.0)
    with pytest.raises(NoAnswer, match=r"^nothing came back within 0\.05 s$"):
        transport.send(ASK)
    ended.set()


def test_a_status_line_is_told_without_its_control_characters(dishonest) -> None:
    def mislead(caller: socket.socket) -> None:
        caller.sendall(b"\x1b[2J\xc2\x9b is no HTTP\r\n\r\n")

    with pytest.raises(NoAnswer) as told:
        HttpTransport(dishonest(mislead)).send(ASK)
    assert str(told.value).isprintable()


def test_an_answer_that_is_cut_off_is_none(dishonest) -> None:
    def cut(caller: socket.socket) -> None:
        caller.sendall(HEAD + b"Content-Length: 100\r\n\r\n{}")

    with pytest.raises(NoAnswer):
        HttpTransport(dishonest(cut)).send(ASK)


def test_an_answer_of_the_largest_size_is_read_whole(dishonest) -> None:
    def whole(caller: socket.socket) -> None:
        length = f"Content-Length: {LARGEST_ANSWER}\r\n\r\n".encode()
        caller.sendall(HEAD + length + b"x" * LARGEST_ANSWER)

    reply = HttpTransport(dishonest(whole)).send(ASK)
    assert reply.body == b"x" * LARGEST_ANSWER
