"""`lodestone audit`: everything proved from the topics alone. The auditor process follows every chain."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, closing, contextmanager, suppress
from typing import Final
from uuid import UUID

from msgspec import Struct

from events.checkpoints import TOPIC, Fault
from events.codec import Undecodable, decode_envelope, decode_event
from events.contract_events import IndexPublished
from events.decision import LaneKey
from events.envelope import deployment_of
from events.notes import VerifierKey
from events.subscription import Batch
from events.topics import record_topic
from events.vocabulary import STREAMS
from market.audit_shelf import AuditShelf
from market.lane_audit import Divergence, LaneAudit, LaneRecord, LaneVerdict
from market.round_audit import BY_CERTIFICATE, BY_SOLVER
from market.sealed_heads import Cosigner, SealedHeads, read_sealed
from market.topics import Reading, TopicError, TopicRecord, open_reading

Advance = Callable[[int], None]
NO_DEPLOYMENT: Final = UUID(int=0)
NOTHING_SEALED: Final = SealedHeads(roots={}, faults=(), cosigners=(), ignored=0)
CAUSES_FIRST: Final = ("parties", "market", "contracts", "materials")
"""An agreement of a match follows on the market's word."""
INDEX_MARK: Final = IndexPublished.TYPE.encode()
_END = re.compile(r"(parties|market|contracts|materials)/([0-9]{1,4})=([0-9]{1,15})")


class AuditImpossible(Exception):
    """The topics cannot be audited as asked: one sentence that says why."""


class AuditReport(Struct, frozen=True, kw_only=True):
    """`deployment_given`: false when the id came from the first record; `ending` claims what is proved."""

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


@contextmanager
def untold(_topic: str, _total: int) -> Iterator[Advance]:
    """Progress that nobody sees."""
    yield lambda _count: None


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
    resolve: bool = False,
    key: VerifierKey | None = None,
    told: Callable[[str, int], AbstractContextManager[Advance]] = untold,
) -> AuditReport:
    """Read the record topics from their beginning and check all that can be checked without a database.

    `key`: the operator's, under which checkpoints are read; without one none is believed.
    Rounds are checked by their certificates; `resolve`: by clearing them again, byte for byte.
    `told(topic, total)` is entered once per stream and is told how many records were read. AuditImpossible
    when the topics cannot be audited as asked.
    """
    ends = dict(expected_ends or {})
    audits: dict[LaneKey, LaneAudit | None] = {}
    found_id = deployment_id
    rounds = BY_SOLVER if resolve else BY_CERTIFICATE
    async with AsyncExitStack() as stack:
        readings = await _open(stack, bootstrap, streams, prefix)
        seals = NOTHING_SEALED if key is None else await _sealed(bootstrap, prefix, key)
        _check_lanes(readings, ends)
        shelf = stack.enter_context(closing(AuditShelf(market_read="market" in readings)))
        for stream in (stream for stream in CAUSES_FIRST if stream in readings):
            reading = readings[stream]
            if stream == "contracts":
                await _keep_indices(bootstrap, prefix, shelf)
            audits |= {LaneKey(stream, lane): None for lane in range(reading.partitions)}
            with told(record_topic(prefix, stream), reading.total) as advance:
                async for lane, records in reading.batches():
                    if not records:
                        continue
                    found_id = found_id or _deployment_in(records)
                    place = LaneKey(stream, lane)
                    check = audits[place] = audits[place] or LaneAudit(
                        place,
                        found_id or NO_DEPLOYMENT,
                        rounds,
                        ends.get(place),
                        shelf=shelf,
                        seals=seals.roots.get(place),
                    )
                    for record in records:
                        check.feed(_lane_record(record))
                    advance(len(records))
            await _compare_repeats(bootstrap, prefix, stream, audits)
    verdicts = [
        (
            check
            or LaneAudit(
                place,
                found_id or NO_DEPLOYMENT,
                rounds,
                ends.get(place),
                shelf=shelf,
                seals=seals.roots.get(place),
            )
        ).verdict()
        for place, check in sorted(audits.items(), key=lambda entry: entry[0])
    ]
    return _report(
        verdicts, seals, found_id, deployment_given=deployment_id is not None, keyed=key is not None
    )


async def _keep_indices(bootstrap: str, prefix: str, shelf: AuditShelf) -> None:
    """All values of all indices, since they stand in other lanes than what is priced by them.

    Read anew: what was relayed since the ends of the contracts' lanes were taken is part of it.
    """
    async with open_reading(bootstrap, record_topic(prefix, "contracts")) as reading:
        async for _, records in reading.batches():
            for record in records:
                if INDEX_MARK in record.value:
                    with suppress(Undecodable):
                        event = decode_event(record.value, b"")
                        if isinstance(event.data, IndexPublished):
                            shelf.keep_index(event, event.data)


async def _compare_repeats(
    bootstrap: str, prefix: str, stream: str, audits: Mapping[LaneKey, LaneAudit | None]
) -> None:
    """A second reading of the stream, only where a lane was published again from far back."""
    unsettled = {key.lane: check for key, check in audits.items() if check is not None and check.unsettled}
    if not unsettled:
        return
    async with open_reading(bootstrap, record_topic(prefix, stream)) as reading:
        async for lane, records in reading.batches():
            if lane in unsettled:
                for record in records:
                    unsettled[lane].reread(_lane_record(record))


async def _open(
    stack: AsyncExitStack, bootstrap: str, streams: Sequence[str], prefix: str
) -> dict[str, Reading]:
    """Effects before their causes: whatever is read of the one, the end of the other lies behind it."""
    readings: dict[str, Reading] = {}
    for stream in (stream for stream in reversed(CAUSES_FIRST) if stream in streams):
        try:
            reading = open_reading(bootstrap, record_topic(prefix, stream))
            readings[stream] = await stack.enter_async_context(reading)
        except TopicError as error:
            raise AuditImpossible(str(error)) from error
    return readings


def _lane_record(record: TopicRecord) -> LaneRecord:
    chain = record.headers.get("chain", b"").decode("ascii", "replace")
    return LaneRecord(offset=record.offset, body=record.value, chain=chain)


def _check_lanes(readings: Mapping[str, Reading], ends: Mapping[LaneKey, int]) -> None:
    unknown = sorted(
        f"{key.stream}/{key.lane}"
        for key in ends
        if key.stream not in readings or key.lane >= readings[key.stream].partitions
    )
    if unknown:
        raise AuditImpossible(
            f"an end is expected of lanes that the topics do not have: {', '.join(unknown)}"
        )


def _deployment_in(records: Sequence[TopicRecord]) -> UUID | None:
    """The deployment that the first record which names one names."""
    for record in records:
        with suppress(Undecodable, ValueError):
            return deployment_of(decode_envelope(record.value).source)
    return None


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
    )


class ChainFollower:
    """Handler of the auditor process: the subscription has checked order and chain, the position moves."""

    async def handle(self, batch: Batch) -> None:
        async with batch.transaction():
            pass
