"""A settled file: which rule takes it, what its result is called, and which instructions count as the same. Pure."""

from daemon.rules.identity import instructions_key
from daemon.rules.match import Match, RuleBook, Verdict
from daemon.rules.names import base_name, relative_folder

__all__ = ["Match", "RuleBook", "Verdict", "base_name", "instructions_key", "relative_folder"]
