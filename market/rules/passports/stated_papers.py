"""Warnings about the documents behind an accepted passport."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from events.passport_terms import PassportContent
from events.refusal import Caution
from market.rules.footprints import footprint_cautions, spelling_cautions

FIRST_YEAR: Final = 1990
"""The earliest year that a footprint may be of: a document from before is a slip of the pen."""


def paper_cautions(content: PassportContent, now: datetime) -> Iterator[Caution]:
    if content.footprint is not None:
        yield from footprint_cautions(content.footprint, content.form, now)
        yield from spelling_cautions(content.footprint)
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
            text=f"Assurance is stated as {content.assurance}, but no certificate says by whom.",
            pointer="/assurance",
        )
