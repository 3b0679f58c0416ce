"""The web process: pages for people who look after their groups. It has no way to a switch."""
