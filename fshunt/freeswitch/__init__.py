"""What the event socket's words mean: dial strings, causes, channels, registrations, and the dialplan that calls us."""
