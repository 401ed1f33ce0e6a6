"""`lodestone audit`: everything proved from the topics alone. The auditor process follows every chain."""

import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.checkpoints import TOPIC, Fault
from events.codec import Undecodable, decode_envelope
from events.decision import LaneKey
from events.envelope import deployment_of
from events.notes import VerifierKey
from events.subscription import Batch
from events.topics import record_topic
from events.vocabulary import STREAMS
from market.audit_lanes import Asked, AskedLane, Mode, Told, audit_in_processes, untold
from market.lane_verdict import WHOLE, Bounds, Divergence, LaneVerdict
from market.recoveries import Recovery, anchors_by_lane, read_recoveries
from market.sealed_heads import Cosigner, SealedHeads, read_sealed
from market.topics import TopicError, open_reading

NO_DEPLOYMENT: Final = UUID(int=0)
NOTHING_SEALED: Final = SealedHeads(roots={}, faults=(), cosigners=())
_END = re.compile(r"(parties|market|contracts|materials)/([0-9]{1,4})=([0-9]{1,15})")


class AuditImpossible(Exception):
    """The topics cannot be audited as asked: one sentence that says why."""


class AuditReport(Struct, frozen=True, kw_only=True):
    """`deployment_given`: false when the id came from the first record; `ending` claims what is proved.

    `recoveries`: what the record says of its own, each anchor of which was held against its lane's chain.
    """

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
    mode: Mode = "full"
    recoveries: tuple[Recovery, ...] = ()


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
            f"no lane end: {', '.join(bad)}; written stream/lane=position, as in market/3=120"
        )
    return ends


async def audit(
    bootstrap: str,
    *,
    prefix: str = "",
    deployment_id: UUID | None = None,
    expected_ends: Mapping[LaneKey, int] | None = None,
    streams: Sequence[str] = STREAMS,
    lanes: Collection[LaneKey] = (),
    mode: Mode = "full",
    bounds: Bounds = WHOLE,
    processes: int = 1,
    resolve: bool = False,
    key: VerifierKey | None = None,
    told: Told = untold,
) -> AuditReport:
    """Read the record topics and check all that `mode` checks, without a database.

    `lanes`: only these, of the streams; none: all of them. `key`: the operator's, under which checkpoints are
    read; without one none is believed. Rounds are checked by their certificates; `resolve`: by clearing them
    again, byte for byte. `told(what, total)` is told how many records were read. AuditImpossible when the
    topics cannot be audited as asked.
    """
    ends = dict(expected_ends or {})
    streams = [each for each in streams if mode != "clearings" or each == "market"]
    sizes = await _sizes(bootstrap, prefix, streams)
    _check_lanes(sizes, ends)
    _check_lanes(sizes, lanes)
    if bounds.first > 1 and mode != "chain":
        raise AuditImpossible("only a chain can be taken up later: a book is made of all events before it")
    seals = NOTHING_SEALED if key is None else await _sealed(bootstrap, prefix, key)
    recoveries = await read_recoveries(bootstrap, prefix)
    anchors = anchors_by_lane(recoveries)
    found_id = deployment_id or await recorded_deployment(bootstrap, prefix, streams)
    asked = Asked(
        bootstrap=bootstrap,
        prefix=prefix,
        deployment_id=found_id or NO_DEPLOYMENT,
        mode=mode,
        resolve=resolve,
        bounds=bounds,
        lanes=tuple(
            AskedLane(
                stream=place.stream,
                lane=place.lane,
                size=size,
                expected_end=ends.get(place),
                seals=seals.roots.get(place, {}),
                anchors=anchors.get(place, {}),
            )
            for place, size in sorted(sizes.items())
            if not lanes or place in lanes
        ),
    )
    try:
        verdicts = await audit_in_processes(asked, processes, told)
    except TopicError as error:
        raise AuditImpossible(str(error)) from error
    return _report(
        verdicts,
        seals,
        found_id,
        recoveries=recoveries,
        mode=mode,
        deployment_given=deployment_id is not None,
        keyed=key is not None,
    )


async def _sizes(bootstrap: str, prefix: str, streams: Sequence[str]) -> dict[LaneKey, int]:
    """How many records lie on each lane."""
    found: dict[LaneKey, int] = {}
    for stream in streams:
        try:
            async with open_reading(bootstrap, record_topic(prefix, stream)) as reading:
                found |= {LaneKey(stream, lane): size for lane, size in reading.sizes.items()}
        except TopicError as error:
            raise AuditImpossible(str(error)) from error
    return found


async def recorded_deployment(bootstrap: str, prefix: str, streams: Sequence[str]) -> UUID | None:
    """The deployment that the first record which names one names."""
    for stream in streams:
        async with open_reading(bootstrap, record_topic(prefix, stream)) as reading:
            async for _, records in reading.batches():
                for record in records:
                    with suppress(Undecodable, ValueError):
                        return deployment_of(decode_envelope(record.value).source)
    return None


def _check_lanes(sizes: Mapping[LaneKey, int], asked: Collection[LaneKey]) -> None:
    unknown = sorted(f"{key.stream}/{key.lane}" for key in asked if key not in sizes)
    if unknown:
        raise AuditImpossible(f"the topics that are read have no such lanes: {', '.join(unknown)}")


async def _sealed(bootstrap: str, prefix: str, key: VerifierKey) -> SealedHeads:
    try:
        return await read_sealed(bootstrap, prefix, key)
    except TopicError:
        return NOTHING_SEALED


def _fault_of(offset: int, fault: Fault) -> Divergence:
    """A message of the topic of checkpoints that an honest operator never sends."""
    stream, lane = fault.lane or ("audit", 0)
    sentence = f"{TOPIC}, offset {offset}: {fault.sentence}"
    return Divergence(stream=stream, lane=lane, position=0, offset=offset, kind=fault.kind, sentence=sentence)


def _ending(verdicts: Sequence[LaneVerdict], *, keyed: bool) -> str:
    ranged = any(verdict.bounded or verdict.first > 1 for verdict in verdicts)
    return _proved(verdicts, keyed=keyed) + ("; only the range that was asked for" if ranged else "")


def _proved(verdicts: Sequence[LaneVerdict], *, keyed: bool) -> str:
    proven = sum(verdict.end_proven for verdict in verdicts)
    if proven == len(verdicts):
        return "complete to the expected end of every lane"
    sealed, tail = _sealed_and_tail(verdicts)
    if sealed:
        return f"complete to checkpoint {sealed:,}; tail of {tail:,} unsealed events, no hole"
    why = "no checkpoints" if keyed else "no key to check checkpoints with"
    return f"end not proven: {why}, expected ends for {proven} of {len(verdicts)} lanes"


def _sealed_and_tail(verdicts: Sequence[LaneVerdict]) -> tuple[int, int]:
    """Events under checkpoints, and those after them, of all lanes."""
    return sum(verdict.sealed for verdict in verdicts), sum(
        max(0, verdict.position - verdict.sealed) for verdict in verdicts
    )


def _report(
    verdicts: Sequence[LaneVerdict],
    seals: SealedHeads,
    deployment: UUID | None,
    *,
    recoveries: tuple[Recovery, ...],
    mode: Mode,
    deployment_given: bool,
    keyed: bool,
) -> AuditReport:
    divergences = [verdict.divergence for verdict in verdicts if verdict.divergence is not None]
    divergences += [_fault_of(offset, fault) for offset, fault in seals.faults]
    ending = "diverged" if divergences else _ending(verdicts, keyed=keyed)
    sealed, tail = _sealed_and_tail(verdicts)
    return AuditReport(
        deployment=deployment,
        deployment_given=deployment_given,
        diverged=bool(divergences),
        ending=ending,
        first_divergence=divergences[0] if divergences else None,
        records=sum(verdict.records for verdict in verdicts),
        repeats=sum(verdict.repeats for verdict in verdicts),
        clearings=sum(verdict.clearings for verdict in verdicts),
        matches=sum(verdict.matches for verdict in verdicts),
        abandoned_unproven=sum(verdict.abandoned_unproven for verdict in verdicts),
        agreements=sum(verdict.agreements for verdict in verdicts),
        deliveries=sum(verdict.deliveries for verdict in verdicts),
        invoices=sum(verdict.invoices for verdict in verdicts),
        years=sum(verdict.years for verdict in verdicts),
        lanes=tuple(verdicts),
        sealed=sealed,
        tail=tail,
        cosigners=seals.cosigners,
        mode=mode,
        recoveries=recoveries,
    )


class ChainFollower:
    """Handler of the auditor process: the subscription has checked order and chain, the position moves."""

    async def handle(self, batch: Batch) -> None:
        async with batch.transaction():
            pass
