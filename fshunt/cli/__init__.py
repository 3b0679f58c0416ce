"""The command line: click commands, one file a noun."""
