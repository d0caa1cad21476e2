"""Processes of a federation that die, or stand still, and what becomes of it."""

import pytest

from tests.e2e.faults import federation, go_on, kill, stop
from tests.tools import runs, wait_until

pytestmark = pytest.mark.e2e


def test_a_client_killed_while_training_trains_again(deployment) -> None:
    with federation(deployment, "killed-training") as running:
        with running.held() as at_work:
            index, pid = at_work.popitem()
            kill(pid)
            wait_until(lambda: running.training(1)[index] != pid, "another training")
        report = running.finish()
    assert [each.attempts for each in report.rounds] == [1, 1, 1, 1]
    assert not any(each.late or each.refused for each in report.rounds)


def test_a_client_killed_while_uploading_sends_the_same_update_again(
    deployment,
) -> None:
    with federation(deployment, "killed-uploading", "CHUNKS_3", rounds=2) as running:
        # The first of three chunks has arrived, the second never does.
        killed = [
            deployment.host_link.trip(
                rb'"round": %d, "upload": "\w{64}", "chunk": 1,' % number,
                kill,
                deliver=False,
            )
            for number in range(3)
        ]
        report = running.finish()
        assert all(trip.sprung.is_set() for trip in killed)
    assert [each.updates for each in report.rounds] == [2, 2, 2]


def test_a_killed_host_leaves_nothing_undone(deployment) -> None:
    with federation(deployment, "killed-host", clients=3) as running:
        with running.held():
            actions = deployment.action_processes()
            deployment.kill_host()
            wait_until(lambda: not any(map(runs, actions)), "the actions' end")
        deployment.start_host()
        running.finish()


def test_action_processes_killed_all_the_time_delay_a_run_and_no_more(
    deployment,
) -> None:
    killed = 0
    with federation(deployment, "killed-actions") as running:
        for number in range(4):
            if number:
                running.wait_for_version(number - 1)
            for pid in deployment.action_processes():
                kill(pid)
                killed += 1
        running.finish()
    assert killed > 4


def test_a_killed_database_that_starts_again_has_lost_nothing(deployment) -> None:
    with federation(deployment, "killed-database") as running:
        with running.held():
            deployment.kill_database()
        # Updates come while nobody can take them.
        deployment.start_database()
        running.wait_for_version(2)
        deployment.kill_database()  # in the middle of whatever comes next
        deployment.start_database()
        running.finish()


def test_an_aggregation_that_sleeps_past_its_claim_changes_nothing_any_more(
    deployment,
) -> None:
    def aggregates(pid: int) -> bool:
        return pid in deployment.action_processes("fedavg")

    with federation(deployment, "stopped-fedavg", clients=4, claim_s=1) as running:
        slept = deployment.database_link.trip(
            rb"update_chunks.{0,100}/0000001/", stop, by=aggregates
        )
        pid = slept.wait()
        running.wait_for_version(1)  # somebody else's work, while this one sleeps
        go_on(pid)
        running.finish()


def test_a_client_that_sleeps_past_the_deadline_is_late_and_harms_nobody(
    deployment,
) -> None:
    with federation(deployment, "late", clients=3, deadline_s=2, quorum=0.5) as running:
        with running.held():
            wait_until(lambda: len(running.training(1)) == 2, "both trainings")
            index, pid = running.training(1).popitem()
            stop(pid)
        running.wait_for_version(1)
        go_on(pid)
        report = running.finish()
    assert (report.rounds[1].updates, report.rounds[1].late) == (1, [index])


def test_a_round_below_its_quorum_is_tried_again(deployment) -> None:
    settings = {"rounds": 1, "deadline_s": 1, "quorum": 1.0, "attempts": 100}
    # The third client is not at work: it is told that the round is overdue.
    with federation(deployment, "attempts", clients=3, **settings) as running:
        with running.held():
            running.wait(lambda report: report.live and report.live.attempt > 1)
        report = running.finish()
    assert report.rounds[1].attempts > 1
    assert report.rounds[1].updates == 2
