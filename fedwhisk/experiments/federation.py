"""A federation as its operator uses it: start, status, watch, stop, export, revoke."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from fedclient.api import Actions, Unreachable, connect
from fedclient.replies import Refused, Wire
from fedclient.transfer import DamagedChunk, fetch_chunk
from fedcore import codec, messages, tokens
from fedcore.messages import ClientReport, Report, RoundReport
from fedwhisk import config
from fedwhisk.errors import OperatorError
from fedwhisk.experiments.following import Follower
from fedwhisk.experiments.model import Model
from fedwhisk.platforms import Where
from fedwhisk.reach import chosen, reach

PATIENCE_S = 20.0
PAGE = 500
"""Rounds or clients that are asked for at once where all are wanted."""

LOOK_S = 1.0


class Exported(NamedTuple):
    """Which version of which experiment's model was written where."""

    experiment: str
    version: int
    path: Path


class Federation:
    """One deployment, as its operator uses it.

    with Federation(base_url, secret) as federation:
        federation.start("mnist-1", {"rounds": 3})
        for report in federation.watch("mnist-1"):
            print(report.version)
        federation.export("mnist-1", path=Path("model.safetensors"))

    Every method raises OperatorError, with the deployment's own words, when it refuses
    or cannot be reached in `PATIENCE_S`.
    """

    def __init__(self, base_url: str, secret: bytes) -> None:
        self.base_url = base_url
        self._transport = connect(base_url)
        token = tokens.operator_token(secret)
        self._actions = Actions(self._transport, token=token, patience_s=PATIENCE_S)

    @property
    def throttled(self) -> int:
        """The number of calls that the platform has throttled."""
        return self._actions.traffic.throttled

    def start(
        self,
        name: str,
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        model: Model | None = None,
    ) -> messages.Started:
        """Store an experiment, or take it up again; twice is once.

        It begins with `model`, if one is given; else its first clients make one.
        """
        request = messages.StartExperiment(
            experiment=name,
            settings=dict(settings),
            resume=resume,
            initial=codec.upload_id(0, model.hashes, model.layout) if model else None,
            layout=model.layout if model else None,
        )
        started = self._call("start_experiment", request, messages.Started)
        if model and started.awaits_model:
            self.bring(name, model)
        return started

    def bring(self, name: str, model: Model) -> None:
        """Send the initial model, from the first chunk on that is missing."""
        chunks, hashes = list(codec.split(model.vector)), model.hashes
        missing = [0]
        while missing:
            request = messages.PutModel(
                experiment=name,
                chunk=missing[0],
                data=codec.encode(chunks[missing[0]]),
                hashes=hashes,
            )
            missing = self._call("put_model", request, messages.Stored).missing

    def find(self, name: str) -> messages.Outline | None:
        """Return how the experiment of that name stands in a line, if there is one."""
        try:
            return self.outline(name)
        except OperatorError as error:
            refusal = error.__cause__
            if isinstance(refusal, Refused) and refusal.code == "unknown_experiment":
                return None
            raise

    def stop(self, name: str) -> messages.Stopped:
        """End an experiment."""
        request = messages.StopExperiment(experiment=name)
        return self._call("stop_experiment", request, messages.Stopped)

    def revoke(self, experiment: str, name: str, *, undo: bool) -> messages.Revoked:
        """Shut a client out of an experiment, or let it in again."""
        request = messages.RevokeClient(experiment=experiment, name=name, undo=undo)
        return self._call("revoke_client", request, messages.Revoked)

    def advance(self) -> None:
        """Advance all overdue rounds, in every running experiment."""
        self._call("advance_round", messages.AdvanceRound(), messages.Advanced)

    def status(
        self,
        name: str | None = None,
        *,
        since: int | None = None,
        all_clients: bool = False,
    ) -> Report:
        """Return how an experiment stands; no name means the newest.

        With the first page of its rounds from `since` on, or else the last ones, and
        with its first few clients, or all of them.
        """
        report = self._status(messages.Status(experiment=name, since=since))
        if not all_clients:
            return report
        clients = [*self.clients(report.experiment)]
        return msgspec.structs.replace(report, clients=clients)

    def watch(
        self, name: str | None = None, *, pause_s: float = LOOK_S
    ) -> Iterator[Report]:
        """Yield how an experiment stands, again and again until it is over.

        Args:
            name: the experiment; None means the newest.
            pause_s: seconds between two looks; more where the platform asks for more.
        """
        following = Follower(self, name)
        report = following.look()
        yield report
        while not report.over:
            time.sleep(max(pause_s, report.look_again_s))
            report = following.look()
            yield report

    def rounds(self, name: str) -> Iterator[RoundReport]:
        """Yield all closed rounds of an experiment in order, page by page."""
        ask = partial(messages.Status, experiment=name, limit=PAGE, clients_limit=0)
        for page in self._pages(lambda first: ask(since=first), "next_round"):
            yield from page.rounds

    def clients(self, name: str) -> Iterator[ClientReport]:
        """Yield all clients of an experiment by index, page by page."""
        ask = partial(messages.Status, experiment=name, limit=1, clients_limit=PAGE)
        for page in self._pages(lambda first: ask(clients_from=first), "next_client"):
            yield from page.clients

    def _pages(
        self, request: Callable[[int], messages.Status], following: str
    ) -> Iterator[Report]:
        first: int | None = 0
        while first is not None:
            page = self._status(request(first))
            yield page
            first = getattr(page, following)
            if first is not None:
                time.sleep(page.look_again_s)

    def experiments(self) -> messages.Listing:
        """Return how the newest experiments stand, each in a line."""
        return self._call("status", messages.Status(view="list"), messages.Listing)

    def outline(self, name: str | None = None) -> messages.Outline:
        """Return how an experiment stands in a line; no name means the newest.

        Raises:
            OperatorError: there is no experiment.
        """
        request = messages.Status(experiment=name, view="list", limit=1)
        found = self._call("status", request, messages.Listing).experiments
        if not found:
            raise OperatorError("experiment: found no name, and there is none yet")
        return found[0]

    def model(self, name: str, version: int | None = None) -> Model:
        """Fetch a version chunk by chunk; no version means the newest."""
        wanted = messages.GetModel(experiment=name, version=version)

        def ask(number: int) -> messages.ModelChunk:
            request = msgspec.structs.replace(wanted, chunk=number)
            return self._call("get_model", request, messages.ModelChunk)

        try:
            first, data = fetch_chunk(ask, 0)
            wanted = msgspec.structs.replace(wanted, version=first.version)
            rest = [fetch_chunk(ask, n)[1] for n in range(1, first.chunk.of)]
        except DamagedChunk as error:
            raise OperatorError(f"{name}: {error}") from error
        return Model(first.version, b"".join([data, *rest]), first.layout)

    def export(
        self,
        name: str | None = None,
        version: int | None = None,
        path: Path | None = None,
    ) -> Exported:
        """Write a version of a model to a safetensors file.

        Args:
            name: the experiment; None means the newest.
            version: None means the newest.
            path: the file; None means NAME-VERSION.safetensors in this folder.

        Raises:
            InputError: the file cannot be written, or the name is not fit for a file's.
        """
        from fedwhisk.experiments import model_files  # and so numpy

        found = self.outline(name)
        model = self.model(found.experiment, version)
        path = path or model_files.default_path(found.experiment, model.version)
        model_files.export(path, model, found.experiment, found.task)
        return Exported(found.experiment, model.version, path)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def __enter__(self) -> Federation:
        return self

    def __exit__(self, *unused: object) -> None:
        self.close()

    def _status(self, request: messages.Status) -> Report:
        return self._call("status", request, Report)

    def _call(
        self, action: str, request: msgspec.Struct, answer_type: type[Wire]
    ) -> Wire:
        try:
            return self._actions.call(action, request, answer_type)
        except Refused as error:
            raise OperatorError(error.message) from error
        except Unreachable as error:
            raise OperatorError(f"{self.base_url}: {error}") from error


@contextmanager
def operating(on: Where | None, *, new: bool = False) -> Iterator[Federation]:
    """Yield the operator of a deployment (see `chosen`, and `reach` for `new`)."""
    settings = config.load()
    with (
        reach(settings, chosen(settings, on), new=new) as platform,
        Federation(platform.base_url, platform.secret) as operator,
    ):
        yield operator
