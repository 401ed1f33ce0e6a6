"""Commands whose modules are imported when they are called, since most need neither the API nor the
services."""

import ast
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import rich_click as click


class Interrupted(Exception):
    """Raised for Ctrl-C: click itself would print that the command was aborted, and exit with an error
    code."""


class Verbs(click.RichGroup):
    """A group of which some verbs, or all, are the `command` of a module of their own."""

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        """`modules`: by name of verb, in the order in which help lists them."""
        super().__init__(*args, **kwargs)
        self._modules = modules

    def invoke(self, ctx: click.Context) -> Any:
        """Interrupted in place of KeyboardInterrupt."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._modules]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Of a verb in a module only what help and completion tell of it; a call takes `resolve_command`."""
        if cmd_name not in self._modules:
            return super().get_command(ctx, cmd_name)
        return click.RichCommand(name=cmd_name, help=_told(self._modules[cmd_name]))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and name in self._modules:
            command = import_module(self._modules[name]).command
        return name, command, rest


def _told(module: str) -> str | None:
    """The docstring of a module's `command`, without running what the module imports."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_bytes()).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return ast.get_docstring(node)
    raise LookupError(f"{module} has no function named command")
