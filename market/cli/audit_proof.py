"""`lodestone audit proof`: a partner's proof of its match or agreement, checked without any connection."""

from pathlib import Path
from typing import Final

import rich_click as click

from events.counts import counted
from market.audit.agreement_proof import FORMATS as AGREEMENT_PROOFS
from market.audit.match_proof import FORMATS as MATCH_PROOFS
from market.audit.match_proof import Deal, ProofVerdict, check_proof, parse_proof
from market.audit.receipt_proof import FORMATS as RECEIPT_PROOFS
from market.audit.sealed_proof import ProofError, stated_format
from market.cli.audit_agreement_proof import check_agreement_offline
from market.cli.console import (
    CommandFailed,
    Exit,
    print_json,
    print_line,
)
from market.cli.environment import settings_of
from market.cli.trusted import content_of, print_cosigners, print_stated_names, trusted_keys
from market.http.wire.ids import to_text

_DEALS: Final[dict[Deal, str]] = {
    "confirmed": "yes",
    "declined": "no, the match was declined",
    "lapsed": "no, the match lapsed",
    "not_shown": "not shown",
}


@click.command("proof")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", metavar="KEY", help="The operator's public key; else that of the local key file.")
@click.option(
    "--witness", "witnesses", multiple=True, metavar="KEY",
    help="A witness that has to have cosigned; may be repeated.",
)  # fmt: skip
@click.option("--order-only", is_flag=True, help="Ask for one's own order alone, not for a deal.")
@click.option(
    "--ended-too", is_flag=True, help="Ask for an agreement that was in force, even if it has ended."
)
@click.option("--json", "as_json", is_flag=True, help="What is proved as JSON on stdout.")
def command(
    *,
    file: Path,
    key: str | None,
    witnesses: tuple[str, ...],
    order_only: bool,
    ended_too: bool,
    as_json: bool,
) -> None:
    """Check FILE, as `GET /v1/matches/{id}/proof` or `GET /v1/agreements/{id}/proof` answers it, with nothing
    but the keys that you trust.

    The last line says what it shows: a confirmed deal, a declined or lapsed one, or none; an agreement that
    binds, which is printed in words, one that was in force and has ended, or none.
    Exit code 3: FILE is no such proof. 4: something in it does not hold, and the first of it is named; or all
    of it holds, and no confirmed deal or no agreement that binds is shown.
    """
    content = content_of(file)
    if stated_format(content) in AGREEMENT_PROOFS:
        if order_only:
            raise CommandFailed(
                Exit.USAGE, f"--order-only goes with a match's proof, {file} is an agreement's"
            )
        check_agreement_offline(
            settings_of(), file, content, key, witnesses, as_json=as_json, ended_too=ended_too
        )
        return
    _require_match_proof(file, content)
    if ended_too:
        raise CommandFailed(Exit.USAGE, f"--ended-too goes with an agreement's proof, {file} is a match's")
    operator, trusted = trusted_keys(settings_of(), key, witnesses)
    try:
        proof = parse_proof(content)
    except ProofError as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: {error}") from error
    try:
        verdict = check_proof(proof, operator, trusted)
    except ProofError as error:
        raise CommandFailed(Exit.DIVERGENCE, f"{file} proves nothing: {error}") from error
    if as_json:
        print_json(verdict)
    else:
        _print(verdict)
    _require_shown(file, verdict, order_only=order_only)


def _require_match_proof(file: Path, content: bytes) -> None:
    match stated_format(content):
        case found if found in MATCH_PROOFS:
            return
        case found if found in RECEIPT_PROOFS:
            told = "is a receipt's proof: use `lodestone audit receipt`"
        case _:
            told = (
                "is no proof of a match or an agreement, which GET /v1/matches/{id}/proof and "
                "GET /v1/agreements/{id}/proof answer"
            )
    raise CommandFailed(Exit.INVALID_INPUT, f"{file} {told}")


def _print(verdict: ProofVerdict) -> None:
    checked = f"under the checkpoint of {counted(verdict.size, 'event')} of {verdict.origin}"
    if verdict.shown:
        print_line(f"{to_text('match', verdict.match)}: proved {checked}")
    else:
        print_line(f"{verdict.order}: proved {checked}")
    for sentence in verdict.proved:
        print_line(f"  {sentence}")
    if not verdict.shown:
        match = to_text("match", verdict.match)
        print_line(f"as the file states it, in no signed event: the order was matched in {match}")
    print_stated_names(verdict.names)
    if verdict.stated:
        print_line("as the file states it, in no signed event: how the price is made up")
    for sentence in verdict.stated:
        print_line(f"  {sentence}")
    print_cosigners(verdict.cosigners, verdict.unchecked_cosigners)
    print_line(f"a confirmed deal: {_DEALS[verdict.deal]}")


def _require_shown(file: Path, verdict: ProofVerdict, *, order_only: bool) -> None:
    if order_only:
        if verdict.order is None:
            raise CommandFailed(Exit.DIVERGENCE, f"{file} shows no order")
        return
    if verdict.deal != "confirmed":
        why = "" if verdict.missing is None else f": {verdict.missing}"
        told = f"{file} holds, and shows no confirmed deal{why}; --order-only asks for the order alone"
        raise CommandFailed(Exit.DIVERGENCE, told)
