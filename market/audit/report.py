"""The report of an audit: of every lane, and of all together."""

from collections.abc import Iterable, Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from events.counts import counted
from events.party_events import LaneAnchor
from events.vocabulary import Instant
from market.audit.lane_verdict import Divergence, LaneVerdict

FORMAT: Final = "lodestone-audit-1"

Mode = Literal["chain", "clearings", "full"]
"""Bytes and order alone; the market stream with its rounds; everything."""

MODES: Final[dict[Mode, str]] = {
    "chain": "every record hashed and none decoded: order, completeness, chain, signed roots",
    "clearings": "the market stream: chain, signed roots, and every round held against its certificate",
    "full": "chain, signed roots, rounds by their certificates, agreements and passports decided again",
}


class Cosigner(Struct, frozen=True, kw_only=True):
    """A witness and the sizes to which it has cosigned the lanes, added up."""

    name: str
    key: str
    sealed: int


class Recovery(Struct, frozen=True, kw_only=True):
    """What the record says of its own. `republished`: topics were made anew from the journal; else the
    journal was taken back from topics. `anchors`: where the lanes stood then."""

    event: UUID
    time: Instant
    organisation: UUID
    republished: bool
    old_clusters: tuple[str, ...]
    cluster: str
    anchors: tuple[LaneAnchor, ...]


class Question(Struct, frozen=True, kw_only=True):
    """What an audit was asked for. `first` and `last` are the ends of its range as they were written;
    `resolved`: rounds were cleared again instead of held against their certificates."""

    cluster: str = ""
    topics: tuple[str, ...] = ()
    mode: Mode = "full"
    first: str | None = None
    last: str | None = None
    resolved: bool = False
    operator_key: str | None = None


class Made(Struct, frozen=True, kw_only=True):
    """When and by what an audit was made. `records_read`: without those that it had checked before it was
    broken off."""

    software: str
    started_at: Instant
    finished_at: Instant
    elapsed_ms: int
    records_read: int
    records_per_second: int


class AuditReport(Struct, frozen=True, kw_only=True):
    """`deployment_given`: false when the id came from the first record; `ending` claims what is proved.
    `sealed`: events under checkpoints, `tail`: those after them; counts are of all lanes. `recoveries`: each
    anchor that lies in what was read was held against the lane's chain. `strangers`: whose key signed what
    stands as the newest checkpoint of a lane, where it is not the operator's. `former_rule`: facts that
    follow from the rule of an earlier version alone."""

    format: str = FORMAT
    deployment: UUID | None
    deployment_given: bool
    diverged: bool
    ending: str
    first_divergence: Divergence | None
    records: int
    repeats: int
    clearings: int
    matches: int
    abandoned_unproven: int
    agreements: int
    deliveries: int
    invoices: int
    years: int
    lanes: tuple[LaneVerdict, ...]
    sealed: int = 0
    tail: int = 0
    cosigners: tuple[Cosigner, ...] = ()
    recoveries: tuple[Recovery, ...] = ()
    mode: Mode = "full"
    asked: Question = Question()
    run: Made | None = None
    passports: int = 0
    transformations: int = 0
    strangers: tuple[str, ...] = ()
    former_rule: int = 0
    payments: int = 0


def report_of(
    verdicts: Sequence[LaneVerdict],
    faults: Iterable[Divergence],
    *,
    deployment: UUID | None,
    deployment_given: bool,
    cosigners: tuple[Cosigner, ...],
    recoveries: tuple[Recovery, ...],
    asked: Question,
    run: Made,
    strangers: tuple[str, ...] = (),
) -> AuditReport:
    """`faults`: of the topic of checkpoints."""
    divergences = [verdict.divergence for verdict in verdicts if verdict.divergence is not None]
    divergences += faults
    sealed, tail = _sealed_and_tail(verdicts)
    return AuditReport(
        deployment=deployment,
        deployment_given=deployment_given,
        diverged=bool(divergences),
        ending="diverged"
        if divergences
        else _ending(verdicts, keyed=asked.operator_key is not None, strangers=strangers),
        first_divergence=divergences[0] if divergences else None,
        records=sum(verdict.records for verdict in verdicts),
        repeats=sum(verdict.repeats for verdict in verdicts),
        clearings=sum(verdict.clearings for verdict in verdicts),
        matches=sum(verdict.matches for verdict in verdicts),
        abandoned_unproven=sum(verdict.abandoned_unproven for verdict in verdicts),
        agreements=sum(verdict.agreements for verdict in verdicts),
        deliveries=sum(verdict.deliveries for verdict in verdicts),
        invoices=sum(verdict.invoices for verdict in verdicts),
        payments=sum(verdict.payments for verdict in verdicts),
        years=sum(verdict.years for verdict in verdicts),
        passports=sum(verdict.passports for verdict in verdicts),
        transformations=sum(verdict.transformations for verdict in verdicts),
        lanes=tuple(verdicts),
        sealed=sealed,
        tail=tail,
        cosigners=cosigners,
        recoveries=recoveries,
        mode=asked.mode,
        asked=asked,
        run=run,
        strangers=strangers,
        former_rule=sum(verdict.former_rule.facts for verdict in verdicts if verdict.former_rule is not None),
    )


def _ending(verdicts: Sequence[LaneVerdict], *, keyed: bool, strangers: Sequence[str]) -> str:
    ranged = any(verdict.bounded or verdict.first > 1 for verdict in verdicts)
    others = f"; checkpoints of {', '.join(strangers)} are there, which this key did not sign"
    only = "; only the range that was asked for" if ranged else ""
    return _proved(verdicts, keyed=keyed) + (others if strangers else "") + only


def _proved(verdicts: Sequence[LaneVerdict], *, keyed: bool) -> str:
    proven = sum(verdict.end_proven for verdict in verdicts)
    if proven == len(verdicts):
        return "complete to the expected end of every lane"
    sealed, tail = _sealed_and_tail(verdicts)
    if sealed:
        return f"complete to checkpoint {sealed:,}; tail of {tail:,} unsealed events, no hole"
    if not keyed:
        why = "no key to check checkpoints with"
    elif any(verdict.bounded or verdict.first > 1 for verdict in verdicts):
        why = "no checkpoint covers the range"
    else:
        why = "no checkpoints"
    return f"end not proven: {why}, expected ends for {proven} of {counted(len(verdicts), 'lane')}"


def _sealed_and_tail(verdicts: Sequence[LaneVerdict]) -> tuple[int, int]:
    return sum(verdict.sealed for verdict in verdicts), sum(map(tail_of, verdicts))


def tail_of(lane: LaneVerdict) -> int:
    """Events after the newest checkpoint, of which nobody can tell whether more came after them."""
    return max(0, lane.position - lane.sealed)


def encode_report(report: AuditReport) -> bytes:
    """The one JSON of a report, of which a page states the hash."""
    return msgspec.json.encode(report, order="sorted")


def report_schema() -> bytes:
    """The JSON Schema of a report, as it stands beside the documentation."""
    schema = msgspec.json.encode(msgspec.json.schema(AuditReport), order="deterministic")
    return msgspec.json.format(schema, indent=2) + b"\n"


def decode_report(body: bytes) -> AuditReport:
    """Of a run that was kept, by this version or one before: what came into a report later has a default."""
    return _reports.decode(body)


_reports: Final = msgspec.json.Decoder(AuditReport)


# --- in words


def verdict_told(report: AuditReport) -> str:
    if report.first_divergence is None:
        return f"nothing diverges; {report.ending}"
    count = sum(lane.divergence is not None for lane in report.lanes)
    what = (
        "the checkpoints diverge"
        if not count
        else f"{count} lane{'s' if count > 1 else ''} of {len(report.lanes)}"
    )
    verb = "" if not count else " diverge" if count > 1 else " diverges"
    return f"{what}{verb}; first: {report.first_divergence.sentence}"


def facts_told(report: AuditReport) -> str:
    return (
        f"{counted(report.agreements, 'agreement')}, {counted(report.deliveries, 'delivery', 'deliveries')} "
        "with what was invoiced as they left, "
        f"{counted(report.invoices, 'later invoice')}, {counted(report.payments, 'receipt')} of payments, "
        f"{counted(report.years, 'contract year')}, {counted(report.passports, 'passport')}, "
        f"{counted(report.transformations, 'transformation')}"
    )


def former_rules_told(report: AuditReport) -> list[str]:
    """A line for each lane: whether its newest lies before an upgrade is for the operator to say."""
    return [
        f"{lane.stream} lane {lane.lane}: "
        f"{counted(lane.former_rule.facts, 'fact follows', 'facts follow')} from "
        f"the rules of earlier versions, the newest at position {lane.former_rule.position:,}, recorded "
        f"{lane.former_rule.time:%Y-%m-%d %H:%M:%S} UTC"
        for lane in report.lanes
        if lane.former_rule is not None
    ]


def recovery_told(recovery: Recovery) -> str:
    """That its anchors hold is for an audit to say."""
    anchors = recovery.anchors
    events, sealed = sum(each.position for each in anchors), sum(each.sealed for each in anchors)
    lanes = f"{len(anchors):,} lane{'s' if len(anchors) > 1 else ''} of {anchors[0].stream}"
    held = f"{counted(events, 'event')}, {sealed:,} under checkpoints"
    before = ", ".join(recovery.old_clusters) or "an unknown one"
    what = (
        f"made anew from the journal on cluster {recovery.cluster}, before that {before}"
        if recovery.republished
        else f"from which a lost journal was taken back, on cluster {recovery.cluster}"
    )
    when = f"{recovery.time:%Y-%m-%d %H:%M:%S} UTC"
    return f"{when}, topic {what}: {lanes}, {held}; ordered by {recovery.organisation}"


def lane_told(lane: LaneVerdict, *, keyed: bool) -> str:
    """How far a lane is proved complete."""
    if lane.divergence is not None:
        return f"DIVERGES at position {lane.divergence.position:,}"
    if lane.end_proven:
        return "the expected end"
    if not lane.position and not lane.sealed:
        return "nothing in it" if not lane.bounded else "nothing in the range"
    if lane.sealed:
        tail = tail_of(lane)
        return f"checkpoint {lane.sealed:,}, " + (f"tail of {tail:,}" if tail else "all of it")
    if lane.first > 1:
        return "unknown: begins later"
    if not keyed:
        return "unknown: no key"
    return "no checkpoint in range" if lane.bounded else "no checkpoint yet"
