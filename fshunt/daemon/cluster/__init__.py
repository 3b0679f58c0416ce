"""What several daemons agree on: who lives, who rings whom, and whose turn it is in the queue."""
