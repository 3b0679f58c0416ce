"""The database: groups and members, rotation, claims, and the records of calls. Plain synchronous SQLAlchemy.

``open_engine`` and ``Store`` (engine.py) give transactions; ``groups`` is administration, ``hunts`` is what a
call needs while it hunts, ``calls`` is what is written down of it, ``migrate`` brings the tables up to date.
What daemons share besides: ``claims`` and ``queue``; ``daemons``, the runs and their heartbeats; ``cluster``, their one
timing; ``takeover``, calls whose daemon is gone; and ``notifications``, how one daemon tells the others.
"""
