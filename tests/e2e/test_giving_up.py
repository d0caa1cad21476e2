"""Clients that cannot do what they are told: a run says why, and does not wait."""

import pytest

pytestmark = pytest.mark.e2e


def test_a_run_whose_clients_all_fail_ends_and_says_why(machine) -> None:
    arguments = ("--clients", "2", "--per-round", "2", "--partition", "nowhere:deal")
    _, said = machine.call("run", "--port", "0", *arguments, code=1)
    last = said.splitlines()[-1]
    assert "of 2 clients have given up, the round needs 2 more updates" in last
    assert "partition 'nowhere:deal': No module named 'nowhere'" in last
