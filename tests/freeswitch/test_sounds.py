import pytest

from fshunt.freeswitch.sounds import files_of, stream_names, stream_of


def test_a_local_stream_is_known_by_its_name() -> None:
    assert stream_of("local_stream://moh") == "moh"
    assert stream_of("/sounds/moh.wav") is None
    assert stream_names("moh/8000,/usr/share/moh/8000\nmoh,/usr/share/moh\n\n+OK\n") == {"moh/8000", "moh"}
    assert stream_names("-ERR local_stream Command not found!\n") == set()


@pytest.mark.parametrize("sound", ["/music/a.wav", "a.wav"])
def test_a_file_may_be_in_the_folder_of_its_rate(sound: str) -> None:
    assert files_of(sound, "/music") == [
        "/music/a.wav",
        *(f"/music/{rate}/a.wav" for rate in (8000, 16000, 32000, 48000)),
    ]


@pytest.mark.parametrize("sound", ["tone_stream://%(400,200,425)", "local_stream://moh", "silence_stream://100"])
def test_what_is_no_file_has_none(sound: str) -> None:
    assert files_of(sound, "/music") == []
