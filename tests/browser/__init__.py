"""The pages in a real browser: Debian's Chromium, the real daemon and web process, a simulated FreeSWITCH."""
