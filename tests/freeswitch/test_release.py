from fshunt.freeswitch.release import KNOWN_FAULTS, Release, faults_of, read_release


def test_the_release_stands_in_the_version() -> None:
    said = "FreeSWITCH Version 1.10.12-release+git~20240802T210227Z~a88d069d6f~64bit (git a88d069 64bit)\n"
    assert read_release(said) == Release(1, 10, 12)
    assert str(read_release(said)) == "1.10.12"
    assert read_release("-ERR version Command not found!\n") is None


def test_a_fault_counts_until_the_release_that_mends_it() -> None:
    assert faults_of(Release(1, 10, 12)) == []
    assert [fault.source for fault in faults_of(Release(1, 10, 10))] == ["CVE-2023-51443"]
    assert [fault.source for fault in faults_of(Release(1, 10, 7))] == ["CVE-2023-51443"]
    assert faults_of(Release(1, 8, 20)) == list(KNOWN_FAULTS)
