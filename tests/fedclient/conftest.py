"""A real HTTP server that answers by the test's orders, and small data sets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import torch

from fedclient.transport import Message, NoAnswer
from tests.fedclient.scripted import Server


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """As in a client; two threads of torch on a busy machine only wait for another."""
    torch.set_num_threads(1)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            message = Message(
                action=parts.path.rpartition("/")[2],
                method=self.command,
                query=dict(parse_qsl(parts.query)),
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
                headers={k.lower(): v for k, v in self.headers.items()},
            )
            state.requests.append(message)
            try:
                reply = state.answer(message)
            except NoAnswer:
                self.close_connection = True  # hang up without a word
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 204:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if reply.status != 204:
                self.wfile.write(reply.body)

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    state = Server(f"http://127.0.0.1:{http.server_address[1]}/api/v1/web/guest/fed")
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def make_npz(tmp_path: Path) -> Callable[..., Path]:
    """Write a small random data set to `<tmp>/<name>.npz`; keywords override arrays."""

    def write(
        name: str, shape: tuple[int, ...], train: int = 60, test: int = 20, **other: Any
    ) -> Path:
        rng = np.random.default_rng(0)
        arrays = {
            "x_train": rng.integers(0, 256, (train, *shape), np.uint8),
            "y_train": rng.integers(0, 10, train).astype(np.uint8),
            "x_test": rng.integers(0, 256, (test, *shape), np.uint8),
            "y_test": rng.integers(0, 10, test).astype(np.uint8),
        }
        arrays.update(other)
        kept = {key: value for key, value in arrays.items() if value is not None}
        np.savez(tmp_path / f"{name}.npz", **kept)
        return tmp_path

    return write
