"""`fedwhisk run --chaos`: the same experiment, the same model, with faults put in."""

import json

import pytest

from tests.e2e.conftest import SMALL
from tests.e2e.test_run import model_of

pytestmark = pytest.mark.e2e

SETTINGS = ["--rounds", "3", "--experiment", "shaken", "--seed", "5"]
CHAOS = {"drop": 0.1, "delay": 0.2, "double": 0.2, "crash": 0.1, "slow": 0.5}


def test_chaos_costs_time_and_changes_nothing(machine) -> None:
    calm = machine.run(*SETTINGS)
    whole = model_of(machine, calm)
    assert calm["chaos"] == {}
    machine.call("clean", "--yes")

    file = machine.folder / "shaken.yaml"
    # JSON is YAML, too. A killed aggregation is taken over when its claim has run out.
    file.write_text(json.dumps({"chaos": CHAOS, "claim_s": 5}))
    out, err = machine.call(
        *("run", "--json", "--port", "0", "--config", str(file)), *SMALL, *SETTINGS
    )
    end = json.loads(out.splitlines()[-1])
    assert (end["state"], end["rounds"]) == ("finished", 3)
    assert model_of(machine, end) == whole
    assert "chaos: drop=0.1,delay=0.2,double=0.2,crash=0.1,slow=0.5" in err
    counts = end["chaos"]
    assert {"calls delayed", "calls doubled"} <= set(counts)
    assert any(fault.startswith("actions killed") for fault in counts)
    assert f"{counts['calls delayed']} calls delayed" in err


def test_a_host_of_somebody_else_is_not_killed(machine) -> None:
    machine.environment |= {"BASE_URL_OW": "http://127.0.0.1:9", "FED_SECRET": "s" * 32}
    _, err = machine.call("run", "--on", "openwhisk", "--chaos", "crash=0.1", code=2)
    assert err.splitlines()[-1].startswith("error: chaos.crash: kills the processes of")
