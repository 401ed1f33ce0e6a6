"""Recorded audits for operators and auditors: verdicts, whole reports, and each as a page to sign."""

from typing import Final, Literal, Self
from uuid import UUID

from msgspec import field, structs

from events.vocabulary import Instant
from market.audit.lane_verdict import Divergence, LaneVerdict
from market.audit.page import page
from market.audit.report import AuditReport, Mode, decode_report, verdict_told
from market.http.wire import lists
from market.http.wire.access import OVERSEERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint, not_found
from market.http.wire.ids import AuditRunId, to_text
from market.http.wire.lists import PageQuery
from market.http.wire.material import Body
from market.http.wire.paging import Listing
from market.http.wire.reads import as_caller
from market.pages import POLICY
from market.store import audit_runs as store
from market.store.audit_runs import AuditRun, RecordedBy

TAG: Final = "Audits"
HTML: Final = "text/html"


class LaneReached(Body, frozen=True, kw_only=True):
    """A lane from position `first` to `position`; `sealed`: its events under the newest checkpoint."""

    lane: str
    first: int
    position: int
    sealed: int

    @classmethod
    def of(cls, lane: LaneVerdict) -> Self:
        return cls(
            lane=f"{lane.stream}/{lane.lane}", first=lane.first, position=lane.position, sealed=lane.sealed
        )


class AuditRunView(Body, frozen=True, kw_only=True):
    """`from` and `to` are the ends of the range as they were asked for; null: the beginning, the end. `lanes`
    are those that hold anything. `sealed` and `tail` count the events under checkpoints, and after them.
    """

    id: AuditRunId
    recorded_by: RecordedBy
    mode: Mode
    from_: str | None = field(name="from")
    to: str | None
    verdict: Literal["nothing_diverges", "diverges"]
    verdict_text: str
    first_divergence: Divergence | None
    sealed: int
    tail: int
    lanes: tuple[LaneReached, ...]
    records: int
    clearings: int
    started_at: Instant | None
    finished_at: Instant
    elapsed_ms: int
    records_per_second: int
    software: str

    @classmethod
    def of(cls, run: AuditRun, report: AuditReport) -> Self:
        made = report.run
        return cls(
            id=to_text("run", run.run),
            recorded_by=run.recorded_by,
            mode=report.mode,
            from_=report.asked.first,
            to=report.asked.last,
            verdict="diverges" if run.diverged else "nothing_diverges",
            verdict_text=verdict_told(report),
            first_divergence=report.first_divergence,
            sealed=report.sealed,
            tail=report.tail,
            lanes=tuple(LaneReached.of(lane) for lane in report.lanes if lane.records or lane.divergence),
            records=report.records,
            clearings=report.clearings,
            started_at=None if made is None else made.started_at,
            finished_at=run.finished_at,
            elapsed_ms=0 if made is None else made.elapsed_ms,
            records_per_second=0 if made is None else made.records_per_second,
            software="" if made is None else made.software,
        )


class AuditRunWhole(AuditRunView, frozen=True, kw_only=True):
    """`report` as `lodestone audit --json` prints it."""

    report: AuditReport


@endpoint(
    "GET",
    "/v1/audit/runs",
    roles=OVERSEERS,
    summary="List recorded audits",
    tag=TAG,
    query=PageQuery,
    answer=Listing[AuditRunView],
    description="The newest first: those that the auditor makes by itself, and `lodestone audit --record`.",
)
async def index(call: Call[Nothing, PageQuery]) -> Answer:
    async with as_caller(call) as connection:
        page_ = await store.list_runs(connection, after=lists.after(call, UUID), limit=lists.limit(call))
    return lists.answer(
        call,
        page_,
        key=lambda run: run.run,
        view=lambda run: AuditRunView.of(run, decode_report(run.report)),
    )


@endpoint(
    "GET",
    "/v1/audit/runs/{run}",
    roles=OVERSEERS,
    summary="Read a recorded audit",
    tag=TAG,
    answer=AuditRunWhole,
    description="With its whole report, as `lodestone audit --json` prints it.",
)
async def read(call: Call[Nothing, Nothing]) -> Answer:
    run = await _load(call)
    report = decode_report(run.report)
    view = AuditRunView.of(run, report)
    return Answer(body=AuditRunWhole(**structs.asdict(view), report=report))


@endpoint(
    "GET",
    "/v1/audit/runs/{run}/report",
    roles=OVERSEERS,
    summary="Read a recorded audit as a page to print and sign",
    tag=TAG,
    answer=str,
    media_type=HTML,
    description="One HTML document with nothing from elsewhere, as `lodestone audit --report` writes it.",
)
async def report(call: Call[Nothing, Nothing]) -> Answer:
    run = await _load(call)
    return Answer(
        body=page(decode_report(run.report), run.report).encode(),
        media_type=HTML,
        headers={"Content-Security-Policy": POLICY},
    )


async def _load(call: Call[Nothing, Nothing]) -> AuditRun:
    async with as_caller(call) as connection:
        run = await store.load(connection, call.ids["run"])
    if run is None:
        raise not_found()
    return run


HANDLERS: Final = (index, read, report)
