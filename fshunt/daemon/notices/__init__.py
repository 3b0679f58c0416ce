"""The sending of notices: one worker among the daemons, with threads of its own."""
