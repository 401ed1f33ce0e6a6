"""`lodestone audit`: everything proved from the topics alone. The auditor process follows every chain."""

import re
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from events.brokers import Bootstrap
from events.checkpoints import TOPIC
from events.codec import Undecodable, decode_envelope
from events.connections import cluster_id
from events.decision import LaneKey
from events.envelope import Recorded, deployment_of
from events.handling import Batch
from events.head_ledger import Fault
from events.notes import VerifierKey
from events.topics import record_topic
from events.vocabulary import STREAMS
from market.audit.lane_verdict import Bounds, Divergence, LaneVerdict
from market.audit.processes import audit_in_processes
from market.audit.ranges import EVERYTHING, RangeError, Span, bounds_of, lies_within, mark_told
from market.audit.recoveries import anchors_by_lane, read_recoveries
from market.audit.report import AuditReport, Made, Mode, Question, report_of
from market.audit.sealed_heads import SealedHeads, read_sealed
from market.audit.share import Asked, AskedLane, Kept, Told, untold
from market.audit.state import SAVE_SECONDS_MIN, StateError
from market.topics import TopicError, open_reading
from market.version import version

NO_DEPLOYMENT: Final = UUID(int=0)
NOTHING_SEALED: Final = SealedHeads(roots={}, faults=(), cosigners=())
_END = re.compile(r"(parties|market|contracts|materials)/([0-9]{1,4})=([0-9]{1,15})")


class AuditImpossible(Exception):
    """The topics cannot be audited as requested; one sentence says why."""


def parse_ends(texts: Sequence[str]) -> dict[LaneKey, int]:
    """`market/3=120` → lane 3 of the market stream ends at position 120 or later.

    AuditImpossible names every text that is written otherwise.
    """
    ends: dict[LaneKey, int] = {}
    bad: list[str] = []
    for text in texts:
        found = _END.fullmatch(text)
        if found is None:
            bad.append(text)
        else:
            ends[LaneKey(found[1], int(found[2]))] = int(found[3])
    if bad:
        raise AuditImpossible(
            f"not a lane end: {', '.join(bad)}; write STREAM/LANE=POSITION, for example market/3=120"
        )
    return ends


async def audit(
    bootstrap: Bootstrap,
    *,
    prefix: str = "",
    deployment_id: UUID | None = None,
    expected_ends: Mapping[LaneKey, int] | None = None,
    streams: Sequence[str] = STREAMS,
    lanes: Collection[LaneKey] = (),
    mode: Mode = "full",
    span: Span = EVERYTHING,
    processes: int = 1,
    apart: bool = False,
    resolve: bool = False,
    key: VerifierKey | None = None,
    state: Path | None = None,
    save_seconds: float = SAVE_SECONDS_MIN,
    told: Told = untold,
) -> AuditReport:
    """Read the record topics and check all that `mode` checks, without a database.

    `lanes`: only these; empty: all of the streams. `apart`: no lane is read in this process. `key`: the
    operator's, to verify checkpoints; without it none is trusted. Rounds are checked by their certificates;
    with `resolve`, by clearing them again, byte for byte. `state`: a file with the progress, from which the
    audit continues. `told(what, total)` reports the number of records read. AuditImpossible when the topics
    cannot be audited as requested.
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    ends = expected_ends or {}
    try:
        sizes = await lane_sizes(
            bootstrap, prefix, [each for each in streams if mode != "clearings" or each == "market"]
        )
        _check(sizes, {*ends, *lanes}, mode, span)
        bounds = await bounds_of(bootstrap, prefix, lanes or sizes, span)
        seals = NOTHING_SEALED if key is None else await _sealed(bootstrap, prefix, key)
        recoveries = await read_recoveries(bootstrap, prefix)
        anchors = anchors_by_lane(recoveries)
        found_id = deployment_id or await recorded_deployment(bootstrap, prefix, sizes)
        cluster = await cluster_id(bootstrap)
        asked = Asked(
            bootstrap=bootstrap,
            prefix=prefix,
            deployment_id=found_id or NO_DEPLOYMENT,
            mode=mode,
            resolve=resolve,
            lanes=tuple(_asked_lane(place, sizes, ends, seals, anchors, bounds) for place in sorted(bounds)),
            kept=None if state is None else Kept(str(state), cluster, processes, save_seconds),
        )
        verdicts = await audit_in_processes(asked, processes, told, apart=apart)
        has_something = span == EVERYTHING or await lies_within(bootstrap, prefix, bounds)
    except (TopicError, StateError, RangeError) as error:
        raise AuditImpossible(str(error)) from error
    report = report_of(
        verdicts,
        [_fault_of(offset, fault) for offset, fault in seals.faults],
        deployment=found_id,
        deployment_given=deployment_id is not None,
        cosigners=seals.cosigners,
        strangers=seals.strangers,
        recoveries=recoveries,
        asked=_question(asked, cluster, span, key),
        run=_made(started_at, time.monotonic() - began, verdicts),
    )
    if not (has_something or report.diverged or report.strangers):
        since, until = mark_told(span.first) or "the beginning", mark_told(span.last) or "the end"
        raise AuditImpossible(f"the range from {since} to {until} is empty: nothing was proved")
    return report


async def lane_sizes(bootstrap: Bootstrap, prefix: str, streams: Sequence[str]) -> dict[LaneKey, int]:
    """The number of records of each lane. TopicError when the topic of a stream does not exist."""
    found: dict[LaneKey, int] = {}
    for stream in streams:
        async with open_reading(bootstrap, record_topic(prefix, stream)) as reading:
            found |= {LaneKey(stream, lane): size for lane, size in reading.sizes.items()}
    return found


async def recorded_deployment(bootstrap: Bootstrap, prefix: str, sizes: Mapping[LaneKey, int]) -> UUID | None:
    """The deployment that the first record which names one names: lane by lane, since one is enough."""
    for lane in (key for key, size in sizes.items() if size):
        async with open_reading(bootstrap, record_topic(prefix, lane.stream), only=[lane.lane]) as reading:
            async for _, records in reading.links():
                for record in records:
                    with suppress(Undecodable, ValueError):
                        return deployment_of(decode_envelope(record.body).source)
    return None


def _check(sizes: Mapping[LaneKey, int], named: Collection[LaneKey], mode: Mode, span: Span) -> None:
    unknown = sorted(f"{key.stream}/{key.lane}" for key in named if key not in sizes)
    if unknown:
        raise AuditImpossible(f"the topics that are read have no such lanes: {', '.join(unknown)}")
    if span.first is not None and span.first != 1 and mode == "full":
        raise AuditImpossible(
            "a range needs --chain or --clearings: agreements depend on all of their events"
        )


def _asked_lane(
    place: LaneKey,
    sizes: Mapping[LaneKey, int],
    ends: Mapping[LaneKey, int],
    seals: SealedHeads,
    anchors: Mapping[LaneKey, dict[int, str]],
    bounds: Mapping[LaneKey, Bounds],
) -> AskedLane:
    return AskedLane(
        stream=place.stream,
        lane=place.lane,
        size=sizes[place],
        expected_end=ends.get(place),
        seals=seals.roots.get(place, {}),
        anchors=anchors.get(place, {}),
        bounds=bounds[place],
    )


def _question(asked: Asked, cluster: str, span: Span, key: VerifierKey | None) -> Question:
    return Question(
        cluster=cluster,
        topics=tuple(sorted({asked.topic(lane.stream) for lane in asked.lanes})),
        mode=asked.mode,
        first=mark_told(span.first),
        last=mark_told(span.last),
        resolved=asked.resolve,
        operator_key=None if key is None else key.text,
    )


def _made(started_at: datetime, seconds: float, verdicts: Sequence[LaneVerdict]) -> Made:
    read = sum(verdict.records - verdict.read_before for verdict in verdicts)
    elapsed_ms = max(1, round(seconds * 1_000))
    return Made(
        software=f"lodestone {version()}",
        started_at=started_at,
        finished_at=started_at + timedelta(milliseconds=elapsed_ms),
        elapsed_ms=elapsed_ms,
        records_read=read,
        records_per_second=read * 1_000 // elapsed_ms,
    )


async def _sealed(bootstrap: Bootstrap, prefix: str, key: VerifierKey) -> SealedHeads:
    try:
        return await read_sealed(bootstrap, prefix, key)
    except TopicError:
        return NOTHING_SEALED


def _fault_of(offset: int, fault: Fault) -> Divergence:
    """A message of the topic of checkpoints that an honest operator never sends."""
    stream, lane = fault.lane or ("audit", 0)
    sentence = f"{TOPIC}, offset {offset}: {fault.sentence}"
    return Divergence(
        stream=stream,
        lane=lane,
        position=0,
        offset=offset,
        kind=fault.kind,
        sentence=f"{sentence}; {fault.field} is {fault.recorded}, it has to be {fault.expected}",
        field=fault.field,
        recorded=fault.recorded,
        expected=fault.expected,
    )


class ChainFollower:
    """Handler of the auditor process: the subscription checks order and chain; this only moves the
    position."""

    def keep(self, _events: Sequence[Recorded], /) -> Sequence[Recorded]:
        return ()

    async def handle(self, batch: Batch) -> None:
        async with batch.transaction():
            pass
