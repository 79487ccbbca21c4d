"""``python -m simsepsis``: the command line where its script is not on the path."""

from simsepsis.cli import main

if __name__ == "__main__":
    main()
