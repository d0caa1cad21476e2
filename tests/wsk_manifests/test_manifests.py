"""What is committed is what the list of actions gives."""

from __future__ import annotations

import pytest
import yaml

from actions.manifests import MANIFESTS, generated
from fedcore.adapters.routes import PACKAGE, SEQUENCES


@pytest.mark.parametrize(
    ("path", "content"), [*generated()], ids=lambda given: getattr(given, "name", "")
)
def test_the_committed_file_is_the_generated_one(path, content) -> None:
    assert path.read_text() == content, "run `make manifests`"


def test_the_sweep_calls_a_sequence_that_there_is():
    content = yaml.safe_load((MANIFESTS / "alarms.yaml").read_text())
    default = content["packages"]["default"]
    ((name, rule),) = default["rules"].items()
    assert rule["trigger"] in default["triggers"]
    own, _, sequence = rule["action"].partition("/")
    assert own == PACKAGE
    assert sequence in SEQUENCES
    assert name.startswith(PACKAGE)
