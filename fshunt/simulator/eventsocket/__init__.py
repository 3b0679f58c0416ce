"""The event socket of the simulated switch."""
