"""What every process of fshunt that runs for long needs: its log, its sockets, its peers, and systemd."""
