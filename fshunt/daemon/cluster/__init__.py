"""What several daemons agree on: live daemons, claims, and the call queue."""
