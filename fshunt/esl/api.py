"""The API commands we send, ``api NAME ARGUMENTS``: each argument is checked here (design, section 9).

FreeSWITCH splits the arguments at spaces, and expands ``${...}`` in the value of a variable when it is used. Of the
commands on a channel only those are used that take everything up to the first space as the uuid (fact 52): it may be a
caller's Call-ID.
"""

import re
from collections.abc import Mapping, Sequence

from fshunt.esl import commands
from fshunt.esl.commands import Command, UnsafeText, command, one_word

_VARIABLE = re.compile(r"(?:nolocal:)?[A-Za-z_][A-Za-z0-9_.-]*")
MAX_VALUES = 50
"""FreeSWITCH takes no more than 64 variables in one command (``mod_commands.c``), and drops the others."""
_PLAIN = re.compile(r"[0-9a-z]+")
_CAUSE = re.compile(r"[A-Z][A-Z0-9_]*")
_PATH = re.compile(r"/[A-Za-z0-9_./-]+")
_PLAIN_UUID = re.compile(r"[A-Za-z0-9-]+")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_DB_WORD = re.compile(r"[A-Za-z0-9*#+@_.|-]+")


def uuid_break(uuid: str) -> Command:
    """End what a channel plays, and drop what waits to be run on it (fact 27)."""
    return _api("uuid_break", one_word(uuid), "all")


def flush_keys(uuid: str) -> Command:
    """Have the switch forget the keys that were pressed on a channel, and that nothing has read yet."""
    return _api("uuid_flush_dtmf", one_word(uuid))


def displace(uuid: str, path: str) -> Command:
    """Have a channel hear a sound file, again and again, instead of what plays on it from now on (fact 70)."""
    return _api("uuid_displace", _plain_uuid(uuid), "start", _path(path), "0", "l")


def stop_displacing(uuid: str, path: str) -> Command:
    """Have a channel hear again what plays on it; it takes hold at once, whatever runs on the channel."""
    return _api("uuid_displace", _plain_uuid(uuid), "stop", _path(path))


def uuid_kill(uuid: str, cause: str) -> Command:
    """Hang a channel up with a cause."""
    return _api("uuid_kill", one_word(uuid), _cause(cause))


def hang_up_all(cause: str, having: Mapping[str, str]) -> Command:
    """Hang up, with a cause, all channels whose variables all have these values (fact 5).

    Without any variable it would hang up every channel of the switch: that is refused, as is a value that is not plain.
    """
    if not having:
        raise UnsafeText("Without a variable every call of the switch would be hung up.")
    for value in having.values():
        if not _PLAIN.fullmatch(value):
            raise UnsafeText(f"{value!r} is no plain value of a variable.")
    pairs = [text for name, value in having.items() for text in (_variable(name), value)]
    return _api("hupall", _cause(cause), *pairs)


def uuid_exists(uuid: str) -> Command:
    """Ask whether a channel exists."""
    return _api("uuid_exists", one_word(uuid))


def uuid_setvar(uuid: str, name: str, value: str = "") -> Command:
    """Set a variable of a channel; without a value, unset it.

    It is sent as ``uuid_setvar_multi``: ``uuid_setvar`` looks for quotes and escapes in the uuid. Of the value, a ``;``
    is escaped, and what else would be changed on the way is refused.
    """
    if "\\" in value or value.count("'") > 1 or value != value.strip():
        raise UnsafeText(f"{value!r} would not reach a channel's variable as it stands.")
    return _api("uuid_setvar_multi", one_word(uuid), f"{_variable(name)}={_value(value)}".replace(";", "\\;"))


def uuid_setvar_multi(uuid: str, values: Mapping[str, str]) -> Command:
    """Set up to ``MAX_VALUES`` variables of a channel at once; one with an empty value is unset."""
    if len(values) > MAX_VALUES:
        raise UnsafeText(f"FreeSWITCH takes at most {MAX_VALUES} variables in one command, not {len(values)}.")
    pairs = []
    for name, value in values.items():
        if set(value) & set(";'\\") or value != value.strip():
            raise UnsafeText(f"{value!r} would be another value, or two, of a FreeSWITCH command.")
        pairs.append(f"{_variable(name)}={_value(value)}")
    return _api("uuid_setvar_multi", one_word(uuid), ";".join(pairs))


def uuid_unset_all(uuid: str, names: Sequence[str]) -> list[Command]:
    """Unset any number of variables of a channel."""
    parts = [names[first : first + MAX_VALUES] for first in range(0, len(names), MAX_VALUES)]
    return [uuid_setvar_multi(uuid, dict.fromkeys(part, "")) for part in parts]


def is_variable(name: str) -> bool:
    """Tell whether a variable of this name can be set: a name with other characters would be two of something."""
    return _VARIABLE.fullmatch(name) is not None


def sofia_contact(user: str, domain: str, mark: str) -> Command:
    """Ask for all phones of an extension, on any profile, each with ``mark`` before it (fact 17)."""
    return _api("sofia_contact", f"*/{one_word(user)}@{one_word(domain)}/{one_word(mark)}")


def sofia_registrations_of(profile: str, user: str, domain: str) -> Command:
    """Ask for the registrations of a user of a domain at a SIP profile, and of nobody else (fact 41)."""
    return _api("sofia", "status", "profile", one_word(profile), "user", f"{one_word(user)}@{one_word(domain)}")


def sofia_registrations_at(profile: str, contact: str) -> Command:
    """Ask for the registrations at a SIP profile whose contact has this text; ``_`` stands for any character."""
    if "'" in contact or "\\" in contact:
        raise UnsafeText(f"{contact!r} would not reach FreeSWITCH as it stands.")
    return _api("sofia", "status", "profile", one_word(profile), "reg", one_word(contact))


def sofia_profiles() -> Command:
    """Ask for the SIP profiles."""
    return _api("sofia", "xmlstatus")


def sofia_registrations(profile: str) -> Command:
    """Ask for all phones that are registered at a SIP profile (fact 30)."""
    return _api("sofia", "xmlstatus", "profile", one_word(profile), "reg")


def domain_exists(domain: str) -> Command:
    """Ask whether the directory has a domain."""
    return _api("domain_exists", one_word(domain))


def user_id(user: str, domain: str) -> Command:
    """Ask for the id of a user of the directory, who is found by the id or by a ``number-alias``, as voicemail does."""
    return _api("user_data", f"{one_word(user)}@{one_word(domain)}", "attr", "id")


def user_param(user: str, domain: str, name: str) -> Command:
    """Ask for a parameter of a user, whose group's and domain's hold for them, too."""
    return _api("user_data", f"{one_word(user)}@{one_word(domain)}", "param", one_word(name))


def list_users(domain: str) -> Command:
    """Ask for all users of a domain of the directory (fact 72)."""
    return _api("list_users", "domain", one_word(domain))


def verto_contact(user: str, domain: str) -> Command:
    """Ask for the Verto clients of a user; an error where there is no mod_verto."""
    return _api("verto_contact", f"{one_word(user)}@{one_word(domain)}")


def voicemail_count(profile: str, box: str, domain: str) -> Command:
    """Ask for the new messages in a box; the answer is an error where mod_voicemail or its profile is missing."""
    return _api("vm_boxcount", f"{one_word(profile)}/{one_word(box)}@{one_word(domain)}")


def dialplan_context(context: str) -> Command:
    """Ask for the XML of a context of the dialplan."""
    return _api("xml_locate", "dialplan", "context", "name", one_word(context))


def sip_configuration() -> Command:
    """Ask for the XML of the SIP profiles."""
    return _api("xml_locate", "configuration", "configuration", "name", "sofia.conf")


def reload_xml() -> Command:
    """Have FreeSWITCH read its configuration files anew, the dialplan among them; no call is cut."""
    return _api("reloadxml")


def reload_event_socket() -> Command:
    """Have FreeSWITCH load its event socket anew, as its files are now: each connection ends (fact 74)."""
    return commands.reload_event_socket()


def count_calls() -> Command:
    """Ask how many calls there are; two channels that talk with each other are one."""
    return _api("show", "calls", "count")


def global_variable(name: str) -> Command:
    """Ask for a global variable, such as ``conf_dir``."""
    if not is_variable(name):
        raise UnsafeText(f"{name!r} is not the name of a variable.")
    return _api("global_getvar", name)


def show_channels() -> Command:
    """Ask for all channels."""
    return _api("show", "channels", "as", "json")


def originate(dial_string: str, applications: str) -> Command:
    """Call a phone, in the background, and run these applications on it when it is picked up.

    The dial string is one argument, in quotes.
    """
    # Not the event socket's own `bgapi`: our connection would not end before the call is answered or over (fact 45).
    return command(f"api bgapi originate {_quoted(dial_string)} {one_word(applications)} inline")


def originate_to(dial_string: str, applications: str) -> Command:
    """Do as ``originate``, with applications whose arguments have spaces. Raises UnsafeText."""
    return command(f"api bgapi originate {_quoted(dial_string)} {_quoted(applications)} inline")


def uuid_getvar(uuid: str, name: str) -> Command:
    """Ask for a variable of a channel; one that is not set is ``_undef_``. Raises UnsafeText."""
    return _api("uuid_getvar", _plain_uuid(uuid), _variable(name))


def switch_name() -> Command:
    """Ask for the name of the switch, which stays over its restart and which its events have, too."""
    return _api("switchname")


def words_of(asked: Command) -> str:
    """Return an API command and its arguments without the ``api`` before them."""
    return asked.lines[0].removeprefix("api ")


def in_background(words: str, job: str) -> Command:
    """Have an API command run in a thread of its own; an event BACKGROUND_JOB with this Job-UUID tells its output."""
    # Not the event socket's own `bgapi`: our connection would not end before the command has (fact 45).
    return command(f"api bgapi uuid:{one_word(job)} {words}")


def status() -> Command:
    """Ask for the state of the switch: how many sessions it has, and how many it takes."""
    return _api("status")


def core_uuid() -> Command:
    """Ask for the ``Core-UUID`` that each event of this switch has: it tells one switch from another (fact 46)."""
    return _api("global_getvar", "core_uuid")


def uptime() -> Command:
    """Ask for what costs FreeSWITCH nothing, to see whether it is there."""
    return _api("uptime")


def _api(*words: str) -> Command:
    return command(" ".join(("api", *words)))


def _plain_uuid(uuid: str) -> str:
    """For a command that looks for quotes in the uuid (fact 52)."""
    if not _PLAIN_UUID.fullmatch(uuid):
        raise UnsafeText(f"{uuid!r} is not one argument of this FreeSWITCH command.")
    return uuid


def _path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise UnsafeText(f"{path!r} is not the path of a file that FreeSWITCH would take as it stands.")
    return path


def _cause(name: str) -> str:
    if not _CAUSE.fullmatch(name):
        raise UnsafeText(f"{name!r} is not the name of a hang-up cause.")
    return name


def _quoted(text: str) -> str:
    if any(mark in text for mark in "$'\\"):
        raise UnsafeText(f"{text!r} cannot stand in quotes as one argument of a FreeSWITCH command.")
    return f"'{text}'"


def _variable(name: str) -> str:
    if not is_variable(name):
        raise UnsafeText(f"{name!r} is not the name of a channel variable that can be set.")
    return name


def _value(text: str) -> str:
    if "$" in text:
        raise UnsafeText(f"{text!r} has a '$', which FreeSWITCH would expand.")
    return text


def version() -> Command:
    """Ask for the switch's version."""
    return _api("version")


def sound_folder() -> Command:
    """Ask for the folder where the names of sound files begin that are not absolute."""
    return _api("global_getvar", "sound_prefix")


def file_exists(path: str) -> Command:
    """Ask whether the switch has a file; it says ``true`` or ``false``."""
    return _api("file_exists", _path(path))


def local_streams() -> Command:
    """Ask for the local streams, a line ``NAME,FOLDER`` for each; an error where mod_local_stream is not loaded."""
    return _api("local_stream", "show")


def say_number(language: str, number: int) -> Command:
    """Ask for the files that say a number in a language; raise UnsafeText for what is no language's name."""
    if not _LANGUAGE.fullmatch(language):
        raise UnsafeText(f"{language!r} is not the name of a language that FreeSWITCH says.")
    return _api("say_string", f"{language}.wav", language, "number", "pronounced", str(int(number)))


def db_select(realm: str, key: str) -> Command:
    """Ask for a value that the switch keeps (``mod_db``); one that is not there is an empty output."""
    return _api("db", "/".join(("select", *map(_db_word, (realm, key)))))


def db_insert(realm: str, key: str, value: str) -> Command:
    """Have the switch keep a value, in the place of one that it has under the same key."""
    return _api("db", "/".join(("insert", *map(_db_word, (realm, key, value)))))


def db_delete(realm: str, key: str) -> Command:
    """Have the switch keep a value no more."""
    return _api("db", "/".join(("delete", *map(_db_word, (realm, key)))))


def _db_word(text: str) -> str:
    if not _DB_WORD.fullmatch(text):
        raise UnsafeText(f"{text!r} is not one argument of FreeSWITCH's command `db`.")
    return text
