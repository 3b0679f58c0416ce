"""The applications and the dialplan of the simulated switch."""
