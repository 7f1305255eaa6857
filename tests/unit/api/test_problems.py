"""Codes of HTTP's own errors are ours: they do not follow the words of Python's version."""

import http

import msgspec

from hoopwire.api import problems


class Renamed:
    """HTTPStatus as of Python 3.13, as far as it is asked here."""

    phrase = "Content Too Large"

    def __init__(self, status):
        assert status == 413


def test_the_code_of_a_body_that_is_too_large_is_one_in_every_python(monkeypatch):
    """Python 3.13 renamed the phrase, and the code of the same refusal changed with it."""
    monkeypatch.setattr(http, "HTTPStatus", Renamed)
    answer = msgspec.json.decode(problems.plain(413).body)
    assert (answer["code"], answer["title"]) == ("request_entity_too_large", "Request Entity Too Large")
