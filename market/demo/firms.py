"""The demonstration's firms: neutral names, with public roles, stages and nameplate sizes.

A firm's `nameplate_t` is that of a public European facility of the same stage, or, where none is published, a
round figure of its order (`assumed`). No offer, requirement or price here is any real company's.
"""

from decimal import Decimal

from msgspec import Struct

from events.vocabulary import FacilityScale, PartyRole, ValueChainStage


class Firm(Struct, frozen=True, kw_only=True):
    """One trading firm with one site. `licences` are EWC codes of waste it may take."""

    name: str
    country: str
    place: str
    role: PartyRole
    stages: tuple[ValueChainStage, ...]
    scale: FacilityScale
    readiness_level: int
    nameplate_t: Decimal
    assumed: bool = False
    initiatives: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    waste_codes: tuple[str, ...] = ()


INITIATIVES: tuple[tuple[str, str], ...] = (("remhub", "REMHub"), ("permanet", "PERMANET"))
"""Code and name of the initiatives that firms take part in."""

EOL_WASTE_CODE = "160216"
SWARF_WASTE_CODE = "120103"

SELLERS: tuple[Firm, ...] = (
    Firm(
        name="refiner-fr-1",
        country="FR",
        place="Le Havre",
        role="refiner",
        stages=("processing",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(4000),
        initiatives=("remhub",),
        certificates=("ISO-14001",),
    ),
    Firm(
        name="refiner-ee-1",
        country="EE",
        place="Tallinn",
        role="refiner",
        stages=("processing",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(3000),
        initiatives=("remhub",),
        certificates=("ISO-14001", "IRMA-50"),
    ),
    Firm(
        name="refiner-no-1",
        country="NO",
        place="Oslo",
        role="refiner",
        stages=("processing",),
        scale="demonstration",
        readiness_level=8,
        nameplate_t=Decimal(720),
        certificates=("ISO-14001",),
    ),
    Firm(
        name="recycler-fr-1",
        country="FR",
        place="Bordeaux",
        role="recycler",
        stages=("processing", "recycling"),
        scale="industrial",
        readiness_level=8,
        nameplate_t=Decimal(800),
        initiatives=("permanet",),
        certificates=("ISO-14001",),
    ),
    Firm(
        name="recycler-de-1",
        country="DE",
        place="Leipzig",
        role="recycler",
        stages=("recycling",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(600),
        initiatives=("permanet",),
        certificates=("ISO-14001",),
    ),
    Firm(
        name="recycler-gb-1",
        country="GB",
        place="Felixstowe",
        role="recycler",
        stages=("recycling",),
        scale="pilot",
        readiness_level=7,
        nameplate_t=Decimal(500),
    ),
    Firm(
        name="dismantler-es-1",
        country="ES",
        place="Valencia",
        role="dismantler",
        stages=("recycling",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(300),
        assumed=True,
    ),
    Firm(
        name="mine-es-1",
        country="ES",
        place="Cartagena",
        role="mine",
        stages=("extraction", "processing"),
        scale="pilot",
        readiness_level=6,
        nameplate_t=Decimal(1500),
        certificates=("IRMA-50",),
    ),
)

BUYERS: tuple[Firm, ...] = (
    Firm(
        name="magnet-ee-1",
        country="EE",
        place="Tallinn",
        role="magnet_producer",
        stages=("manufacturing",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(2000),
        initiatives=("remhub",),
    ),
    Firm(
        name="magnet-de-1",
        country="DE",
        place="Frankfurt",
        role="magnet_producer",
        stages=("manufacturing", "recycling"),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(1000),
        assumed=True,
        initiatives=("permanet",),
        waste_codes=(EOL_WASTE_CODE, SWARF_WASTE_CODE),
    ),
    Firm(
        name="magnet-si-1",
        country="SI",
        place="Koper",
        role="magnet_producer",
        stages=("manufacturing",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(1000),
        assumed=True,
    ),
    Firm(
        name="magnet-fi-1",
        country="FI",
        place="Helsinki",
        role="magnet_producer",
        stages=("manufacturing",),
        scale="demonstration",
        readiness_level=8,
        nameplate_t=Decimal(300),
        assumed=True,
    ),
    Firm(
        name="alloy-gb-1",
        country="GB",
        place="Felixstowe",
        role="metal_maker",
        stages=("manufacturing",),
        scale="industrial",
        readiness_level=9,
        nameplate_t=Decimal(600),
        assumed=True,
    ),
)

OUTSIDER = Firm(
    name="recycler-it-1",
    country="IT",
    place="Genova",
    role="recycler",
    stages=("recycling",),
    scale="industrial",
    readiness_level=9,
    nameplate_t=Decimal(400),
    assumed=True,
)
"""A firm whose site no buyer has qualified yet."""

MOTOR_MAKER = Firm(
    name="motor-it-1",
    country="IT",
    place="Torino",
    role="oem",
    stages=("manufacturing",),
    scale="industrial",
    readiness_level=9,
    nameplate_t=Decimal(6000),
    assumed=True,
)
"""A firm that does not trade in the market and has a part in the loop."""
