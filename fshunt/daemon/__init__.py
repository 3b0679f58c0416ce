"""The daemon: everything that runs while calls are held."""
