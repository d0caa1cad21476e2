"""`fedwhisk run --chaos`: the same experiment, the same model, with faults put in."""

import json

import pytest

from tests.e2e.conftest import CALM, SMALL

pytestmark = pytest.mark.e2e

CHAOS = {"drop": 0.1, "delay": 0.2, "double": 0.2, "crash": 0.1, "slow": 0.5}


def test_chaos_costs_time_and_changes_nothing(calm, machine) -> None:
    assert calm.end["chaos"] == {}
    file = machine.folder / "shaken.yaml"
    # JSON is YAML, too. A killed aggregation is taken over when its claim has run out.
    file.write_text(json.dumps({"chaos": CHAOS, "claim_s": 5}))
    # A model bears its experiment's name, which would come of these settings, too.
    options = ("--config", str(file), "--experiment", calm.end["experiment"])
    out, err = machine.call("run", "--json", "--port", "0", *options, *SMALL, *CALM)
    end = json.loads(out.splitlines()[-1])
    assert (end["state"], end["rounds"]) == ("finished", 3)
    assert machine.model(end) == calm.model
    assert "chaos: drop=0.1,delay=0.2,double=0.2,crash=0.1,slow=0.5" in err
    counts = end["chaos"]
    assert {"calls delayed", "calls doubled"} <= set(counts)
    assert any(fault.startswith("actions killed") for fault in counts)
    assert f"calls delayed {counts['calls delayed']}" in err


def test_a_host_of_somebody_else_is_not_killed(machine) -> None:
    machine.environment |= {
        "BASE_URL_OW": "http://127.0.0.1:9",
        "FED_SECRET": "0123456789abcdef" * 2,
    }
    _, err = machine.call("run", "--on", "openwhisk", "--chaos", "crash=0.1", code=2)
    assert err.splitlines()[-1].startswith("error: chaos.crash: kills the processes of")
