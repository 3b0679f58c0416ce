"""The database: groups and members, rotation, claims, and the records of calls. Plain synchronous SQLAlchemy.

``open_engine`` and ``Store`` (engine.py) give transactions; ``groups`` is administration, ``hunts`` is what a
call needs while it hunts, ``calls`` is what is written down of it, ``migrate`` brings the tables up to date.
What daemons share besides: ``claims`` and ``waiting`` (the line), both leases of the clock in ``lease``; ``daemons``,
who lives, and ``orphans``, whose calls nobody has; ``changes``, how one tells the others.
"""
