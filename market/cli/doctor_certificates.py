"""`lodestone doctor` on certificates: an expired one allows no new connections."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from events.counts import counted
from market.certificates import TOLD_BEFORE, URGENT_BEFORE, Counting
from market.cli.findings import Finding

PAGE: Final = "docs/securing.md, Certificates"


def certificate_findings(found: Sequence[Counting], now: datetime) -> Iterator[Finding]:
    """One for each that ends soon or cannot be read; of the others together, when there are any."""
    well = []
    for each in found:
        if each.ends_at is None:
            told = each.fault or "its expiry is unknown"
            yield Finding(what=each.what, state="attention", told=told, help=PAGE)
        elif each.ends_at - now < TOLD_BEFORE:
            yield Finding(
                what=each.what,
                state="wrong" if each.ends_at - now < URGENT_BEFORE else "attention",
                told=_left(each.ends_at, now),
                help=PAGE,
            )
        else:
            well.append(each.ends_at)
    if well:
        first = min(well)
        told = (
            f"{len(well)} are valid for over {TOLD_BEFORE.days} days, the first expires on {first:%Y-%m-%d}"
        )
        yield Finding(what="certificates", state="ok", told=told)


def _left(ends_at: datetime, now: datetime) -> str:
    if ends_at <= now:
        return f"the certificate has ended on {ends_at:%Y-%m-%d}"
    days = (ends_at - now) // timedelta(days=1)
    return f"the certificate ends on {ends_at:%Y-%m-%d}, in {counted(days, 'day')}"
