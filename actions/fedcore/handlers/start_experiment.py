"""Store an experiment, so that clients can enrol in it."""

from __future__ import annotations

from fedcore import advice, codec, initial, rules, selection, settings
from fedcore.documents import Experiment, ExperimentState
from fedcore.errors import ExperimentExists, InvalidSettings
from fedcore.handlers.action import Action, Caller, Role
from fedcore.messages import Started, StartExperiment
from fedcore.services import Services


def handle(request: StartExperiment, caller: Caller, services: Services) -> Started:
    """Store the experiment once; the same call twice is one experiment.

    Raises:
        InvalidSettings: the name, a setting or the layout breaks a rule.
        ExperimentExists: the name is taken by an experiment with other settings, or
            another initial model.
    """
    wanted = _experiment(request, services)
    created = services.store.add_experiment(wanted)
    stored = wanted if created else services.store.experiment(wanted.name)
    assert stored is not None  # noqa: S101 - experiments are never removed
    _check_same(stored, wanted)
    if request.resume and initial.may_begin_again(stored):
        write = initial.begin_again(stored, wanted)
        stored = services.store.apply(write) or services.store.reread(stored)
    _check_same_model(stored, wanted)
    while request.resume and rules.allows(stored, rules.Event.RESUME):
        # A client may be revoked under our hands: then decide again on what is left.
        stored = _resume(stored, services)
    return Started(
        experiment=stored.name,
        created=created,
        state=stored.state,
        settings=stored.settings,
        awaits_model=stored.awaits_model,
        notes=advice.notes(stored.settings),
    )


def _resume(experiment: Experiment, services: Services) -> Experiment:
    """Give the live round a deadline that those can meet who were sent to sleep."""
    now = services.clock()
    cohort = experiment.living(experiment.live.cohort)
    clients = services.store.clients_of(experiment, cohort)
    awake = selection.all_back(clients, cohort, now)
    deadline = awake + experiment.settings.deadline_s
    resumed = services.store.apply(rules.resume(experiment, now, deadline))
    return resumed or services.store.reread(experiment)


def _experiment(request: StartExperiment, services: Services) -> Experiment:
    checked = settings.parse(request.settings)
    layout = request.layout
    if (layout is None) != (request.initial is None):
        raise InvalidSettings("initial, layout: found one of them, expected both")
    fault = codec.layout_fault(layout, checked.max_parameters) if layout else None
    if fault is not None:
        raise InvalidSettings(f"layout: {fault} (settings.max_parameters)")
    return Experiment(
        id=services.new_id(),
        name=settings.check_name(request.experiment),
        created=services.clock(),
        state=ExperimentState.ENROLLING,
        settings=checked,
        initial=request.initial,
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


def _check_same_model(stored: Experiment, wanted: Experiment) -> None:
    """Refuse another initial model than the one that the experiment was started with.

    Who brings none takes the experiment as it is.
    """
    if wanted.initial in (None, stored.initial):
        return
    begun = f"experiment {stored.name!r} was started"
    if stored.initial is None:
        raise ExperimentExists(f"{begun} without an initial model, asked for one")
    if stored.layout != wanted.layout:
        where = codec.layout_difference(
            stored=stored.layout or [], asked=wanted.layout or []
        )
        raise ExperimentExists(f"{begun} with a model of another layout ({where})")
    raise ExperimentExists(
        f"{begun} with the initial model {stored.initial}, asked for {wanted.initial} "
        "of the same layout"
    )


ACTION = Action(
    name="start_experiment",
    request=StartExperiment,
    allowed=frozenset({Role.OPERATOR, Role.OWNER}),
    handle=handle,
    names_experiment=False,
)
