"""The rules of hunting, pure: no socket, no clock, no database and no random of its own."""
