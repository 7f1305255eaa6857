"""The config file: TOML to Settings, with every problem at its line.

Knows the file's words and what must hold between them; must never know how any of it is used.
"""

from hoopwire.config.load import Loaded, load, load_with_places, loads
from hoopwire.config.problem import ConfigError, Problem

__all__ = ["ConfigError", "Loaded", "Problem", "load", "load_with_places", "loads"]
