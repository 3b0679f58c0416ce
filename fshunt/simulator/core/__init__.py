"""The simulated switch: channels, legs, phones and their events."""
