"""Defects in a product twin, or in an order based on one."""

from events.refusal import Refusal


class TwinAbsent(Refusal):
    """There is no such product twin, or it is not yours."""

    code = "twin_absent"


class TwinVersionsUsed(Refusal):
    """A product twin can have {most:version|versions} at most, and this one has them: create a new twin."""

    code = "twin_versions_used"


class TwinUnknown(Refusal):
    """There is no such version of a product twin of yours."""

    code = "twin_unknown"


class RecordMissing(Refusal):
    """The passport has no record of magnets with which the bill could be compared."""

    code = "record_missing"


class BillNotOfRecord(Refusal):
    """The bill has {bill}, but the passport's record of magnets {record}: they have to agree."""

    code = "bill_not_of_record"


class ForecastNotOfTwin(Refusal):
    """The forecast states {stated} as {member}, but version {version} of its twin has {kept}."""

    code = "forecast_not_of_twin"


class CoreAboveTwin(Refusal):
    """One core has {core} of magnets, more than its product was made with: {product}."""

    code = "core_above_twin"
