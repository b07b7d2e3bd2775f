"""``python -m certwatch``: the same as the command ``certwatch``."""

from certwatch.cli import main

if __name__ == "__main__":
    main()
