"""Exports of passports: each keeps to the schema of its standard, and to what its reader may see."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from uuid import uuid4

import jsonschema_rs
import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from events.envelope import Recorded
from events.facts import PassportFact
from events.material_events import PassportCorrected, PassportIssued, PassportRetired, PassportTransferred
from events.party_events import PostalAddress
from events.passport_terms import DataCarrier, OriginShare, PassportContent
from events.vocabulary import PPB, Cell, Composition, Footprint
from market.http.materials import epcis_events, export_examples, label_page, product_passport
from market.http.materials.passport_views import LabelView
from market.http.wire.ids import to_text
from market.rules.passport import Passport, PassportNote, fold
from market.rules.passports.data_carriers import CarrierFault, carrier_fault, stated_link
from market.rules.passports.magnet_labels import Responsible
from market.rules.viewers import AuditorViewer, OperatorViewer, OrganisationViewer, Viewer
from market.rules.visibility.passport_visibility import (
    see_label,
    see_material,
    see_passport,
)
from market.store.passports import PassportStep
from tests import sentinels
from tests.desk_support import NOW, numbered
from tests.http.shop import Shop
from tests.http.test_passports import PATH, WORK, issued, labelled, work
from tests.market_drafts import Firm
from tests.passport_support import DAY, DOCUMENT, PERCENT, content, magnet_record, paper, recycled

SCHEMAS = files("market.data") / "schemas"
EPCIS_SHA256 = "70b7ecb60eb605c6edd230761557763e4d470333510d28619291476de635bf20"
ISSUER, OWNER, HOLDER, BUYER, BEFORE, SOURCE, SITE, WORKS, LOT = (uuid4() for _ in range(9))
MINE = "the mine behind the hills"
NOTE = "sold to a scrap dealer at the harbour"
RESPONSIBLE = Responsible(
    name="a magnet maker",
    country="DE",
    postal_address=PostalAddress(street="1 Magnet Road", town="Bochum", country="DE"),
    electronic_contact="magnets@maker.example",
)
_encoder = msgspec.json.Encoder(decimal_format="number")


def schema(name: str) -> Any:
    return json.loads((SCHEMAS / name).read_text())


EPCIS = jsonschema_rs.Draft7Validator(schema("epcis-2.0.schema.json"), validate_formats=True)
PRODUCT_PASSPORT = jsonschema_rs.Draft7Validator(
    schema("catena-x-digital-product-passport-6.1.0.schema.json"), validate_formats=True
)


def stated(**changes: Any) -> PassportContent:
    given: dict[str, Any] = {
        "net_wet_g": 1_234_567,
        "origin": (
            OriginShare(stage="extraction", country="NO", share_ppb=PPB // 2, source=MINE),
            OriginShare(stage="recycling", country="FR", share_ppb=PPB // 2, facility=SOURCE),
        ),
        "recycled": recycled(post=10, pre=5),
        "certificates": (paper("irma", SOURCE),),
        "footprint": Footprint(
            g_co2e_per_kg=15_250,
            declared_unit="dry",
            form="swarf",
            standard="iso-14067",
            boundary="cradle-to-gate",
            allocation="mass",
            reference_year=2025,
            primary_data_ppb=PPB // 2,
            verified=True,
            verifier="a verifier",
            valid_until=NOW.replace(year=2029),
        ),
        "magnets": magnet_record(ISSUER),
    }
    return content(SITE, **(given | changes))


AS_OXIDES = Composition(
    basis="dry",
    of="sample",
    cells=(
        Cell(analyte="Nd", reported_as="Nd2O3", state="value", fraction_ppb=72 * PERCENT),
        Cell(analyte="Pr", reported_as="Pr", state="value", fraction_ppb=2 * PERCENT),
    ),
)
FACTS: tuple[PassportFact, ...] = (
    PassportIssued(
        passport=LOT,
        organisation=ISSUER,
        owner=BEFORE,
        holder=BEFORE,
        content=stated(),
        transformation=WORKS,
    ),
    PassportTransferred(
        passport=LOT,
        previous_owner=BEFORE,
        owner=OWNER,
        holder=HOLDER,
        transferred_on=DAY,
        agreement=numbered(1),
        delivery=numbered(2),
    ),
    PassportCorrected(
        passport=LOT, corrects=numbered(101), reason="weighed again", content=stated(net_wet_g=1_234_560)
    ),
    PassportRetired(passport=LOT, reason="end_of_life", note=NOTE),
)


def told() -> tuple[Passport, list[PassportStep]]:
    lot: Passport | None = None
    steps = []
    for number, fact in enumerate(FACTS, 1):
        event = Recorded(
            id=numbered(100 + number),
            type=type(fact).TYPE,
            subject="",
            time=NOW,
            stream="materials",
            lane=0,
            position=number,
            cause="",
            actor=ISSUER,
            salt="",
            data=fact,
            body=b"",
            chain=b"",
        )
        lot = fold(lot, event, fact)
        steps.append(PassportStep(version=number, event=event.id, type=event.type, at=NOW, fact=fact))
    assert lot is not None
    return lot, steps


def exports(viewer: Viewer) -> Iterator[tuple[jsonschema_rs.Draft7Validator, str]]:
    """Both documents of a viewer as they are sent."""
    lot, steps = told()
    bought = frozenset({BUYER})
    seen = see_passport(lot, viewer, bought)
    assert seen is not None
    facts = ((step, see_material(step.fact, viewer, lot, bought)) for step in steps)
    shown = [epcis_events.SeenStep(step, fact) for step, fact in facts if fact is not None]
    document = epcis_events.document(epcis_events.passport_events(seen, shown))
    yield EPCIS, _encoder.encode(document).decode()
    yield PRODUCT_PASSPORT, _encoder.encode(product_passport.of_passport(seen, NOW)).decode()


OF_SUPPLIERS = (MINE, *sentinels.identity(SOURCE))
OF_PARTIES = (*sentinels.identity(BEFORE), *sentinels.identity(HOLDER), NOTE)
HIDDEN: dict[str, tuple[Viewer, tuple[str, ...]]] = {
    "operator": (OperatorViewer(cut=0), ()),
    "auditor": (AuditorViewer(), ()),
    "owner": (OrganisationViewer(organisation=OWNER), ()),
    "holder": (OrganisationViewer(organisation=HOLDER), ()),
    "issuer": (OrganisationViewer(organisation=ISSUER), (*OF_PARTIES, *sentinels.identity(OWNER))),
    "counterparty": (
        OrganisationViewer(organisation=BUYER),
        (*OF_SUPPLIERS, *OF_PARTIES, *sentinels.identity(WORKS)),
    ),
}


@pytest.mark.parametrize("who", HIDDEN)
def test_every_tier_keeps_to_the_schemas_and_to_its_view(who: str) -> None:
    viewer, hidden = HIDDEN[who]
    for validator, sent in exports(viewer):
        assert [] == [error.message for error in validator.iter_errors(json.loads(sent))]
        assert [] == sentinels.found(hidden, sent)


def test_what_is_hidden_from_some_is_there_for_others() -> None:
    sent = " ".join(document for _, document in exports(AuditorViewer()))
    secrets = (MINE, NOTE, to_text("fac", SOURCE), BEFORE.urn, HOLDER.urn, OWNER.urn, WORKS.urn)
    assert [] == [secret for secret in secrets if secret not in sent]


def test_everybody_s_exports_keep_to_the_schemas_and_to_the_label() -> None:
    label = see_label(told()[0], RESPONSIBLE)
    assert label is not None
    event = epcis_events.label_event(label)
    told_everybody = [label_page.page(LabelView.of(label)).decode()]
    for validator, document in (
        (EPCIS, epcis_events.document([event])),
        (PRODUCT_PASSPORT, product_passport.of_label(label)),
    ):
        sent = _encoder.encode(document).decode()
        assert [] == [error.message for error in validator.iter_errors(json.loads(sent))]
        told_everybody.append(sent)
    for sent in told_everybody:
        for shown in ("a magnet maker", "Bochum", "magnets@maker.example"):
            assert shown in sent
        for hidden in (
            "pre_consumer",
            *OF_SUPPLIERS,
            *OF_PARTIES,
            *sentinels.identity(OWNER),
            "LOT-1",
            "irma",
            "iso-14067",
        ):
            assert hidden not in sent


class Words(HTMLParser):
    """The words of a page that a person reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.read: list[str] = []
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.read.append(data)


def leaves(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list():
            for each in value:
                yield from leaves(each)
        case _:
            yield value


def test_the_page_of_a_label_says_what_its_json_says() -> None:
    """In words, and with every text of its issuer as text."""
    cells = [
        Cell(analyte="Pr", reported_as="Pr6O11", state="value", fraction_ppb=7 * PERCENT),
        Cell(analyte="Ni", reported_as="Ni", state="below_detection", fraction_ppb=50_000),
        Cell(analyte="O", reported_as="O", state="not_available"),
    ]
    oxides = Composition(basis="as_received", of="treo", cells=tuple(cells), treo_ppb=33 * PERCENT)
    first = magnet_record(ISSUER).magnets[0]
    record = magnet_record(
        ISSUER,
        magnets=(
            first,
            replace(first, type="SmCo", pieces=1, mass_mg=2_500_000, location="<script>alert(1)</script>"),
            replace(first, type="ferrite", composition=None, coatings=(), glues=(), additives=UNSET),
            replace(first, composition=oxides),
        ),
    )
    lot = replace(
        told()[0],
        content=stated(magnets=record),
        notes=(
            PassportNote(
                event=numbered(7),
                at=NOW,
                note="audited, 1 % < 10 %",
                evidence=(DOCUMENT,),
            ),
        ),
    )
    label = see_label(lot, RESPONSIBLE)
    assert label is not None
    view = LabelView.of(label)
    page = label_page.page(view).decode()
    read = " ".join(Words(page).read)
    assert "<script" not in page
    shown = msgspec.json.decode(msgspec.json.encode(view))
    for name in ("responsible_organisation", "data_carrier", "data_carrier_address"):
        del shown["magnets"][name]
    del shown["notes"][0]["event"]
    worded: dict[str, str] = {
        "45.000": "45 g",
        "2500.000": "2.5 kg",
        "dry": "dry mass",
        "as_received": "mass as received",
        "treo": "rare-earth oxides, which are 33 % of its",
        "sample": "share of its dry mass",
        "value": "28 %",
        "ppm": "below 50 ppm",
        "below_detection": "below",
        "not_available": "not measured",
        "percent": "7 %",
    } | {str(part): words for part, words in label_page.PARTS.items()}
    said = [worded.get(each, each) for each in leaves(shown) if isinstance(each, str)]
    days = [each[:10] if re.match(r"\d{4}-\d\d-\d\dT", each) else each for each in said]
    assert [] == [each for each in days if each not in read]
    assert ["8 pieces", "360 g", "1 piece", "once"] == [
        each for each in ("8 pieces", "360 g", "1 piece", "once") if each in read
    ]
    assert set(view.unstated) == {"composition", "coatings", "glues", "additives"}


def test_the_events_of_a_lot_in_their_order() -> None:
    [(_, sent), _] = exports(OrganisationViewer(organisation=OWNER))
    first, moved, again, gone = json.loads(sent)["epcisBody"]["eventList"]
    assert (
        ("TransformationEvent", WORKS.urn, 1_234.567),
        ("TransformationEvent", WORKS.urn, 1_234.56),
    ) == tuple(
        (each["type"], each["transformationID"], each["outputQuantityList"][0]["quantity"])
        for each in (first, again)
    )
    assert ("incorrect_data", [again["eventID"]]) == (
        first["errorDeclaration"]["reason"],
        first["errorDeclaration"]["correctiveEventIDs"],
    )
    assert "errorDeclaration" not in again
    assert ("OBSERVE", "accepting", "2026-02-20T00:00:00.000Z", [BEFORE.urn], [OWNER.urn, HOLDER.urn]) == (
        moved["action"],
        moved["bizStep"],
        moved["eventTime"],
        [each["source"] for each in moved["sourceList"]],
        [each["destination"] for each in moved["destinationList"]],
    )
    assert ("DELETE", "decommissioning", "disposed", 1_234.56) == (
        gone["action"],
        gone["bizStep"],
        gone["disposition"],
        gone["quantityList"][0]["quantity"],
    )
    assert {"extraction", "recycling"} == {each["stage"] for each in again["ilmd"]["lodestone:origin"]}


def test_masses_and_shares_of_a_product_passport() -> None:
    [_, (_, sent)] = exports(OrganisationViewer(organisation=OWNER))
    found = json.loads(sent)
    [neodymium] = found["materials"]["materialComposition"]["content"]
    assert (30, 15, True) == (neodymium["concentration"], neodymium["recycled"], neodymium["critical"])
    assert (1_234.56, 15.25, "expired") == (
        found["characteristics"]["physicalDimension"]["weight"]["value"],
        found["sustainability"]["productFootprint"]["carbon"][0]["value"],
        found["metadata"]["status"],
    )
    lot, _ = told()
    lives = see_passport(replace(lot, retired=None), OperatorViewer(cut=0))
    assert lives is not None
    footprint = lives.content.footprint
    assert footprint is not None
    for now, ending in (
        (footprint.valid_until - timedelta(seconds=1), ""),
        (footprint.valid_until, " (expired)"),
    ):
        shown = product_passport.of_passport(lives, now)
        [carbon] = shown["sustainability"]["productFootprint"]["carbon"]
        declared = {each["header"]: each["content"] for each in carbon["declaration"]}
        assert (str(footprint.reference_year), f"{footprint.valid_until:%Y-%m-%d}{ending}") == (
            declared["reference year"],
            declared["valid until"],
        )
        assert "footprint" in [each["label"] for each in shown["additionalData"]]
    assert "status" not in product_passport.of_passport(lives, NOW)["metadata"]
    assert [{"key": "GTIN", "value": "04012345123456"}] == found["identification"]["codes"]
    [placeholders] = [each["data"] for each in found["additionalData"] if each["label"] == "placeholders"]
    assert {"/handling", "/commercial/purpose", "/characteristics/lifespan"} < set(placeholders.split())
    assert "/materials/materialComposition/content/0/recycled" not in placeholders
    for pointer in placeholders.split():
        part: Any = found
        for name in pointer.split("/")[1:]:
            part = part[int(name) if isinstance(part, list) else name]


def test_what_nobody_states_of_a_material_is_a_placeholder_and_an_oxide_has_its_name() -> None:
    lot, _ = told()
    seen = see_passport(replace(lot, content=stated(composition=AS_OXIDES)), OperatorViewer(cut=0))
    assert seen is not None
    found = json.loads(_encoder.encode(product_passport.of_passport(seen, NOW)))
    oxide, praseodymium = found["materials"]["materialComposition"]["content"]
    assert ("Nd2O3", 72, 15, True) == (
        oxide["id"][0]["id"],
        oxide["concentration"],
        oxide["recycled"],
        oxide["critical"],
    )
    assert 0 == praseodymium["recycled"]
    [placeholders] = [each["data"] for each in found["additionalData"] if each["label"] == "placeholders"]
    of_materials = [each for each in placeholders.split() if each.endswith("/recycled")]
    assert ["/materials/materialComposition/content/1/recycled"] == of_materials


def test_the_schemas_are_the_ones_that_the_sources_name_and_refuse_what_is_wrong() -> None:
    assert EPCIS_SHA256 == sha256((SCHEMAS / "epcis-2.0.schema.json").read_bytes()).hexdigest()
    assert EPCIS_SHA256 in (files("market.data") / "SOURCES.md").read_text()
    for validator, example in (
        (EPCIS, export_examples.EPCIS),
        (PRODUCT_PASSPORT, export_examples.PRODUCT_PASSPORT),
    ):
        assert validator.is_valid(example)
        assert not validator.is_valid({**example, "metadata": {}, "epcisBody": {}})
    [event] = export_examples.EPCIS["epcisBody"]["eventList"]
    for wrong in ({"bizStep": "smelting"}, {"colour": "grey"}, {"action": "OBSERVE"}, {"eventTime": "now"}):
        said = {"eventList": [{**event, **wrong}]}
        assert not EPCIS.is_valid({**export_examples.EPCIS, "epcisBody": said})


@pytest.mark.parametrize(
    ("address", "gtin", "fault"),
    [
        ("https://id.example/01/04012345123456", "04012345123456", None),
        ("https://id.example/shop/01/04012345123456/10/LOT-1/21/7?17=281231", "04012345123456", None),
        ("https://id.example/01/04012345123457", None, "wrong_keys"),
        ("https://id.example/01/040123451234", None, "wrong_keys"),
        ("https://id.example/01/04012345123456/21/7/10/LOT-1", None, None),
        ("https://example.com/magnets/7", None, None),
        ("HTTPS://EXAMPLE.COM/MAGNETS/7", None, None),
        ("HTTPS://ID.EXAMPLE/01/04012345123456", "04012345123456", None),
        ("HTTPS://ID.EXAMPLE/01/04012345123457", None, "wrong_keys"),
        ("urn:epc:id:sgtin:4012345.012345.7", None, "no_link"),
        ("https://", None, "no_link"),
        ("http://id.example/01/04012345123456", "04012345123456", None),
        ("http://example.com/magnets/7", None, "no_link"),
        ("javascript:alert(1)", None, "no_link"),
        ("https://id.example@evil.example/01/04012345123456", "04012345123456", "no_link"),
        ("https://ex ample.com/", None, "no_link"),
        ("rotor plate", None, "no_link"),
    ],
)
def test_only_keys_in_order_make_a_digital_link(
    address: str, gtin: str | None, fault: CarrierFault | None
) -> None:
    record = magnet_record(ISSUER, data_carrier=DataCarrier(kind="qr_code", address=address))
    link = stated_link(record)
    assert (gtin, fault) == (None if link is None else link.gtin, carrier_fault(record))


def magnets(firm: Firm, address: str) -> dict[str, Any]:
    return labelled(firm, data_carrier_address=address)


async def test_what_there_is_not_and_what_is_another_s_is_not_found(shop: Shop, seller: Firm) -> None:
    stranger = shop.scene.buyers[1]
    swarf = await issued(shop, seller)
    made = (await shop.ask("POST", WORK, by=seller, body=work(seller, swarf))).json()["id"]
    nothing = to_text("pass", uuid4())
    for lot, firm in ((nothing, seller), (swarf, stranger), ("pass_x", seller)):
        for form in ("epcis", "digital-product-passport", "qr"):
            assert 404 == (await shop.ask("GET", f"{PATH}/{lot}/{form}", by=firm)).status_code, form
    for form in ("epcis", "digital-product-passport", "qr"):
        assert 401 == (await shop.ask("GET", f"{PATH}/{swarf}/{form}")).status_code
        for lot in (swarf, nothing):
            assert 404 == (await shop.ask("GET", f"{PATH}/{lot}/label/{form}")).status_code
    assert 404 == (await shop.ask("GET", f"{WORK}/{made}/epcis", by=stranger)).status_code
    wrong = await shop.ask("GET", f"{PATH}/{swarf}/qr?format=pdf", by=seller)
    assert (400, "format") == (wrong.status_code, wrong.json()["errors"][0]["parameter"])


async def test_exports_through_the_door(shop: Shop, seller: Firm) -> None:
    """A sold lot, as its parties, its overseer and everybody get it; each keeps to its schema."""
    lot = await issued(shop, seller, **labelled(seller))
    made = await shop.ask("POST", WORK, by=seller, body=work(seller, lot))
    assert 201 == made.status_code, made.text
    buyer = shop.scene.buyers[0]
    sent = {"owner": to_text("org", buyer.organisation), "transferred_on": "2026-03-01"}
    moved = await shop.ask("POST", f"{PATH}/{lot}/transfers", by=seller, body=sent, version='"v2"')
    assert 201 == moved.status_code, moved.text
    overseer = await shop.scene.register("overseer")
    kinds = {}
    for name, given in (
        ("issuer", {"by": seller}),
        ("owner", {"by": buyer}),
        ("auditor", {"by": overseer, "roles": ("auditor",)}),
        ("public", {}),
    ):
        path = f"{PATH}/{lot}" if given else f"{PATH}/{lot}/label"
        told = await shop.ask("GET", f"{path}/epcis", **given)
        shape = await shop.ask("GET", f"{path}/digital-product-passport", **given)
        assert (200, 200, "application/ld+json") == (
            told.status_code,
            shape.status_code,
            told.headers["content-type"],
        )
        assert (True, True) == (EPCIS.is_valid(told.json()), PRODUCT_PASSPORT.is_valid(shape.json()))
        kinds[name] = [
            (each["type"], each.get("action", "input")) for each in told.json()["epcisBody"]["eventList"]
        ]
    whole = [("ObjectEvent", "ADD"), ("TransformationEvent", "input"), ("ObjectEvent", "OBSERVE")]
    assert {"issuer": whole[:1], "owner": whole, "auditor": whole, "public": whole[:1]} == kinds
    work_done = await shop.ask("GET", f"{WORK}/{made.json()['id']}/epcis", by=seller)
    assert EPCIS.is_valid(work_done.json())
    [event] = work_done.json()["epcisBody"]["eventList"]
    (output,) = made.json()["outputs"]
    for passport, given, place in (
        (output, {"by": seller}, 0),
        (lot, {"by": overseer, "roles": ("auditor",)}, 1),
    ):
        side = (await shop.ask("GET", f"{PATH}/{passport}/epcis", **given)).json()["epcisBody"]["eventList"]
        assert [event[name] for name in ("transformationID", "eventTime")] == [
            side[place][name] for name in ("transformationID", "eventTime")
        ]
    assert ([(10_000, "KGM")], [(2_510, "KGM")]) == tuple(
        [(each["quantity"], each["uom"]) for each in event[f"{side}QuantityList"]]
        for side in ("input", "output")
    )


async def test_a_qr_code_leads_where_the_carrier_does(shop: Shop, seller: Firm) -> None:
    stated_uri = "https://id.example/01/04012345123456/21/7"
    lot = await issued(shop, seller, **magnets(seller, stated_uri))
    link = await shop.ask("GET", f"{PATH}/{lot}/label/qr")
    assert (200, {"uri": stated_uri, "kind": "gs1_digital_link", "gtin": "04012345123456"}) == (
        link.status_code,
        link.json(),
    )
    drawn = await shop.ask("GET", f"{PATH}/{lot}/qr?format=svg", by=seller)
    assert ("image/svg+xml", True) == (drawn.headers["content-type"], b"<svg" in drawn.content)
    dots = await shop.ask("GET", f"{PATH}/{lot}/label/qr", headers={"Accept": "image/png"})
    assert ("image/png", b"\x89PNG") == (dots.headers["content-type"], dots.content[:4])


async def test_a_qr_code_without_gs1_keys_leads_to_the_service_or_is_refused(
    shop: Shop, seller: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = await issued(shop, seller, **magnets(seller, "https://id.example/01/04012345123457"))
    swarf = await issued(shop, seller, lot_number="SW-2")
    assert [
        (f"https://door.example/v1/passports/{lot}{page}", "service_link", None)
        for lot, page in ((marked, "/label"), (swarf, ""))
    ] == [
        (link["uri"], link["kind"], link["gtin"])
        for lot in (marked, swarf)
        for link in ((await shop.ask("GET", f"{PATH}/{lot}/qr", by=seller)).json(),)
    ]
    door = msgspec.structs.replace(shop.app.state.door, public_url=None)
    monkeypatch.setattr(shop.app.state, "door", door)
    nowhere = await shop.ask("GET", f"{PATH}/{swarf}/qr?format=svg", by=seller)
    assert (409, "no_address") == (nowhere.status_code, nowhere.json()["code"])
