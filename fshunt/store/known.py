"""Reads all groups at once, for a daemon that must know them when the database is away."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fshunt.store.hunts import Loaded
from fshunt.store.models import Domain, GroupMemory, HuntMember
from fshunt.store.rows import memory_of, read_groups


def load_all(s: Session) -> tuple[list[Loaded], datetime | None]:
    """Return all groups with their memories, and the latest stamp of any member (None: there is none)."""
    memories = {row.group_id: row for row in s.scalars(select(GroupMemory))}
    loaded = []
    for domain_id in s.scalars(select(Domain.id).order_by(Domain.id)).all():
        for group in read_groups(s, domain_id):
            row = memories.get(group.id)
            answerer = memory_of(row.answerer_id, row.answerer_place) if row else None
            loaded.append(Loaded(group, answerer, memory_of(row.turn_id, row.turn_place) if row else None))
    return loaded, s.scalar(select(func.max(HuntMember.idle_since)))
