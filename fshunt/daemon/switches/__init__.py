"""The FreeSWITCHes that the daemon watches."""
