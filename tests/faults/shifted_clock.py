"""``python -m tests.faults.shifted_clock FILE serve``: fshunt on a machine whose clock a test can set.

The wall clock is off by the seconds that FILE says now; the monotonic clock, by which everything is timed, is not.
(libfaketime cannot do this for Python: its ``clock_nanosleep`` fails where the monotonic clock is left alone.)
"""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

FILE = Path(sys.argv[1])
_time, _now = time.time, datetime.now


def _offset() -> float:
    return float(FILE.read_text() or 0)


class ShiftedDatetime(datetime):
    """What ``datetime`` is to fshunt."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return _now(tz) + timedelta(seconds=_offset())


def main() -> None:
    """Have every module of fshunt see the shifted clock, and run it."""
    import fshunt.daemon.bootstrap  # noqa: F401 (the whole daemon)
    from fshunt.cli import main as program

    time.time = lambda: _time() + _offset()
    ours = [module for name, module in sys.modules.items() if name.startswith("fshunt.")]
    shifted = [module for module in ours if vars(module).get("datetime") is datetime]
    assert "fshunt.daemon.clock" in {module.__name__ for module in shifted}
    for module in shifted:
        module.datetime = ShiftedDatetime  # type: ignore[attr-defined]
    sys.argv[:] = ["fshunt", *sys.argv[2:]]
    program.main()


if __name__ == "__main__":
    main()
