"""Defects in a policy, or in a reference to one."""

from events.refusal import Refusal
from market.rules.countries import unknown_country_hint


class PolicyEmpty(Refusal):
    """A policy needs at least one line."""

    code = "policy_empty"


class CountryUnknown(Refusal):
    """{country} is not a country code of ISO 3166-1{hint}."""

    code = "country_unknown"

    def __init__(self, *, country: str, pointer: str | None = None) -> None:
        super().__init__(pointer=pointer, country=country, hint=unknown_country_hint(country))


class PolicyUnknown(Refusal):
    """There is no such policy, or it is not addressed to this organisation."""

    code = "policy_unknown"


class PolicyVersionUnknown(Refusal):
    """There is no version {version} of this policy; its newest one is {newest}."""

    code = "policy_version_unknown"


class PolicyOutdated(Refusal):
    """Version {version} of this policy was replaced by version {newest}: name that one."""

    code = "policy_outdated"


class PolicyRetiredAlready(Refusal):
    """This policy was retired at version {version}."""

    code = "policy_retired"


class PolicyVersionsUsed(Refusal):
    """A policy can have {most:version|versions} at most, and this one has them: publish a new policy."""

    code = "policy_versions_used"


class CertificateNotRecognised(Refusal):
    """This policy requires the certificate {scheme}, which the market's rule set does not recognise."""

    code = "certificate_not_recognised"


class PolicyLinesMax(Refusal):
    """Together with its policies the requirement has {count:entry|entries} here; the maximum is {most}."""

    code = "policy_lines_max"


class RecycledContradiction(Refusal):
    """A minimum recycled share of {least}, its own or of a policy, and a maximum of {most} exclude each
    other."""

    code = "recycled_contradiction"
