"""What FreeSWITCH is to us: the frames of its event socket, the commands, and the session of one call."""
