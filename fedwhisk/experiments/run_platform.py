"""The platform of a run: a real one, or this machine's, which runs share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from fedwhisk.config import Settings
from fedwhisk.errors import InputError
from fedwhisk.experiments.run_options import RunOptions
from fedwhisk.faults import HostFaults
from fedwhisk.local.home import Home
from fedwhisk.local.platform import attached, embedded
from fedwhisk.local.platform_lease import leased, wait_for_other_runs
from fedwhisk.local.sharing import joined_or_started
from fedwhisk.platforms import Platform, Where, remote


class RunPlatform:
    """The way to a run's platform."""

    def __init__(
        self, options: RunOptions, settings: Settings, host_faults: HostFaults
    ) -> None:
        self._options = options
        self._settings = settings
        self._host_faults = host_faults
        self._home = Home(settings.fedwhisk_home)

    @contextmanager
    def reached(self, say: Callable[[str], None]) -> Iterator[Platform]:
        """Yield the platform; the embedded one is started unless one is up.

        One that was started here ends after all runs that share it.

        Raises:
            InputError: the run's faults cannot be injected there.
            OperatorError: it cannot be reached or started.
        """
        if self._options.on is not Where.EMBEDDED:
            yield self._not_ours(remote(self._settings, self._options.on))
            return
        with ExitStack() as at_the_end, ExitStack() as until_the_end:
            platform = joined_or_started(
                until_the_end, self._home, join=self._join, start=self._start, say=say
            )
            yield platform
            if platform.stats is not None:  # it is ours, and ends with us
                at_the_end.enter_context(wait_for_other_runs(self._home, say))

    def _start(self) -> AbstractContextManager[Platform]:
        return embedded(
            self._settings,
            port=self._options.port,
            or_any=True,
            crash_after=self._host_faults,
        )

    def _join(self, until_the_end: ExitStack) -> Platform | None:
        """Share the home's platform, if one is up."""
        with ExitStack() as visit:
            visit.enter_context(leased(self._home))
            found = attached(self._settings)
            if found is None:
                return None
            until_the_end.push(visit.pop_all())
            return self._not_ours(found)

    def _not_ours(self, platform: Platform) -> Platform:
        """Return a platform that this run does not start, if its faults allow that."""
        if self._options.faults.crash:
            raise InputError(
                "chaos.crash: kills the processes of a host that this run starts, "
                f"but the actions are at {platform.base_url} already"
            )
        return platform
