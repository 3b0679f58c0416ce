"""The settings of fshunt: a TOML file, and over it the environment."""

from __future__ import annotations

from fshunt.settings.loading import DEFAULT_FILE, LoadedSettings, load
from fshunt.settings.model import ROWS, Settings
from fshunt.settings.switches import WatchedSwitch
from fshunt.settings.urls import hide_password
from fshunt.settings.values import Address, IpNetwork, SettingsError, listen_address

__all__ = [
    "DEFAULT_FILE",
    "ROWS",
    "Address",
    "IpNetwork",
    "LoadedSettings",
    "Settings",
    "SettingsError",
    "WatchedSwitch",
    "hide_password",
    "listen_address",
    "load",
]
