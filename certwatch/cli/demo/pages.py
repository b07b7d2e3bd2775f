"""The demo's outcome for programs (JSON) and for the README (Markdown)."""

from collections.abc import Iterator
from typing import Any

from certwatch.cli.demo.acts import Act
from certwatch.cli.demo.story import Story
from certwatch.core.escape import markdown
from certwatch.lab.truth import Row


def document(story: Story) -> dict[str, Any]:
    """What ``demo --json`` prints."""
    comparison = story.comparison
    return {
        "version": 1,
        "right": story.right,
        "planted": comparison.planted,
        "missing": [{"domain": domain, "check": code} for domain, code in comparison.missing],
        "invented": [{"domain": domain, "check": code} for domain, code in comparison.invented],
        "domains": [
            {
                "domain": row.domain,
                "story": row.story,
                "expected": list(row.expected),
                "found": list(row.found),
            }
            for row in comparison.rows
        ],
        "acts": [
            {"title": act.title, "why": act.why, "shown": act.shown, "right": act.right}
            for act in story.acts
        ],
        "folder": str(story.folder),
        "report": str(story.report),
    }


def markdown_lines(story: Story) -> Iterator[str]:
    """What ``demo --markdown`` prints: nothing in it changes from run to run."""
    comparison = story.comparison
    yield "| domain | what is wrong with it | planted | found |"
    yield "|---|---|---|---|"
    yield from map(_row, comparison.rows)
    yield ""
    yield (
        f"{comparison.planted} faults planted on {len(comparison.rows)} domains:"
        f" {len(comparison.missing)} missing, {len(comparison.invented)} invented."
    )
    yield ""
    yield "| when the fault is our own | why it matters | right |"
    yield "|---|---|---|"
    yield from map(_act, story.acts)


def _row(row: Row) -> str:
    cells = (markdown(row.domain), markdown(row.story), _codes(row.expected), _codes(row.found))
    return f"| {' | '.join(cells)} |"


def _codes(codes: tuple[str, ...]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "nothing"


def _act(act: Act) -> str:
    return f"| {markdown(act.title)} | {markdown(act.why)} | {'yes' if act.right else 'no'} |"
