"""The README's table of settings: each of them, with the default that it has."""

from pathlib import Path

import msgspec

from fedcore.settings import ExperimentSettings

README = Path(__file__).parents[1] / "README.md"


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    text = README.read_text(encoding="utf-8")
    table = text[text.index("| setting | default |") :].partition("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    found = {
        name.strip(" `"): default.strip(" `")
        for names, defaults in rows
        for name, default in zip(names.split(","), defaults.split(","), strict=True)
    }
    usual = msgspec.to_builtins(ExperimentSettings())
    said = {
        name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in usual.items()
    }
    assert found == said
