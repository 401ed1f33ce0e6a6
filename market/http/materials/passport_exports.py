"""Passports in the forms that other systems read: EPCIS 2.0, the digital product passport of Catena-X, and
the QR code of a data carrier. Each for who sees the passport, and for everybody what is on its label.
"""

from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
import segno
from msgspec import Meta, Struct

from events.connections import Connection
from events.material_events import PassportDrawn
from events.passport_terms import MagnetRecord
from market.http.materials import epcis_events, product_passport
from market.http.materials.export_examples import EPCIS, PRODUCT_PASSPORT
from market.http.materials.labels import TAG, load_label
from market.http.materials.passport_reads import load, viewer
from market.http.materials.transformations import load as load_transformation
from market.http.wire.accepting import accepted
from market.http.wire.access import PUBLIC, READERS
from market.http.wire.endpoint import JSON, Answer, Call, Nothing, endpoint
from market.http.wire.ids import to_text
from market.http.wire.material import Body
from market.http.wire.problems import DoorError
from market.http.wire.reads import as_desk
from market.rules.passports.data_carriers import LinkKind, carrier_link
from market.rules.visibility.passport_visibility import SeenPassport, see_material
from market.store import passports as store
from market.store import transformations

STEPS_MAX: Final = 1_000
EPCIS_TYPE: Final = "application/ld+json"
QrShape = Literal["json", "svg", "png"]
QR_TYPES: Final[dict[QrShape, str]] = {"json": JSON, "svg": "image/svg+xml", "png": "image/png"}
QR_SHAPES: Final = (QR_TYPES["svg"], QR_TYPES["png"])
MODULE_PX: Final = 4
QR_DESCRIPTION: Final = (
    "Holds the address of the passport's data carrier where that is a GS1 Digital Link whose keys are in "
    "order, else the address of its label, or of a passport without magnets, at this service; no GS1 key is "
    "made up. Error correction M. `format`, or the Accept header, takes the code as SVG or PNG."
)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


class QrQuery(Struct, frozen=True, kw_only=True):
    format: (
        Annotated[QrShape, Meta(description="Instead of the Accept header; without either, JSON.")] | None
    ) = None


class CarrierView(Body, frozen=True, kw_only=True):
    """Where the code leads: `gtin` where a GS1 Digital Link names a trade item."""

    uri: str
    kind: LinkKind
    gtin: str | None


@endpoint(
    "GET",
    "/v1/passports/{passport}/epcis",
    roles=READERS,
    summary="Export a passport as EPCIS events",
    tag=TAG,
    answer=dict[str, Any],
    answer_example=EPCIS,
    media_type=EPCIS_TYPE,
    problems=(422,),
    description="An EPCIS 2.0 document of the facts that the reader's history shows: a lot comes to be, goes "
    "to another owner, goes into a transformation or comes out of it, is corrected, leaves the loop. Lots "
    f"are `urn:uuid:` with the digits of their id. At most {STEPS_MAX:,} facts.",
)
async def epcis(call: Call[Nothing, Nothing]) -> Answer:
    row, counterparties, seen = await load(call)
    async with as_desk(call) as connection:
        steps = await store.list_steps(connection, row.passport, after=None, limit=STEPS_MAX)
        days = await _days(call, connection, seen, steps.items)
    if steps.more:
        raise DoorError("inconsistent", f"The passport has more than {STEPS_MAX:,} facts: read its history.")
    who = viewer(call)
    told = [
        epcis_events.SeenStep(step, fact)
        for step in steps.items
        for fact in (see_material(step.fact, who, row, counterparties),)
        if fact is not None
    ]
    return _epcis(epcis_events.passport_events(seen, told, days))


async def _days(
    call: Call[Any, Any], connection: Connection, seen: SeenPassport, steps: Sequence[store.PassportStep]
) -> dict[UUID, date]:
    """Of the transformations that the passport tells of, as far as the reader may read them."""
    named = {step.fact.transformation for step in steps if isinstance(step.fact, PassportDrawn)}
    if seen.transformation is not None:
        named.add(seen.transformation)
    facts = await transformations.load_several(connection, sorted(named))
    who = viewer(call)
    return {each.transformation: each.transformed_on for each in facts if see_material(each, who) is not None}


@endpoint(
    "GET",
    "/v1/passports/{passport}/label/epcis",
    roles=PUBLIC,
    summary="Export a label as an EPCIS event",
    tag=TAG,
    answer=dict[str, Any],
    media_type=EPCIS_TYPE,
    description="An EPCIS 2.0 document with one event, in which the lot came to be: what everybody may see.",
)
async def label_epcis(call: Call[Nothing, Nothing]) -> Answer:
    return _epcis([epcis_events.label_event(await load_label(call))])


@endpoint(
    "GET",
    "/v1/transformations/{transformation}/epcis",
    roles=READERS,
    summary="Export a transformation as an EPCIS event",
    tag=TAG,
    answer=dict[str, Any],
    media_type=EPCIS_TYPE,
    description="An EPCIS 2.0 document with one event that has all inputs and outputs, for who recorded it, "
    "who had title to its inputs, operators and auditors. The exports of its passports tell the same "
    "under the same `transformationID`, side by side: take one or the other.",
)
async def transformation_epcis(call: Call[Nothing, Nothing]) -> Answer:
    return _epcis([epcis_events.transformation_event(await load_transformation(call))])


def _epcis(events: list[epcis_events.Event]) -> Answer:
    document = _encoder.encode(epcis_events.document(events))
    return Answer(body=document, media_type=EPCIS_TYPE, hashed=True)


@endpoint(
    "GET",
    "/v1/passports/{passport}/digital-product-passport",
    roles=READERS,
    summary="Export a passport in the shape of Catena-X",
    tag=TAG,
    answer=dict[str, Any],
    answer_example=PRODUCT_PASSPORT,
    description=f"Aspect model `{product_passport.MODEL}`, holding what the reader's view of the passport "
    "holds. Members that the model requires and no passport states have values that say so; `additionalData` "
    "names them by JSON Pointer under `placeholders`.",
)
async def digital_product_passport(call: Call[Nothing, Nothing]) -> Answer:
    _, _, seen = await load(call)
    return Answer(body=_encoder.encode(product_passport.of_passport(seen, call.door.clock())), hashed=True)


@endpoint(
    "GET",
    "/v1/passports/{passport}/label/digital-product-passport",
    roles=PUBLIC,
    summary="Export a label in the shape of Catena-X",
    tag=TAG,
    answer=dict[str, Any],
    description=f"Aspect model `{product_passport.MODEL}`, holding what everybody may see.",
)
async def label_product_passport(call: Call[Nothing, Nothing]) -> Answer:
    return Answer(body=_encoder.encode(product_passport.of_label(await load_label(call))), hashed=True)


@endpoint(
    "GET",
    "/v1/passports/{passport}/qr",
    roles=READERS,
    summary="Read the QR code of a passport",
    tag=TAG,
    query=QrQuery,
    answer=CarrierView,
    shapes=QR_SHAPES,
    problems=(409,),
    description=QR_DESCRIPTION,
)
async def qr(call: Call[Nothing, QrQuery]) -> Answer:
    _, _, seen = await load(call)
    return _qr(call, seen.content.magnets)


@endpoint(
    "GET",
    "/v1/passports/{passport}/label/qr",
    roles=PUBLIC,
    summary="Read the QR code of a label",
    tag=TAG,
    query=QrQuery,
    answer=CarrierView,
    shapes=QR_SHAPES,
    problems=(409,),
    description=QR_DESCRIPTION,
)
async def label_qr(call: Call[Nothing, QrQuery]) -> Answer:
    return _qr(call, (await load_label(call)).magnets)


def _qr(call: Call[Nothing, QrQuery], magnets: MagnetRecord | None) -> Answer:
    """DoorError where nothing says where the code should lead."""
    page = "" if magnets is None else "/label"
    path = f"/v1/passports/{to_text('pass', call.ids['passport'])}{page}"
    link = carrier_link(magnets, call.door.public_url, path)
    if link is None:
        raise DoorError(
            "no_address",
            "No GS1 Digital Link is stated of the passport, and the service was given no public address.",
        )
    shape = call.query.format or accepted(call.header(b"accept"), QR_TYPES)
    headers = {"Vary": "Accept"}
    if shape == "json":
        view = CarrierView(uri=link.uri, kind=link.kind, gtin=link.gtin)
        return Answer(body=view, headers=headers)
    drawn = BytesIO()
    segno.make_qr(link.uri, error="m", boost_error=False).save(drawn, kind=shape, scale=MODULE_PX)
    return Answer(body=drawn.getvalue(), media_type=QR_TYPES[shape], headers=headers)


HANDLERS: Final = (
    epcis,
    label_epcis,
    transformation_epcis,
    digital_product_passport,
    label_product_passport,
    qr,
    label_qr,
)
