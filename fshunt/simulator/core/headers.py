"""What stands in a channel's events: the names, the order and about the number of bytes of FreeSWITCH 1.10.12.

Taken from the recorded tapes, so that a reader of these events works as hard as with the real ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Headers = list[tuple[str, str]]

SWITCH_NAME = "simulated"
LOCAL_IP = "127.0.0.1"
CODEC = "PCMU"
LONG_CODEC = "CORE_PCM_MODULE.PCMU@8000h@20i@64000b"
CALLER_PORT, LEG_PORT = 60461, 30494
_ZERO_TIMES = ("Transfer", "Resurrect")
_HOLD = (("Channel-Last-Hold", "0"), ("Channel-Hold-Accum", "0"))

SOURCES = {
    "CHANNEL_DATA": ("mod_event_socket.c", "parse_command", 2021),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", 1004),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", 1213),
    "CHANNEL_EXECUTE": ("switch_core_session.c", "switch_core_session_exec", 2944),
    "CHANNEL_EXECUTE_COMPLETE": ("switch_core_session.c", "switch_core_session_exec", 2967),
    "CHANNEL_PROGRESS": ("switch_channel.c", "switch_channel_perform_mark_ring_ready_value", 3505),
    "CHANNEL_PROGRESS_MEDIA": ("switch_channel.c", "switch_channel_perform_mark_pre_answered", 3560),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", 3846),
    "DTMF": ("switch_channel.c", "switch_channel_dequeue_dtmf", 677),
    "CHANNEL_BRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1689),
    "CHANNEL_UNBRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", 1879),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", 3445),
    "CHANNEL_HANGUP_COMPLETE": ("switch_core_state_machine.c", "switch_core_session_reporting_state", 943),
    "CHANNEL_CREATE": ("switch_core_state_machine.c", "switch_core_session_run", 626),
    "CHANNEL_OUTGOING": ("switch_core_session.c", "switch_core_session_outgoing_channel", 768),
    "CHANNEL_CALLSTATE": ("switch_channel.c", "switch_channel_perform_set_callstate", 301),
    "sofia::register": ("sofia_reg.c", "sofia_reg_handle_register_token", 2059),
    "sofia::unregister": ("sofia_reg.c", "sofia_reg_handle_register_token", 2213),
    "sofia::expire": ("sofia_reg.c", "sofia_reg_del_callback", 726),
    "BACKGROUND_JOB": ("mod_commands.c", "bgapi_exec", 5391),
    "PRESENCE_PROBE": ("sofia_presence.c", "sofia_presence_handle_sip_i_subscribe", 4335),
    "PRESENCE_IN": ("sofia_presence.c", "do_normal_probe", 812),
    "CHANNEL_STATE": ("switch_channel.c", "switch_channel_perform_set_running_state", 2408),
}
"""The line of FreeSWITCH's source that sent the event."""

STATE_NUMBERS = {"CS_ROUTING": 2, "CS_EXECUTE": 4, "CS_EXCHANGE_MEDIA": 5, "CS_CONSUME_MEDIA": 7, "CS_HANGUP": 10}
STATE_NUMBERS["CS_REPORTING"] = 11


@dataclass(slots=True)
class Times:
    """When things happened to a channel, in seconds since 1970; 0 for what has not happened."""

    created: float
    progress: float = 0.0
    progress_media: float = 0.0
    answered: float = 0.0
    bridged: float = 0.0
    hangup: float = 0.0

    def rings(self, at: float) -> None:
        """Ringing is signalled."""
        self.progress = at

    def gains_media(self, at: float) -> None:
        """Sound flows before the answer."""
        self.progress_media = at

    def is_answered(self, at: float) -> None:
        """It is answered."""
        self.answered = at

    def is_bridged(self, at: float) -> None:
        """It is connected to another channel."""
        self.bridged = at

    def is_hung_up(self, at: float) -> None:
        """It is hung up."""
        self.hangup = at


@dataclass(slots=True)
class Profile:
    """Caller and callee of one channel."""

    direction: str
    uuid: str
    channel_name: str
    caller_name: str
    caller_number: str
    destination: str
    times: Times
    callee_name: str = ""
    callee_number: str = ""
    index: int = 1
    """Counts the numbers that the channel was sent to (fact 56)."""
    created: float = 0.0
    """When it was sent to this number; 0 for the first, which is dialled when the channel begins."""

    def name_callee(self, name: str, number: str) -> None:
        """Another party is rung or connected."""
        self.callee_name, self.callee_number = name, number

    def redirect(self, destination: str, at: float) -> None:
        """The caller goes to another number."""
        self.destination = destination
        self.index += 1
        self.created = at


def micro(seconds: float) -> str:
    """Seconds since 1970 as FreeSWITCH writes times: whole microseconds."""
    return str(int(seconds * 1_000_000))


def event_head(name: str, at: float, sequence: int, core_uuid: str) -> Headers:
    """The first headers of every event."""
    file, function, line = SOURCES[name]
    clock = time.gmtime(at)
    return [
        ("Event-Name", "CUSTOM" if "::" in name else name),
        ("Core-UUID", core_uuid),
        ("FreeSWITCH-Hostname", SWITCH_NAME),
        ("FreeSWITCH-Switchname", SWITCH_NAME),
        ("FreeSWITCH-IPv4", "192.0.2.2"),
        ("FreeSWITCH-IPv6", "fd00::2"),
        ("Event-Date-Local", time.strftime("%Y-%m-%d %H:%M:%S", clock)),
        ("Event-Date-GMT", time.strftime("%a, %d %b %Y %H:%M:%S GMT", clock)),
        ("Event-Date-Timestamp", micro(at)),
        ("Event-Calling-File", file),
        ("Event-Calling-Function", function),
        ("Event-Calling-Line-Number", str(line)),
        ("Event-Sequence", str(sequence)),
    ]


def profile_headers(prefix: str, profile: Profile, *, other: bool = False) -> Headers:
    """A caller profile under ``Channel-``, ``Caller-`` or, for the other side of a bridge, ``Other-Leg-``."""
    return [(f"{prefix}-{name}", value) for name, value in _profile(profile, other=other)]


def _profile(profile: Profile, *, other: bool) -> Iterator[tuple[str, str]]:
    yield "Direction", profile.direction
    yield "Logical-Direction", "inbound" if other else profile.direction
    yield "Username", profile.caller_number
    yield "Dialplan", "XML"
    for kind in ("Caller-ID", "Orig-Caller-ID"):
        yield f"{kind}-Name", profile.caller_name
        yield f"{kind}-Number", profile.caller_number
    if profile.callee_number:
        yield "Callee-ID-Name", profile.callee_name
        yield "Callee-ID-Number", profile.callee_number
    yield "Network-Addr", LOCAL_IP
    yield "ANI", profile.caller_number
    yield "Destination-Number", profile.destination
    yield "Unique-ID", profile.uuid
    yield "Source", "mod_sofia"
    yield "Context", "default"
    yield "Channel-Name", profile.channel_name
    if not other:
        yield "Profile-Index", str(profile.index)
    yield from _profile_times(profile.created, profile.times)
    yield "Screen-Bit", "true"
    yield "Privacy-Hide-Name", "false"
    yield "Privacy-Hide-Number", "false"


def _profile_times(created: float, times: Times) -> Iterator[tuple[str, str]]:
    yield "Profile-Created-Time", micro(created or times.created)
    yield "Channel-Created-Time", micro(times.created)
    yield "Channel-Answered-Time", micro(times.answered)
    yield "Channel-Progress-Time", micro(times.progress)
    yield "Channel-Progress-Media-Time", micro(times.progress_media)
    yield "Channel-Hangup-Time", micro(times.hangup)
    for name in _ZERO_TIMES:
        yield f"Channel-{name}-Time", "0"
    yield "Channel-Bridged-Time", micro(times.bridged)
    yield from _HOLD


def codec_headers() -> Headers:
    """The codec variables of a channel with media."""
    return [
        (f"Channel-{way}-Codec-{name}", value)
        for way in ("Read", "Write")
        for name, value in (("Name", CODEC), ("Rate", "8000"), ("Bit-Rate", "64000"))
    ]


def sdp(port: int) -> str:
    """A session description as the lab's phones send it."""
    return (
        f"v=0\r\no=- {port} {port} IN IP4 {LOCAL_IP}\r\ns=-\r\nc=IN IP4 {LOCAL_IP}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )


_SOFIA_PROFILE = {
    "sofia_profile_name": "internal",
    "sofia_profile_url": "sip:mod_sofia@{ip}:5060",
    "recovery_profile_name": "internal",
}
_CALLER_VARIABLES = {
    "direction": "inbound",
    "uuid": "{uuid}",
    "session_id": "{session_id}",
    "video_media_flow": "disabled",
    "audio_media_flow": "disabled",
    "text_media_flow": "disabled",
    "channel_name": "{channel_name}",
    "sip_call_id": "{call_id}",
    "sip_local_network_addr": "{ip}",
    "sip_network_ip": "{ip}",
    "sip_network_port": "{port}",
    "sip_invite_stamp": "{created}",
    "sip_received_ip": "{ip}",
    "sip_received_port": "{port}",
    "sip_via_protocol": "udp",
    "sip_from_user_stripped": "{number}",
    "sip_from_tag": "{tag}",
    **_SOFIA_PROFILE,
    "sip_full_via": "SIP/2.0/UDP {ip}:{port};branch=z9hG4bK{tag};rport={port}",
    "sip_from_display": "{name}",
    "sip_full_from": '"{name}" <sip:{number}@{domain}>;tag={tag}',
    "sip_full_to": "<sip:{dialled}@{domain}>",
    "sip_allow": "INVITE, ACK, BYE, CANCEL, INFO",
    "sip_from_user": "{number}",
    "sip_from_uri": "{number}@{domain}",
    "sip_from_host": "{domain}",
    "sip_req_user": "{dialled}",
    "sip_req_uri": "{dialled}@{domain}",
    "sip_req_host": "{domain}",
    "sip_to_user": "{dialled}",
    "sip_to_uri": "{dialled}@{domain}",
    "sip_to_host": "{domain}",
    "sip_contact_user": "{number}",
    "sip_contact_port": "{port}",
    "sip_contact_uri": "{number}@{ip}:{port}",
    "sip_contact_host": "{ip}",
    "rtp_use_codec_string": "{codec}",
    "sip_via_host": "{ip}",
    "sip_via_port": "{port}",
    "sip_via_rport": "{port}",
    "max_forwards": "70",
    "presence_id": "{number}@{domain}",
    "switch_r_sdp": "{sdp}",
    "ep_codec_string": "{long_codec}",
    "endpoint_disposition": "DELAYED NEGOTIATION",
    "DP_MATCH": "ARRAY::{dialled}|:{dialled}",
    "call_uuid": "{uuid}",
}
"""The variables of a caller's channel, in the order of the tapes; what stands in braces differs from call to call."""

_LEG_VARIABLES = {
    "direction": "outbound",
    "is_outbound": "true",
    "uuid": "{uuid}",
    "session_id": "{session_id}",
    "sip_profile_name": "internal",
    "text_media_flow": "disabled",
    "channel_name": "{channel_name}",
    "sip_destination_url": "{contact}",
    "max_forwards": "69",
    "originator_codec": "{long_codec}",
    "originator": "{caller}",
    "signal_bond": "{caller}",
    "switch_m_sdp": "{sdp}",
    "call_uuid": "{caller}",
    "originate_early_media": "true",
    "originating_leg_uuid": "{caller}",
    "originate_endpoint": "sofia",
    "rtp_use_codec_string": "{long_codec}",
    "local_media_ip": "{ip}",
    "advertised_media_ip": "{ip}",
    "local_media_port": "{media_port}",
    "audio_media_flow": "sendrecv",
    "video_media_flow": "sendrecv",
    "rtp_local_sdp_str": "{own_sdp}a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n",
    "sip_outgoing_contact_uri": "<sip:mod_sofia@{ip}:5060>",
    "sip_req_uri": "{user}@{address}",
    **_SOFIA_PROFILE,
    "sip_local_network_addr": "{ip}",
    "sip_reply_host": "{host}",
    "sip_reply_port": "{port}",
    "sip_network_ip": "{host}",
    "sip_network_port": "{port}",
    "sip_recover_contact": "<{contact}>",
    "sip_full_via": "SIP/2.0/UDP {ip};rport;branch=z9hG4bK{branch}",
    "sip_recover_via": "SIP/2.0/UDP {ip};rport;branch=z9hG4bK{branch}",
    "sip_from_display": "{name}",
    "sip_full_from": '"{name}" <sip:{number}@{ip}>;tag={tag}',
    "sip_full_to": "<{contact}>;tag={tag}",
    "sip_from_user": "{number}",
    "sip_from_uri": "{number}@{ip}",
    "sip_from_host": "{ip}",
    "sip_to_user": "{user}",
    "sip_contact_user": "{user}",
    "sip_to_port": "{port}",
    "sip_contact_port": "{port}",
    "sip_to_uri": "{user}@{address}",
    "sip_contact_uri": "{user}@{address}",
    "sip_to_host": "{host}",
    "sip_contact_host": "{host}",
    "sip_to_tag": "{tag}",
    "sip_from_tag": "{tag}",
    "sip_cseq": "123100808",
    "sip_call_id": "e31ca908-60b2-1240-b8bf-{node}",
}
"""The same of an outgoing leg."""


def caller_variables(profile: Profile, domain: str, session_id: int) -> dict[str, str]:
    """The variables of a caller's channel when its dialplan begins."""
    return _filled(
        _CALLER_VARIABLES,
        profile,
        session_id=session_id,
        domain=domain,
        dialled=profile.destination,
        port=CALLER_PORT,
        call_id=profile.uuid.replace("-", "")[:16],
        created=micro(profile.times.created),
        codec=CODEC,
    )


def login_variables(user: str, domain: str) -> dict[str, str]:
    """The variables of a caller's channel who has logged in (fact 80)."""
    return {
        "sip_authorized": "true",
        "sip_network_ip": LOCAL_IP,
        "sip_number_alias": user,
        "sip_auth_username": user,
        "sip_auth_realm": domain,
        "number_alias": user,
        "requested_user_name": user,
        "requested_domain_name": domain,
        "user_name": user,
        "domain_name": domain,
    }


def leg_variables(profile: Profile, caller: Profile, contact: str, session_id: int) -> dict[str, str]:
    """The variables of an outgoing leg when its phone first answers with anything."""
    user, _, address = contact.removeprefix("sip:").partition("@")
    host, _, port = address.partition(":")
    return _filled(
        _LEG_VARIABLES,
        profile,
        session_id=session_id,
        caller=caller.uuid,
        contact=contact,
        user=user,
        address=address,
        host=host,
        port=port,
        media_port=LEG_PORT,
        own_sdp=sdp(LEG_PORT),
        branch=profile.uuid[:13],
        node=profile.uuid[-12:],
    )


def _filled(variables: Mapping[str, str], profile: Profile, **values: object) -> dict[str, str]:
    """Fill in a table: what both tables need of the channel, and ``values``."""
    values |= {
        "uuid": profile.uuid,
        "tag": profile.uuid[:10],
        "channel_name": profile.channel_name,
        "name": profile.caller_name,
        "number": profile.caller_number,
        "ip": LOCAL_IP,
        "sdp": sdp(CALLER_PORT),
        "long_codec": LONG_CODEC,
    }
    return {name: value.format_map(values) for name, value in variables.items()}
