"""The runtime contract: what an action sees, and what becomes of what it does."""

import os
import signal
import sys
from collections import deque

import pytest

from localwhisk import HostServer
from tests.openwhisk import (
    BIG,
    BOOM,
    COUNT,
    ECHO,
    NONE,
    SLOW,
    OpenWhisk,
    annotation,
    zipped,
)
from tests.tools import wait_until

ENVIRONMENT = """
import os, sys
def main(args):
    return {"names": sorted(os.environ), "modules": sorted(sys.modules),
            "path": sys.path, "cwd": os.getcwd(), "name": __name__,
            "action": os.environ["__OW_ACTION_NAME"]}
"""


def test_a_process_sees_openwhisks_environment_and_nothing_else(whisk):
    whisk.action("environment", ENVIRONMENT)
    seen = whisk.call("environment", result="true").json()
    assert set(seen["names"]) == {
        *("LC_CTYPE", "OLDPWD", "PWD", "PYTHONIOENCODING", "SHLVL"),
        *("__OW_ACTION_NAME", "__OW_ACTION_VERSION", "__OW_ACTIVATION_ID"),
        *("__OW_API_HOST", "__OW_DEADLINE", "__OW_EXECUTION_ENV", "__OW_NAMESPACE"),
        *("__OW_TRANSACTION_ID", "__OW_WAIT_FOR_ACK"),
    }
    assert seen["action"] == "/guest/environment"
    assert seen["name"] == "main__"
    assert seen["path"][0] == seen["cwd"]
    assert not any("site-packages" in entry for entry in seen["path"])
    assert not {"msgspec", "fedwhisk", "site"} & set(seen["modules"])


def test_the_api_key_is_given_only_to_actions_that_ask_for_it(whisk, host):
    code = "import os\ndef main(args):\n    return {'k': os.environ['__OW_API_KEY']}\n"
    whisk.action("key", code)
    assert whisk.call("key").status_code == 502
    wanted = [{"key": "provide-api-key", "value": True}]
    whisk.action("key", code, annotations=wanted)
    assert whisk.call("key", result="true").json() == {"k": host.auth}


def test_an_init_parameter_is_an_environment_variable(whisk):
    code = "import os\nX = os.environ['X']\ndef main(args):\n    return {'x': X}\n"
    whisk.action("init", code, parameters=[{"key": "X", "value": "1", "init": True}])
    assert whisk.call("init", result="true").json() == {"x": "1"}


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (NONE, "The action did not produce a valid JSON or JSON Array response: null"),
        (
            "def main(a):\n return 'x'",
            "The action did not return a dictionary or array.",
        ),
        (
            "def main(a):\n return {'x': float('nan')}",
            "The action did not return a dictionary or array.",
        ),
        ("def main(a):\n return {'x': {1}}", "command exited"),
        ("import sys\ndef main(a):\n sys.exit(1)", "command exited"),
        ("import os\ndef main(a):\n os._exit(1)", "command exited"),
        ("def main(a:", "The action failed to generate or locate a binary."),
        ("#!/bin/sh\necho", "The action failed to generate or locate a binary."),
        ("raise ValueError", "Cannot start action. Check logs for details."),
        ("import sys; sys.exit(1)", "Cannot start action. Check logs for details."),
        ("def other(a): pass", "Cannot start action. Check logs for details."),
    ],
)
def test_what_no_action_may_do_is_a_developer_error(whisk, code, problem):
    whisk.action("bad", code)
    answer = whisk.call("bad")
    assert answer.status_code == 502
    response = answer.json()["response"]
    assert response["status"] == "action developer error"
    assert problem in response["result"]["error"]


def test_an_exception_is_an_application_error_and_its_process_goes_on(whisk):
    code = f"{COUNT}    if args.get('fail'):\n        raise ValueError(str(n))\n"
    code = code.replace('    return {"n": n}\n', "") + "    return {'n': n}\n"
    whisk.action("fails", code)
    first = whisk.call("fails", {"fail": 1}).json()["response"]
    assert (first["status"], first["result"]) == ("application error", {"error": "1"})
    assert whisk.call("fails", result="true").json() == {"n": 2}


def test_a_zip_imports_its_packages_and_names_its_entry_function(whisk):
    files = {
        "__main__.py": "from pack.inner import V\ndef go(a):\n return {'v': V}\n",
        "pack/inner.py": "V = 7\n",
    }
    whisk.action("zip", zipped(files), main="go")
    assert whisk.call("zip", result="true").json() == {"v": 7}
    assert whisk.get("actions/zip").json()["exec"]["binary"] is True


def test_a_zip_without_a_main_at_its_root_does_not_start(whisk):
    whisk.action("nested", zipped({"inner/__main__.py": ECHO}))
    assert whisk.call("nested").json()["response"]["status"] == "action developer error"


def test_an_action_over_its_time_is_killed(whisk):
    # Long enough for a fresh process to start in, however busy the machine is.
    whisk.action("slow", SLOW, limits={"timeout": 5000})
    answer = whisk.call("slow", {"s": 30})
    record = answer.json()
    assert answer.status_code == 502
    assert record["response"]["result"] == {
        "error": "The action exceeded its time limits of 5000 milliseconds."
    }
    assert annotation(record, "timeout") is True
    assert whisk.call("slow", {"s": 0}, result="true").json() == {"slept": 0}


def test_an_action_over_its_memory_is_killed(whisk):
    code = (
        "import time\ndef main(args):\n"
        " kept = b'x' * (200 << 20)\n time.sleep(20)\n return {'n': len(kept)}\n"
    )
    whisk.action("greedy", code, limits={"memory": 128})
    answer = whisk.call("greedy")
    assert answer.status_code == 502
    assert answer.json()["response"]["result"] == {"error": "command exited"}


def test_a_result_over_the_limit_is_cut(whisk):
    whisk.action("big", BIG)
    whisk.call("big", {"n": 1})
    assert whisk.call("big", {"n": (1 << 20) - 13}).status_code == 200
    answer = whisk.call("big", {"n": 1 << 20})
    assert answer.status_code == 502
    error = answer.json()["response"]["result"]["error"]
    assert f"exceeded the allowed length: {(1 << 20) + 12} > {1 << 20}" in error
    assert annotation(whisk.call("big", {"n": 1}).json(), "initTime") is None


def test_logs_are_the_lines_of_their_own_activation(whisk):
    code = (
        "import sys\ndef main(args):\n print('out', args['i'])\n"
        " print('err', file=sys.stderr)\n print('no newline', end='')\n return {}\n"
    )
    whisk.action("talks", code)
    for number in range(5):
        answer = whisk.call("talks", {"i": number}).json()
        assert answer["logs"] == []
        logs = whisk.record(answer["activationId"])["logs"]
        texts = sorted(line.partition("Z ")[2] for line in logs)
        assert texts == ["stderr: err", "stdout: no newline", f"stdout: out {number}"]


def test_logs_over_the_limit_are_cut(whisk):
    code = "def main(args):\n for i in range(200):\n  print('x' * 10000)\n return {}\n"
    whisk.action("chatty", code, limits={"logs": 1})
    record = whisk.record(whisk.call("chatty").json()["activationId"])
    assert len(record["logs"]) == 105  # 104 lines of 10,000 bytes fit 1 MiB
    assert "exceeds the limit of 1048576 bytes" in record["logs"][-1]


def test_a_failed_start_leaves_its_traceback_in_the_logs(whisk):
    whisk.action("unborn", "import nothing_of_this_name\n")
    record = whisk.record(whisk.call("unborn").json()["activationId"])
    assert any(
        "No module named 'nothing_of_this_name'" in line for line in record["logs"]
    )


def test_a_process_that_was_killed_between_two_calls_is_replaced(whisk):
    code = "import os\ndef main(args):\n return {'pid': os.getpid()}\n"
    whisk.action("pid", code)
    first = whisk.call("pid", result="true").json()["pid"]
    os.kill(first, signal.SIGKILL)
    # The host may still find it, and lose that call's answer; it starts another then.
    answers = [whisk.call("pid", result="true") for _ in range(3)]
    pids = {answer.json()["pid"] for answer in answers if answer.ok}
    assert len(pids) == 1
    assert first not in pids


def test_an_uncaught_error_is_told_to_the_caller(whisk):
    whisk.action("boom", BOOM)
    answer = whisk.call("boom", result="true")
    assert (answer.status_code, answer.json()) == (502, {"error": "boom"})


def test_the_peak_memory_of_processes_is_measured(host: HostServer, whisk: OpenWhisk):
    whisk.action("echo", ECHO)
    record = whisk.call("echo", {"a": 1}).json()
    stats = host.stats()
    assert (stats.peak_rss["echo"] > 4 << 20) or sys.platform != "linux"
    assert stats.activations["echo"] == 1
    assert stats.cold_starts["echo"] == 1
    quarter_gib = 256 / 1024  # an action's memory where nothing is said
    assert stats.gb_s["echo"] == record["duration"] / 1000 * quarter_gib > 0


def kept(value: object) -> int:
    """How many values are held in dictionaries, lists and sets, at any depth."""
    if isinstance(value, dict):
        return sum(map(kept, value.values()))
    if isinstance(value, list | set | deque):
        return sum(map(kept, value))
    return 1


def test_what_a_host_remembers_does_not_grow_with_its_calls(host, whisk):
    invoker = host.services.invoker

    def size() -> int:
        parts = (host.services.counters, host.services.throttles, invoker, invoker.pool)
        return sum(kept(vars(part)) for part in parts)

    def use() -> None:
        whisk.action("echo", ECHO)  # each writing retires the revision before
        assert whisk.call("echo").ok

    use()
    wait_until(lambda: not invoker.pool._ending, "the process before has ended")
    before = size()
    for _ in range(3):
        use()
    wait_until(lambda: size() <= before, "all that was added has gone", patience_s=20)
