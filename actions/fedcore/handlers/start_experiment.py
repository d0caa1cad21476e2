"""Store an experiment, so that clients can enrol in it."""

from __future__ import annotations

from fedcore import codec, rules, selection, settings
from fedcore.documents import Experiment, ExperimentState
from fedcore.errors import ExperimentExists, InvalidSettings
from fedcore.handlers.action import Action, Caller, Role
from fedcore.messages import Started, StartExperiment
from fedcore.services import Services


def handle(request: StartExperiment, caller: Caller, services: Services) -> Started:
    """Store the experiment once; the same call twice is one experiment.

    Raises:
        InvalidSettings: the name, a setting or the layout breaks a rule.
        ExperimentExists: the name is taken by an experiment with other settings.
    """
    wanted = _experiment(request, services)
    created = services.store.add_experiment(wanted)
    stored = wanted if created else services.store.experiment(wanted.name)
    assert stored is not None  # noqa: S101 - experiments are never removed
    _check_same(stored, wanted)
    if request.resume and rules.allows(stored, rules.Event.RESUME):
        stored = _resume(stored, services)
    return Started(
        experiment=stored.name,
        created=created,
        state=stored.state,
        settings=stored.settings,
    )


def _resume(experiment: Experiment, services: Services) -> Experiment:
    """Give the live round a deadline that those can meet who were sent to sleep."""
    now = services.clock()
    clients = services.store.clients(experiment)
    awake = selection.all_back(clients, experiment.live.cohort, now)
    deadline = awake + experiment.settings.deadline_s
    resumed = services.store.apply(rules.resume(experiment, now, deadline))
    return resumed or services.store.reread(experiment)


def _experiment(request: StartExperiment, services: Services) -> Experiment:
    checked = settings.parse(request.settings)
    layout = request.layout
    fault = codec.layout_fault(layout, checked.max_parameters) if layout else None
    if fault is not None:
        raise InvalidSettings(f"layout: {fault} (settings.max_parameters)")
    return Experiment(
        id=services.new_id(),
        name=settings.check_name(request.experiment),
        created=services.clock(),
        state=ExperimentState.ENROLLING,
        settings=checked,
        layout=layout,
        parameters=codec.parameter_count(layout) if layout else 0,
    )


def _check_same(stored: Experiment, wanted: Experiment) -> None:
    """Refuse to take one experiment for another, and say where they differ."""
    names = stored.settings.__struct_fields__
    differing = [
        f"{name}: stored {getattr(stored.settings, name)!r}, "
        f"asked {getattr(wanted.settings, name)!r}"
        for name in names
        if getattr(stored.settings, name) != getattr(wanted.settings, name)
    ]
    if differing:
        raise ExperimentExists(
            f"experiment {stored.name!r} exists with other settings "
            f"({'; '.join(differing)})"
        )


ACTION = Action(
    name="start_experiment",
    request=StartExperiment,
    allowed=frozenset({Role.OPERATOR, Role.OWNER}),
    handle=handle,
    names_experiment=False,
)
