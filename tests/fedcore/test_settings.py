import math

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
        ({"rounds": 0}, r"rounds: found 0, expected 1 to"),
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
