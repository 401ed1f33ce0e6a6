"""The statement of recycled content in a product's magnets (Regulation (EU) 2024/1252, Article 29)."""

from datetime import date, datetime
from typing import Annotated, Final, Self

from msgspec import Meta, Struct

from contracts.rules.days import day_of
from events.vocabulary import PPB, CustodyModel, Instant
from market.http.materials.crma import TAG, dated_rules
from market.http.materials.crma_sheets import told
from market.http.materials.passport_reads import load
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.ids import PassportId, to_text
from market.http.wire.material import Body, check_days
from market.http.wire.numbers import GRAMS, PERCENT, Grams, Percent
from market.http.wire.problems import DoorError
from market.http.wire.sheets import SHAPES, Bar, Shape, Sheet, answer
from market.rules.crma.dated import rules_on
from market.rules.crma.statement import Duty, StatedShare, Statement, statement
from market.rules.visibility.passport_visibility import SeenPassport

NOTE: Final = (
    "Share of each element in the magnets that was recovered from post-consumer waste; pre-consumer stands "
    "apart. An empty share: the passport states none."
)
AHEAD_NOTE: Final = "The day whose rules apply is still to come."
SCOPE: Final = (
    "passport",
    "version",
    "corrections",
    "custody",
    "rules_as_of",
    "rules_ahead",
    "duty",
    "magnets_g",
    "above_g",
    "counted",
    "as_of",
)
"""Of a statement as a whole: a file says it in each row."""


class StatementQuery(Struct, frozen=True, kw_only=True):
    on: Annotated[date | None, Meta(description="The day whose rules apply; today where none is named.")] = (
        None
    )
    format: Annotated[Shape | None, Meta(description="Instead of an Accept header.")] = None

    def __post_init__(self) -> None:
        check_days(self)


class StatedShareView(Body, frozen=True, kw_only=True):
    """`mass_g` in the magnets, null where not every magnet states the element; shares null where the passport
    states none. `counted_percent`: what counts by the rules of the day."""

    element: str
    mass_g: Grams | None
    post_consumer_percent: Percent | None
    pre_consumer_percent: Percent | None
    counted_percent: Percent | None

    @classmethod
    def of(cls, value: StatedShare) -> Self:
        return cls(
            element=value.element,
            mass_g=GRAMS.text_optional(value.mass_mg),
            post_consumer_percent=PERCENT.text_optional(value.post_consumer_ppb),
            pre_consumer_percent=PERCENT.text_optional(value.pre_consumer_ppb),
            counted_percent=PERCENT.text_optional(value.counted_ppb),
        )


class CrmaStatementView(Body, frozen=True, kw_only=True):
    """`duty`: whether who places the product on the market has to state this on the day of the rules;
    `no_rule_yet` before there were any, `types_contradicted` where it would be another by the types that the
    compositions of the magnets tell, as of `ferrite` with 23 % Nd.

    `magnets_g` of the types that count; `counted`: kinds of recycled content that do. `custody`: the model of
    ISO 22095 by which the shares stay with the material. `corrections`: how often the passport was corrected
    up to `version`, `as_of` when this was read. `rules_ahead`: the day of the rules is still to come.
    """

    passport: PassportId
    version: int
    corrections: int
    custody: CustodyModel
    rules_as_of: date
    rules_ahead: bool
    duty: Duty
    magnets_g: Grams
    above_g: Grams
    counted: tuple[str, ...]
    as_of: Instant
    shares: tuple[StatedShareView, ...]

    @classmethod
    def of(cls, value: Statement, seen: SeenPassport, day: date, now: datetime) -> Self:
        return cls(
            passport=to_text("pass", seen.passport),
            version=seen.version,
            corrections=seen.corrections,
            custody=seen.content.custody,
            rules_as_of=day,
            rules_ahead=day > day_of(now),
            as_of=now,
            duty=value.duty,
            magnets_g=GRAMS.text(value.magnets_mg),
            above_g=GRAMS.text(value.above_mg),
            counted=value.counted,
            shares=tuple(map(StatedShareView.of, value.shares)),
        )


@endpoint(
    "GET",
    "/v1/passports/{passport}/crma-statement",
    roles=READERS,
    summary="Read the statement of recycled content of a product's magnets",
    tag=TAG,
    query=StatementQuery,
    answer=CrmaStatementView,
    shapes=SHAPES,
    etagged=True,
    problems=(422,),
    description=(
        "Article 29: the post-consumer share of Nd, Dy, Pr, Tb, B, Sm, Ni and Co in products with more than "
        "0.2 kg of magnets; pre-consumer apart. For who may read the passport; without magnets there is none."
    ),
)
async def read(call: Call[Nothing, StatementQuery]) -> Answer:
    _, _, seen = await load(call)
    now = call.door.clock()
    day = call.query.on or day_of(now)
    found = statement(seen.content, rules_on(dated_rules(), day))
    if found is None:
        raise DoorError("not_found", "This passport states no magnets, so there is no statement of them.")
    view = CrmaStatementView.of(found, seen, day, now)
    return await answer(call, view, _sheet(view, found), call.query.format)


def _told(value: object) -> str | None:
    return ", ".join(value) if isinstance(value, tuple) else told(value)


def _sheet(view: CrmaStatementView, of: Statement) -> Sheet:
    names = StatedShareView.__struct_fields__
    stated = [
        (each.element, each.post_consumer_ppb, each.pre_consumer_ppb)
        for each in of.shares
        if each.post_consumer_ppb is not None and each.pre_consumer_ppb is not None
    ]
    return Sheet(
        name=f"{view.passport}-crma-statement",
        title=f"Recycled content of the magnets of {view.passport}",
        note=f"{NOTE} {AHEAD_NOTE}" if view.rules_ahead else NOTE,
        head=names,
        rows=tuple(tuple(getattr(each, name) for name in names) for each in view.shares),
        scope=tuple((name, _told(getattr(view, name))) for name in SCOPE),
        key="green: post-consumer · ochre: pre-consumer · grey: not recycled",
        bars=tuple(
            Bar(
                label=f"{element} {PERCENT.text(post_ppb)} %",
                parts=(("inside", post_ppb), ("outside", pre_ppb), ("open", PPB - post_ppb - pre_ppb)),
            )
            for element, post_ppb, pre_ppb in stated
        ),
        whole=PPB,
    )


HANDLERS: Final = (read,)
