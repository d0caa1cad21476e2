"""One run: platform up, clients in, watched to the end, results written.

The platform holds all state, so a run that is cut off anywhere goes on when it is
started again.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import msgspec

from fedclient.environment import ClientConfig
from fedcore.messages import Report, Started
from fedwhisk.clients.environment import spread
from fedwhisk.clients.local_clients import LocalClients
from fedwhisk.clients.pool import ClientPool
from fedwhisk.config import Settings
from fedwhisk.errors import InputError, OperatorError, interrupt_on_sigterm
from fedwhisk.experiments import model_files
from fedwhisk.experiments.federation import Federation
from fedwhisk.experiments.following import View
from fedwhisk.experiments.model import Model
from fedwhisk.experiments.results import History, RunResult, Totals, write
from fedwhisk.experiments.run_costs import RunCosts
from fedwhisk.experiments.run_options import RunOptions
from fedwhisk.experiments.run_platform import RunPlatform
from fedwhisk.faults import HostFaults
from fedwhisk.local.home import Home, made_home
from fedwhisk.platforms import Platform, Where, remote

LOOK_S = 0.5
"""Seconds between two looks at the experiment, or more where calls are few."""


class Runner:
    """Runs an experiment; its wall time counts from the monotonic time `started`."""

    def __init__(
        self, options: RunOptions, settings: Settings, view: View, started: float
    ) -> None:
        self._options = options
        self._settings = settings
        self._view = view
        self._started = started
        self._home = Home(settings.fedwhisk_home)
        self._host_faults = HostFaults(options.faults)
        self._platform = RunPlatform(options, settings, self._host_faults)

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self._options.name

    def run(self) -> RunResult:
        """Run the experiment to its end and write its results.

        Raises:
            OperatorError: something cannot be started, or clients have given up and
                too few are left.
            KeyboardInterrupt: a person or a signal asked for the end.
        """
        interrupt_on_sigterm()
        _make_writable(self._options.out)
        if self._options.on is not Where.EMBEDDED:
            remote(self._settings, self._options.on)  # what is not set is said first
        made_home(self._settings)
        pool = ClientPool(
            self._options.settings.task,
            data_dir=self._settings.data_dir,
            logs=self._home.logs,
            seed=self._options.settings.seed,
        )
        try:
            pool.warm_up()  # first: loading torch takes longest
            with self._platform.reached(self._view.say) as platform:
                # Nothing is stored of what cannot be run here.
                pool.wait()
                return self._train(platform, pool)
        finally:
            pool.stop()

    def _train(self, platform: Platform, pool: ClientPool) -> RunResult:
        options = self._options
        self._view.say(f"actions at {platform.base_url} (database: {platform.words})")
        if not options.faults.are_zero:
            self._view.say(f"chaos: {options.faults.words()}")
        with Federation(platform.base_url, platform.secret) as federation:
            if options.fresh:
                name = _unfinished(federation, options.name)
                options = self._options = replace(options, name=name)
            stored = self._store(federation, pool)
            report = federation.status(options.name)
            costs = RunCosts(self._home.path / "runs", report.id)
            if stored.state == "finished":
                self._say_finished()
            else:
                self._say_start(stored)
                costs.open()
                try:
                    # A round that was cut off goes on at once; and the aggregation is
                    # warm before it is needed, while the clients are being forked.
                    federation.advance()
                    pool.start(self._clients(platform).start(self._home.logs))
                    report = self._watch(federation, pool)
                finally:
                    pool.stop()  # then all calls are counted
                    costs.enter(self._totals(federation, platform, pool))
            return self._write(federation, report, costs.totals)

    def _say_start(self, stored: Started) -> None:
        options = self._options
        verb = "starts" if stored.created else "goes on"
        self._view.say(f"{options.name} {verb}: {options.settings.clients} clients")
        for note in stored.notes:
            self._view.say(f"note: {note}")

    def _write(
        self, federation: Federation, report: Report, totals: Totals
    ) -> RunResult:
        """Write the results of what is trained so far.

        Raises:
            OperatorError: they cannot be written.
        """
        name, folder = self._options.name, self._options.folder
        model = federation.model(name) if report.version >= 0 else None
        history = History(federation.rounds(name), federation.clients(name))
        try:
            return write(folder, report, history, model, totals)
        except OSError as error:
            raise OperatorError(
                f"{folder}: results cannot be written ({error}); the same command "
                "tries again"
            ) from error

    def _store(self, federation: Federation, pool: ClientPool) -> Started:
        """Store the experiment, and bring its initial model: no client chooses it.

        One that is there already is taken as it is, unless a file was named.
        """
        options = self._options
        vector, layout = pool.initial
        model = Model(0, vector, layout)
        if options.model is not None:
            model = model_files.read(options.model, layout)
        pinned = model if options.model or not federation.find(options.name) else None
        raw = msgspec.to_builtins(options.settings)
        stored = federation.start(options.name, raw, resume=True, model=pinned)
        if stored.awaits_model and pinned is None:  # its first command was cut off
            federation.bring(options.name, model)
        return stored

    def _say_finished(self) -> None:
        """Say that there is nothing to do.

        Raises:
            InputError: something was to be done to it.
        """
        again = f"{self._options.name} is finished already; --fresh trains it anew"
        if not self._options.faults.are_zero:
            raise InputError(f"chaos: {again}")
        self._view.say(again)

    def _clients(self, platform: Platform) -> LocalClients:
        options = self._options
        count = options.settings.clients
        common = ClientConfig(
            base_url=platform.base_url,
            name="client",
            enrolment_token="",  # each client gets its own
            experiment=options.name,
            data_dir=self._settings.data_dir,
        )
        return LocalClients(
            spread(common, self._settings, options.on, count=count),
            count=count,
            at_once=options.at_once,
            secret=platform.secret,
            faults=None if options.faults.are_zero else options.faults,
        )

    def _watch(self, federation: Federation, pool: ClientPool) -> Report:
        for report in federation.watch(self._options.name, pause_s=LOOK_S):
            for ended in pool.events():
                if ended.status != 0:
                    self._view.say(f"{ended.client} ended: {ended.message}")
            self._view.show(report, self._faults(pool))
            if not report.over:
                self._check_who_is_left(report, pool)
        return report

    def _check_who_is_left(self, report: Report, pool: ClientPool) -> None:
        """End a run whose round cannot have its quorum any more.

        Raises:
            OperatorError: says why the first client gave up.
        """
        live, given_up = report.live, pool.given_up
        needed = live.quorum - live.counts.accepted if live else 1
        left = self._options.settings.clients - len(given_up)
        if given_up and left < needed:
            raise OperatorError(
                f"{len(given_up)} of {self._options.settings.clients} clients have "
                f"given up, the round needs {needed} more updates: "
                f"{next(iter(given_up.values()))}"
            )

    def _faults(self, pool: ClientPool) -> dict[str, int]:
        """Return the faults that were put in so far, by kind."""
        return dict(pool.faults + self._host_faults.counts)

    def _totals(
        self, federation: Federation, platform: Platform, pool: ClientPool
    ) -> Totals:
        stats = platform.stats() if platform.stats else None
        return Totals(
            wall_s=time.monotonic() - self._started,
            calls_by_action=dict(pool.calls),
            http_429=pool.throttled + federation.throttled,
            bytes_in=pool.bytes_in,
            bytes_out=pool.bytes_out,
            peak_rss=stats.peak_rss if stats else {},
            activations=stats.activations if stats else {},
            cold_starts=stats.cold_starts if stats else {},
            gb_s=stats.gb_s if stats else {},
            chaos=self._faults(pool),
        )


def _make_writable(folder: Path) -> None:
    """Find out before the training whether its results can be kept.

    Raises:
        InputError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"--out: {folder} cannot be written to ({error})") from None


def _unfinished(federation: Federation, name: str) -> str:
    """Return the first of NAME, NAME-2, NAME-3 … that has not been trained to its end.

    So running an interrupted `--fresh` again resumes it.
    """
    others = (f"{name}-{number}" for number in itertools.count(2))
    return next(
        each
        for each in itertools.chain([name], others)
        if (found := federation.find(each)) is None or found.state != "finished"
    )
