"""The database as the daemon uses it: reads with a deadline, writes in order, and copies for when it is away."""
