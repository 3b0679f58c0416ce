"""Callers who are called back: the service that looks after their requests."""
