from bench.job import Job, Result


def test_a_job_survives_the_command_line() -> None:
    job = Job(clients=3, lr=0.1)
    assert Job.of(job.to_json()) == job


def test_a_cohort_is_drawn_without_repeats_and_again_the_same() -> None:
    drawn = Job(clients=20, per_round=10).cohort(4)
    assert len(set(drawn)) == 10
    assert drawn == Job(clients=20, per_round=10).cohort(4)
    assert drawn != Job(clients=20, per_round=10).cohort(5)


def test_the_last_line_of_a_run_is_read_as_a_result() -> None:
    line = '{"experiment": "x", "accuracy": 0.5, "train_s": 3.0}'
    assert Result.of(line) == Result(0.5, 3.0)
