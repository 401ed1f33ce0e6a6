"""`lodestone audit receipt` of a proof that was taken away: no connection is made."""

from collections.abc import Sequence

from events.counts import counted
from market.audit.receipt_audit import GivenReceipt, NoReceipt, parse_receipts
from market.audit.receipt_proof import ProvenReceipt, check_receipt_proof, parse_receipt_proof
from market.audit.sealed_proof import ProofError
from market.cli.console import CommandFailed, Exit, print_json, print_line
from market.cli.trusted import print_cosigners, trusted_keys
from market.http.wire.ids import to_text
from market.settings import Settings


def check_offline(
    settings: Settings,
    raw: bytes,
    key: str | None,
    witnesses: Sequence[str],
    kept: bytes | None,
    *,
    as_json: bool,
) -> None:
    """`kept`: the command's answer, one of whose receipts is proved. CommandFailed when anything fails."""
    operator, trusted = trusted_keys(settings, key, witnesses)
    try:
        receipts = () if kept is None else parse_receipts(kept)
        proof = parse_receipt_proof(raw)
    except (NoReceipt, ProofError) as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
    try:
        proven = check_receipt_proof(proof, operator, trusted)
    except ProofError as error:
        raise CommandFailed(Exit.DIVERGENCE, f"nothing is proved: {error}") from error
    if kept is not None:
        _compare(proven, receipts)
    if as_json:
        print_json(proven)
    else:
        _print(proven)


def _compare(proven: ProvenReceipt, kept: Sequence[GivenReceipt]) -> None:
    if proven.event_sha256 is None:
        told = "the proof shows only the event's hash, which cannot be compared with a receipt"
        raise CommandFailed(Exit.INVALID_INPUT, told)
    same = (to_text("evt", proven.event), proven.position, proven.event_sha256)
    if same not in [(each.event, each.position, each.event_sha256) for each in kept]:
        raise CommandFailed(Exit.DIVERGENCE, "the proof is for none of the receipts that you kept")


def _print(proven: ProvenReceipt) -> None:
    event = to_text("evt", proven.event)
    checkpoint = f"the checkpoint of {counted(proven.size, 'event')} of {proven.origin}"
    place = f"at position {proven.position:,} under {checkpoint}"
    if proven.event_sha256 is None:
        print_line(f"an event that is said to be {event} stands {place}; only its hash is shown")
    else:
        print_line(f"{event}, {proven.type}: proved {place}")
        print_line(f"  event_sha256 {proven.event_sha256}")
    if proven.caused_by is not None:
        print_line(f"  caused by {to_text('org', proven.caused_by)}")
    print_cosigners(proven.cosigners, proven.unchecked_cosigners)
