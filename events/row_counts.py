"""Checks how many rows a statement changed."""


class RowCountWrong(RuntimeError):
    """A write changed fewer or more rows than its events say: tables and record no longer agree."""

    def __init__(self, what: str, found: int, expected: int) -> None:
        self.what = what
        super().__init__(f"{what}: {found} rows instead of {expected}")


def expect_rows(status: str, expected: int, what: str) -> None:
    """`status` is the server's command tag, as "UPDATE 3"."""
    found = int(status.rpartition(" ")[2])
    if found != expected:
        raise RowCountWrong(what, found, expected)
