"""Streams of what groups do now: one greenlet looks for all of them, and each stream is one more."""
