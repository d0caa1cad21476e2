"""Keep the table of values in the chart's README in step with values.yaml.

`python helm/readme.py` writes it. The comment above a value is its description.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "fl-clients"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"


def described(text: str) -> Iterator[tuple[str, str]]:
    """Yield (path, comment) of each value of a values.yaml that has a comment."""
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith("#"):
            comment.append(bare.removeprefix("#").strip())
        elif ":" in bare and not bare.startswith("- "):
            depth = (len(line) - len(line.lstrip())) // 2
            path[depth:] = [bare.partition(":")[0]]
            if comment:
                yield ".".join(path), " ".join(comment)
            comment = []


def value_at(values: Any, path: str) -> Any:
    """Return the value at a dotted path."""
    for name in path.split("."):
        values = values[name]
    return values


def table(text: str) -> str:
    """Return the Markdown table of a values.yaml."""
    values = yaml.safe_load(text)
    lines = ["| value | default | what it is |\n", "|---|---|---|\n"]
    for path, comment in described(text):
        default = json.dumps(value_at(values, path), ensure_ascii=False)
        lines.append(f"| `{path}` | `{default}` | {comment} |\n")
    return "".join(lines)


def renewed(readme: str, values: str) -> str:
    """Return the README with a fresh table."""
    head, _, rest = readme.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}{table(values)}{END}{tail}"


def main() -> None:
    """Write the README's table."""
    readme = CHART / "README.md"
    values = (CHART / "values.yaml").read_text(encoding="utf-8")
    text = renewed(readme.read_text(encoding="utf-8"), values)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
