"""Whatever servers and inventories say, a report stays a report."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certwatch.core.escape import visible
from certwatch.core.model import Finding, Severity
from certwatch.reporting.build import build_report
from certwatch.reporting.render import render
from certwatch.services.advise import advise
from tests.factories import CATALOG, NOW
from tests.reporting.looks import TEMPLATES, latest
from tests.strategies import HOSTILE

texts = st.text(min_size=1) | st.sampled_from(
    (*HOSTILE[:4], '"><img src=x onerror=y>', "{{ 7*7 }}", "\x85\u2028</style>", "|`[x](y)\n# a")
)
findings = st.builds(Finding, texts, st.sampled_from(Severity), texts, texts)


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.seen |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


def tags(page: str) -> set[str]:
    parser = Tags()
    parser.feed(page)
    return parser.seen


def report(found, provider, owner):
    look = latest(*found, owner=owner)
    assert look.judged is not None
    look = replace(look, judged=replace(look.judged, provider=provider))
    return build_report([look], now=NOW, since=NOW)


def page(kind, *args):
    return "".join(render(f"report.{kind}.j2", TEMPLATES, report=report(*args)))


PLAIN = Finding("expired", Severity.CRITICAL, "plain", "plain")
KNOWN = tags(page("html", (PLAIN, replace(PLAIN, severity=Severity.INFO)), "p", "o"))


@settings(max_examples=50)
@given(st.lists(findings, min_size=1, max_size=3).map(tuple), texts, texts)
def test_html_gains_no_tag_and_shows_no_control(found, provider, owner):
    text = page("html", found, provider, owner)
    assert tags(text) <= KNOWN
    assert text.count("<") == text.count(">")
    assert visible(text.replace("\n", "")) == text.replace("\n", "")


@settings(max_examples=50)
@given(st.lists(findings, min_size=1, max_size=3).map(tuple), texts, texts)
def test_markdown_gains_no_html_no_line_and_no_column(found, provider, owner):
    text = page("md", found, provider, owner)
    assert "<" not in text
    assert visible(text.replace("\n", "")) == text.replace("\n", "")
    rows = [line for line in text.split("\n") if line.startswith("| ")]
    columns = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows}
    assert columns <= {4, 5}


@settings(max_examples=50)
@given(st.lists(findings, max_size=3).map(tuple), texts)
def test_advice_is_lines_of_visible_text(found, name):
    look = replace(latest(*found), domain=replace(latest().domain, name=name))
    advice = advise(
        look, CATALOG, lambda values: "".join(render("advice.txt.j2", TEMPLATES, **values))
    )
    assert visible(advice.subject) == advice.subject
    assert visible(advice.body.replace("\n", "")) == advice.body.replace("\n", "")


@pytest.mark.parametrize("kind", ["html", "md"])
def test_a_script_in_a_certificate_is_shown_as_text(kind):
    hostile = replace(PLAIN, summary="issued by <script>alert(1)</script>\x1b[31m")
    text = page(kind, (hostile,), "sparkpost", None)
    assert "&lt;script&gt;" in text
    assert "u001b" in text
