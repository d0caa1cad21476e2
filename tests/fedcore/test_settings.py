import math

import bson
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedcore import settings
from fedcore.errors import InvalidSettings
from fedcore.settings import ExperimentSettings


def test_the_defaults_are_the_standard_experiment() -> None:
    standard = settings.parse({})
    assert (standard.task, standard.clients, standard.per_round) == ("mnist", 20, 10)
    assert (standard.epochs, standard.rounds, standard.lr) == (10, 10, 0.01)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ({"per_round": 21}, r"per_round \+ over_select: found 21, .* at most 20"),
        ({"clients": 5}, r"found 10, .* say --per-round 5 \(per_round: 5\)"),
        ({"clients": 5, "over_select": 1}, r"found 11, .* say --per-round 4 "),
        ({"clients": 5, "over_select": 5}, r"start the training$"),
        ({"rounds": 0}, r"rounds: found 0, expected 1 to 1,000,000$"),
        ({"max_weight": 0.5}, r"max_weight: found 0\.5, expected 0 \(no bound\), or"),
        ({"max_weight": float("nan")}, "max_weight: found nan, expected 0 to"),
        ({"max_norm": -1}, r"max_norm: found -1\.0, expected 0 to 1e\+30$"),
        ({"lr": -0.1}, r"lr: found -0.1"),
        ({"lr": 0.0}, r"lr: found 0.0, expected above 0"),
        ({"lr": math.nan}, r"lr: found nan"),
        ({"momentum": 1.0}, r"momentum: found 1.0, expected 0 to below 1"),
        ({"quorum": 1.5}, r"quorum: found 1.5"),
        ({"clients": "20"}, r"Expected `int`, got `str` - at `\$.clients`"),
        ({"epoch": 3}, r"unknown field `epoch`"),
        ({"task": "no such!"}, r"task: found 'no such!'"),
        ({"min_clients": 30}, r"min_clients: found 30, expected at most clients = 20"),
        ({"min_clients": 5}, r"at most 5, the clients that start"),
        ({"partition": "by-mood"}, r"partition: found 'by-mood', expected equal, own"),
        ({"partition": "dirichlet"}, r"partition: found 'dirichlet'"),
        ({"partition": "dirichlet:0.0"}, r"partition: found 'dirichlet:0.0'"),
        ({"partition": "dirichlett:0.5"}, r"partition: found 'dirichlett:0.5'"),
        ({"partition": "shards:0"}, r"partition: found 'shards:0'"),
        ({"partition": "own:2"}, r"partition: found 'own:2'"),
        ({"partition": "equal\n"}, r"partition: found 'equal\\n'"),
        ({"task_options": {"no name": 1}}, r"found the name 'no name', expected 1 to"),
        ({"task_options": {"a" * 65: 1}}, r"task_options: found the name 'aaa"),
        ({"task_options": {f"a{i}": i for i in range(65)}}, r"found 65 entries, exp"),
        (
            {"task_options": {"a": math.inf}},
            r"task_options\.a: found inf, expected a f",
        ),
        ({"task_options": {"a": 2**63}}, r"task_options\.a: found 9223372036854775808"),
        ({"task_options": {"a": "x" * 1001}}, r"\.a: found 'xxx.* at most 1000 char"),
        ({"task_options": {"a": "\ud800"}}, r"\.a: .* without lone surrogates"),
        ({"\ud800": 1}, r"settings: .*surrogates not allowed"),
        ({"clients": "\ud800"}, r"settings: .*surrogates not allowed"),
        ({"task_options": {"a": [1]}}, r"got `array` - at `\$\.task_options"),
        ([], r"Expected `object`, got `array`"),
    ],
)
def test_a_wrong_setting_is_named_with_what_was_expected(raw, complaint) -> None:
    with pytest.raises(InvalidSettings, match=complaint):
        settings.parse(raw)


@pytest.mark.parametrize(
    "name",
    ["equal", "own", "dirichlet:0.3", "dirichlet:100", "shards:2", "my_pkg.data:deal"],
)
def test_a_partition_is_ours_or_a_path(name) -> None:
    assert settings.parse({"partition": name}).partition == name


OPTIONS = st.dictionaries(
    st.from_regex(settings.OPTION, fullmatch=True),
    st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=1000),
    max_size=5,
)


@given(OPTIONS)
def test_a_tasks_options_travel_and_are_stored_as_they_are(options) -> None:
    found = settings.parse({"task_options": options})
    as_json = msgspec.json.decode(msgspec.json.encode(found), type=ExperimentSettings)
    as_bson = settings.parse(bson.decode(bson.encode(msgspec.to_builtins(found))))
    for each in (found, as_json, as_bson):
        assert repr(each.task_options) == repr(options)  # 1, 1.0 and True are equal


def test_options_belong_to_one_experiment_and_name_it() -> None:
    plain, other = ExperimentSettings(), ExperimentSettings()
    assert plain.task_options is not other.task_options
    wide, narrow = (settings.parse({"task_options": {"w": n}}) for n in (32, 16))
    names = {settings.default_name(each) for each in (plain, other, wide, narrow)}
    assert len(names) == 3


@pytest.mark.parametrize(
    ("target", "quorum"), [(10, 8), (1, 1), (3, 3), (5, 4), (9, 8)]
)
def test_the_quorum_is_four_fifths_rounded_up(target, quorum) -> None:
    assert ExperimentSettings().quorum_of(target) == quorum


@given(st.integers(1, 10_000))
def test_the_quorum_lies_between_one_and_the_target(target) -> None:
    assert 1 <= ExperimentSettings().quorum_of(target) <= target


@pytest.mark.parametrize("name", ["", "-a", "A", "a_b", "a" * 64, "a.b", "a\n"])
def test_a_name_that_is_no_slug_is_refused(name) -> None:
    with pytest.raises(InvalidSettings, match="experiment:"):
        settings.check_name(name)


def test_equal_settings_have_one_default_name() -> None:
    name = settings.default_name(ExperimentSettings())
    assert name == settings.default_name(settings.parse({"clients": 20}))
    assert name != settings.default_name(ExperimentSettings(seed=1))
    assert settings.check_name(name).startswith("mnist-")


def test_a_default_name_is_a_slug_whatever_the_task() -> None:
    name = settings.default_name(ExperimentSettings(task="My_pkg.mod:Task"))
    assert settings.check_name(name)
