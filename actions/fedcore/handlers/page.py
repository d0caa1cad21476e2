"""The status page: one self-contained HTML document, without scripts."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fedcore import weights
from fedcore.messages import PAGE_POLICY, Report, RoundReport

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;
color:#1c2733;background:#fff}
h1{font-size:1.4rem;margin:0}
.state{color:#476}
table{border-collapse:collapse;width:100%;margin:1rem 0}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid #dde3e8}
th:first-child,td:first-child{text-align:left}
th{font-weight:600;color:#567}
.bar{background:#e7ecf0;border-radius:4px;overflow:hidden}
.bar div{background:#2a7f62;height:.7rem}
"""


def render(report: Report) -> str:
    """Return the page of an experiment."""
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f'<meta http-equiv="Content-Security-Policy" content="{PAGE_POLICY}">'
        "<meta name=viewport content='width=device-width'>"
        f"<title>{escape(report.experiment)}</title><style>{STYLE}</style>"
        f"<h1>{escape(report.experiment)}</h1>"
        f"<p class=state>{_headline(report)}</p>{_progress(report)}"
        f"<h2>Rounds</h2>{_rounds(report)}{_caps(report)}"
        f"<h2>Clients</h2>{_clients(report)}"
    )


def _headline(report: Report) -> str:
    words = [report.state, f"{report.enrolled} of {report.settings.clients} clients"]
    if report.version >= 0:
        words.append(f"model version {report.version}")
    if report.live is not None and report.state == "running":
        live = report.live
        words.append(
            f"round {live.round} {live.state}: {live.counts.accepted} of {live.target} "
            "updates"
        )
        words += [live.advancing()] if live.advancing() else []
    if report.reason:
        words.append(report.reason)
    return escape(" · ".join(words))


def _progress(report: Report) -> str:
    share = 100 * max(report.version, 0) / report.settings.rounds
    return f"<div class=bar><div style='width:{share:.0f}%'></div></div>"


def _rounds(report: Report) -> str:
    head = ("round", "updates", "examples", "seconds", "accuracy", "loss", "late")
    first = report.rounds[0].round if report.rounds else 0
    earlier = f"<p>Rounds before {first} are not shown.</p>" if first else ""
    return _table(head, (_round(each) for each in report.rounds)) + earlier


def _caps(report: Report) -> str:
    """Say whose updates count less than they claim in the last closed round."""
    names = {str(client.index): client.name for client in report.clients}
    lines = (
        f"round {each.round}: {weights.in_words(each.capped, names)}"
        for each in report.rounds[-1:]
        if each.capped
    )
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _round(each: RoundReport) -> tuple[str, ...]:
    score = each.evaluation or {}
    return (
        str(each.round),
        str(each.updates),
        str(each.examples),
        f"{each.seconds:.1f}",
        f"{100 * score['accuracy']:.2f} %" if "accuracy" in score else "",
        f"{score['loss']:.4f}" if "loss" in score else "",
        str(each.counts.late),
    )


def _clients(report: Report) -> str:
    rows = (
        (
            f"{client.index} {client.name}",
            str(client.rounds),
            f"{client.train_s:.1f}" if client.train_s is not None else "",
            f"{report.now - client.last_seen:.0f} s ago",
        )
        for client in report.clients
    )
    more = f"<p>{report.enrolled} clients in all.</p>" if report.next_client else ""
    return _table(("client", "rounds", "seconds a round", "last seen"), rows) + more


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    cells = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{cells}</tr>{body}</table>"
