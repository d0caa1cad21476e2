"""`fedwhisk export --all` and `import`: an experiment goes on in another database."""

import json

import pytest

from fedclient import weights
from fedcore.settings import ExperimentSettings
from tests.e2e import walk
from tests.e2e.conftest import SMALL, Machine
from tests.e2e.faults import replay
from tests.tools import interrupt, lines_until

pytestmark = pytest.mark.e2e

NAME = "moved"
SETTINGS = ["--task", "tests.e2e.walk:CHUNKS_3", "--experiment", NAME, "--rounds", "3"]


@pytest.fixture
def machines(tmp_path) -> list[Machine]:
    """Two machines, which share nothing."""
    made = []
    for name in ("here", "there"):
        folder = tmp_path / name
        folder.mkdir()
        made.append(Machine(folder, folder))
    return made


def test_an_experiment_goes_on_in_another_database_to_the_same_bytes(machines) -> None:
    here, there = machines
    running = here.start("run", "--port", "0", *SMALL, *SETTINGS)
    lines_until(running, "round 1 closed")
    interrupt(running)
    file = here.folder / "moved.fed"
    _, err = here.call("export", NAME, "--all", str(file), code=1)
    assert "moved is running: stop it first (fedwhisk stop moved)" in err
    here.call("stop", NAME)
    out, _ = here.call("export", NAME, "--all", str(file))
    assert out.startswith("moved: stopped, version ")

    out, _ = there.call("import", str(file))
    assert out.startswith("moved: stopped, version ")
    _, err = there.call("import", str(file), code=1)
    assert "has an experiment named 'moved' already" in err
    end = there.run(*SETTINGS)
    assert (end["state"], end["rounds"], end["clients"]) == ("finished", 3, 4)
    stored = weights.load(there.folder / end["model"], walk.CHUNKS_3.layout)
    assert stored.model == undisturbed(there)


def undisturbed(machine: Machine) -> bytes:
    """The last version, had those who were drawn trained in a plain loop."""
    file = machine.folder / "runs" / NAME / "experiment.json"
    report = json.loads(file.read_text())["experiment"]
    cohorts = [sorted(each["cohort"]) for each in report["rounds"]]
    assert [each["updates"] for each in report["rounds"]] == [0, 2, 2, 2]
    return replay(ExperimentSettings(**report["settings"]), cohorts)[-1]


def test_a_damaged_file_is_refused_and_nothing_is_stored(machines) -> None:
    here, *_ = machines
    file = here.folder / "no.fed"
    file.write_bytes(b"nothing of the kind")
    _, err = here.call("import", str(file), code=2)
    assert f"error: {file}: not a file of `fedwhisk export --all`" in err
    _, err = here.call("status", code=1)
    assert "there is none yet" in err
