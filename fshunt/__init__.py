"""fshunt: a hunt-group controller for FreeSWITCH.

A caller dials a pilot number; fshunt finds a member of the pilot's hunt group who can talk now, rings members in the
order of the group's policy, and hands the caller to voicemail when nobody takes the call.
"""

__version__ = "0.2.0.dev0"
