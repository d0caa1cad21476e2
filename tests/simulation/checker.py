"""What must hold after every write, in every answer, and when all is at rest."""

from __future__ import annotations

from collections.abc import Set

import msgspec

from fedclient.transport import Message, Reply
from fedcore.documents import Document
from tests.fedcore.world import numbers
from tests.simulation.invariants import (
    Broken,
    Collection,
    Collections,
    Made,
    all_scored,
    backwards,
    history_stands,
    is_as_made,
    is_counted,
    is_whole,
    model_chunk,
    nothing_gone,
    require,
    round_begins_again,
    round_follows,
    round_holds,
    round_moves,
    state_moves,
    version_chunks,
    waits,
)
from tests.simulation.oracle import Order
from tests.simulation.revoked import (
    opens_for_the_living,
    revoked_are_out,
    updates_stay,
)

__all__ = ["Broken", "Checker", "Collections", "backwards"]


class Checker:
    """Checks writes and answers.

    Args:
        orders: the orders of summing that an aggregator in this world may use.
        revocable: names of clients that an operator may revoke. Their updates may be
            gone before they hear that they were accepted.
        made: what its clients have trained, where that is known.
    """

    def __init__(
        self,
        orders: tuple[Order, ...] = (sorted,),
        revocable: frozenset[str] = frozenset(),
        made: Set[Made] | None = None,
    ) -> None:
        self.orders = orders
        self.revocable = revocable
        self.made = made
        self._began_again = False

    def written(self, collection: str, before: Collection, now: Collections) -> None:
        """Check the write that turned `before` into what the collection is now.

        Raises:
            Broken: says what does not hold.
        """
        check = getattr(self, f"_{collection}", None)
        if check is not None:
            check(before, now[collection], now)

    # --- the experiment and its live round ------------------------------------------

    def _experiments(
        self, before: Collection, after: Collection, now: Collections
    ) -> None:
        nothing_gone("experiment", before, after)
        for key, new in after.items():
            old = before.get(key)
            if old is None or old is new:
                continue
            state_moves(old, new)
            round_holds(new["live"])
            revoked_are_out(new)
            if old["live"]["number"] == new["live"]["number"]:
                round_moves(old, new, now)
                updates_stay(old, new)
                self._as_made(old, new, now)
            elif new["live"]["number"] < 0:
                round_begins_again(old, now)
                self._began_again = True
            else:
                round_follows(old, new, now)
                opens_for_the_living(new)
            if old["version"] != new["version"]:
                self._published(old, new, now)
            require(old["layout"] in (None, new["layout"]), "a layout has been changed")

    def _as_made(self, old: Document, new: Document, now: Collections) -> None:
        if self.made is not None:
            for index in new["live"]["accepted"].keys() - old["live"]["accepted"]:
                is_as_made(new, int(index), now, self.made)

    def _published(self, old: Document, new: Document, now: Collections) -> None:
        version = new["version"]
        live = new["live"]
        require(
            version == old["version"] + 1 == live["number"]
            and live["state"] == "closed",
            f"version {version} follows {old['version']} in round {live['number']}, "
            f"which is {live['state']}",
        )
        expected = [version_chunks(new, order, now) for order in self.orders]
        for number, right in enumerate(zip(*expected, strict=True)):
            found = model_chunk(version, number, now)
            require(
                found in right,
                f"version {version}, chunk {number}: {numbers(found)} is not what "
                f"{live['accepted']} make: {[numbers(each) for each in right]}",
            )

    # --- everything else --------------------------------------------------------------

    def _model_chunks(
        self, before: Collection, after: Collection, now: Collections
    ) -> None:
        for key, old in before.items():
            require(key in after, f"model chunk {key} is gone")
            require(
                after[key] is old or after[key]["data"] == old["data"],
                f"model chunk {key} has been changed",
            )

    def _update_chunks(
        self, before: Collection, after: Collection, now: Collections
    ) -> None:
        for key in before.keys() - after.keys():
            lost = before[key]
            live = now["experiments"][lost["experiment"]]["live"]
            wanted = (
                lost["round"] == live["number"]
                and live["state"] != "closed"
                and live["accepted"].get(str(lost["client"])) == lost["upload"]
            )
            require(not wanted, f"chunk {key} of an accepted update is gone")

    def _clients(self, before: Collection, after: Collection, now: Collections) -> None:
        nothing_gone("client", before, after)
        if len(before) == len(after):
            return
        places = [(each["experiment"], each["index"]) for each in after.values()]
        names = [(each["experiment"], each["name"]) for each in after.values()]
        require(len(set(places)) == len(places), f"an index is taken twice: {places}")
        require(len(set(names)) == len(names), f"a name is enrolled twice: {names}")
        for client in after.values():
            room = now["experiments"][client["experiment"]]["settings"]["clients"]
            require(client["index"] < room, f"index {client['index']} of {room}")

    def _rounds(self, before: Collection, after: Collection, now: Collections) -> None:
        nothing_gone("round", before, after)
        for key, new in after.items():
            old = before.get(key)
            if old is None:
                live = now["experiments"][new["experiment"]]["live"]
                require(
                    new["number"] == live["number"] == len(before)
                    and new["accepted"] == live["accepted"]
                    and live["state"] == "closed",
                    f"round {new['number']} is written down in round {live}",
                )
            elif old is not new:
                history_stands(old, new)

    # --- answers ----------------------------------------------------------------------

    def answered(
        self, message: Message, reply: Reply, now: Collections, at: float
    ) -> None:
        """Check an answer against the state at that moment, which is `at`.

        Raises:
            Broken: says what does not hold.
        """
        content = msgspec.json.decode(reply.body)
        if reply.status != 200:
            waits(content["error"])
            return
        if message.action == "submit_update" and content["accepted"]:
            request = msgspec.json.decode(message.body)
            # A round 0 that has begun again has forgotten its votes.
            forgotten = request["round"] == 0 and self._began_again
            if not (forgotten or self._may_be_revoked(request["client"], now)):
                is_counted(request, content["upload"], now)
        assignment = content.get("assignment") or {}
        waits(assignment)
        if assignment.get("kind") == "stop" and assignment["reason"] == "finished":
            all_scored(now, at)

    def _may_be_revoked(self, index: int, now: Collections) -> bool:
        clients = now["clients"].values()
        return any(
            each["index"] == index and each["name"] in self.revocable
            for each in clients
        )

    def stands(self, before: Collections, now: Collections) -> None:
        """Check a state, and that it may follow on another some writes ago.

        Raises:
            Broken: says what does not hold.
        """
        for experiment in now["experiments"].values():
            live, version = experiment["live"], experiment["version"]
            round_holds(live)
            revoked_are_out(experiment)
            closed = live["number"] - (live["state"] != "closed")
            require(version == closed, f"version {version} in round {live}")
            written = sorted(each["number"] for each in now["rounds"].values())
            require(
                written == list(range(len(written))) and version <= len(written),
                f"version {version}, the history holds {written}",
            )
            if live["state"] != "closed":
                for index, upload in live["accepted"].items():
                    is_whole(experiment, int(index), upload, now)
        self._model_chunks(before.get("model_chunks", {}), now["model_chunks"], now)
        self._clients({}, now["clients"], now)
        for key, old in before.get("rounds", {}).items():
            history_stands(old, now["rounds"][key])

    def at_rest(self, now: Collections) -> None:
        """Check a world whose experiment has finished and in which nothing moves.

        Raises:
            Broken: says what does not hold.
        """
        (experiment,) = now["experiments"].values()
        require(experiment["state"] == "finished", f"it is {experiment['state']}")
        for name in ("update_chunks", "uploads", "measures"):
            left = list(now.get(name, {}))
            require(not left, f"left over in {name}: {left}")
        rounds = [each["number"] for each in now["rounds"].values()]
        require(
            sorted(rounds) == list(range(experiment["settings"]["rounds"] + 1)),
            f"the history holds the rounds {rounds}",
        )
