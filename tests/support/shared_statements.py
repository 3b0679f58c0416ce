"""One cache of compiled statements for all engines of this process.

SQLAlchemy keeps what it has compiled in the engine, and what a flush writes under the engine's dialect. A daemon opens
one engine and compiles each statement once; each test opens engines of its own, and to compile all statements anew
would be a third of what most tests cost.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Dialect, Engine
from sqlalchemy.util import LRUCache

from fshunt.db import engine as opening

CACHE: LRUCache[Any, Any] = LRUCache(5000)  # more than there are statements

_create_engine = opening.create_engine


@cache
def _alike(kind: type[Dialect]) -> type[Dialect]:
    """A dialect of this kind, of which any two are the same to a cache."""

    def same(self: Dialect, other: object) -> bool:
        return type(self) is type(other)

    def number(self: Dialect) -> int:
        return hash(type(self))

    return type(kind.__name__, (kind,), {"__eq__": same, "__hash__": number, "supports_statement_cache": True})


def _create_with_shared_cache(*given: Any, **named: Any) -> Engine:
    engine = _create_engine(*given, **named)
    engine.dialect.__class__ = _alike(type(engine.dialect))
    engine.update_execution_options(compiled_cache=CACHE)
    return engine


def share() -> None:
    """Have all engines that fshunt opens from now on use one cache."""
    opening.create_engine = _create_with_shared_cache  # type: ignore[attr-defined]
