"""Check a deployment by its base URL alone, which works on every platform.

The doctor calls each action once, as a client would. All calls but two carry no token
and are refused for that. The other two are the operator's: `status` only reads, and
`advance_round` moves on rounds that are overdue anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from fedclient.api import connect
from fedclient.transport import Message
from fedcore import tokens
from fedcore.adapters.routes import ROUTES
from fedcore.adapters.serving import BUILD_HEADER, JSON, TOKEN_HEADER
from fedwhisk.doctor.answers import DEPLOY, NO_ANSWER, ProbeAnswer, ask, explain, probe
from fedwhisk.doctor.findings import Finding, ok, problem, warning

SKEW_S = 30.0
"""Clocks that are further apart make logs hard to read and, at hours, TLS fail."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_deployment(base_url: str, secret: bytes, build: str) -> Iterator[Finding]:
    """Call the actions and check their answers.

    Args:
        base_url: where the actions are.
        secret: what the deployment's tokens should be derived from.
        build: what its actions should have been built from.
    """
    with closing(connect(base_url)) as transport:
        token = tokens.operator_token(secret)
        first = ask(transport, Message("status", "GET", headers={TOKEN_HEADER: token}))
        yield check_url(base_url, first)
        if first.status == NO_ANSWER:
            return
        yield from check_clock(first)
        yield from check_settings(first)
        answers = {name: probe(transport, route) for name, route in ROUTES.items()}
        yield check_actions(answers, build)
        if first.status == 200 or first.code == "unknown_experiment":
            headers = {TOKEN_HEADER: token, "content-type": JSON}
            sweep = Message("advance_round", "POST", body=b"{}", headers=headers)
            yield check_sequence(ask(transport, sweep))


def check_url(base_url: str, answer: ProbeAnswer) -> Finding:
    """Check that the actions answer, and that strangers cannot read along."""
    if answer.status == NO_ANSWER:
        return problem("url", f"{base_url}: {answer.why}", _way_out(answer.why))
    found = f"{base_url} answers in {answer.seconds:.1f} s"
    parts = urlsplit(base_url)
    if parts.scheme == "https" or parts.hostname in LOOPBACK:
        return ok("url", found)
    advice = "use https wherever others may listen: tokens and models travel in clear"
    return warning("url", found, advice)


def _way_out(why: str) -> str:
    if why.startswith("SSL"):
        return (
            "TLS failed: if the certificate's authority is your own, name its file in "
            "REQUESTS_CA_BUNDLE, for clients as well"
        )
    return "check the base URL in .env, the host and the way to it (DNS, firewall)"


def check_clock(answer: ProbeAnswer) -> Iterator[Finding]:
    """Check how far the server's clock and ours are apart, if it sends its time."""
    if "date" not in answer.headers:
        return
    theirs = parsedate_to_datetime(answer.headers["date"]).timestamp()
    skew = theirs - (answer.sent + answer.seconds / 2)
    if abs(skew) <= SKEW_S + answer.seconds / 2:
        yield ok("clock", f"less than {SKEW_S:.0f} s from this machine's")
        return
    side = "ahead of" if skew > 0 else "behind"
    yield warning(
        "clock",
        f"the server's is {abs(skew):.0f} s {side} this machine's",
        "set the one that is wrong; rounds go by the server's alone",
    )


def check_settings(status: ProbeAnswer) -> Iterator[Finding]:
    """Check secret and database by the answer to the operator's `status`."""
    code = status.code
    message = status.error.message if status.error else ""
    if code == "misconfigured":
        advice = "set it in .env and deploy again"
        yield problem("secret", message, advice)
    elif code == "unauthenticated":
        yield problem(
            "secret",
            "the deployment's FED_SECRET is another than ours",
            "deploy again with this .env, or put the deployment's secret into it",
        )
    elif code == "database_unavailable":
        yield ok("secret", "the deployment's is ours")
        yield problem(
            "database",
            message,
            "MONGODB_URL must lead to it from where the actions run (`localhost` is "
            "an action's own container); check address, firewall and password",
        )
    elif status.status == 200 or code == "unknown_experiment":
        yield ok("secret", "the deployment's is ours")
        yield ok("database", "the actions reach it")
    else:
        found, advice = explain("status", status)
        yield problem("database", f"cannot be told: {found}", advice)


def check_actions(answers: Mapping[str, ProbeAnswer], build: str) -> Finding:
    """Check that all actions are deployed, and built from these sources."""
    silent = [name for name, answer in answers.items() if not answer.is_ours]
    if silent:
        missing = [name for name in silent if answers[name].status == 404]
        if missing:
            found = f"not deployed: {', '.join(missing)}"
            return problem("actions", found, f"{DEPLOY}; see that BASE_URL fits")
        found, advice = explain(silent[0], answers[silent[0]])
        return problem("actions", found, advice)
    builds = {
        answer.headers.get(BUILD_HEADER, "unknown") for answer in answers.values()
    }
    if builds == {build}:
        return ok("actions", f"all {len(answers)} answer, built from these sources")
    return warning(
        "actions",
        f"all {len(answers)} answer, of build {', '.join(sorted(builds))}; these "
        f"sources are {build}",
        "`make deploy` to bring them up to date; running experiments go on",
    )


def check_sequence(answer: ProbeAnswer) -> Finding:
    """Check that rounds can move on."""
    if answer.status == 200:
        return ok("sequence", f"advance_round answers in {answer.seconds:.1f} s")
    if answer.error is not None:
        message = f"advance_round: {answer.error.message}"
        return problem("sequence", message, "read its activation's logs")
    found, advice = explain("advance_round", answer)
    return problem("sequence", found, advice)
