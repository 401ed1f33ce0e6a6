"""What a command is told by its environment."""

from typing import Any

from market.cli.console import CommandFailed, Exit
from market.settings import Settings, SettingsError, load


def settings_of(**given: Any) -> Settings:
    """What is wrong with it ends the command as bad input."""
    try:
        return load(**given)
    except SettingsError as error:
        raise CommandFailed(Exit.INVALID_INPUT, str(error)) from error
