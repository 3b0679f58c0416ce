"""The variables a channel gains with media, those it is left with at its end, and the headers of a registration.

The second half of what ``headers`` is about; the end of a call alone brings eighty of them.
"""

from __future__ import annotations

import time
import zlib

from fshunt.simulator.core.headers import CODEC, LOCAL_IP, Headers, Profile, micro, sdp
from fshunt.simulator.core.phones import REGISTERED_SECONDS, Phone
from fshunt.simulator.core.sip_causes import q850_of

_RTP_IN_ZERO = (
    *("raw_bytes", "media_bytes", "packet_count", "media_packet_count", "skip_packet_count", "jitter_packet_count"),
    *("dtmf_packet_count", "cng_packet_count", "flush_packet_count", "largest_jb_size"),
)
_RTP_IN_RATES = (
    *("jitter_min_variance", "jitter_max_variance", "jitter_loss_rate", "jitter_burst_rate", "mean_interval"),
)
_RTP_OUT_ZERO = (
    *("out_raw_bytes", "out_media_bytes", "out_packet_count", "out_media_packet_count", "out_skip_packet_count"),
    *("out_dtmf_packet_count", "out_cng_packet_count", "rtcp_packet_count", "rtcp_octet_count"),
)


def media_variables(profile: Profile, remote_port: int) -> dict[str, str]:
    """What a channel knows once sound can flow."""
    return {
        "switch_r_sdp": sdp(remote_port),
        "ep_codec_string": "CORE_PCM_MODULE.PCMU@8000h@20i@64000b",
        **{f"{medium}_media_flow": "inactive" for medium in ("video", "text")},
        **{f"remote_{medium}_media_flow": "inactive" for medium in ("video", "text")},
        "remote_audio_media_flow": "sendrecv",
        "audio_media_flow": "sendrecv",
        "rtp_audio_recv_pt": "0",
        "rtp_use_codec_name": CODEC,
        "rtp_use_codec_rate": "8000",
        "rtp_use_codec_ptime": "20",
        "rtp_use_codec_channels": "1",
        "rtp_last_audio_codec_string": "PCMU@8000h@20i@1c",
        **dict.fromkeys(("read_codec", "original_read_codec", "write_codec"), CODEC),
        **dict.fromkeys(("read_rate", "original_read_rate", "write_rate"), "8000"),
        "dtmf_type": "rfc2833",
        "local_media_ip": LOCAL_IP,
        "local_media_port": "22168",
        "advertised_media_ip": LOCAL_IP,
        "rtp_use_timer_name": "soft",
        "rtp_use_pt": "0",
        "rtp_use_ssrc": str(zlib.crc32(profile.uuid.encode())),
        "rtp_2833_send_payload": "101",
        "rtp_2833_recv_payload": "101",
        "remote_media_ip": LOCAL_IP,
        "remote_media_port": str(remote_port),
    }


def answer_variables() -> dict[str, str]:
    """What the answer adds: the description of what FreeSWITCH sends."""
    local = f"v=0\r\no=FreeSWITCH 1795286512 1795286513 IN IP4 {LOCAL_IP}\r\ns=FreeSWITCH\r\nc=IN IP4 {LOCAL_IP}\r\n"
    audio = "t=0 0\r\nm=audio 22168 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    return {"rtp_local_sdp_str": f"{local}{audio}a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"}


def ending_variables(profile: Profile, cause: str, *, media: bool, application: tuple[str, str]) -> dict[str, str]:
    """What CHANNEL_HANGUP_COMPLETE alone carries: the causes, the times in all units, the count of packets."""
    found = {"hangup_cause": cause, "hangup_cause_q850": str(q850_of(cause)), "digits_dialed": "none"}
    found |= _stamps(profile)
    if application[0]:
        found |= {"last_app": application[0], "last_arg": application[1]}
    found["caller_id"] = f'"{profile.caller_name}" <{profile.caller_number}>'
    for unit, scale in (("sec", 1), ("msec", 1_000), ("usec", 1_000_000)):
        found |= _durations(profile, unit, scale)
    return found | (_packets() if media else {})


def _stamps(profile: Profile) -> dict[str, str]:
    times = profile.times
    named = {
        "start": times.created,
        "profile_start": times.created,
        "answer": times.answered,
        "bridge": times.bridged,
        "progress": times.progress,
        "progress_media": times.progress_media,
        "end": times.hangup,
    }
    stamp = "%Y-%m-%d %H:%M:%S"
    found = {f"{name}_stamp": time.strftime(stamp, time.gmtime(at)) for name, at in named.items() if at}
    for name, at in named.items():
        found[f"{name}_epoch"] = str(int(at))
        found[f"{name}_uepoch"] = micro(at)
    found |= {f"{name}_{unit}": "0" for name in ("last_hold", "resurrect") for unit in ("epoch", "uepoch")}
    return found | {f"hold_accum_{unit}": "0" for unit in ("seconds", "usec", "ms")}


def _durations(profile: Profile, unit: str, scale: int) -> dict[str, str]:
    times = profile.times

    def since_start(at: float) -> str:
        return str(int((at - times.created) * scale)) if at else "0"

    whole = "duration" if unit == "sec" else f"{unit[0]}duration"
    talk = int((times.hangup - times.answered) * scale) if times.answered else 0
    return {
        whole: since_start(times.hangup),
        f"bill{unit}": str(talk),
        f"progress{unit}": since_start(times.progress),
        f"answer{unit}": since_start(times.answered),
        f"wait{unit}": since_start(times.bridged),
        f"progress_media{unit}": since_start(times.progress_media),
        f"flow_bill{unit}": since_start(times.hangup),
    }


def _packets() -> dict[str, str]:
    found = {f"rtp_audio_in_{name}": "0" for name in _RTP_IN_ZERO}
    found |= {f"rtp_audio_in_{name}": "0.00" for name in _RTP_IN_RATES}
    found |= {"rtp_audio_in_flaw_total": "0", "rtp_audio_in_quality_percentage": "100.00", "rtp_audio_in_mos": "4.50"}
    return found | {f"rtp_audio_{name}": "0" for name in _RTP_OUT_ZERO}


def registration_headers(kind: str, phone: Phone, at: float) -> Headers:
    """Headers of ``sofia::register``, ``unregister`` or ``expire``; the last has other names for the user."""
    contact, port = ("contact", f'"" <{phone.contact}>'), phone.address.rpartition(":")[2]
    network = [("network-ip", LOCAL_IP), ("network-port", port)]
    call_id, agent = ("call-id", phone.call_id), ("user-agent", "simulated phone")
    if kind == "expire":
        who = [("user", phone.user), ("username", phone.user), ("host", phone.domain)]
        times = [("expires", str(int(at))), agent, ("realm", phone.domain)]
        return [("profile-name", "internal"), call_id, *who, contact, *times, *network]
    who = [("from-user", phone.user), ("from-host", phone.domain)]
    if kind == "unregister":
        known = [contact, call_id, ("rpid", "unknown"), ("realm", "unknown")]
        return [("profile-name", "internal"), ("username", "unknown"), *who, *known, *network, agent, ("expires", "0")]
    status = [("rpid", "unknown"), ("status", "Registered(UDP)"), ("expires", str(REGISTERED_SECONDS))]
    to = [("to-user", phone.user), ("to-host", phone.domain)]
    tail = [*network, ("username", "unknown"), ("realm", phone.domain), agent]
    return [("profile-name", "internal"), *who, ("presence-hosts", "n/a"), contact, call_id, *status, *to, *tail]
