"""What the demo prints for programs and for the README."""

import json
from pathlib import Path

import pytest

from certwatch.cli.demo.acts import Act
from certwatch.cli.demo.pages import document, markdown_lines
from certwatch.cli.demo.story import Story
from certwatch.lab.truth import Comparison, Row


def story(*rows, right=True):
    act = Act(
        title="the lights go out", why="no storm of alarms", shown="monitor_sick", right=right
    )
    return Story(
        folder=Path("folder"), report=Path("report"), comparison=Comparison(rows), acts=(act,)
    )


GOOD = Row("a.test", "it expired | yesterday", ("expired",), ("expired",))
MISSED = Row("b.test", "revoked", ("revoked",), ())
INVENTED = Row("c.test", "healthy", (), ("stale",))


@pytest.mark.parametrize(
    ("told", "right"),
    [
        (story(GOOD), True),
        (story(GOOD, MISSED), False),
        (story(GOOD, INVENTED), False),
        (story(GOOD, right=False), False),
    ],
)
def test_one_wrong_thing_makes_the_demo_wrong(told, right):
    assert told.right is right
    assert json.loads(json.dumps(document(told)))["right"] is right


def test_the_document_names_what_is_missing_and_invented():
    page = document(story(GOOD, MISSED, INVENTED))
    assert page["missing"] == [{"domain": "b.test", "check": "revoked"}]
    assert page["invented"] == [{"domain": "c.test", "check": "stale"}]


def test_the_readme_table_shows_each_domain():
    lines = list(markdown_lines(story(GOOD, MISSED, INVENTED)))
    assert lines[2] == "| a.test | it expired \\| yesterday | `expired` | `expired` |"
    assert lines[3] == "| b.test | revoked | `revoked` | nothing |"
    assert lines[4] == "| c.test | healthy | nothing | `stale` |"
    assert "2 faults planted on 3 domains: 1 missing, 1 invented." in lines
