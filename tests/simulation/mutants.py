"""Faults planted in the real code, one at a time: each breaks a promise of the design.

A mutant is a patch and the plan of a world in which it shows. They are here to prove
that the simulation would notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from fedcore import codec, live, rules
from fedcore.documents import Client, Experiment, to_document
from fedcore.handlers import check_in, select_clients, submit_update, subscribe
from fedcore.handlers.assignment import ENDED
from fedcore.messages import Stop, Train, Wait
from fedcore.rules import Write
from fedcore.store.store import Place, Store
from tests.simulation.plan import Faults, Plan

Patch = Callable[[object, str, Any], None]
"""Replaces an attribute for the time of a test: `monkeypatch.setattr`."""


@dataclass(frozen=True)
class Mutant:
    """A planted fault.

    Attributes:
        plant: puts it in place.
        plan: the world in which it shows.
    """

    plant: Callable[[Patch], None]
    plan: Plan


MUTANTS: dict[str, Mutant] = {}


def shows_in(
    faults: Faults,
    *,
    calm_at: float = 300.0,
    plan: dict[str, Any] | None = None,
    **settings: Any,
) -> Callable[[Callable[[Patch], None]], None]:
    """Register a mutant with its world: three clients and two rounds, if not said."""
    usual = {"clients": 3, "per_round": 3, "rounds": 2, "evaluate": False}
    quick = {"deadline_s": 130.0, "claim_s": 5.0}

    def register(plant: Callable[[Patch], None]) -> None:
        world = Plan(usual | quick | settings, faults, calm_at, **(plan or {}))
        MUTANTS[plant.__name__] = Mutant(plant, world)

    return register


def without_conditions(name: str, *dropped: str) -> Callable[..., Write]:
    """Return a rule without some of the conditions of its write."""
    usual = getattr(rules, name)

    def rule(*args: Any, **more: Any) -> Write:
        write = usual(*args, **more)
        where = {k: v for k, v in write.where.items() if not k.startswith(dropped)}
        return Write(where, write.change)

    return rule


SLOW = Faults(switch=0.3, stall=0.1, delay=0.2)
"""Requests that overlap, and some that come late."""

FRAIL = Faults(switch=0.2, crash=0.05, double=0.2)
"""Requests that die, and some that come twice."""

CLUMSY = Faults(kill=0.3, orphan=0.7)
"""Clients that are killed."""


@shows_in(
    Faults(switch=0.3, stall=0.1, crash=0.1),
    calm_at=900.0,
    clients=5,
    per_round=5,
    rounds=4,
    quorum=0.2,
    deadline_s=20.0,
    claim_s=200.0,
)
def accept_without_the_state_in_its_filter(patch: Patch) -> None:
    patch(rules, "accept", without_conditions("accept", "live.state"))


@shows_in(FRAIL)
def accept_a_client_that_is_accepted(patch: Patch) -> None:
    patch(rules, "accept", without_conditions("accept", "live.accepted."))


@shows_in(
    Faults(switch=0.3, stall=0.3), plan={"sweeps": True}, clients=4, deadline_s=10.0
)
def filter_with_the_state_alone(patch: Patch) -> None:
    def live_as_read(experiment: Experiment) -> dict[str, Any]:
        live = experiment.live
        return {"_id": experiment.id, "state": "running", "live.state": live.state}

    patch(rules, "live_as_read", live_as_read)


@shows_in(Faults(drop=0.4), calm_at=700.0, clients=4, per_round=4, quorum=0.4)
def quorum_by_equality(patch: Patch) -> None:
    usual = rules.due_event

    def due_event(experiment: Experiment, now: float) -> rules.Event | None:
        live = experiment.live
        if live.accepted_count > live.quorum:
            live = msgspec.structs.replace(live, quorum=live.accepted_count + 1)
            experiment = msgspec.structs.replace(experiment, live=live)
        return usual(experiment, now)

    patch(rules, "due_event", due_event)


@shows_in(FRAIL)
def accept_and_freeze_in_two_writes(patch: Patch) -> None:
    usual = Store.apply

    def apply(store: Store, write: Write) -> Experiment | None:
        changes = write.change.get("$set", {})
        accepts = any(path.startswith("live.accepted.") for path in changes)
        if not accepts or "live.state" not in changes:
            return usual(store, write)
        kept = {k: v for k, v in changes.items() if k.startswith("live.accepted.")}
        frozen = {k: v for k, v in changes.items() if k not in kept}
        first = usual(store, Write(write.where, write.change | {"$set": kept}))
        if first is None:
            return None
        return usual(store, Write({"_id": first.id}, {"$set": frozen}))

    patch(Store, "apply", apply)


@shows_in(Faults(switch=0.2, delay=0.3, drop=0.2), clients=5, per_round=2)
def cohort_replaced_instead_of_grown(patch: Patch) -> None:
    usual = rules.grow

    def grow(experiment: Experiment, cohort: list[int], deadline: float) -> Write:
        fresh = [each for each in cohort if each not in experiment.live.cohort]
        return usual(experiment, fresh or cohort, deadline)

    patch(rules, "grow", grow)


@shows_in(CLUMSY, calm_at=400.0, attempts=1)
def training_given_out_once(patch: Patch) -> None:
    usual = check_in.assign

    def assign(experiment: Experiment, index: int, services: Any) -> Any:
        work = usual(experiment, index, services)
        if not isinstance(work, Train):
            return work
        where = {"index": index, "told": {"$ne": work.round}}
        told = {"$set": {"told": work.round}}
        first = services.store.database.update("clients", where, told)
        return work if first else Wait(retry_after=5.0)

    for module in (check_in, subscribe, submit_update):
        patch(module, "assign", assign)


@shows_in(
    Faults(switch=0.3, stall=0.1, crash=0.1),
    plan={"forgets": True},
    clients=2,
    per_round=2,
    rounds=3,
)
def uploads_without_a_round(patch: Patch) -> None:
    usual = codec.upload_id
    patch(codec, "upload_id", lambda number, *content: usual(0, *content))
    patch(
        Place, "upload_key", lambda place, experiment: f"{place.client}/{place.upload}"
    )


@shows_in(FRAIL)
def results_deleted_before_the_model_is_saved(patch: Patch) -> None:
    usual = Store.publish_chunk

    def publish(
        store: Store, experiment: Experiment, version: int, *chunk: Any
    ) -> None:
        store.drop_uploads_through(experiment, version)
        usual(store, experiment, version, *chunk)

    patch(Store, "publish_chunk", publish)


@shows_in(
    Faults(switch=0.4, stall=0.1, reverse=0.5),
    plan={"sweeps": True},
    claim_s=1.0,
    rounds=4,
)
def published_chunks_overwritten(patch: Patch) -> None:
    usual = Store.publish_chunk

    def publish(
        store: Store,
        experiment: Experiment,
        version: int,
        number: int,
        data: bytes,
        *more: Any,
    ) -> None:
        at = {"version": version, "chunk": number}
        change = {"$set": {"data": data, "hash": codec.sha256(data)}}
        if not store.database.update("model_chunks", at, change):
            usual(store, experiment, version, number, data, *more)

    patch(Store, "publish_chunk", publish)


@shows_in(Faults(switch=0.3, delay=0.2))
def sum_in_the_order_of_arrival(patch: Patch) -> None:
    usual = Store.accepted_updates

    def accepted(store: Store, experiment: Experiment) -> list[Any]:
        return sorted(usual(store, experiment), key=lambda each: each.received)

    patch(Store, "accepted_updates", accepted)


@shows_in(Faults(switch=0.4), clients=5)
def index_by_count(patch: Patch) -> None:
    usual = Store.add_client

    def add(store: Store, experiment: Experiment, client: Client) -> bool:
        another = {"_id": f"{experiment.id}/{client.index:07}/{client.name}"}
        return usual(store, experiment, client) or store.database.insert(
            "clients", to_document(client) | another
        )

    def count(experiment: Experiment, services: Any, start: object = None) -> int:
        return services.store.database.count("clients", {"experiment": experiment.id})

    patch(Store, "add_client", add)
    patch(subscribe, "_free_index", count)


@shows_in(Faults(switch=0.2), evaluate=True)
def stop_before_the_last_evaluation(patch: Patch) -> None:
    usual = check_in.assign

    def assign(experiment: Experiment, index: int, services: Any) -> Any:
        if experiment.state in ENDED:
            return Stop(reason=experiment.state, retry_after=60.0)
        return usual(experiment, index, services)

    for module in (check_in, subscribe, submit_update):
        patch(module, "assign", assign)


@shows_in(FRAIL)
def history_written_after_the_next_round_opens(patch: Patch) -> None:
    usual_add, usual_apply = Store.add_round, Store.apply

    def apply(store: Store, write: Write) -> Experiment | None:
        if "live" not in write.change.get("$set", {}):
            return usual_apply(store, write)
        (document,) = store.database.find("experiments", {"_id": write.where["_id"]})
        before = msgspec.convert(document, Experiment)
        after = usual_apply(store, write)
        if after is not None and before.live.number >= 0:
            record = select_clients._record(before, [], [], before.live.deadline)
            usual_add(store, after, record)
        return after

    patch(Store, "add_round", lambda store, experiment, record: None)
    patch(Store, "apply", apply)


@shows_in(
    Faults(double=0.6, delay=0.6, switch=0.3), calm_at=900.0, evaluate=True, rounds=4
)
def score_written_over(patch: Patch) -> None:
    def score(
        store: Store,
        experiment: Experiment,
        version: int,
        index: int,
        result: dict[str, float],
    ) -> None:
        where = {"number": version, "evaluation.asked": index}
        store.database.update("rounds", where, {"$set": {"evaluation.result": result}})

    patch(Store, "score", score)


@shows_in(Faults(switch=0.3, double=0.5))
def late_uploads_removed_before_their_round_has_closed(patch: Patch) -> None:
    patch(rules, "has_closed", submit_update._has_ended)


@shows_in(Faults(drop=0.5), calm_at=500.0, attempts=1)
def resume_without_fresh_attempts(patch: Patch) -> None:
    usual = rules.resume

    def resume(*args: Any, **more: Any) -> Write:
        write = usual(*args, **more)
        changes = write.change["$set"]
        kept = {k: v for k, v in changes.items() if not k.startswith("live.")}
        return Write(write.where, {"$set": kept})

    patch(rules, "resume", resume)


@shows_in(FRAIL)
def claim_that_never_ends(patch: Patch) -> None:
    usual = rules.claim

    def claim(experiment: Experiment, now: float) -> Write:
        return usual(experiment, now + 1e9)

    patch(rules, "claim", claim)


@shows_in(CLUMSY)
def advance_told_to_one_client_for_ever(patch: Patch) -> None:
    patch(live, "ADVANCE_BACKOFF_S", (1e9,))
