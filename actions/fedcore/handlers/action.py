"""What an action is, and who may call it: declared once, checked before it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from fedcore import tokens
from fedcore.documents import Experiment
from fedcore.errors import (
    Forbidden,
    InvalidRequest,
    Unauthenticated,
    UnknownClient,
    UnknownExperiment,
)
from fedcore.services import Services
from fedcore.tokens import Enrolment

R = TypeVar("R", bound=msgspec.Struct)


class Role(StrEnum):
    """As whom a caller comes."""

    OPERATOR = "operator"
    ENROLMENT = "enrolment"  # with the token for any name
    NAMED_ENROLMENT = "named enrolment"  # with a token for the very name it gives
    CLIENT = "client"
    OWNER = "owner"  # the namespace's own call, which did not come over the web
    PUBLIC = "public"  # nobody in particular, where the experiment allows it


ENROLLING = {
    Enrolment.OPEN: Role.ENROLMENT,
    Enrolment.NAMED: Role.NAMED_ENROLMENT,
}


@dataclass(frozen=True)
class Credentials:
    """What came along with a request: a token, or the platform's own trust."""

    token: str = ""
    trusted: bool = False


@dataclass(frozen=True)
class Caller:
    """Who calls, and the experiment that the request names (None if it names none)."""

    role: Role
    experiment: Experiment | None

    @property
    def named_experiment(self) -> Experiment:
        """The experiment, for handlers whose request must name one."""
        if self.experiment is None:
            raise UnknownExperiment("experiment: found none, expected a name")
        return self.experiment


@dataclass(frozen=True)
class Action(Generic[R]):
    """An action: its name, its request, who may call it, and what it does.

    Attributes:
        name: as in its URL.
        request: the type its fields are read into.
        allowed: the roles that may call it.
        handle: its handler.
        reads_only: whether it leaves everything as it is.
        names_experiment: whether a request's `experiment` must exist already.
    """

    name: str
    request: type[R]
    allowed: frozenset[Role]
    handle: Callable[[R, Caller, Services], msgspec.Struct]
    reads_only: bool = False
    names_experiment: bool = True

    def run(
        self,
        fields: dict[str, Any],
        credentials: Credentials,
        services: Services,
        *,
        from_query: bool = False,
    ) -> msgspec.Struct:
        """Read a request, check its caller, and answer it.

        A query string knows texts alone: `from_query` lets them stand for numbers.

        Raises:
            FedError: the request is refused; nothing has changed.
        """
        request = read(fields, self.request, strict=not from_query)
        caller = self._authorise(request, credentials, services)
        return self.handle(request, caller, services)

    def _authorise(
        self, request: R, credentials: Credentials, services: Services
    ) -> Caller:
        role = _recognise(request, credentials, services)
        if role is None:
            return self._authorise_member(request, credentials, services)
        self._check_allowed(role)
        experiment = self._find(request, services)
        if experiment is None and self._named(request) is not None:
            raise UnknownExperiment(
                f"experiment: no experiment is named {self._named(request)!r}"
            )
        return Caller(role, experiment)

    def _authorise_member(
        self, request: R, credentials: Credentials, services: Services
    ) -> Caller:
        """Authorise whom the experiment alone makes known.

        Who is not known is told the same whether or not there is such an experiment:
        strangers cannot probe for names.
        """
        if not self._may_be_known_inside(request, credentials):
            raise _not_known(credentials, self.name)
        experiment = self._find(request, services)
        if experiment is None:
            raise _not_known(credentials, self.name)
        role = self._recognise_member(request, credentials, services, experiment)
        self._check_allowed(role)
        return Caller(role, experiment)

    def _may_be_known_inside(self, request: R, credentials: Credentials) -> bool:
        """Tell whether an experiment might know the caller: as a client, or anyone."""
        if not credentials.token:
            return Role.PUBLIC in self.allowed
        return getattr(request, "client", None) is not None

    def _check_allowed(self, role: Role) -> None:
        if role not in self.allowed:
            expected = " or ".join(sorted(self.allowed))
            raise Forbidden(f"{self.name}: called as {role}, expected {expected}")

    def _named(self, request: R) -> str | None:
        """Return the name of the experiment that must exist; None if none must."""
        return getattr(request, "experiment", None) if self.names_experiment else None

    def _find(self, request: R, services: Services) -> Experiment | None:
        name = self._named(request)
        return None if name is None else services.store.experiment(name)

    def _recognise_member(
        self,
        request: R,
        credentials: Credentials,
        services: Services,
        experiment: Experiment,
    ) -> Role:
        """Recognise a client of the experiment, or the public where it is let in."""
        token = credentials.token
        if not token and experiment.settings.public_status:
            return Role.PUBLIC
        index = getattr(request, "client", None)
        if index is None or not token:
            raise _not_known(credentials, self.name)
        if not tokens.is_client(services.secrets, token, experiment.id, index):
            raise _not_known(credentials, self.name)
        if experiment.shuts_out(index):
            raise Forbidden(f"client {index} of {experiment.name!r} has been revoked")
        if not self._is_enrolled(experiment, index, services):
            raise UnknownClient(f"client: {experiment.name!r} has no client {index}")
        return Role.CLIENT

    def _is_enrolled(
        self, experiment: Experiment, index: int, services: Services
    ) -> bool:
        if self.reads_only:
            return services.store.knows_client(experiment, index)
        return services.store.see_client(experiment, index, services.clock())


def _recognise(
    request: msgspec.Struct, credentials: Credentials, services: Services
) -> Role | None:
    """Recognise those whom the deployment's secret alone makes known."""
    if credentials.trusted:
        return Role.OWNER
    if not credentials.token:
        return None
    if tokens.is_operator(services.secrets, credentials.token):
        return Role.OPERATOR
    name = getattr(request, "name", "")
    where = getattr(request, "experiment", None)
    now = services.clock()
    kind = tokens.enrols(services.secrets, credentials.token, name, now, where)
    return None if kind is None else ENROLLING[kind]


def _not_known(credentials: Credentials, action: str) -> Unauthenticated:
    if not credentials.token:
        return Unauthenticated("X-Fed-Token: found none, expected a token")
    return Unauthenticated(
        f"X-Fed-Token: not a token that lets its holder call {action} in this way: "
        "another deployment's, experiment's or client's, or one that has ended"
    )


def read(fields: dict[str, Any], kind: type[R], *, strict: bool = True) -> R:
    """Turn plain values into a request.

    Raises:
        InvalidRequest: names the field, what was found and what was expected.
    """
    try:
        return msgspec.convert(fields, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None
    except (OverflowError, RecursionError, UnicodeError):
        raise InvalidRequest(
            "request: found numbers, nesting or characters beyond all bounds"
        ) from None
