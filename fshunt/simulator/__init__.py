"""A FreeSWITCH double and its phones, for the demo, the tests and the load."""
