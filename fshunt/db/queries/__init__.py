"""Queries, one file for each family of tables. Each takes a session and returns values."""
