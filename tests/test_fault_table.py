"""The README's table of faults: every row names tests, and those exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
README = TESTS.parent / "README.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    chapter = README.read_text(encoding="utf-8").partition("## What happens when…")[2]
    table = [
        line.strip("|").split("|")
        for line in chapter.partition("\n## ")[0].splitlines()
        if line.startswith("|")
    ]
    return table[2:]  # below the head and its rule


def test_every_fault_names_tests_that_exist() -> None:
    assert len(rows()) > 2
    for fault, _, tested_by in rows():
        named = NAMED.findall(tested_by)
        assert named, f"{fault.strip()}: names no test"
        for file, name in named:
            source = (TESTS / file).read_text(encoding="utf-8")
            assert f"def {name}(" in source, f"{fault.strip()}: no {name} in {file}"
