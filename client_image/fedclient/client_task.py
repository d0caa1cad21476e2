"""What a client works on: where it stands in an experiment, its task, its data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fedclient.tasks import ClientContext, Task

MakeTask = Callable[[ClientContext], Task]


@dataclass(frozen=True)
class ClientTask:
    """An experiment's task, for one client.

    Attributes:
        experiment: the experiment's name.
        context: where the client stands in it.
        make: returns the task.
    """

    experiment: str
    context: ClientContext
    make: MakeTask

    @cached_property
    def task(self) -> Task:
        """The task; made when first needed, since torch comes with it."""
        return self.make(self.context)

    @cached_property
    def data(self) -> Any:
        """The client's own data; loaded when first needed."""
        return self.task.load(self.context)
