"""The parts of one host, put together."""

from __future__ import annotations

from dataclasses import dataclass

from localwhisk.activations import Records
from localwhisk.code import CodeFolders
from localwhisk.entities import Entities
from localwhisk.invoke import CrashAfter, Invoker
from localwhisk.runtime import Runtime
from localwhisk.settings import HostSettings
from localwhisk.stats import Counters
from localwhisk.storage import Storage
from localwhisk.throttles import Throttles


@dataclass(frozen=True)
class Services:
    """What the routes work with; one per host, used by its thread alone."""

    settings: HostSettings
    storage: Storage
    folders: CodeFolders
    entities: Entities
    records: Records
    throttles: Throttles
    counters: Counters
    runtime: Runtime
    invoker: Invoker

    def open(self) -> None:
        """Read what an earlier host has kept, and drop what nothing uses."""
        self.storage.open()
        self.entities.load()
        self.folders.forget_all_but(self.entities.forget_unused_code())

    async def close(self) -> None:
        """End all processes, and let go of the folder."""
        await self.invoker.close()
        self.storage.close()


def build_services(
    settings: HostSettings, storage: Storage, crash_after: CrashAfter
) -> Services:
    """All parts of a host; nothing is opened or started."""
    folders = CodeFolders(storage.home / "code")
    entities = Entities(storage)
    records = Records(
        storage, settings.kept_activations, settings.kept_activation_bytes
    )
    throttles = Throttles(
        settings.invocations_per_minute,
        settings.concurrent_invocations,
        settings.fires_per_minute,
    )
    counters = Counters()
    runtime = Runtime(storage, folders)
    invoker = Invoker(
        settings, entities, runtime, records, throttles, counters, crash_after
    )
    return Services(
        settings=settings,
        storage=storage,
        folders=folders,
        entities=entities,
        records=records,
        throttles=throttles,
        counters=counters,
        runtime=runtime,
        invoker=invoker,
    )
