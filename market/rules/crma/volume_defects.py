"""Defects in a declared volume: one class per reason, with the figures."""

from events.refusal import Refusal


class VolumeUnknown(Refusal):
    """There is no such declared volume, or it is not yours."""

    code = "volume_unknown"


class VolumeWithdrawnAlready(Refusal):
    """This volume was withdrawn: declare another one."""

    code = "volume_withdrawn"


class VolumeCorrectsOther(Refusal):
    """The newest statement of this volume is {standing}: a correction refers to it."""

    code = "volume_corrects_other"


class VolumeDeclaredTwice(Refusal):
    """{standing} declares {masses} of {quarter} by {by} already: correct or withdraw that one."""

    code = "volume_declared_twice"


class VolumeTradedHere(Refusal):
    """{lot} was {direction} here: {traded} count as trades, so {declared} are not declared once more."""

    code = "volume_traded_here"


class VolumeAboveLot(Refusal):
    """The lot of the passport holds {held} of {element}, {declared} are declared."""

    code = "volume_above_lot"


class VolumesOfQuarterUsed(Refusal):
    """{most:volume stands|volumes stand} for {quarter}, as many as may: withdraw one, or correct one to
    hold more."""

    code = "volumes_of_quarter_used"


class QuarterNotFirstDay(Refusal):
    """{day} is not the first day of a quarter: name that of January, April, July or October."""

    code = "not_first_of_quarter"


class QuarterNotBegun(Refusal):
    """The quarter from {day} on has not begun."""

    code = "quarter_not_begun"


class VolumeOfOneself(Refusal):
    """{counterparty} is your own name: what one buys of oneself, or sells to oneself, is no volume."""

    code = "volume_of_oneself"


class ElementNotMonitored(Refusal):
    """{element} is no element of which volumes are declared: {monitored}."""

    code = "element_not_monitored"


class PreConsumerNotRecycled(Refusal):
    """Only recycled material has a pre-consumer share, not {stage}."""

    code = "pre_consumer_not_recycled"


class PreConsumerAboveShare(Refusal):
    """{pre_consumer} of the whole are pre-consumer, but only {share} of it are recycled here."""

    code = "pre_consumer_above_share"


class RecycledWithoutEvidence(Refusal):
    """{recycled} of the material are claimed as recycled: name at least one document that supports it."""

    code = "recycled_without_evidence"
