"""The settings as they are now: a reload (SIGHUP) changes those that can change while calls are held."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fshunt.settings import ROWS, Settings


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The names of the settings that a reload has changed, and of those that differ but need a restart."""

    changed: tuple[str, ...]
    need_restart: tuple[str, ...]


class CurrentSettings:
    """The settings of a daemon. Whoever keeps this, and not a value, has a reload's values at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def now(self) -> Settings:
        """The settings as they are now."""
        return self._settings

    def take(self, loaded: Settings) -> Reloaded:
        """Take all new values that need no restart; raise SettingsError, with nothing taken, if they do not fit."""
        before = self._settings
        # Until a restart we listen where we do: what depends on it by default, such as `controllers`, does not differ.
        at_our_address = loaded.moved_to(before.listen)
        differ = [
            name
            for name in ROWS
            if not ROWS[name].web
            and getattr(loaded if name == "listen" else at_our_address, name) != getattr(before, name)
        ]
        kept = {name: getattr(before, name) for name in differ if ROWS[name].restart}
        after = replace(at_our_address, **kept)
        after.check()
        self._settings = after
        return Reloaded(tuple(name for name in differ if name not in kept), tuple(kept))
