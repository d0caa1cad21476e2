"""The Python runtime contract, as a process: requests on stdin, results on fd 3.

Started with the interpreter's `-I -S`, in the folder of an unpacked action, with the
name of its entry function as the only argument. Imports the action, says so, then
serves one request a line. What the action prints goes to stdout and stderr.

Standard library only, and nothing of this project: an action sees neither.
"""

import _thread
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

Entry = Callable[[dict[str, Any]], Any]
NO_BINARY = "The action failed to generate or locate a binary. See logs for details."
NO_START = "Cannot start action. Check logs for details."


def open_channel() -> tuple[BinaryIO, BinaryIO]:
    """Move the host's socket from stdin to fd 3, out of the action's sight."""
    os.dup2(0, 3, inheritable=False)
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 (pathlib costs 10 ms)
        os.dup2(nothing.fileno(), 0)
    return os.fdopen(3, "rb", closefd=False), os.fdopen(3, "wb", closefd=False)


def end_with_host(channel: int) -> None:
    """Kill the action and all it has started, at work or not, once the host is gone."""
    hangup = select.poll()
    hangup.register(channel, 0)
    hangup.poll()
    os.killpg(0, signal.SIGKILL)


def load(main: str) -> Entry | str:
    """Import the action as `main__`: its entry function, or why it can't run."""
    if not os.access("main__.py", os.R_OK):
        return NO_BINARY
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        import main__  # type: ignore[import-not-found]

        entry: Entry = getattr(main__, main)
    except SyntaxError as error:
        traceback.print_exc()
        return NO_BINARY if str(error.filename).endswith("main__.py") else NO_START
    except (Exception, SystemExit):  # noqa: BLE001 (an action's code may raise anything)
        traceback.print_exc()
        return NO_START
    return entry


def run(entry: Entry, request: dict[str, Any]) -> Any:
    """Call the action once; whatever it raises becomes its `error`."""
    for key, text in request.items():
        if key != "value":
            os.environ["__OW_" + key.upper()] = text
    try:
        return entry(request["value"])
    except Exception as error:  # noqa: BLE001 (the same)
        traceback.print_exc()
        return {"error": str(error)}


def answer(results: BinaryIO, value: Any) -> None:
    """Write one result line, after the logs that belong to it.

    A value that isn't JSON ends the process, as it does in OpenWhisk's runtime.
    """
    line = json.dumps(value, ensure_ascii=False).encode() + b"\n"
    sys.stdout.flush()
    sys.stderr.flush()
    results.write(line)
    results.flush()


def serve(main: str) -> None:
    """Serve requests until the host closes the channel."""
    requests, results = open_channel()
    _thread.start_new_thread(end_with_host, (requests.fileno(),))
    entry = load(main)
    if isinstance(entry, str):
        answer(results, {"error": entry})
        return
    answer(results, {"ok": True})
    for line in requests:
        answer(results, run(entry, json.loads(line)))


if __name__ == "__main__":
    serve(sys.argv[1])
