"""Sockets, HTTP, systemd, metrics and logs."""
