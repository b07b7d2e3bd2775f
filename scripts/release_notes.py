"""Print what CHANGELOG.md says about the version in pyproject.toml."""

import re
import sys
import tomllib
from pathlib import Path


def notes(changelog: str, version: str) -> str | None:
    """The body of one version's section (Keep a Changelog 1.1), or None when it has none."""
    sections = re.split(r"^## \[?([^\]\s]+)\]?.*$", changelog, flags=re.MULTILINE)
    bodies = dict(zip(sections[1::2], sections[2::2], strict=True))
    body = bodies.get(version, "").partition("\n[")[0].strip()
    return body or None


def main() -> int:
    """Print the notes of the current version; 1 when there are none."""
    version = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["version"]
    body = notes(Path("CHANGELOG.md").read_text("utf-8"), version)
    if body is None:
        print(f"CHANGELOG.md has no section for {version}; add '## [{version}]'", file=sys.stderr)
        return 1
    print(f"certwatch {version}\n\n{body}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
