from fedcore.handlers import fedavg
from fedcore.scoring import EVALUATION_S
from tests.fedcore.world import OWNER, World, finish, members_of, open_round_1

KINDS = ("train", "initialise")


def test_a_whole_experiment_closes_every_round_once() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    finish(world, members, lambda index: float(index))
    report = world.report()
    assert report["state"] == "finished"
    assert [each["round"] for each in report["rounds"]] == [0, 1, 2]
    assert report["version"] == 2
    assert members[0].check_in()["kind"] == "stop"


def test_the_next_version_is_the_mean_weighted_by_examples() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    one, other = members_of(world, members)
    one.submit(1, 1.0, 0.0, examples=3)
    answer = other.submit(1, 5.0, 4.0, examples=1)
    assert answer["assignment"] == {"kind": "advance", "round": 1}
    world.advance()
    assert world.model(1) == [2.0, 1.0]  # (3·1 + 5) / 4, (0 + 4) / 4


def test_advancing_twice_moves_once() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 1.0, 1.0)
    for _ in range(3):
        world.advance()
    assert world.live["round"] == 2


def test_an_aggregation_that_is_under_way_is_left_alone_until_its_claim_ends() -> None:
    world = World()
    world.start(claim_s=60)
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 1.0, 1.0)
    experiment = world.services.store.experiment("exp")
    from fedcore import rules

    world.services.store.apply(rules.claim(experiment, world.now))
    world.advance()
    assert world.live["state"] == "frozen"
    world.now += 60
    world.advance()
    assert world.live["round"] == 2


def test_a_cut_off_aggregation_is_continued_not_overwritten() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 3.0, 3.0)
    store = world.services.store
    experiment = store.experiment("exp")
    from tests.fedcore.world import vector

    store.publish_chunk(experiment, 1, 0, vector(3.0, 3.0))
    store.publish_chunk(experiment, 1, 0, vector(9.0, 9.0))  # stale, and too late
    world.advance()
    assert world.model(1) == [3.0, 3.0]


def test_a_missing_accepted_chunk_publishes_nothing() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 3.0, 3.0)
    experiment = world.services.store.experiment("exp")
    world.services.store.drop_uploads_through(experiment, 1)
    world.advance()
    assert world.live["state"] == "frozen"
    assert world.report()["version"] == 0


def test_a_deadline_with_quorum_closes_the_round() -> None:
    world = World()
    world.start(clients=5, per_round=5, quorum=0.6)
    members = open_round_1(world, 5)
    for member in members[:3]:
        member.submit(1, 1.0, 1.0)
    world.advance()
    assert world.live["round"] == 1
    world.now = world.live["deadline"]
    world.advance()
    assert world.live["round"] == 2
    late = members[4].submit(1, 9.0, 9.0)
    assert (late["accepted"], late["reason"]) == (
        False,
        "round 1 takes no updates any more",
    )
    assert world.report()["rounds"][1]["late"] == [4]
    assert world.model(1) == [1.0, 1.0]


def test_below_the_quorum_the_cohort_grows_by_fresh_clients() -> None:
    world = World()
    world.start(clients=4, per_round=2)
    open_round_1(world, 4)
    before = world.live["cohort"]
    world.now = world.live["deadline"]
    world.advance()
    after = world.live
    assert after["attempt"] == 2
    assert after["cohort"][:2] == before
    assert len(after["cohort"]) == 4
    assert after["deadline"] > world.now


def test_after_the_last_attempt_it_fails_with_the_reason_and_can_be_resumed() -> None:
    world = World()
    world.start(attempts=2)
    members = open_round_1(world)
    for _ in range(2):
        world.now = world.live["deadline"]
        world.advance()
    report = world.report()
    assert report["state"] == "failed"
    assert report["reason"] == "round 1: 0 of 2 updates after 2 attempts, need 2"
    wait = members[0].check_in()
    assert wait["kind"] == "wait"
    assert 300 <= wait["retry_after"] <= 301
    assert world.resume(attempts=2)["state"] == "enrolling"
    members[0].check_in()
    finish(world, members, lambda index: 1.0)
    assert world.report()["state"] == "finished"


def test_a_deadline_counts_from_the_latest_promised_return() -> None:
    world = World(calls_per_minute=60)
    world.start(deadline_s=100)
    open_round_1(world)
    dues = [
        client["due"]
        for client in world.report()["clients"]
        if client["index"] in world.live["cohort"]
    ]
    assert max(dues) > world.now
    assert world.live["deadline"] >= max(dues) + 100


def test_a_stopped_experiment_keeps_what_is_trained_and_goes_on_from_there() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    one, other = members_of(world, members)
    one.submit(1, 1.0, 1.0)
    assert world.stop()["state"] == "stopped"
    assert other.submit(1, 2.0, 2.0)["reason"] == "the experiment is stopped"
    assert world.model() == [1.0, 2.0]
    world.resume()
    other.check_in()
    assert other.submit(1, 2.0, 2.0)["accepted"] is True
    world.advance()
    assert world.model(1) == [1.5, 1.5]


def test_a_round_is_as_old_as_its_resumption_however_long_it_was_stopped() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    members_of(world, members)[0].submit(1, 1.0, 1.0)
    world.stop()
    world.now += 3_600
    world.resume()
    assert world.live["opened"] == world.now
    # Half of the round is done: an hour ago would promise another hour.
    waits = [member.check_in() for member in members]
    assert all(each.get("retry_after", 0) < 10 for each in waits)


def test_one_client_is_told_to_advance_and_the_next_after_a_pause() -> None:
    world = World()
    world.start()
    members = open_round_1(world)
    for member in members_of(world, members):
        answer = member.submit(1, 1.0, 1.0)
    assert answer["assignment"]["kind"] == "advance"
    assert members[0].check_in()["kind"] == "wait"
    world.now += 2
    assert members[0].check_in()["kind"] == "advance"
    world.now += 3
    assert members[1].check_in()["kind"] == "wait"
    world.now += 1
    assert members[1].check_in()["kind"] == "advance"


def test_each_version_is_scored_once_before_anybody_may_stop() -> None:
    world = World()
    world.start(evaluate=True, rounds=1)
    members = open_round_1(world)
    answers = [
        (member, member.submit(1, 1.0, 1.0)["assignment"])
        for member in members_of(world, members)
    ]
    world.advance()
    busy = [member for member, todo in answers if todo["kind"] == "evaluate"]
    answers += [(each, each.check_in()) for each in members if each not in busy]
    asked = [(m, todo) for m, todo in answers if todo["kind"] == "evaluate"]
    assert sorted(todo["version"] for _, todo in asked) == [0, 1]
    (idle,) = [each for each in members if each not in (member for member, _ in asked)]
    assert idle.check_in()["kind"] == "wait"
    for member, todo in asked:
        score = {"accuracy": 0.5, "loss": 1.0, "examples": 10}
        member.check_in(evaluation=score | {"version": todo["version"]})
    assert idle.check_in()["kind"] == "stop"
    assert [each["evaluation_tries"] for each in world.report()["rounds"]] == [1, 1]


def test_who_never_heard_that_it_is_to_score_is_told_again() -> None:
    world = World()
    world.start(evaluate=True, rounds=1)
    members = open_round_1(world)
    (scorer, told) = next(
        (member, todo)
        for member in members
        if (todo := member.check_in())["kind"] == "evaluate"
    )
    assert scorer.check_in() == told
    others = [member.check_in()["kind"] for member in members if member != scorer]
    assert "evaluate" not in others
    assert world.report()["rounds"][0]["evaluation_tries"] == 1


def test_an_evaluator_that_never_answers_is_replaced_and_given_up_in_the_end() -> None:
    world = World()
    world.start(evaluate=True, rounds=1)
    members = open_round_1(world)
    for member in members_of(world, members):
        member.submit(1, 1.0, 1.0)
    world.advance()
    given = []
    for _ in range(24):
        given.append(members[0].check_in())
        world.now += EVALUATION_S + 1
    evaluated = [todo["version"] for todo in given if todo["kind"] == "evaluate"]
    assert evaluated.count(1) == 3
    assert given[-1]["kind"] == "stop"


def test_without_a_name_every_running_experiment_is_served() -> None:
    world = World()
    for name in ("one", "two"):
        world.start(name)
        for number in range(3):
            world.enrol(f"c{number}", name)
    handed_on = world.call(fedavg.ACTION, {}, OWNER)
    from fedcore.handlers import select_clients

    world.call(select_clients.ACTION, handed_on, OWNER)
    assert world.report("one")["live"]["round"] == 0
    assert world.report("two")["live"]["round"] == 0


def test_only_a_member_of_its_cohort_is_late_in_a_round() -> None:
    world = World()
    world.start(rounds=3, clients=5)
    members = open_round_1(world, 5)
    (initial,) = world.report()["rounds"]
    for member in members_of(world, members):
        member.submit(1, 1.0, 1.0)
    # Round 1 is frozen, round 0 has closed.
    for number, cohort in ((0, initial["cohort"]), (1, world.live["cohort"])):
        outside = next(each for each in members if each.index not in cohort)
        assert outside.submit(number, 2.0, 2.0)["accepted"] is False
    assert world.live["late"] == []
    world.advance()
    assert outside.submit(1, 2.0, 2.0)["accepted"] is False
    assert [each["late"] for each in world.report()["rounds"]] == [[], []]
