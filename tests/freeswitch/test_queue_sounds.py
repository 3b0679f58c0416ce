"""What a queued caller is told, as one sound."""

import pytest

from fshunt.errors import BadValue
from fshunt.esl import api
from fshunt.esl.commands import UnsafeText
from fshunt.freeswitch.queue_sounds import files_said, one_sound


def test_the_files_of_a_number_are_those_that_the_switch_names() -> None:
    said = "file_string://digits/1.wav!digits/hundred.wav!digits/20.wav!digits/3.wav\n"
    assert files_said(said) == ["digits/1.wav", "digits/hundred.wav", "digits/20.wav", "digits/3.wav"]


@pytest.mark.parametrize(
    "said",
    [
        "-ERR Usage: <module_name>[.<ext>] <lang>[.<ext>] <say_type> <say_method> [<say_gender>] <text>\n",
        "",
        "file_string://",
        "file_string://digits/1.wav!",
        "file_string://digits/1.wav!${system(id)}",
        "file_string://tone_stream://%(1,1,1)",
    ],
)
def test_what_names_no_files_is_not_played(said: str) -> None:
    assert files_said(said) is None


def test_files_are_played_as_one_sound() -> None:
    assert one_sound(["ivr/a.wav", "digits/3.wav"]) == "file_string://ivr/a.wav!digits/3.wav"


@pytest.mark.parametrize("files", [[], ["a b.wav"], ["a.wav!b.wav"], ["tone_stream://%(1,1,1)"], ["${x}"]])
def test_what_is_no_file_is_refused(files: list[str]) -> None:
    with pytest.raises(BadValue):
        one_sound(files)


def test_a_language_is_two_or_three_letters() -> None:
    assert api.say_number("de", 12).wire == b"api say_string de.wav de number pronounced 12\n\n"
    with pytest.raises(UnsafeText):
        api.say_number("de number", 12)
