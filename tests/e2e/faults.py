"""A deployment to break: each part a process of its own, the network between them ours.

    clients ── host_link ── host and actions ── database_link ── database

`federation` runs clients on it; `check_as_if_undisturbed` says whether what became of
them is what would have become of them without the fault.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil

from fedclient import tasks
from fedclient.tasks import ClientContext, Work
from fedcore import tokens
from fedcore.codec import chunk_count
from fedcore.messages import Report
from fedcore.settings import ExperimentSettings
from fedcore.store.mongo import MongoDatabase
from fedcore.store.store import Store
from fedwhisk.clients.pool import ClientPool
from fedwhisk.clients.supervisor_messages import Start
from fedwhisk.experiments import federation as deployed
from fedwhisk.local.database import EmbeddedDatabase
from tests.e2e.proxy import Proxy
from tests.openwhisk import OpenWhisk
from tests.tools import lines_until, wait_until

SECRET = b"a secret of thirty-two bytes or more"
WALK = "tests.e2e.walk"


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGSTOP)


def go_on(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


class Deployment:
    """A database, a host with the actions deployed, and proxies in front of both."""

    def __init__(self, folder: Path, data: Path | None = None) -> None:
        self.folder = folder
        self.database = EmbeddedDatabase(data or folder / "data", folder / "db.log")
        self.database_link, self.host_link = Proxy(), Proxy()
        self._host: subprocess.Popen[str] | None = None

    def __enter__(self) -> Deployment:
        with ExitStack() as undo:
            undo.callback(self.database_link.close)
            undo.callback(self.host_link.close)
            undo.callback(self.database.stop)
            self.start_database()
            undo.callback(self.kill_host)
            self.start_host()
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *unused: object) -> None:
        self._undo.close()

    # --- its parts, started and killed ------------------------------------------------

    def start_database(self) -> None:
        self.database.start()
        self.database.wait()
        self.database_link.target = port_of(self.database.url)

    def kill_database(self) -> None:
        kill(self.database.pid)
        self.database.stop()  # buries it

    def start_host(self) -> None:
        unset = ("BASE_URL_OW", "BASE_URL_AWS", "DATA_DIR", "CALLS_PER_MINUTE")
        environment = {k: v for k, v in os.environ.items() if k not in unset}
        link = f"mongodb://127.0.0.1:{self.database_link.port}/?directConnection=true"
        environment |= {
            "FEDWHISK_HOME": str(self.folder / "home"),
            "MONGODB_URL": link,
            "FED_SECRET": SECRET.decode(),
        }
        with (self.folder / "host.log").open("a") as log:
            self._host = subprocess.Popen(
                [sys.executable, "-m", "fedwhisk", "up", "--port", "0"],
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        said = addresses(self._host)
        self.host_link.target, self._key = port_of(said["API host"]), said["API key"]

    def kill_host(self) -> None:
        self._host.kill()
        self._host.communicate()

    def action_processes(self, name: str = "") -> list[int]:
        """Processes of an action, or of all of them."""
        found = []
        for each in psutil.Process(self._host.pid).children(recursive=True):
            try:
                environment = each.environ()
            except psutil.Error:
                continue
            if environment.get("__OW_ACTION_NAME", "").endswith(
                f"/{name}" * bool(name)
            ):
                found.append(each.pid)
        return found

    # --- ways in ----------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """Where clients find the actions, in good days and bad."""
        return f"http://127.0.0.1:{self.host_link.port}/api/v1/web/guest/fedwhisk"

    @property
    def direct_url(self) -> str:
        """Where the actions are, past the proxy."""
        return self.base_url.replace(
            str(self.host_link.port), str(self.host_link.target)
        )

    @property
    def whisk(self) -> OpenWhisk:
        """The host's REST API, past the proxies."""
        return OpenWhisk(f"http://127.0.0.1:{self.host_link.target}", self._key)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The database itself, past the proxies."""
        database = MongoDatabase(self.database.url, "fedwhisk")
        yield Store(database)
        database.close()

    @contextmanager
    def operator(self) -> Iterator[deployed.Federation]:
        """An operator, past the clients' proxy."""
        with deployed.Federation(self.direct_url, SECRET) as operator:
            yield operator


def addresses(up: subprocess.Popen[str]) -> dict[str, str]:
    """The URLs and tokens that `fedwhisk up` prints, by their names, once it is up."""
    found = {}
    for line in lines_until(up, "ready"):
        name, _, value = line.strip().partition("  ")
        found[name] = value.strip()
    return found


def port_of(url: str) -> int:
    return int(url.split("/")[2].rpartition(":")[2])


@dataclass
class Federation:
    """An experiment with its clients, under way on a deployment."""

    deployment: Deployment
    name: str
    settings: ExperimentSettings
    folder: Path
    pool: ClientPool

    @contextmanager
    def held(self) -> Iterator[dict[int, int]]:
        """Let trainings end no sooner than this; yield who trains for round 1."""
        (self.folder / "hold").touch()
        yield self.training(1)
        self.release()

    def release(self) -> None:
        """Let trainings end."""
        (self.folder / "hold").unlink(missing_ok=True)

    def training(self, number: int) -> dict[int, int]:
        """Process ids by index of those that have begun to train for a round."""
        told = wait_until(
            lambda: list(self.folder.glob(f"training-{number}-*[0-9]")),
            f"round {number}",
        )
        return {int(f.name.rpartition("-")[2]): int(f.read_text()) for f in told}

    def report(self) -> Report:
        with self.deployment.operator() as operator:
            return operator.status(self.name)

    def wait_for_version(self, number: int) -> Report:
        return self.wait(lambda report: report.version >= number)

    def finish(self) -> Report:
        report = self.wait(lambda report: report.state not in ("enrolling", "running"))
        assert (report.state, report.reason) == ("finished", None)
        self.check_as_if_undisturbed()
        return report

    def wait(self, holds: Callable[[Report], Any]) -> Report:
        """The first report of which that holds."""

        def there() -> Report | None:
            report = self.report()
            return report if holds(report) else None

        return wait_until(there, self.name, pause_s=0.2)

    def check_as_if_undisturbed(self) -> None:
        """Each round is there once, and each version the mean of what it accepted."""
        with self.deployment.store() as store:
            experiment = store.experiment(self.name)
            rounds = range(self.settings.rounds + 1)
            records = store.rounds(experiment, rounds)
            assert [each.number for each in records] == list(rounds)
            accepted = [
                {int(index): upload for index, upload in each.accepted.items()}
                for each in records
            ]
            versions = replay(self.settings, [sorted(each) for each in accepted])
            chunks = chunk_count(experiment.parameters)
            for number in rounds:
                mine = {"experiment": experiment.id, "round": number}
                found = store.database.find("updates", mine)
                pairs = [(each["client"], each["upload"]) for each in found]
                assert [p for p in pairs if p in accepted[number].items()] == sorted(
                    accepted[number].items()
                )
                assert versions[number] == b"".join(
                    store.model_chunk(experiment, number, chunk)[0]
                    for chunk in range(chunks)
                )
            mine = {"experiment": experiment.id}
            counted = {
                name: store.database.count(name, mine)
                for name in ("update_chunks", "uploads", "model_chunks", "clients")
            }
        assert counted == {
            "update_chunks": 0,
            "uploads": 0,
            "model_chunks": len(rounds) * chunks,
            "clients": self.settings.clients,
        }


def replay(settings: ExperimentSettings, accepted: list[list[int]]) -> list[bytes]:
    """All versions, had exactly these clients trained in a loop: plain FedAvg."""
    task = tasks.find(settings.task)
    versions = [task.initial_model(settings.seed)]
    for number, indexes in enumerate(accepted[1:], 1):
        total, examples = np.zeros(1), 0
        for index in indexes:
            work = Work(ClientContext(settings, index), number)
            update = task.train(versions[-1], None, work)
            total = total + np.frombuffer(update.model, "<f4").astype(float) * (
                update.examples
            )
            examples += update.examples
        versions.append((total / examples).astype("<f4").tobytes())
    return versions


@contextmanager
def federation(
    deployment: Deployment, name: str, task: str = "SMALL", **settings: Any
) -> Iterator[Federation]:
    """Start an experiment and its clients; end them, and all mischief, at the end.

    Every client is drawn in every round, if not said otherwise: those who are not come
    back seconds later, and a run takes three times as long.
    """
    folder = deployment.folder / name
    (folder / "logs").mkdir(parents=True)
    few = {"clients": 2, "per_round": 2, "rounds": 3, "evaluate": False, "claim_s": 2}
    chosen = ExperimentSettings(task=f"{WALK}:{task}", **few | settings)
    with deployment.operator() as operator:
        operator.start(name, msgspec.to_builtins(chosen))
    pool = ClientPool(chosen.task, data_dir=folder, logs=folder / "logs")
    running = Federation(deployment, name, chosen, folder, pool)
    names = [f"client-{number}" for number in range(chosen.clients)]
    try:
        pool.warm_up()
        pool.start(
            Start(
                base_url=deployment.base_url,
                experiment=name,
                names=names,
                enrolment_tokens=dict.fromkeys(names, tokens.enrolment_token(SECRET)),
                at_once=chosen.clients,
                data_dir=str(folder),
                logs=str(folder / "logs"),
            )
        )
        yield running
    finally:
        deployment.host_link.calm()
        deployment.database_link.calm()
        running.release()
        pool.stop()
