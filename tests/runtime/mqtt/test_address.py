"""URLs of brokers: what they say, and that no password is seen."""

from __future__ import annotations

import pytest

from edgelstm.runtime.mqtt.address import PASSWORD, read_address, read_login


def test_what_an_url_says():
    found = read_address("mqtts://ann%40home@[::1]:99/hall/m%C3%BCll", may_have_wildcards=False)
    assert (found.host, found.port, found.is_secure, found.user, found.topic) == (
        "::1", 99, True, "ann@home", "hall/müll",
    )  # fmt: skip
    assert read_address("mqtt://hub/a/+/b", may_have_wildcards=True).port == 1883
    assert read_address("mqtts://hub/a/#", may_have_wildcards=True).topic == "a/#"
    assert read_address("mqtts://hub/a", may_have_wildcards=True).port == 8883


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mqtt://ann:s3cret@hub/a", "a password in the URL shows in ps, expected --mqtt-password FILE"),
        ("http://hub/a", "'http://hub/a', expected mqtt://HOST/TOPIC"),
        ("mqtt:///a", "'mqtt:///a', expected mqtt://HOST/TOPIC"),
        ("mqtt://hub", "topic '', expected one behind the host"),
        ("mqtt://hub/a/+", r"topic 'a/\+', expected one behind the host"),
        ("mqtt://hub/a/", "topic 'a/', expected one"),
        ("mqtt://[hub/a", "no URL"),
        ("mqtt://hub:s3cret/a", "the port is no number, expected 1 to 65535"),
        ("mqtt://hub:99999/a", "port 99999, expected 1 to 65535"),
        ("mqtt://hub:0/a", "port 0, expected 1 to 65535"),
        ("mqtt://hub/a%00b", "topic "),
    ],
)
def test_what_is_none_is_refused_in_one_line(text, problem):
    with pytest.raises(ValueError, match=f"^mqtt: {problem}[^\n]*$") as error:
        read_address(text, may_have_wildcards=False)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("topic", ["a/#/b", "a+/b", "a/+b", "a#", "#/a", "a/b#", "++", "a/##"])
def test_a_filter_that_no_broker_takes_is_refused(topic):
    with pytest.raises(ValueError, match=r"^mqtt: topic '[^\n]*', expected \+ as a whole level[^\n]*$"):
        read_address(f"mqtt://hub/{topic}", may_have_wildcards=True)


@pytest.mark.parametrize("topic", ["#", "+", "+/+", "a/+/#", "a//b"])
def test_a_filter_that_brokers_take_is_one(topic):
    assert read_address(f"mqtt://hub/{topic}", may_have_wildcards=True).topic == topic


def test_passwords_come_from_a_file_or_the_environment_and_are_not_shown(tmp_path):
    file = tmp_path / "password"
    file.write_text("s3cret\nmore\n")
    login = read_login(file, None, {PASSWORD: "other"})
    assert login.password == "s3cret"
    assert "s3cret" not in repr(login)
    assert read_login(None, None, {PASSWORD: "other"}).password == "other"
    assert read_login(None, None, {}).password is None
    file.write_text("")
    with pytest.raises(ValueError, match="password: empty, expected a password in its first line"):
        read_login(file, None, {})
    for content in ("", "nothing\n", "-----BEGIN CERTIFICATE-----\nMII\n"):
        file.write_text(content)
        with pytest.raises(ValueError, match="password: no certificates, expected some as PEM, -----BEGIN"):
            read_login(None, file, {})
