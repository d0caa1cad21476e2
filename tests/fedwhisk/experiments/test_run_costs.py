from fedwhisk.experiments.results import NOTHING, Totals
from fedwhisk.experiments.run_costs import RunCosts

ONE = Totals(
    wall_s=10.0,
    calls_by_action={"check_in": 3},
    http_429=1,
    bytes_in=5,
    bytes_out=6,
    peak_rss={"fedavg": 40, "status": 9},
    chaos={"lost": 1},
)
OTHER = Totals(
    wall_s=2.5,
    calls_by_action={"check_in": 1, "subscribe": 2},
    bytes_in=1,
    bytes_out=1,
    peak_rss={"fedavg": 50},
)


def test_nothing_was_spent_before_the_first_command(tmp_path) -> None:
    assert RunCosts(tmp_path, "x").totals == NOTHING


def test_the_parts_of_all_commands_add_up(tmp_path) -> None:
    for part in (ONE, OTHER):
        costs = RunCosts(tmp_path, "x")
        costs.open()
        costs.enter(part)
    assert RunCosts(tmp_path, "x").totals == Totals(
        wall_s=12.5,
        calls_by_action={"check_in": 4, "subscribe": 2},
        http_429=1,
        bytes_in=6,
        bytes_out=7,
        peak_rss={"fedavg": 50, "status": 9},
        chaos={"lost": 1},
    )
    assert RunCosts(tmp_path, "another").totals == NOTHING


def test_a_command_that_was_killed_is_unknown_and_the_rest_is_kept(tmp_path) -> None:
    for part in (ONE, None, OTHER):
        costs = RunCosts(tmp_path, "x")
        costs.open()
        if part:
            costs.enter(part)
    totals = RunCosts(tmp_path, "x").totals
    assert (totals.unknown, totals.calls) == (1, 6)
