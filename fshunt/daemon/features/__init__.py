"""Feature codes: calls by which members and administrators block, unblock, close and open from a phone."""
