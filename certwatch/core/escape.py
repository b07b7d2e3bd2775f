"""Text from the network, made safe for the place where it is shown.

Certificate fields, headers and error pages are written by whoever runs the server. ``visible``
shows what would otherwise act unseen: control characters and ANSI escapes, bidirectional controls
(which reorder what a reader sees), zero-width characters, line separators and odd spaces. The
others add what their place needs. HTML needs ``visible`` and its template engine's autoescape.
"""

import re

# Letters, marks and symbols that show nothing, though Unicode counts them as printable.
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_MARKUP = re.compile(
    r"""[`*\[\]|~]
    | \\(?=[!-/:-@\[-`{-~]|$)           # a backslash that would escape something
    | (?<![^\W_])_+ | _+(?![^\W_])      # emphasis never begins or ends inside a word
    | (?<!\w)\#                         # a heading, its end, or the number of an issue
    | (?<=\w):(?=//) | (?<=\bwww)\. | @ # automatic links
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BLOCK = re.compile(r"^([-+=:]|\d+[.)](?=\s|$))")  # a list, a rule or a heading at a line's start
_ENTITY = re.compile(r"<|(?<!-)>|&(?=\#?\w+;)")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def visible(text: str) -> str:
    """One line in which every character can be seen; the unseen ones become ``\\uXXXX``."""
    if text.isascii() and text.isprintable():
        return text
    shown = (char if char.isprintable() else _code(char) for char in text)
    return _BLANK.sub(lambda match: _code(match[0]), "".join(shown))


def terminal(text: str) -> str:
    """Text for a terminal or a log: one line, which cannot move the cursor or change colours."""
    return visible(text)


def markdown(text: str) -> str:
    """Text for a Markdown paragraph or table cell: no markup, no HTML, no automatic link.

    Only what would change the rendering is escaped, so that it also reads well as it is. Entities
    stand for ``<``, ``>`` and ``&`` because not every Markdown dialect lets a backslash escape
    them; the rest follows CommonMark sections 2.4 and 6.2 and GitHub's tables and autolinks.
    """
    escaped = _MARKUP.sub(lambda match: _escaped(match[0]), visible(text).strip())
    escaped = _BLOCK.sub(lambda match: f"{match[0][:-1]}\\{match[0][-1]}", escaped)
    return _ENTITY.sub(lambda match: _ENTITIES[match[0]], escaped)


def _escaped(marks: str) -> str:
    return "".join("\\" + mark for mark in marks)


def _code(char: str) -> str:
    point = ord(char)
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
