"""Labelled points at which a test can make the process kill itself, as in a power cut."""

import os
import signal

VARIABLE = "LODESTONE_CRASH_AT"


class _Plan:
    """`LODESTONE_CRASH_AT=label` or `label:3` (the third time the label is passed)."""

    def __init__(self, text: str) -> None:
        label, _, count = text.partition(":")
        self.label = label or None
        self.left = int(count) if count else 1


_plan = _Plan(os.environ.get(VARIABLE, ""))


def crash_point(label: str) -> None:
    """Kills this process with SIGKILL if LODESTONE_CRASH_AT names the label; otherwise does nothing."""
    if _plan.label is None or _plan.label != label:
        return
    _plan.left -= 1
    if _plan.left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
