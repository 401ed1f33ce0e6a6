"""Files of index values in one request: CSV and XLSX; every fault by its row and column."""

from io import BytesIO
from typing import Final

from events.contract_terms import IndexValue
from market.http.agreements.index_values import VALUES_MAX, ValueBody
from market.http.wire.faults import Fault, InvalidInputError
from market.http.wire.import_rows import FORMATS, FileTerms, read_rows


def read_values(content: bytes, media_type: str) -> dict[int, IndexValue]:
    """By their rows in the file. InvalidInputError with every fault: `/rows/<row in the file>/<column>`."""
    terms = FileTerms(shape=ValueBody, format=FORMATS[media_type])
    values: dict[int, IndexValue] = {}
    faults: list[Fault] = []
    for rows, row in enumerate(read_rows(BytesIO(content), terms), start=1):
        if rows > VALUES_MAX:
            faults.append(TOO_MANY)
            break
        faults += [
            Fault(code=wrong.code, detail=wrong.sentence, pointer=f"/rows/{row.number}/{wrong.column}")
            for wrong in row.wrong
        ]
        if not row.wrong:
            try:
                values[row.number] = row.body.inside()
            except InvalidInputError as error:
                faults += [_in_row(fault, row.number) for fault in error.faults]
    if faults:
        raise InvalidInputError(faults)
    if not values:
        raise InvalidInputError(
            [Fault(code="file_empty", detail="the file holds no row of values", pointer="/rows")]
        )
    return values


TOO_MANY: Final = Fault(
    code="too_many_rows", detail=f"at most {VALUES_MAX} rows of values at once", pointer="/rows"
)


def _in_row(fault: Fault, number: int) -> Fault:
    return Fault(code=fault.code, detail=fault.detail, pointer=f"/rows/{number}{fault.pointer or ''}")
