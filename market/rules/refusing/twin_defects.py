"""What can be wrong with a product twin, or with an order that rests on one."""

from events.refusal import Refusal


class TwinAbsent(Refusal):
    """There is no such product twin, or it is not yours."""

    code = "twin_absent"


class TwinVersionsUsed(Refusal):
    """A product twin has {most:version|versions} at most, and this has them: state a new one."""

    code = "twin_versions_used"


class TwinUnknown(Refusal):
    """There is no such version of a product twin of yours."""

    code = "twin_unknown"


class RecordMissing(Refusal):
    """The passport has no record of magnets to hold the bill against."""

    code = "record_missing"


class BillNotOfRecord(Refusal):
    """The bill has {bill}, the record of magnets in the passport {record}."""

    code = "bill_not_of_record"


class ForecastNotOfTwin(Refusal):
    """As {member} the forecast states {stated}; version {version} of its twin has {kept}."""

    code = "forecast_not_of_twin"


class CoreAboveTwin(Refusal):
    """One core holds {core} of magnets, and its product was made with {product}."""

    code = "core_above_twin"
