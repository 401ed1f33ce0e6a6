"""The statement of an agreement, year by year: JSON, or a file of one line per contract year."""

from typing import Final

from contracts.rules.statements import statement
from contracts.store.own_deliveries import returned_by_year
from market.http.agreements.agreement_answers import TAG
from market.http.agreements.contract_reads import ReasonQuery, as_party, load_with_volumes
from market.http.agreements.statement_views import FROZEN, StatementView, columns
from market.http.wire import row_tables
from market.http.wire.access import READERS
from market.http.wire.endpoint import Answer, Call, Nothing, endpoint
from market.http.wire.row_tables import FileFormat


class StatementQuery(ReasonQuery, frozen=True, kw_only=True):
    format: FileFormat = "json"


@endpoint(
    "GET",
    "/v1/agreements/{agreement}/statement",
    roles=READERS,
    summary="Read the statement of an agreement",
    tag=TAG,
    query=StatementQuery,
    problems=(422,),
    answer=StatementView,
    description=(
        "Quantities and money of each contract year, and its take-or-pay ledger once it was assessed. "
        "`format=csv` and `format=xlsx` answer a file with the same figures, one line per year."
    ),
)
async def read(call: Call[Nothing, StatementQuery]) -> Answer:
    agreement, volumes = await load_with_volumes(call)
    async with as_party(call) as (connection, _):
        returned = await returned_by_year(connection, agreement.agreement)
    view = StatementView.of(statement(agreement, volumes, returned))
    if call.query.format == "json":
        return Answer(body=view, hashed=True)
    content, media_type, headers = row_tables.content(
        call.query.format, view.agreement, "statement", columns(view), view.years, frozen=FROZEN
    )
    return Answer(body=content, media_type=media_type, headers=headers)


HANDLERS: Final = (read,)
