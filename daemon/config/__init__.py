"""rules.yaml as frozen values: finding, reading, checking, and what its keys mean."""

from daemon.config.loading import builtin_config, find_rules, load, parse, require_choice
from daemon.config.model import Api, Config, Limits, Retry, Rule, Skill, StudioSettings, Timing, Watching
from daemon.config.schema import json_schema

__all__ = [
    "Api",
    "Config",
    "Limits",
    "Retry",
    "Rule",
    "Skill",
    "StudioSettings",
    "Timing",
    "Watching",
    "builtin_config",
    "find_rules",
    "json_schema",
    "load",
    "parse",
    "require_choice",
]
