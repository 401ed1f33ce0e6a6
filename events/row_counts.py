"""What a statement said it did, held against what it had to do."""


class RowCountWrong(RuntimeError):
    """A write met fewer or more rows than its events say: tables and record have parted."""

    def __init__(self, what: str, found: int, expected: int) -> None:
        self.what = what
        super().__init__(f"{what}: {found} rows instead of {expected}")


def expect_rows(status: str, expected: int, what: str) -> None:
    """`status` is the server's command tag, as "UPDATE 3"."""
    found = int(status.rpartition(" ")[2])
    if found != expected:
        raise RowCountWrong(what, found, expected)
