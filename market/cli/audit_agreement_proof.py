"""`lodestone audit proof` of an agreement's file: checked without any connection, and printed in words."""

from collections.abc import Sequence
from pathlib import Path

from events.counts import counted
from market.audit.agreement_proof import (
    AgreementVerdict,
    ProvenEnd,
    check_agreement_proof,
    parse_agreement_proof,
)
from market.audit.sealed_proof import ProofError
from market.cli.console import CommandFailed, Exit, print_json, print_line
from market.cli.trusted import print_cosigners, print_stated_names, trusted_keys
from market.http.wire.ids import to_text
from market.settings import Settings


def check_agreement_offline(
    settings: Settings,
    file: Path,
    raw: bytes,
    key: str | None,
    witnesses: Sequence[str],
    *,
    as_json: bool,
    ended_too: bool,
) -> None:
    """CommandFailed unless all of it holds and shows an agreement that binds; `ended_too`: or one that was in
    force and has ended."""
    operator, trusted = trusted_keys(settings, key, witnesses)
    try:
        proof = parse_agreement_proof(raw)
    except ProofError as error:
        raise CommandFailed(Exit.INVALID_INPUT, f"{file}: {error}") from error
    try:
        verdict = check_agreement_proof(proof, operator, trusted)
    except ProofError as error:
        raise CommandFailed(Exit.DIVERGENCE, f"{file} proves nothing: {error}") from error
    if as_json:
        print_json(verdict)
    else:
        _print(verdict)
    if verdict.end is not None and verdict.end.was_in_force:
        if not ended_too:
            told = f"{file} holds, and shows an agreement that was in force and {_ended(verdict.end)}"
            raise CommandFailed(Exit.DIVERGENCE, f"{told}; --ended-too asks for such as well")
    elif verdict.missing is not None:
        told = f"{file} holds, and shows no agreement that binds: {verdict.missing}"
        raise CommandFailed(Exit.DIVERGENCE, told)


def _print(verdict: AgreementVerdict) -> None:
    from market.cli.agreement_words import agreement_lines  # noqa: PLC0415  routes, which no other audit needs

    agreement = to_text("agr", verdict.agreement.agreement)
    print_line(
        f"{agreement}: proved under the checkpoint of {counted(verdict.size, 'event')} of {verdict.origin}"
    )
    for line in (*verdict.names.proved, *agreement_lines(verdict)):
        print_line(f"  {line}")
    print_stated_names(verdict.names.stated)
    for position in verdict.hidden:
        print_line(f"  position {position}: hash only")
    print_cosigners(verdict.cosigners, verdict.unchecked_cosigners)
    print_line("what the file leaves out, or came after it, is not shown")
    print_line(f"an agreement that binds: {_answer(verdict)}")


def _answer(verdict: AgreementVerdict) -> str:
    end = verdict.end
    if end is not None and end.was_in_force:
        return f"no longer, it was in force and {_ended(end)}"
    return "yes" if verdict.binds else f"not shown, {verdict.missing}"


def _ended(end: ProvenEnd) -> str:
    return f"ended on {end.time:%Y-%m-%d}: {end.reason}"
