"""The files that come with certwatch but are not Python: templates, migrations, examples."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """The folder ``alembic``, ``reports`` or ``config``: the wheel's copy, else the checkout's.

    Raises FileNotFoundError when neither exists, which only a broken installation can cause.
    """
    for folder in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"certwatch is not installed completely: {name} is missing")
