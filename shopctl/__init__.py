"""shopctl: a shop run from a terminal."""

__version__ = "0.5.0"
