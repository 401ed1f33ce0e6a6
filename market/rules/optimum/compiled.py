"""Run one kernel source either compiled by numba or as plain Python.

A kernel is a module-level function over int arrays, tuples of int arrays and ints that only indexes,
compares and adds, so the same source runs on numpy arrays under numba and on Python lists (faster there
than on arrays) without.
"""

import functools
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

Kernel = Callable[..., Any]
K = TypeVar("K", bound=Kernel)

COMPILE_FROM_ARCS = 3_000
OFF_SWITCH = "LODESTONE_NO_NUMBA"
UNUSED_BY_KERNELS = ("scipy", "coverage")
"""What numba imports where it is installed, for matrix products and for the coverage of kernels: 20 MiB."""

_INNER: list[Kernel] = []
_STARTED: set[Kernel] = set()


def inner(kernel: K) -> K:
    """Mark a function that kernels call, so that compiled kernels can call it too."""
    _INNER.append(kernel)
    return kernel


def numba_allowed() -> bool:
    return not os.environ.get(OFF_SWITCH) and importlib.util.find_spec("numba") is not None


@functools.cache
def _register_inner(kernel: Kernel) -> None:
    importlib.import_module("numba.extending").register_jitable(kernel)


@functools.cache
def _numba() -> Any:
    modules: dict[str, Any] = sys.modules
    absent = [name for name in UNUSED_BY_KERNELS if name not in modules]
    modules.update(dict.fromkeys(absent))
    try:
        # which looks for scipy when it is imported, else with the first kernel
        importlib.import_module("numba.np.arraymath")
    finally:
        for name in absent:
            del modules[name]
    return importlib.import_module("numba")


@functools.cache
def _compile(kernel: Kernel) -> Kernel:
    # imported on first need: small markets never pay for numba's start
    numba = _numba()
    for called in _INNER:
        _register_inner(called)
    try:
        compiled: Kernel = numba.njit(kernel, cache=True)
    except RuntimeError:  # no folder to keep the cache in
        compiled = numba.njit(kernel)
    return compiled


def _to_lists(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(_to_lists(part) for part in argument)
    return argument.tolist() if isinstance(argument, np.ndarray) else argument


def _write_back(argument: Any, changed: Any) -> None:
    if isinstance(argument, tuple):
        for part, changed_part in zip(argument, changed, strict=True):
            _write_back(part, changed_part)
    elif isinstance(argument, np.ndarray) and argument.flags.writeable:
        argument[:] = changed


def run(kernel: Kernel, arcs: int, *arguments: Any) -> Any:
    """Call `kernel` in place on its array arguments; compiled when numba is there and `arcs` make it pay.

    Once it is compiled, few arcs do. Arrays must be contiguous, and each writable or read-only in every call:
    one numba signature per kernel, compiled once.
    """
    if (arcs >= COMPILE_FROM_ARCS or kernel in _STARTED) and numba_allowed():
        _STARTED.add(kernel)
        return _compile(kernel)(*arguments)
    return run_plain(kernel, *arguments)


def run_plain(kernel: Kernel, *arguments: Any) -> Any:
    """`run` in Python's integers, whatever their size."""
    plain = _to_lists(arguments)
    answer = kernel(*plain)
    _write_back(arguments, plain)
    return answer
