"""`fedwhisk export --all` and `import`: an experiment goes on in another database."""

import signal

import pytest

from tests.e2e.conftest import SMALL, Machine
from tests.e2e.test_run import model_of, wait_for

pytestmark = pytest.mark.e2e

NAME = "moved"
SETTINGS = ["--task", "tests.e2e.walk:CHUNKS_3", "--experiment", NAME, "--rounds", "6"]


@pytest.fixture
def machines(tmp_path) -> list[Machine]:
    """Three machines, which share nothing."""
    made = []
    for name in ("here", "there", "undisturbed"):
        folder = tmp_path / name
        folder.mkdir()
        made.append(Machine(folder, folder))
    return made


def test_an_experiment_goes_on_in_another_database_to_the_same_bytes(machines) -> None:
    here, there, undisturbed = machines
    whole = model_of(undisturbed, undisturbed.run(*SETTINGS))

    running = here.start("run", "--port", "0", *SMALL, *SETTINGS)
    wait_for(here, lambda line: line.startswith("round 2 closed"), running)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
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
    assert (end["state"], end["rounds"], end["clients"]) == ("finished", 6, 4)
    assert model_of(there, end) == whole


def test_a_damaged_file_is_refused_and_nothing_is_stored(machines) -> None:
    here, *_ = machines
    file = here.folder / "no.fed"
    file.write_bytes(b"nothing of the kind")
    _, err = here.call("import", str(file), code=2)
    assert err.startswith(f"error: {file}: not a file of `fedwhisk export --all`")
    _, err = here.call("status", code=1)
    assert "there is none yet" in err
