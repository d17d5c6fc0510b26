"""The commands of the command line. Each module is imported when a command first needs it.

`sshcast user add` needs neither GraphQL nor SSH: importing everything would make it three times as slow.
"""

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that calls are checked all the same
    from sshcast.commands import (
        accounts,
        audit,
        demo,
        execute,
        failure,
        identities,
        migrate,
        operation,
        password,
        rescan,
        schema,
        secrets,
        serve,
        server_add,
        start,
        tail,
        token,
        version,
        web,
        work,
    )

__all__ = [
    "accounts",
    "audit",
    "demo",
    "execute",
    "failure",
    "identities",
    "migrate",
    "operation",
    "password",
    "rescan",
    "schema",
    "secrets",
    "serve",
    "server_add",
    "start",
    "tail",
    "token",
    "version",
    "web",
    "work",
]


def __getattr__(name: str) -> ModuleType:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _pause_collections():
        return importlib.import_module(f"{__name__}.{name}")


@contextmanager
def _pause_collections() -> Iterator[None]:
    """Collect no garbage meanwhile: modules leave hardly any, and looking for it is a tenth of what importing takes."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
