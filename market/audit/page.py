"""The report of an audit as a self-contained page, to be read, printed and signed. Pure.

It is built as a tree of elements, so that no text can become markup.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from events.counts import counted
from market.audit.lane_verdict import Divergence, LaneVerdict
from market.audit.report import (
    MODES,
    AuditReport,
    encode_report,
    facts_told,
    former_rules_told,
    lane_told,
    recovery_told,
    tail_of,
    verdict_told,
)
from market.pages import add_drawing, add_table, as_html, page_of, text

FILLS: Final = {"sealed": "#2e7d32", "tail": "#c9a227", "rest": "#bbbbbb", "wrong": "#b00020"}
LABELLED: Final = {"font-size": "11"}
BAR_PX: Final = 14
LABEL_PX: Final = 110
BARS_PX: Final = 640


def page(report: AuditReport, encoded: bytes | None = None) -> str:
    """One HTML document without a script, a link or anything else from outside.

    `encoded`: the report's JSON as it was kept, which a version before wrote without members of later.
    """
    root, body = page_of(f"Audit of {report.deployment or 'an empty record'}")
    text(body, "p", "made from the record's Kafka topics alone; no database was read")
    _verdict(body, report)
    _asked(body, report)
    _checked(body, report)
    _recoveries(body, report)
    _lanes(body, report)
    _signatures(body, encode_report(report) if encoded is None else encoded)
    return as_html(root).decode()


def _verdict(body: Element, report: AuditReport) -> None:
    box = SubElement(body, "section", {"class": "verdict diverged" if report.diverged else "verdict"})
    text(box, "p", f"Verdict: {verdict_told(report)}.", role="status")
    found = report.first_divergence
    if found is None:
        return
    text(body, "h2", "The first divergence")
    _facts(body, _divergence(found))


def _divergence(found: Divergence) -> Iterable[tuple[str, str]]:
    yield "lane", f"{found.stream}/{found.lane}"
    yield "position", f"{found.position:,}"
    yield (
        "offset",
        f"{found.offset:,}" if found.offset >= 0 else "none: what is missing stands after the last",
    )
    yield "kind", found.kind.replace("_", " ")
    if found.event_id is not None:
        yield "event", f"{found.event_type} {found.event_id}"
    if found.market is not None:
        yield "market and round", f"{found.market}#{found.round}" if found.round else str(found.market)
    yield "member", found.field or "none"
    yield "recorded", found.recorded or "nothing"
    yield "has to be", found.expected or "nothing"


def _asked(body: Element, report: AuditReport) -> None:
    asked = report.asked
    text(body, "h2", "What was audited")
    facts = [
        ("deployment", f"{report.deployment or 'unknown'} ({_given(report)})"),
        ("Kafka cluster", asked.cluster),
        ("topics", ", ".join(asked.topics)),
        ("mode", f"{asked.mode}: {MODES[asked.mode]}"),
        ("rounds", "cleared again, byte for byte" if asked.resolved else "held against their certificates"),
        ("from", asked.first or "the first event"),
        ("to", asked.last or "the end of each lane when the audit began"),
        ("operator's key", asked.operator_key or "none: no checkpoint was believed"),
    ]
    if report.run is not None:
        run = report.run
        facts += [
            ("software", run.software),
            ("begun and ended", f"{_moment(run.started_at)} to {_moment(run.finished_at)}"),
            (
                "read",
                f"{counted(run.records_read, 'record')} in {Decimal(run.elapsed_ms) / 1_000:,.1f} s, "
                f"{run.records_per_second:,}/s"
                + (", the others before it was broken off" if run.records_read < report.records else ""),
            ),
        ]
    _facts(body, facts)


def _checked(body: Element, report: AuditReport) -> None:
    text(body, "h2", "What was checked")
    facts = [
        ("records", f"{report.records:,}, of them {counted(report.repeats, 'identical repeat')}"),
        ("under checkpoints", f"{counted(report.sealed, 'event')}; {report.tail:,} after them"),
    ]
    facts += [
        (f"cosigned by {each.name}", f"{counted(each.sealed, 'event')}, key {each.key}")
        for each in report.cosigners
    ]
    if not report.cosigners:
        facts.append(("cosigned", "by no witness: only one outside the operator tells two histories apart"))
    if report.mode != "chain":
        facts.append(
            ("clearings proved", f"{report.clearings:,}, with {counted(report.matches, 'match', 'matches')}")
        )
        facts.append(
            (
                "abandoned, unproved",
                f"{counted(report.abandoned_unproven, 'round')}, for reasons no record can prove",
            )
        )
    if report.mode == "full":
        facts.append(
            (
                "computed again",
                facts_told(report),
            )
        )
        facts += [("by a former rule", told) for told in former_rules_told(report)]
    _facts(body, facts)


def _recoveries(body: Element, report: AuditReport) -> None:
    if not report.recoveries:
        return
    text(body, "h2", "Recoveries of the record")
    text(body, "p", "as the record tells of them; where they found a lane, its chain was held against that")
    for recovery in report.recoveries:
        text(body, "p", recovery_told(recovery))


def _lanes(body: Element, report: AuditReport) -> None:
    held = [lane for lane in report.lanes if lane.records or lane.divergence or lane.expected_end is not None]
    text(body, "h2", "Lane by lane")
    left = len(report.lanes) - len(held)
    text(body, "p", f"{len(held)} of {len(report.lanes)} lanes hold records; the other {left} are empty.")
    if not held:
        return
    _bars(body, held)
    keyed = report.asked.operator_key is not None
    add_table(
        body,
        ("lane", "from", "to", "records", "clearings", "complete to", "head"),
        [
            (
                f"{lane.stream}/{lane.lane}",
                *(f"{figure:,}" for figure in (lane.first, lane.position, lane.records, lane.clearings)),
                lane_told(lane, keyed=keyed),
                lane.head,
            )
            for lane in held
        ],
        caption="Positions are those of the last event that was checked; a head is the chain's hash there.",
    )


def _bars(body: Element, lanes: list[LaneVerdict]) -> None:
    """A bar per lane, as long as it has events: sealed, then the tail, in red from where it diverges."""
    longest = max(1, *(max(lane.position, lane.sealed, lane.expected_end or 0) for lane in lanes))
    height = (len(lanes) + 1) * BAR_PX
    drawing = Element("svg", viewBox=f"0 0 {LABEL_PX + BARS_PX} {height}", role="img")
    text(drawing, "title", "Events of each lane: under checkpoints, after them, and where a lane diverges")
    for number, lane in enumerate(lanes):
        top = number * BAR_PX
        label = f"{lane.stream}/{lane.lane}"
        text(drawing, "text", label, x="0", y=str(top + BAR_PX - 4), **LABELLED)
        sealed = min(lane.sealed, lane.position)
        _bar(drawing, top, 0, sealed, longest, "sealed")
        _bar(drawing, top, sealed, tail_of(lane), longest, "tail" if lane.sealed else "rest")
        if lane.divergence is not None:
            _bar(drawing, top, lane.position, max(1, longest - lane.position), longest, "wrong")
    key = "green: under checkpoints · ochre: after them · grey: no checkpoint · red: diverges"
    text(drawing, "text", key, x=str(LABEL_PX), y=str(height - 3), **LABELLED)
    add_drawing(body, drawing)


def _bar(drawing: Element, top: int, start: int, events: int, longest: int, kind: str) -> None:
    if events:
        width = max(1, events * BARS_PX // longest)
        left = min(LABEL_PX + start * BARS_PX // longest, LABEL_PX + BARS_PX - width)
        SubElement(
            drawing,
            "rect",
            {
                "fill": FILLS[kind],
                "x": str(left),
                "y": str(top + 2),
                "width": str(width),
                "height": str(BAR_PX - 4),
            },
        )


def _signatures(body: Element, encoded: bytes) -> None:
    text(body, "h2", "Signed")
    digest = sha256(encoded).hexdigest()
    text(body, "p", f"SHA-256 of this report as JSON: {digest}", **{"class": "code"})
    table = SubElement(body, "table", {"class": "signature"})
    empty, names = SubElement(table, "tr"), SubElement(table, "tr")
    for name in ("name and accreditation", "place and date", "signature"):
        SubElement(empty, "td")
        text(names, "th", name, scope="col")


def _facts(body: Element, facts: Iterable[tuple[str, str]]) -> None:
    table = SubElement(body, "table", {"class": "facts"})
    for name, value in facts:
        row = SubElement(table, "tr")
        text(row, "th", name, scope="row")
        text(row, "td", value)


def _given(report: AuditReport) -> str:
    return "as given" if report.deployment_given else "taken from the first record"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
