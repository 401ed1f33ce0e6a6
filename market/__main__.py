"""`lodestone`: reads the command line's modules only where Ctrl-C is already understood."""

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
        # Whatever is left may be broken off by a second one, without a word.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
