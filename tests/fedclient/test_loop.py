from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from fedclient import tasks
from fedclient.api import Actions
from fedclient.client_task import ClientTask
from fedclient.environment import ClientConfig
from fedclient.loop import IDLE_S, Loop, start_delay
from fedclient.replies import Refused
from fedclient.tasks import ClientContext, Score, Update, Work
from fedclient.transfer import ClientError
from fedclient.transport import Reply
from fedcore import codec, messages
from fedcore.codec import CHUNK_VALUES, Layout
from fedcore.messages import (
    LARGEST,
    Advance,
    Advanced,
    CheckedIn,
    Evaluate,
    Initialise,
    ModelChunk,
    Stop,
    Submitted,
    Subscribed,
    Train,
    Wait,
)
from fedcore.settings import ExperimentSettings
from tests.fedclient.scripted import Script, chunk, ours

MODEL = bytes(range(16))
TRAINED = bytes(reversed(range(16)))
STOP = Stop(reason="finished")
FOUR = codec.layout_hash([("w", [4])])


class Toy:
    """A task: a model of four values that training turns round."""

    layout: ClassVar[Layout] = [("w", [4])]

    def initial_model(self, seed: int) -> bytes:
        return MODEL

    def load(self, context: ClientContext) -> None:
        pass

    def train(self, model: bytes, data: None, work: Work) -> Update:
        return Update(model[::-1], 48, {"loss": 0.5, "odd": float("nan")})

    def evaluate(self, model: bytes, *more: object) -> Score:
        return Score(0.75, float("inf"), 10)


class Client:
    """A loop over a script, with a record of what it waited for and was told."""

    def __init__(
        self,
        script: Script,
        task: type[Toy] = Toy,
        stay: bool = False,
        fleet_s: float = 0.0,
    ) -> None:
        self.slept: list[float] = []
        self.enrolled: list[bool] = []
        self.slots: list[str] = []
        self.loop = Loop(
            Actions(script, sleep=self.slept.append),
            ClientConfig("", "ns/pod-0", "enrol", stay=stay, start_spread_s=fleet_s),
            make_task=lambda context: task(),
            sleep=self.slept.append,
            clock=lambda: sum(self.slept),
            train_slot=self._slot,
            on_enrolled=self.enrolled.append,
        )

    @contextlib.contextmanager
    def _slot(self) -> Iterator[None]:
        self.slots.append("taken")
        yield
        self.slots.append("left")


def subscribed(assignment: messages.Assignment, key: int = 0) -> Subscribed:
    return Subscribed(
        experiment="e",
        index=3,
        token=f"key-{key}",
        settings=ExperimentSettings(),
        assignment=assignment,
    )


def train(**more: object) -> Train:
    fields = {"round": 1, "version": 0, "chunks": 1, "model": chunk(MODEL), **more}
    return Train(**{"layout": FOUR} | fields)  # type: ignore[arg-type]


def accepted(assignment: messages.Assignment | None) -> Submitted:
    return Submitted(accepted=True, assignment=assignment)


def test_a_client_subscribes_and_stops_when_told() -> None:
    script = Script(subscribe=[subscribed(STOP)])
    client = Client(script)
    assert client.loop.run() == "finished"
    (request,) = script.bodies("subscribe")
    assert (request["name"], request["experiment"]) == ("ns/pod-0", None)
    assert script.sent[0].headers["X-Fed-Token"] == "enrol"
    assert client.enrolled == [True]


def test_what_a_server_says_is_logged_without_control_characters(caplog) -> None:
    script = Script(
        subscribe=[subscribed(train())],
        submit_update=[Submitted(accepted=False, reason="late\x1b[2J")],
        check_in=[CheckedIn(assignment=Stop(reason="over\nand\x9bout"))],
    )
    caplog.set_level("INFO")
    assert Client(script).loop.run() == "over\\nand\\x9bout"
    assert all(line.isprintable() for line in caplog.messages)
    assert any("late\\x1b[2J" in line for line in caplog.messages)


def test_wait_sleeps_and_checks_in() -> None:
    waits = [CheckedIn(assignment=Wait(retry_after=7.5)), CheckedIn(assignment=STOP)]
    script = Script(subscribe=[subscribed(Wait(retry_after=2.0))], check_in=waits)
    client = Client(script)
    client.loop.run()
    assert client.slept == [2.0, 7.5]
    assert script.bodies("check_in")[0] == {
        "experiment": "e",
        "client": 3,
        "evaluation": None,
    }
    assert script.sent[1].headers["X-Fed-Token"] == "key-0"


def test_initialise_submits_the_initial_model_with_its_layout() -> None:
    script = Script(
        subscribe=[subscribed(Initialise())], submit_update=[accepted(STOP)]
    )
    Client(script).loop.run()
    (update,) = script.bodies("submit_update")
    assert codec.decode(update["data"]) == MODEL
    assert (update["round"], update["examples"]) == (0, 1)
    assert update["layout"] == [["w", [4]]]


def test_train_submits_the_update_and_follows_its_answer() -> None:
    script = Script(subscribe=[subscribed(train())], submit_update=[accepted(STOP)])
    client = Client(script)
    client.loop.run()
    (update,) = script.bodies("submit_update")
    digest = codec.sha256(TRAINED)
    assert codec.decode(update["data"]) == TRAINED
    assert (update["hash"], update["chunk"], update["chunks"]) == (digest, 0, 1)
    assert update["upload"] == codec.upload_id(1, [digest])
    assert (update["round"], update["examples"]) == (1, 48)
    assert update["metrics"] == {"loss": 0.5}  # what JSON cannot carry stays behind
    assert update["layout"] is None
    assert client.slots == ["taken", "left"]


def test_an_update_that_comes_late_is_no_error() -> None:
    late = Submitted(accepted=False, reason="the round is closed")
    script = Script(
        subscribe=[subscribed(train())],
        submit_update=[late],
        check_in=[CheckedIn(assignment=STOP)],
    )
    assert Client(script).loop.run() == "finished"


class Large(Toy):
    layout: ClassVar[Layout] = [("w", [2 * CHUNK_VALUES + 1])]
    model = bytes(4 * CHUNK_VALUES) + bytes([1]) * 4 * CHUNK_VALUES + bytes(4)


LARGE = {"layout": codec.layout_hash(Large.layout), "model": None}


def parts() -> list[messages.Chunk]:
    return [chunk(data, n, 3) for n, data in enumerate(codec.split(Large.model))]


def model_chunk(part: messages.Chunk) -> ModelChunk:
    return ModelChunk(experiment="e", version=0, chunk=part, layout=[])


def test_a_large_model_travels_chunk_by_chunk_in_turn() -> None:
    in_turn = messages.Turns(first=0.5, every=2.0)
    script = Script(
        subscribe=[subscribed(train(chunks=3, turns=in_turn, **LARGE))],
        get_model=[model_chunk(part) for part in parts()],
        submit_update=[
            Submitted(),
            Submitted(),
            Submitted(missing=[0]),
            accepted(STOP),
        ],
    )
    client = Client(script, Large)
    client.loop.run()
    asked = [m.query for m in script.sent if m.action == "get_model"]
    assert [query["chunk"] for query in asked] == ["0", "1", "2"]
    assert asked[0]["client"] == "3"
    sent = script.bodies("submit_update")
    assert [update["chunk"] for update in sent] == [0, 1, 2, 0]
    assert len({update["upload"] for update in sent}) == 1
    assert b"".join(codec.decode(u["data"]) for u in sent[:3]) == Large.model[::-1]
    assert client.slept == [0.5, 2, 2, 2, 2, 2, 2]  # three down, four up


def test_an_update_of_one_chunk_waits_for_its_turn() -> None:
    assigned = train(turns=messages.Turns(first=7.5))
    client = Client(
        Script(subscribe=[subscribed(assigned)], submit_update=[accepted(STOP)])
    )
    client.loop.run()
    assert client.slept == [7.5]


def test_an_update_that_is_settled_is_not_sent_further() -> None:
    script = Script(
        subscribe=[subscribed(train(chunks=3, **LARGE))],
        get_model=[model_chunk(part) for part in parts()],
        submit_update=[accepted(STOP)],
    )
    Client(script, Large).loop.run()
    assert script.actions.count("submit_update") == 1


def damaged(data: bytes) -> messages.Chunk:
    return msgspec.structs.replace(chunk(data), hash=codec.sha256(b"other"))


def test_a_damaged_model_is_fetched_again() -> None:
    script = Script(
        subscribe=[subscribed(train(model=damaged(MODEL)))],
        get_model=[model_chunk(damaged(MODEL)), model_chunk(chunk(MODEL))],
        submit_update=[accepted(STOP)],
    )
    Client(script).loop.run()
    assert codec.decode(script.bodies("submit_update")[0]["data"]) == TRAINED


def test_a_model_that_stays_damaged_ends_the_client() -> None:
    script = Script(
        subscribe=[subscribed(train(model=None))],
        get_model=[model_chunk(damaged(MODEL))] * 3,
    )
    with pytest.raises(ClientError, match="its hash did not fit, 3 times"):
        Client(script).loop.run()


def test_a_chunk_that_arrives_damaged_is_sent_again() -> None:
    script = Script(
        subscribe=[subscribed(train(model=chunk(MODEL)))],
        submit_update=[ours(409, "upload_mismatch"), accepted(STOP)],
    )
    assert Client(script).loop.run() == "finished"
    sent, again = script.bodies("submit_update")
    assert sent == again


def test_a_chunk_that_never_arrives_as_it_was_ends_the_client() -> None:
    script = Script(
        subscribe=[subscribed(train(model=chunk(MODEL)))],
        submit_update=[ours(409, "upload_mismatch")] * 3,
    )
    with pytest.raises(Refused, match="upload_mismatch"):
        Client(script).loop.run()


def test_a_model_of_another_length_ends_the_client() -> None:
    script = Script(subscribe=[subscribed(train(model=chunk(MODEL[:8])))])
    with pytest.raises(ClientError, match="found 8 bytes, expected 16 for task 'mnist"):
        Client(script).loop.run()


class Pair(Toy):
    """As many values as `Toy`, in two tensors of one shape."""

    layout: ClassVar[Layout] = [("a", [2]), ("b", [2])]


@pytest.mark.parametrize("evaluates", [False, True])
@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        ([("b", [2]), ("a", [2])], r"tensor 0: found b \[2\], expected a \[2\]$"),
        ([("a", [2])], r"tensor 1: found none, expected b \[2\]$"),
        ([("a", [2]), ("\x1b[2J", [2])], r"tensor 1: found \\x1b\[2J \[2\], exp"),
        (Pair.layout, "layout: found of another task, expected [0-9a-f]{16}$"),
    ],
)
def test_a_model_whose_tensors_are_not_the_tasks_is_not_trained(
    layout: Layout, complaint: str, evaluates: bool
) -> None:
    fields = {"layout": "of another task", "model": chunk(MODEL)}
    evaluate = Evaluate(version=0, chunks=1, **fields)  # type: ignore[arg-type]
    answer = ModelChunk(experiment="e", version=0, chunk=chunk(MODEL), layout=layout)
    script = Script(
        subscribe=[subscribed(evaluate if evaluates else train(**fields))],
        get_model=[answer],
    )
    client = Client(script, Pair)
    said = f"^version 0 is not a model of task 'mnist': {complaint}"
    with pytest.raises(ClientError, match=said):
        client.loop.run()
    assert client.slots == []


def test_an_evaluation_goes_along_with_the_next_check_in() -> None:
    evaluate = Evaluate(version=4, chunks=1, layout=FOUR, model=chunk(MODEL))
    script = Script(
        subscribe=[subscribed(evaluate)],
        check_in=[
            Reply(500),
            CheckedIn(assignment=Wait(retry_after=1)),
            CheckedIn(assignment=STOP),
        ],
    )
    Client(script).loop.run()
    first, again, later = (body["evaluation"] for body in script.bodies("check_in"))
    assert first == again
    assert first["version"] == 4
    assert (first["accuracy"], first["examples"]) == (0.75, 10)
    assert first["loss"] == LARGEST  # infinity, which JSON has not
    assert later is None


def test_advance_moves_the_round_on_and_checks_in_at_once() -> None:
    script = Script(
        subscribe=[subscribed(Advance(round=2))],
        advance_round=[Advanced(experiment="e")],
        check_in=[CheckedIn(assignment=STOP)],
    )
    client = Client(script)
    client.loop.run()
    assert script.bodies("advance_round") == [{"experiment": "e", "client": 3}]
    assert client.slept == []


def test_an_advance_that_fails_is_left_to_the_server() -> None:
    class Clock:
        now = 0.0

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    clock = Clock()
    script = Script(
        subscribe=[subscribed(Advance(round=2))],
        advance_round=[Reply(502)] * 9,
        check_in=[CheckedIn(assignment=STOP)],
    )
    actions = Actions(script, clock=lambda: clock.now, sleep=clock.sleep)
    loop = Loop(
        actions,
        ClientConfig("", "n", "t"),
        make_task=lambda context: Toy(),
        sleep=clock.sleep,
    )
    assert loop.run() == "finished"
    assert clock.now <= 10


def test_a_token_that_served_and_is_refused_means_enrolling_again() -> None:
    script = Script(
        subscribe=[subscribed(Wait(retry_after=0)), subscribed(STOP, 1)],
        check_in=[
            CheckedIn(assignment=Wait(retry_after=0)),
            ours(401, "unauthenticated"),
        ],
    )
    assert Client(script).loop.run() == "finished"
    assert script.actions == ["subscribe", "check_in", "check_in", "subscribe"]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthenticated"), (404, "unknown_client")]
)
def test_a_fresh_token_that_is_refused_is_the_end(status: int, code: str) -> None:
    script = Script(
        subscribe=[subscribed(Wait(retry_after=0))], check_in=[ours(status, code)]
    )
    with pytest.raises(Refused, match=code):
        Client(script).loop.run()


def test_a_foreign_enrolment_token_is_the_end() -> None:
    script = Script(subscribe=[ours(401, "unauthenticated")])
    with pytest.raises(Refused, match="subscribe: unauthenticated: because"):
        Client(script).loop.run()


def test_a_full_federation_is_waited_for() -> None:
    script = Script(
        subscribe=[
            ours(409, "federation_full"),
            ours(409, "federation_full", retry_after=7),
            subscribed(STOP),
        ]
    )
    client = Client(script)
    client.loop.run()
    assert client.slept == [60, 7]
    assert client.enrolled == [False, False, True]


def test_a_client_that_stays_looks_for_the_next_experiment() -> None:
    script = Script(
        subscribe=[
            ours(404, "unknown_experiment"),
            subscribed(STOP),
            subscribed(train()),
        ],
        submit_update=[accepted(STOP)],
    )
    client = Client(script, stay=True)
    while "submit_update" not in script.actions:
        client.slept.append(client.loop.step() or 0)
    assert [s for s in client.slept if s] == [IDLE_S, IDLE_S]


def test_a_client_that_does_not_stay_wants_an_experiment() -> None:
    script = Script(subscribe=[ours(404, "unknown_experiment")])
    with pytest.raises(Refused, match="unknown_experiment"):
        Client(script).loop.run()


def test_first_calls_spread_by_name_and_stay_put() -> None:
    names = [f"host-{n * n}-x" for n in range(200)]
    delays = [start_delay(name, 10) for name in names]
    assert delays == [start_delay(name, 10) for name in names]
    assert 0 <= min(delays) < 1 < 9 < max(delays) < 10
    assert start_delay("pod-0", 0) == 0


@pytest.mark.parametrize("count", [5, 20, 100, 1000])
def test_numbered_clients_start_evenly_whatever_their_number(count) -> None:
    delays = sorted(start_delay(f"ns/pod-{n}", 60) for n in range(count))
    gaps = [b - a for a, b in itertools.pairwise([*delays, delays[0] + 60])]
    assert max(gaps) < 3 * 60 / count


@pytest.mark.parametrize(("fleet_s", "slept"), [(0.0, 60.0), (500.0, 500.0)])
def test_a_fleet_that_waits_for_an_experiment_spreads_its_calls(fleet_s, slept) -> None:
    none_open = ours(404, "unknown_experiment", retry_after=60)
    script = Script(subscribe=[none_open, none_open, ours(403, "forbidden")])
    client = Client(script, stay=True, fleet_s=fleet_s)
    with pytest.raises(Refused):
        client.loop.run()
    assert client.slept == [slept, slept]


def test_a_client_loads_its_data_once(make_npz: Callable[..., Path]) -> None:
    folder = make_npz("mnist", (28, 28))
    context = ClientContext(
        ExperimentSettings(clients=2, per_round=1, epochs=1), 1, folder
    )
    mine = ClientTask("e", context, lambda context: tasks.find("mnist"))
    first = mine.data
    (folder / "mnist.npz").unlink()
    assert mine.data is first
    assert len(first.train) == 24  # 60 / 2, less two tenths
