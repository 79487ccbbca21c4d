"""simsepsis: registries with a known truth, and the analyses that clinicians judge treatments by."""

from importlib.metadata import version

__version__ = version("simsepsis")
