"""Interim: the cues of a subtitle file, until the module of that name is merged."""

from __future__ import annotations

import re

from daemon.studio.operations import Cue

_CUE = re.compile(
    r"(\d+):(\d\d):(\d\d)[,.](\d{3}) --> (\d+):(\d\d):(\d\d)[,.](\d{3})[^\n]*\n(.*?)(?=\n\s*\n|\Z)", re.DOTALL
)


def parse(text: str) -> tuple[Cue, ...]:
    cues = []
    for found in _CUE.finditer(text.replace("\r\n", "\n")):
        start, end = (
            ((int(found[i]) * 60 + int(found[i + 1])) * 60 + int(found[i + 2])) * 1000 + int(found[i + 3])
            for i in (1, 5)
        )
        cues.append(Cue(start, end, found[9].strip()))
    return tuple(cues)
