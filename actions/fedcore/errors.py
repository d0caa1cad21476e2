"""The errors a caller may see: one class a code, one status a class.

An answer that carries `{"error": {"code", "message"}}` is ours; any other error
answer is the platform's (a crash, a throttle, a missing deployment), and clients
retry it.
"""

from __future__ import annotations

LONGEST_MESSAGE = 2000


class FedError(Exception):
    """A refusal with a stable code. The message says what was found and expected."""

    code = "internal"
    status = 500

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.message = _one_line(message)
        super().__init__(self.message)
        self.retry_after = retry_after

    def body(self) -> dict[str, object]:
        """Return the JSON object that goes out under HTTP status `self.status`."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.retry_after is not None:
            error["retry_after"] = self.retry_after
        return {"error": error}


def _one_line(message: str) -> str:
    """Bound a message, and keep what a caller sent from forging lines of a log."""
    shown = message[:LONGEST_MESSAGE]
    return "".join(each if each.isprintable() else "?" for each in shown)


class InvalidRequest(FedError):
    """The request cannot be read: a field is missing, unknown or of a wrong type."""

    code, status = "invalid_request", 400


class Unauthenticated(FedError):
    """No token, or one that this deployment did not make."""

    code, status = "unauthenticated", 401


class Forbidden(FedError):
    """A genuine token that does not allow this call."""

    code, status = "forbidden", 403


class UnknownExperiment(FedError):
    """No experiment has that name, or none is open."""

    code, status = "unknown_experiment", 404


class UnknownModel(FedError):
    """The experiment has no such version, or not yet."""

    code, status = "unknown_model", 404


class UnknownClient(FedError):
    """No client is enrolled under that index."""

    code, status = "unknown_client", 404


class ExperimentExists(FedError):
    """The name is taken by an experiment with other settings."""

    code, status = "experiment_exists", 409


class FederationFull(FedError):
    """All places are taken by other names."""

    code, status = "federation_full", 409


class TooManyEnrolments(FedError):
    """As many new clients as the experiment takes in a minute have enrolled."""

    code, status = "too_many_enrolments", 429


class UploadMismatch(FedError):
    """Other content arrived under the id of an upload, or its hash is wrong."""

    code, status = "upload_mismatch", 409


class TooLarge(FedError):
    """A chunk, a model or a field is larger than allowed."""

    code, status = "too_large", 413


class InvalidSettings(FedError):
    """An experiment's settings break a rule; the message names the field."""

    code, status = "invalid_settings", 422


class DatabaseUnavailable(FedError):
    """The database did not answer in time. Nothing is lost; ask again."""

    code, status = "database_unavailable", 503


class UnreadableState(FedError):
    """A stored document does not fit this version: another one has written it.

    Clients ask again, but rarely: whoever deploys the right version need not start
    them anew.
    """

    code, status = "unreadable_state", 500
