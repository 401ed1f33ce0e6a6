"""What is public of passports: the label of magnets, as JSON and as a page."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from events.connections import Connection
from events.passport_terms import MagnetRecord
from market.http.materials import label_page
from market.http.materials.passport_views import LabelView
from market.http.wire.accepting import accepted
from market.http.wire.access import PUBLIC
from market.http.wire.endpoint import JSON, Answer, Call, Nothing, endpoint, not_found
from market.http.wire.reads import as_desk
from market.pages import POLICY
from market.rules.passports.magnet_labels import Responsible
from market.rules.visibility.passport_visibility import MagnetLabel, see_label
from market.store import party_reads
from market.store import passports as store

TAG: Final = "Passports"
LabelShape = Literal["json", "html"]
SHAPES: Final[dict[LabelShape, str]] = {"json": JSON, "html": "text/html"}


class LabelQuery(Struct, frozen=True, kw_only=True):
    """Query of a label."""

    format: (
        Annotated[LabelShape, Meta(description="Instead of the Accept header; without either, JSON.")] | None
    ) = None


@endpoint(
    "GET",
    "/v1/passports/{passport}/label",
    roles=PUBLIC,
    summary="What everybody may see of magnets",
    tag=TAG,
    query=LabelQuery,
    answer=LabelView,
    shapes=(SHAPES["html"],),
    description="Where the data carrier of a product leads: Articles 28 and 29 of Regulation (EU) 2024/1252. "
    "`format=html`, or the Accept header that a browser sends, takes it as a page. Of a passport without "
    "magnets nothing is public.",
)
async def label(call: Call[Nothing, LabelQuery]) -> Answer:
    view = LabelView.of(await load_label(call))
    headers = {"Vary": "Accept"}
    if (call.query.format or accepted(call.header(b"accept"), SHAPES)) == "json":
        return Answer(body=view, headers=headers)
    headers["Content-Security-Policy"] = POLICY
    return Answer(body=label_page.page(view), media_type=SHAPES["html"], headers=headers)


async def load_label(call: Call[Any, Any]) -> MagnetLabel:
    """What everybody may see of the passport in the path."""
    async with as_desk(call) as connection:
        row = await store.load_passport(connection, call.ids["passport"])
        record = None if row is None else row.content.magnets
        responsible = None if record is None else await load_responsible(connection, record)
    found = None if row is None else see_label(row, responsible)
    if found is None:
        raise not_found()
    return found


async def load_responsible(connection: Connection, record: MagnetRecord) -> Responsible | None:
    row = await party_reads.load_organisation(connection, record.responsible.organisation)
    if row is None:
        return None
    return Responsible(
        name=row.name,
        country=row.country,
        postal_address=row.postal_address,
        electronic_contact=row.electronic_contact,
    )


HANDLERS: Final = (label,)
