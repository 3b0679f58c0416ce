"""What the command line and other entrances share. Each function takes a session and returns values."""
