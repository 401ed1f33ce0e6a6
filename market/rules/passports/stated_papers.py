"""What is odd about the papers behind a passport, and is told of what was accepted all the same."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from events.passport_terms import PassportContent
from events.refusal import Caution
from events.vocabulary import Footprint

FIRST_YEAR: Final = 1990
"""The earliest year that a footprint may be of: a document from before is a slip of the pen."""


def paper_cautions(content: PassportContent, now: datetime) -> Iterator[Caution]:
    if content.footprint is not None:
        yield from _footprint_cautions(content.footprint, content, now)
    papers = [(f"/evidence/{i}/document", each.document) for i, each in enumerate(content.evidence)]
    papers += [(f"/certificates/{i}/evidence", each.evidence) for i, each in enumerate(content.certificates)]
    for pointer, document in papers:
        if document.dated_on.year < FIRST_YEAR:
            yield Caution(
                code="document_long_ago",
                text=f"{document.title} is dated {document.dated_on}, before {FIRST_YEAR}.",
                pointer=f"{pointer}/dated_on",
            )
    if content.assurance != "none" and not content.certificates:
        yield Caution(
            code="assurance_without_document",
            text=f"Assurance is stated as {content.assurance}, and no certificate says by whom.",
            pointer="/assurance",
        )


def _footprint_cautions(footprint: Footprint, content: PassportContent, now: datetime) -> Iterator[Caution]:
    if footprint.reference_year > now.year:
        yield Caution(
            code="reference_year_in_future",
            text=f"The footprint is stated of {footprint.reference_year}, a year that has not begun.",
            pointer="/footprint/reference_year",
        )
    if footprint.g_co2e_per_kg == 0:
        yield Caution(
            code="footprint_zero",
            text="A footprint of 0 kg CO2e per kg says that nothing was emitted; leave out what is not "
            "known.",
            pointer="/footprint/g_co2e_per_kg",
        )
    if footprint.form != content.form:
        yield Caution(
            code="footprint_of_other_form",
            text=f"The footprint is of {footprint.form}, the lot is {content.form}.",
            pointer="/footprint/form",
        )
