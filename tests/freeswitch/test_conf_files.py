"""FreeSWITCH's files are read as they are, and one value is set with everything else left alone."""

from __future__ import annotations

import pytest

from fshunt.freeswitch.conf_files import (
    MAX_FILE_BYTES,
    UnreadableConf,
    expanded,
    extensions_before,
    includes,
    params,
    variables,
    with_param,
)

FILE = b"""<configuration name="event_socket.conf" description="S\xc3\xb6cket">
  <settings>
    <!-- <param name="password" value="in a comment"/> -->
    <param name="listen-ip" value="::"/>
    <param value='ClueCon'
           name="password"/>
  </settings>
</configuration>
"""
BILLION = b"""<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<configuration><settings><param name="password" value="&b;"/></settings></configuration>"""
ELSEWHERE = b"""<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><configuration>&a;</configuration>"""


def test_parameters_are_read_and_comments_are_not():
    assert params(FILE) == {"listen-ip": "::", "password": "ClueCon"}


def test_one_value_is_changed_and_nothing_else():
    changed = with_param(FILE, "password", 'a"b<c')
    assert params(changed) == {"listen-ip": "::", "password": 'a"b<c'}
    assert changed.replace(b"'a\"b&lt;c'", b"'ClueCon'") == FILE


def test_each_of_several_is_changed():
    twice = b'<c><param name="password" value="a"/><param name="password" value="b"/></c>'
    assert with_param(twice, "password", "n") == twice.replace(b'"a"', b'"n"').replace(b'"b"', b'"n"')


@pytest.mark.parametrize("content", [BILLION, ELSEWHERE])
def test_a_document_type_is_refused(content):
    with pytest.raises(UnreadableConf, match="document type"):
        params(content)


@pytest.mark.parametrize("content", [b"", b"<configuration>", b"not xml", b" " * (MAX_FILE_BYTES + 1)])
def test_what_is_no_xml_is_refused_in_one_sentence(content):
    with pytest.raises(UnreadableConf):
        with_param(content, "password", "n")


def test_a_value_that_is_not_there_is_not_made_up():
    with pytest.raises(UnreadableConf, match="no parameter password"):
        with_param(b"<c/>", "password", "n")
    with pytest.raises(UnreadableConf, match="cannot be given"):
        with_param(b'<c><param name="password"/><param name="x" value="y"/></c>', "password", "n")


def test_variables_are_put_in_their_place():
    known = variables(
        b'<include><X-PRE-PROCESS cmd="set" data="a=$${b}1"/><X-PRE-PROCESS cmd="set" data="b=2"/>'
        b'<X-PRE-PROCESS cmd="include" data="c=3"/></include>'
    )
    assert known == {"a": "$${b}1", "b": "2"}
    assert expanded("x$${a}", known) == "x21"
    assert expanded("$${c}", known) is None
    assert expanded("$${d}", {"d": "$${d}"}) is None, "it would go on for ever"


def test_the_extensions_before_the_files_of_a_folder():
    text = b"""<include><context name="default"><extension name="ivr_demo"/>
      <X-PRE-PROCESS cmd="include" data="default/*.xml"/><extension name="catch-all"/></context></include>"""
    assert extensions_before(text, "default/*.xml") == {"ivr_demo"}
    assert extensions_before(text, "public/*.xml") == {"ivr_demo", "catch-all"}
    assert includes(text, "default/*.xml")
    assert not includes(text, "public/*.xml")
