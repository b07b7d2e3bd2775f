"""What leaves the command line: escaped, uncut in pipes, valid JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.cli import output
from certwatch.cli.output import Column, json_parts, say, table

COLUMNS = (Column("state", stated=True), Column("finding"))
HOSTILE = "\x1b[31mred\x1b[0m \x07\x9b2J \u202eesrever [bold]markup[/bold] :smile:"


@pytest.fixture(autouse=True)
def _fresh_consoles():
    output._console.cache_clear()  # they hold the streams of the test before


@pytest.fixture
def terminal(monkeypatch):
    """A terminal 60 columns wide."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_hostile_text_is_shown_not_sent(capsys):
    table(COLUMNS, [("critical", HOSTILE)])
    say(HOSTILE)
    written = capsys.readouterr().out
    assert not any(char in written for char in "\x1b\x07\x9b\u202e")
    assert written.count("[bold]markup[/bold] :smile:") == 2
    assert written.count("\\u001b[31mred") == 2


def test_hostile_text_is_shown_not_sent_on_a_terminal(terminal, capsys):
    table(COLUMNS, [("critical", HOSTILE)])
    written = capsys.readouterr().out
    assert not any(char in written for char in "\x07\x9b\u202e")
    assert "\x1b[31mred" not in written
    assert "\\u001b[31mred" in written


def test_states_are_coloured_on_a_terminal(terminal, capsys):
    table(COLUMNS, [("critical", "critical")])
    assert capsys.readouterr().out.count("\x1b[1;31m") == 1


def test_sentences_go_below_the_row_on_a_narrow_terminal(terminal, capsys):
    sentence = "the certificate expired " * 5
    table((Column("state", stated=True), Column("finding", prose=True)), [("ok", sentence)])
    first, *below = capsys.readouterr().out.splitlines()
    assert "certificate" not in first
    assert all(line.startswith("    ") and len(line) <= 60 for line in below)
    assert " ".join(line.strip() for line in below) == sentence.strip()


def test_no_color_is_respected(terminal, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "1")
    table(COLUMNS, [("critical", "expired")])
    assert "\x1b[1;31m" not in capsys.readouterr().out


def test_a_pipe_gets_one_uncut_line_a_row(capsys):
    long = "x" * 500
    assert table(COLUMNS, [("ok", ""), ("critical", long)]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "state     finding",
        "ok",
        f"critical  {long}",
    ]


def test_an_empty_table_prints_nothing(capsys):
    assert table(COLUMNS, []) == 0
    assert capsys.readouterr().out == ""


def test_a_long_table_has_one_header(capsys):
    assert table(COLUMNS, [("ok", str(n)) for n in range(1200)]) == 1200
    assert capsys.readouterr().out.count("finding") == 1


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_streamed_document_is_one_json_document(count):
    items = [{"n": n, "text": HOSTILE} for n in range(count)]
    text = "".join(json_parts({"version": 1}, "domains", items))
    assert json.loads(text) == {"version": 1, "domains": items}
    assert text.isascii()


@given(st.text())
def test_no_text_reaches_a_terminal_unescaped(text):
    shown = "".join(json_parts({"version": 1}, "items", [{"text": text}]))
    assert json.loads(shown)["items"][0]["text"] == text
    assert all(char == "\n" or char.isprintable() for char in shown)
