from bench.job import Job
from bench.stock import Run

JOB = Job(clients=20, per_round=10, rounds=10)
CALLS = {"subscribe": 20, "check_in": 250, "submit_update": 101, "advance_round": 11}


def test_calls_are_shared_out_to_rounds_and_to_who_is_not_drawn() -> None:
    run = Run(JOB, budget=60, wall_s=500.0, calls=CALLS, refused=0, accuracy=0.9)
    assert run.calls_a_round == 36.2  # 250 + 101 + 11
    assert run.calls_an_idle == 1.5  # 250, less 100 that brought a model, by 100
