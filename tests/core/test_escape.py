"""Hostile text, shown: nothing unseen acts, and no format takes it for its own."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwatch.core.escape import csv_cell, markdown, terminal, visible

UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
hostile = st.text() | st.text(
    alphabet="\x00\x07\x1b[31m\x9b\u202e\u200b\u2028\u3164\U000e0001<>|`*_=-\n"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("click.brand.com", "click.brand.com"),
        ("Zürich 東京", "Zürich 東京"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\u202eb\u200bc\ufeff", "a\\u202eb\\u200bc\\ufeff"),
        ("one\r\ntwo\ttabs\u2028", "one\\u000d\\u000atwo\\u0009tabs\\u2028"),
        ("hangul\u3164filler\u00a0space", "hangul\\u3164filler\\u00a0space"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("half\ud800", "half\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, shown):
    assert visible(text) == shown == terminal(text)


@given(hostile)
def test_nothing_unseen_is_left(text):
    assert not {unicodedata.category(char) for char in visible(text)} & UNSEEN


@given(hostile)
def test_escaping_for_the_eye_is_done_once(text):
    assert visible(visible(text)) == visible(text)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("click.brand.com", "click.brand.com"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("a|b`c`", "a\\|b\\`c\\`"),
        ("[x](https://evil.test)", "\\[x\\](https\\://evil.test)"),
        ("www.evil.test", "www\\.evil.test"),
        ("- item", "\\- item"),
        ("12. item", "12\\. item"),
        ("# title", "\\# title"),
        ("    code", "code"),
        ("&lt;", "&amp;lt;"),
    ],
)
def test_markdown_takes_none_of_it_for_markup(text, escaped):
    assert markdown(text) == escaped


@given(hostile)
def test_markdown_keeps_to_its_cell(text):
    cell = markdown(text)
    unescaped = cell.replace("\\\\", "").replace("\\|", "").replace("\\`", "")
    assert not set(unescaped) & set("|`<>\n")


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "  =cmd()", "\uff1dcmd()"])
def test_a_spreadsheet_sees_no_formula(text):
    assert csv_cell(text) == "'" + text


@given(hostile)
def test_no_cell_begins_like_a_formula(text):
    assert not csv_cell(text).lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
