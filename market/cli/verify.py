"""`lodestone verify`: a certificate against an exported book, without a solver."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import rich_click as click
from msgspec import Struct

from events.catalog import FACT_TYPES
from events.counts import counted
from events.envelope import Fact
from events.market_events import ClearingCompleted, ClearingEvidence
from market.cli.books import read_book
from market.cli.clear import print_round
from market.cli.console import CommandFailed, Exit, print_json, print_line
from market.cli.files import read, typed
from market.http.wire.numbers import WELFARE
from market.rules.clearing import exports
from market.rules.clearing.exports import BookFile, CertificateFile, Fault, NoRuleSet
from market.rules.clearing.posing import TOLERANCE
from market.rules.clearing.rounds import ClearingImpossible


class Verdict(Struct, frozen=True, kw_only=True):
    """`proved`: the certificate proves the round of this book, down to every cent."""

    proved: bool
    faults: tuple[Fault, ...]


@click.command("verify")
@click.argument("certificate", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("book", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="The verdict as JSON on stdout.")
def command(*, certificate: Path, book: Path, as_json: bool) -> None:
    """Check CERTIFICATE, as `clear --json` writes it, against BOOK, without a solver.

    Exit code 3: a file is invalid. 4: the certificate does not prove a round of the book.
    """
    given = read(certificate, CertificateFile)
    facts = _facts(certificate, given)
    found = _faults(book, read_book(book), given, facts)
    if as_json:
        print_json(Verdict(proved=not found, faults=found))
    elif not found:
        print_round(facts)
        for line in told_proof(facts):
            print_line(line)
    if found:
        told = "\n  ".join(fault.sentence for fault in found)
        raise CommandFailed(Exit.DIVERGENCE, f"{len(found)} fault{'s' if len(found) > 1 else ''}\n  {told}")


def told_proof(facts: Sequence[Fact]) -> Iterator[str]:
    """What a certificate without faults proves, and what of it a solver alone can tell."""
    completed = facts[-1]
    assert isinstance(completed, ClearingCompleted)
    gap = sum(int(result.gap or 0) for result in completed.sections)
    better = f"better by more than {WELFARE.text(gap)} EUR" if gap else "better"
    yield f"proved: no set of trades is {better}, and every price and cent follows from the book"
    parts = [fact for fact in facts if isinstance(fact, ClearingEvidence)]
    reduced = {
        (part.section, dual.order, dual.tranche)
        for part in parts
        for dual in (*part.duals, *part.quotas)
        if dual.effective_reason is not None and (dual.filled_g == 0 or dual.effective_reason != TOLERANCE)
    }
    if reduced:
        orders = counted(len({order for _, order, _ in reduced}), "order")
        yield f"not proved: that {orders} had to be left out or filled in part; `lodestone clear` shows that"


def _faults(path: Path, book: BookFile, certificate: CertificateFile, facts: list[Fact]) -> tuple[Fault, ...]:
    try:
        return exports.faults(book.book, certificate, facts)
    except NoRuleSet as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{path}: no rule set is in effect") from error
    except ClearingImpossible as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{path}: {error.reason}") from error
    except (AssertionError, LookupError, ValueError) as error:
        told = f"{path}: the book is inconsistent ({type(error).__name__}: {error})"
        raise CommandFailed(Exit.INVALID_INPUT, told) from error


def _facts(path: Path, certificate: CertificateFile) -> list[Fact]:
    """The facts by their own types. CommandFailed for a type that no round records."""
    found: list[Fact] = []
    for index, entry in enumerate(certificate.facts):
        shape = FACT_TYPES.get(entry.type)
        if shape is None:
            raise CommandFailed(Exit.INVALID_INPUT, f"{path}: /facts/{index}/type: there is no {entry.type}")
        found.append(typed(path, f"/facts/{index}/data", entry.data, shape))
    if not found or not isinstance(found[-1], ClearingCompleted):
        raise CommandFailed(Exit.INVALID_INPUT, f"{path}: /facts: the last fact is not a completed clearing")
    return found
