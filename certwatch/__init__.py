"""certwatch: what every e-mail tracking domain really serves, and how to mend it."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("certwatch")
except PackageNotFoundError:  # a source tree on the path that was never installed
    __version__ = "0+source"
