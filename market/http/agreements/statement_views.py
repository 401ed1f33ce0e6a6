"""A statement as it is read: decimal strings in JSON, one line per contract year in files."""

from typing import Annotated, Final, Self

from contracts.rules.statements import Statement, StatementYear, Unused, YearStatus
from events.contract_terms import AgreementStatus, BalanceLot, YearLedger
from events.vocabulary import Instant, MarketBasis
from market.http.wire.ids import AgreementId, MarketId, OrganisationId, to_text
from market.http.wire.material import Body
from market.http.wire.numbers import KILOGRAMS, DecimalKind, Kilograms
from market.http.wire.row_tables import Column, member

MONEY: Final = DecimalKind(
    unit="currency of the agreement", digits=15, decimals=2, shown=2, signed=True, example="9000000.00"
)
YEAR_PRICE: Final = DecimalKind(
    unit="currency of the agreement per kg of basis",
    digits=9,
    decimals=6,
    shown=2,
    signed=True,
    example="75.00",
)
Money = Annotated[str, MONEY.meta()]
YearPrice = Annotated[str, YEAR_PRICE.meta()]


class BalanceView(Body, frozen=True, kw_only=True):
    """The rest of one year's deficiency or surplus, and the last contract year that may draw on it."""

    from_year: int
    through_year: int
    quantity_kg: Kilograms
    paid: Money

    @classmethod
    def of(cls, value: BalanceLot) -> Self:
        return cls(
            from_year=value.from_year,
            through_year=value.through_year,
            quantity_kg=KILOGRAMS.text(value.quantity_g),
            paid=MONEY.text(value.paid_cents),
        )


class LedgerView(Body, frozen=True, kw_only=True):
    """Take or pay of a year that was assessed; balances are those at its end, the oldest lot first."""

    force_majeure_kg: Kilograms
    take_or_pay_kg: Kilograms
    price_per_kg: YearPrice
    carry_forward_used_kg: Kilograms
    carry_forward_earned_kg: Kilograms
    carry_forward_expired_kg: Kilograms
    carry_forward: tuple[BalanceView, ...]
    deficiency_kg: Kilograms
    deficiency_price_per_kg: YearPrice
    deficiency: Money
    make_up_drawn_kg: Kilograms
    make_up_credit: Money
    make_up_expired_kg: Kilograms
    make_up_expired: Money
    make_up: tuple[BalanceView, ...]
    deliver_or_pay_kg: Kilograms
    deliver_or_pay_price_per_kg: YearPrice
    deliver_or_pay: Money

    @classmethod
    def of(cls, value: YearLedger) -> Self:
        return cls(
            force_majeure_kg=KILOGRAMS.text(value.force_majeure_g),
            take_or_pay_kg=KILOGRAMS.text(value.take_or_pay_g),
            price_per_kg=YEAR_PRICE.text(value.price_micro_per_kg),
            carry_forward_used_kg=KILOGRAMS.text(value.carry_forward_used_g),
            carry_forward_earned_kg=KILOGRAMS.text(value.carry_forward_earned_g),
            carry_forward_expired_kg=KILOGRAMS.text(value.carry_forward_expired_g),
            carry_forward=tuple(map(BalanceView.of, value.carry_forward)),
            deficiency_kg=KILOGRAMS.text(value.deficiency_g),
            deficiency_price_per_kg=YEAR_PRICE.text(value.deficiency_price_micro_per_kg),
            deficiency=MONEY.text(value.deficiency_cents),
            make_up_drawn_kg=KILOGRAMS.text(value.make_up_drawn_g),
            make_up_credit=MONEY.text(value.make_up_credit_cents),
            make_up_expired_kg=KILOGRAMS.text(value.make_up_expired_g),
            make_up_expired=MONEY.text(value.make_up_expired_cents),
            make_up=tuple(map(BalanceView.of, value.make_up)),
            deliver_or_pay_kg=KILOGRAMS.text(value.deliver_or_pay_g),
            deliver_or_pay_price_per_kg=YEAR_PRICE.text(value.deliver_or_pay_price_micro_per_kg),
            deliver_or_pay=MONEY.text(value.deliver_or_pay_cents),
        )


class YearView(Body, frozen=True, kw_only=True):
    """A contract year, half-open; `ledger` is set once it was assessed. A year `broken_off` by the end of the
    agreement gets none: what is owed of `acq_kg` is for the parties or the courts.

    `nominated_kg` is the annual nomination; make-up is added to it, at whatever level it was nominated.
    `contested_kg`: the part of the ACQ suspended by contested force majeure; until that is settled there is
    no ledger, and the quantity to be taken is uncertain by this. `returned_kg`: returns of accepted
    deliveries. `taken_kg` excludes them: the deliveries' `quantity_kg` minus `returned_kg`, plus what was
    lost at the buyer's risk. Returns after the assessment do not change `taken_kg`. `invoiced` is by final
    invoices: the provisional ones of `unsettled_deliveries` are in `GET …/invoices?provisional=true`.
    """

    year: int
    starts_at: Instant
    ends_at: Instant
    status: YearStatus
    acq_kg: Kilograms
    nominated_kg: Kilograms | None
    make_up_nominated_kg: Kilograms
    taken_kg: Kilograms
    seller_shortfall_kg: Kilograms
    off_spec_kg: Kilograms
    returned_kg: Kilograms
    contested_kg: Kilograms
    unsettled_deliveries: int
    invoiced_kg: Kilograms
    invoiced: Money
    ledger: LedgerView | None

    @classmethod
    def of(cls, value: StatementYear) -> Self:
        return cls(
            year=value.year,
            starts_at=value.period.start,
            ends_at=value.period.end,
            status=value.status,
            acq_kg=KILOGRAMS.text(value.acq_g),
            nominated_kg=KILOGRAMS.text_optional(value.nominated_g),
            make_up_nominated_kg=KILOGRAMS.text(value.make_up_nominated_g),
            taken_kg=KILOGRAMS.text(value.taken_g),
            seller_shortfall_kg=KILOGRAMS.text(value.seller_shortfall_g),
            off_spec_kg=KILOGRAMS.text(value.off_spec_g),
            returned_kg=KILOGRAMS.text(value.returned_g),
            contested_kg=KILOGRAMS.text(value.contested_g),
            unsettled_deliveries=value.unsettled,
            invoiced_kg=KILOGRAMS.text(value.invoiced_g),
            invoiced=MONEY.text(value.invoiced_cents),
            ledger=None if value.ledger is None else LedgerView.of(value.ledger),
        )


class UnusedView(Body, frozen=True, kw_only=True):
    """Balances at the end of the agreement, on which no contract year can draw any more. After the end of the
    term they have lapsed; after a termination they are for the parties or the courts."""

    make_up_kg: Kilograms
    make_up: Money
    carry_forward_kg: Kilograms

    @classmethod
    def of(cls, value: Unused) -> Self:
        return cls(
            make_up_kg=KILOGRAMS.text(value.make_up_g),
            make_up=MONEY.text(value.make_up_cents),
            carry_forward_kg=KILOGRAMS.text(value.carry_forward_g),
        )


class StatementView(Body, frozen=True, kw_only=True):
    """Quantities in kg of the market's basis, money in `currency`; `years` is empty before the first.

    `unused` is set once the agreement is over and its last assessable year is assessed; null before.
    """

    agreement: AgreementId
    market: MarketId
    seller: OrganisationId
    buyer: OrganisationId
    status: AgreementStatus
    basis: MarketBasis
    currency: str | None
    years: tuple[YearView, ...]
    unused: UnusedView | None

    @classmethod
    def of(cls, value: Statement) -> Self:
        return cls(
            agreement=to_text("agr", value.agreement),
            market=to_text("mkt", value.market),
            seller=to_text("org", value.seller),
            buyer=to_text("org", value.buyer),
            status=value.status,
            basis=value.basis,
            currency=value.currency,
            years=tuple(map(YearView.of, value.years)),
            unused=None if value.unused is None else UnusedView.of(value.unused),
        )


def _of_ledger(name: str) -> Column:
    return Column(name, lambda year: None if year.ledger is None else getattr(year.ledger, name), number=True)


def _balance(name: str, member: str) -> Column:
    """The sum of the balance's lots."""

    def text(year: YearView) -> str | None:
        if year.ledger is None:
            return None
        lots = getattr(year.ledger, member)
        kind = KILOGRAMS if name.endswith("_kg") else MONEY
        figures = (lot.quantity_kg if name.endswith("_kg") else lot.paid for lot in lots)
        return kind.text(sum(kind.parse(figure) for figure in figures))

    return Column(name, text, number=True)


COLUMNS: Final = (
    member("year", number=True),
    member("starts_at"),
    member("ends_at"),
    member("status"),
    member("acq_kg", number=True),
    member("nominated_kg", number=True),
    member("make_up_nominated_kg", number=True),
    member("taken_kg", number=True),
    member("seller_shortfall_kg", number=True),
    member("off_spec_kg", number=True),
    member("returned_kg", number=True),
    member("contested_kg", number=True),
    member("unsettled_deliveries", number=True),
    member("invoiced_kg", number=True),
    member("invoiced", number=True),
    _of_ledger("force_majeure_kg"),
    _of_ledger("take_or_pay_kg"),
    _of_ledger("price_per_kg"),
    _of_ledger("carry_forward_used_kg"),
    _of_ledger("carry_forward_earned_kg"),
    _of_ledger("carry_forward_expired_kg"),
    _balance("carry_forward_balance_kg", "carry_forward"),
    _of_ledger("deficiency_kg"),
    _of_ledger("deficiency_price_per_kg"),
    _of_ledger("deficiency"),
    _of_ledger("make_up_drawn_kg"),
    _of_ledger("make_up_credit"),
    _of_ledger("make_up_expired_kg"),
    _of_ledger("make_up_expired"),
    _balance("make_up_balance_kg", "make_up"),
    _balance("make_up_balance", "make_up"),
    _of_ledger("deliver_or_pay_kg"),
    _of_ledger("deliver_or_pay_price_per_kg"),
    _of_ledger("deliver_or_pay"),
)

HEAD: Final = ("agreement", "basis", "currency")
FROZEN: Final = len(HEAD) + 1


def columns(view: StatementView) -> tuple[Column, ...]:
    """Of a line per contract year: whose statement it is, then its figures."""
    whose = (view.agreement, view.basis, view.currency)
    return (*map(_same, HEAD, whose), *COLUMNS)


def _same(name: str, text: str | None) -> Column:
    return Column(name, lambda _: text)
