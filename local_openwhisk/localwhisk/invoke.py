"""Invocations: an action's run in a process, a sequence's run of its actions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localwhisk.activations import (
    APPLICATION_ERROR,
    COMMAND_EXITED,
    DEVELOPER_ERROR,
    INTERNAL_ERROR,
    SUCCESS,
    Activation,
    Records,
    Response,
    ended,
    failed,
    judged,
    new_id,
    respond,
)
from localwhisk.entities import Entities, now_ms
from localwhisk.errors import Refused
from localwhisk.invocation import (
    Caller,
    Invocation,
    fresh_record,
    init_problem,
    note,
)
from localwhisk.models import Action, Parameter
from localwhisk.pool import Pool, Seat
from localwhisk.processes import (
    ActionGone,
    ActionProcess,
    ActionTimedOut,
    Answer,
)
from localwhisk.runtime import RunContext, Runtime, run_request
from localwhisk.settings import HostSettings
from localwhisk.stats import Counters
from localwhisk.throttles import Throttles

EXITED_EARLY = "The action did not initialize and exited unexpectedly."
CrashAfter = Callable[[], float | None]
"""Asked at each activation: in how many seconds its process is killed, None: never."""

NO_RESOURCES = "Failed to provision resources to run the action."
NO_COMPONENT = "Sequence component does not exist."


@dataclass(frozen=True)
class Begun:
    """An invocation under way: its id is known before its end."""

    activation_id: str
    task: asyncio.Task[Activation]


class Invoker:
    """Runs actions, and keeps a record of every run."""

    def __init__(
        self,
        settings: HostSettings,
        entities: Entities,
        runtime: Runtime,
        records: Records,
        throttles: Throttles,
        counters: Counters,
        crash_after: CrashAfter,
    ) -> None:
        self._settings = settings
        self._entities = entities
        self._runtime = runtime
        self._records = records
        self._throttles = throttles
        self._counters = counters
        self._crash_after = crash_after
        self.pool = Pool(
            settings.max_processes, settings.max_processes_per_action, settings.idle_s
        )
        self._tasks: set[asyncio.Task[Activation]] = set()

    def begin(
        self,
        action: Action,
        lent: list[Parameter],
        payload: dict[str, Any],
        caller: Caller,
        cause: str | None = None,
    ) -> Begun:
        """Start an invocation, which goes on whether or not anybody waits for it."""
        activation_id = new_id()
        invocation = Invocation(action, lent, payload, caller, activation_id, cause)
        run = self._run_sequence if action.exec.components else self._run_action
        task = asyncio.ensure_future(run(invocation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Begun(activation_id, task)

    async def wait(self, begun: Begun, seconds: float) -> Activation | None:
        """The record, or None when the activation takes longer than that."""
        await asyncio.wait({begun.task}, timeout=seconds)
        return begun.task.result() if begun.task.done() else None

    async def close(self) -> None:
        """Break off what runs, and end all processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pool.close()

    async def _run_action(self, invocation: Invocation) -> Activation:
        """Run one action in one process, and record what came of it."""
        record = fresh_record(invocation)
        in_flight, namespace = self._throttles.in_flight, invocation.caller.namespace
        in_flight[namespace] += 1
        try:
            response, logs = await self._in_process(invocation, record)
        except OSError:  # no memory, process or file left to start a process with
            response, logs = failed(INTERNAL_ERROR, NO_RESOURCES), list[str]()
        finally:
            in_flight[namespace] -= 1
        kept = self._keep(ended(record, response, logs))
        gib = invocation.action.limits.memory / 1024
        self._counters.gb_s[kept.name] += kept.duration / 1000 * gib
        return kept

    async def _in_process(
        self, invocation: Invocation, record: Activation
    ) -> tuple[Response, list[str]]:
        """Borrow a process, run the action in it, give it back or end it."""
        action, caller = invocation.action, invocation.caller
        context = RunContext(
            action.namespace, record.activation_id, caller.transaction_id, caller.auth
        )

        async def start() -> ActionProcess:
            return await self._runtime.start(action, context)

        seat, cold = await self.pool.lend(action.revision, start)
        note(record, "waitTime", now_ms() - record.start)
        record.start = now_ms()  # what is billed begins here
        healthy = False
        try:
            response = await self._init_and_run(
                invocation, record, context, seat.process, cold
            )
            healthy = response.status in (SUCCESS, APPLICATION_ERROR)
            return response, seat.process.take_logs()
        finally:
            self._give_back(seat, action, healthy, cold)

    async def _init_and_run(
        self,
        invocation: Invocation,
        record: Activation,
        context: RunContext,
        process: ActionProcess,
        cold: bool,
    ) -> Response:
        """Wait for a fresh process' import, then run the action in it."""
        action, allowed = invocation.action, self._settings.payload_bytes
        limit_s = action.limits.timeout / 1000
        starting = cold
        try:
            if cold:
                answer = await process.ask(b"", limit_s, allowed)
                note(record, "initTime", now_ms() - record.start)
                if (problem := init_problem(answer.line)) is not None:
                    return failed(DEVELOPER_ERROR, problem)
                starting = False
            request = run_request(action, context, invocation.args)
            answer = await self._ask_in_danger(process, request, limit_s)
            return respond(answer.line, answer.size, allowed)
        except ActionTimedOut:
            note(record, "timeout", True)
            ending = " during initialization." if starting else "."
            return failed(
                DEVELOPER_ERROR,
                "The action exceeded its time limits of "
                f"{action.limits.timeout} milliseconds{ending}",
            )
        except ActionGone:
            return failed(DEVELOPER_ERROR, EXITED_EARLY if starting else COMMAND_EXITED)

    async def _ask_in_danger(
        self, process: ActionProcess, request: bytes, limit_s: float
    ) -> Answer:
        """Ask a process for a run; `crash_after` may kill it before, at or after it.

        Raises:
            ActionGone, ActionTimedOut: as `ActionProcess.ask`.
        """
        fatal_s = self._crash_after()
        if fatal_s == 0:
            process.kill()  # now: on a busy machine it could do its work first
        elif fatal_s is not None and fatal_s < limit_s:
            asyncio.get_running_loop().call_later(fatal_s, process.kill)
        answer = await process.ask(request, limit_s, self._settings.payload_bytes)
        if fatal_s is not None:
            raise ActionGone  # it was quicker: then its answer is lost
        return answer

    def _give_back(self, seat: Seat, action: Action, healthy: bool, cold: bool) -> None:
        self._counters.saw_memory(action.own_name, seat.process.peak_rss)
        if cold:
            self._counters.cold_starts[action.own_name] += 1
        self.pool.give_back(seat, healthy)

    async def _run_sequence(self, invocation: Invocation) -> Activation:
        """Run a sequence's actions, each on the result of the one before."""
        record = fresh_record(invocation)
        response, logs = judged(invocation.payload, 0), list[str]()
        for path in invocation.action.exec.components or []:
            response = await self._run_component(
                path, response.result, invocation, logs
            )
            if not response.success:
                break
        return self._keep(ended(record, response, logs))

    async def _run_component(
        self, path: str, payload: Any, sequence: Invocation, logs: list[str]
    ) -> Response:
        """Run one action of a sequence; its activation id is the sequence's log."""
        _, namespace, name = path.split("/", 2)
        if not isinstance(payload, dict):
            payload = {"value": payload}
        try:
            action, lent = self._entities.resolve_action(namespace, name)
        except Refused:
            return failed(APPLICATION_ERROR, NO_COMPONENT)
        begun = self.begin(
            action, lent, payload, sequence.caller, sequence.activation_id
        )
        logs.append(begun.activation_id)
        return (await begun.task).response

    def _keep(self, record: Activation) -> Activation:
        self._counters.activations[record.name] += 1
        self._records.add(record)
        return record
