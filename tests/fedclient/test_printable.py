from __future__ import annotations

import json

import msgspec
import pytest

from fedclient.printable import all_printable, printable
from fedclient.replies import our_error
from fedwhisk.experiments.federation import Federation
from tests.fedclient.scripted import Script
from tests.fedwhisk.reports import report


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ward-7 \u00e4\u6f22", "ward-7 \u00e4\u6f22"),
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("a\nb\x9b", r"a\nb\x9b"),
        ("\u202egnp", r"\u202egnp"),
    ],
)
def test_control_characters_are_shown_as_escapes(text, shown) -> None:
    assert printable(text) == shown
    assert all_printable({"names": [text]}) == {"names": [shown]}
    assert all_printable({"task_options": {"a": text}}) == {"task_options": {"a": text}}
    body = json.dumps({"error": {"code": "x", "message": text}}).encode()
    assert our_error(body)["message"] == shown


def test_an_operator_is_shown_no_control_of_a_stored_name() -> None:
    named = msgspec.structs.replace(
        report(), experiment="\x1b[2J", reason="\x1b]0;x\x07"
    )
    with Federation("http://nowhere.invalid", b"k" * 32) as operator:
        operator._actions._transport = Script(status=[named])
        found = operator.status()
    assert (found.experiment, found.reason) == (r"\x1b[2J", r"\x1b]0;x\x07")
