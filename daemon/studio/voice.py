"""A draft narration: text read aloud by eSpeak NG, where the extra `voice` is installed.

It sounds like the machine it is; it is there to hear the pace. eSpeak NG is a library with a state of its own, under
the GPL: it is called in a process of its own, `python -m daemon.studio.voice`.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import wave
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from daemon.errors import RenderError

RATE_WPM: Final = 165
"""Words a minute: a little below what the titles are read at."""

FASTEST_WPM: Final = 260
"""Faster than this nobody follows."""

_SLOWEST, _FASTEST = 80, 450
"""What eSpeak NG takes."""

_TOKEN: Final = re.compile(
    r"\d|[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W\d_\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]+"
    r"|(?<=[^\W_])[.](?=[^\W_])|(?<=[^\W_])[-:'’](?=[^\W_])|[^\w\s]|_"
)
_SIGNS: Final = frozenset("@%&+#$€£¥=/_°×.")
_PAUSES: Final = frozenset(",;:.!?…—–，。；：！？、")
_SOUNDED: Final = re.compile("[aeiouy]|[^a-z]", re.IGNORECASE)
_LETTERS_A_WORD: Final = 5
_SHORTEST_WORD: Final = 0.6
_DIGIT, _ZERO, _SIGN, _PAUSE = 1.7, 0.6, 1.1, 0.7
_HAN, _HAN_IN_JAPANESE, _KANA, _HANGUL = 0.85, 2.7, 0.5, 0.6
_SPELLED, _SPELLED_W, _FOREIGN = 0.6, 1.5, 0.8
_ABBREVIATION: Final = 3
"""Capitals, so many letters at most, are spelled."""

_LIMIT_S: Final = 60.0
_LONGEST: Final = 4000
_VOICES: Final = {"zh": "cmn", "ja": "ja", "ko": "ko", "en": "en-us"}
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_RATE: Final = 1
_UTF8: Final = 1
_CHARACTERS: Final = 1


def has_voice() -> bool:
    """Whether narration can be made here."""
    return find_spec("espeakng_loader") is not None


def language_of(text: str) -> str:
    """ja, ko, zh or en, by the script that the text is written in."""
    if re.search(r"[\u3040-\u30ff]", text):
        return "ja"
    if re.search(r"[\uac00-\ud7af]", text):
        return "ko"
    return "zh" if re.search(r"[\u4e00-\u9fff]", text) else "en"


def spoken_words(text: str) -> float:
    """How many English words it takes as long to say as `text`, rather too many: a minute speaks as many of them as
    the rate says.

    Numbers, signs, addresses and what is spelled take longer than they look. The weights were fitted to what eSpeak
    NG takes at 165 and 260 words a minute for 61 texts: 0.92 to 2.2 times as long, but for a lone "No".
    """
    japanese = language_of(text) == "ja"
    total = 0.0
    for found in _TOKEN.finditer(text):
        token = found[0]
        within = text[found.end() : found.end() + 1].isalnum() and text[: found.start()][-1:].isalnum()
        if token.isalpha():
            total += _said(token, japanese)
        elif token.isdigit():
            total += _ZERO if token == "0" else _DIGIT
        elif within and token in "-:'’":
            continue
        elif token in _SIGNS and (within or token != "."):
            total += _SIGN
        elif token in _PAUSES:
            total += _PAUSE
    return total


def _said(letters: str, japanese: bool) -> float:
    first = letters[0]
    if "\u3041" <= first <= "\u30ff":
        return _KANA
    if "\u3400" <= first <= "\u9fff":
        return _HAN_IN_JAPANESE if japanese else _HAN
    if "\uac00" <= first <= "\ud7a3":
        return _HANGUL
    if first > "\u024f":
        # The English voice spells what is not in its alphabet.
        return _FOREIGN * len(letters)
    abbreviated = letters.isupper() and 1 < len(letters) <= _ABBREVIATION
    if abbreviated or not _SOUNDED.search(letters):
        return sum(_SPELLED_W if letter in "wW" else _SPELLED for letter in letters)
    return max(_SHORTEST_WORD, len(letters) / _LETTERS_A_WORD)


def speak(text: str, target: Path, language: str = "", rate: int = RATE_WPM) -> float:
    """Read `text` aloud into a mono wav file; its length in seconds. `language`: "" finds it out, else an eSpeak
    NG voice; `rate`: words a minute, 80 to 450. Blocking. Raises RenderError."""
    if not has_voice():
        raise RenderError(
            "reading the narration",
            "there is no voice here",
            "pip install 'reeldrop[voice]', or leave it out",
        )
    spoken = language or language_of(text)
    pace = min(_FASTEST, max(_SLOWEST, rate))
    command = [
        sys.executable,
        "-m",
        "daemon.studio.voice",
        str(target),
        _VOICES.get(spoken, spoken),
        str(pace),
    ]
    said = text.replace("\x00", " ")[:_LONGEST].encode("utf-8", "replace")
    try:
        done = subprocess.run(command, input=said, capture_output=True, timeout=_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RenderError("reading the narration", str(error)) from error
    if done.returncode:
        cause = done.stderr.decode("utf-8", "replace").strip().splitlines() or [
            f"exit code {done.returncode}"
        ]
        raise RenderError("reading the narration", cause[-1])
    with wave.open(str(target)) as file:
        return float(file.getnframes() / file.getframerate())


def _synthesise(text: bytes, target: str, voice: str, pace: int) -> None:
    """In the child: one text through eSpeak NG."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = str(espeakng_loader.get_data_path()).encode()
    frequency = library.espeak_Initialize(_SYNCHRONOUS, 0, ctypes.c_char_p(data), _DONT_EXIT)
    if frequency <= 0:
        raise SystemExit("eSpeak NG does not start")
    if library.espeak_SetVoiceByName(voice.encode()):
        raise SystemExit(f"eSpeak NG has no voice {voice}")
    samples = bytearray()

    def heard(wav: int | None, count: int, events: int | None) -> int:
        if wav and count > 0:
            samples.extend(ctypes.string_at(wav, 2 * count))
        return 0

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)(heard)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetParameter(_RATE, pace, 0)
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    if library.espeak_Synth(text, len(text) + 1, 0, _CHARACTERS, 0, _UTF8, None, None):
        raise SystemExit("eSpeak NG could not read it")
    library.espeak_Synchronize()
    with wave.open(target, "wb") as file:
        file.setparams((1, 2, frequency, 0, "NONE", ""))
        file.writeframes(bytes(samples))


if __name__ == "__main__":
    _synthesise(sys.stdin.buffer.read(), sys.argv[1], sys.argv[2], int(sys.argv[3]))
