"""`lodestone`: imports the command line only after Ctrl-C is handled."""

import signal
import sys
from importlib import import_module
from typing import Final

INTERRUPTED: Final = 130


def main() -> None:
    """Runs the command line; never returns."""
    try:
        import_module("market.cli.commands").run()
    except KeyboardInterrupt:
        # A second Ctrl-C ends whatever is left, without a message.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
