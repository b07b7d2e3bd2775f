"""Hostile text, shown: nothing unseen acts, and no format takes it for its own."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from certwatch.core.escape import markdown, terminal, visible

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
        ("set CNAME a.com -> b.com", "set CNAME a.com -> b.com"),
        ("cname_missing & co", "cname_missing & co"),
        ("_em_", "\\_em\\_"),
        ("control \x1b", "control \\u001b"),
        ("1.5 days", "1.5 days"),
    ],
)
def test_markdown_takes_none_of_it_for_markup(text, escaped):
    assert markdown(text) == escaped


@given(hostile)
def test_markdown_keeps_to_its_cell(text):
    cell = markdown(text)
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", cell).replace("->", "")
    assert not set(unescaped) & set("|`<>\n")


MARKUP = st.text(alphabet="ab1 .:/\\\\`*_[]()<>!|~#&;@-+=\n\u0301\xa0") | st.sampled_from(
    ["![x](y)", "<b>", "<http://a.b>", "__a__", "***a***", "a_b_ c", "--->", "&#35;", "\\_a\\_"]
)
RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    "page", ["{}", "- {}", "### {}", "> {}", "**x** {}: y", "| a |\n|---|\n| {} |"]
)
@given(text=st.text() | MARKUP)
def test_a_renderer_shows_markdown_as_the_plain_text_it_was(page, text):
    def spoken(markdown_text):
        inline = [t for t in RENDERER.parse(page.format(markdown_text)) if t.type == "inline"]
        return [[(each.type, each.content) for each in token.children or ()] for token in inline]

    shown, plain = visible(text).strip(), "MARK"
    if not shown:
        return
    meant = [
        [(kind, content.replace(plain, shown)) for kind, content in children]
        for children in spoken(plain)
    ]
    assert spoken(markdown(text)) == meant
