"""Operations that change what is heard: music, loudness, the clips' own sound. Pure."""

from __future__ import annotations

from typing import Final

from daemon.nemo.wire import VIDEO_TRACK, JsonObject
from daemon.studio.draft import Impossible, beside, length, main, set_beside, texts
from daemon.studio.facts import Facts, plain
from daemon.studio.operations import CALM, MOODS, AddMusic, Mood
from daemon.studio.words import Said, seconds

_HASH_DIGITS_IN_SEED: Final = 7
_LOUDEST_DB: Final = 30.0


def add_music(draft: JsonObject, wanted: AddMusic, facts: Facts) -> tuple[JsonObject, Said]:
    """The user's own sound where there is one, else music that is made."""
    seed = _seed(draft)
    mood: Mood = wanted.mood or CALM
    own = _own(draft, wanted, mood, seed, facts)
    bed: JsonObject = {
        "d": length(draft),
        "m": {
            "title": f"BGM: {own['title'] if own else mood}",
            "kind": "bgm",
            "mood": mood,
            "start": 0,
            "volume": wanted.volume,
            "duck": True,
            "seed": seed,
        }
        | {name: value for name, value in own.items() if name != "title"},
    }
    if beside(draft, "bgm") == [bed]:
        return draft, Said("same-music")
    set_beside(draft, "bgm", [bed])
    values: dict[str, str | float | Said] = {"length": seconds(length(draft)), "volume": wanted.volume}
    if own:
        return draft, Said("own-music", values | {"title": own["title"]})
    if wanted.mood is None:
        # Nothing here can feel a clip's mood: calm disturbs none.
        return draft, Said("music-for-any-mood", values | {"mood": Said(mood)})
    return draft, Said("music", values | {"mood": Said(mood)})


def _own(draft: JsonObject, wanted: AddMusic, mood: Mood, seed: int, facts: Facts) -> JsonObject:
    """The sound that is meant, or fits best: one that is named, one that came with the clip, one of the folder."""
    on_the_timeline = {one["m"].get("asset") for one in main(draft)}
    uploaded = [one for one in facts.assets if one.kind == "audio" and one.hash not in on_the_timeline]
    if wanted.file:
        meant = [one for one in uploaded if plain(one.name) == plain(wanted.file)]
        own = [one for one in facts.music if plain(one) == plain(wanted.file)]
        if not meant and not own:
            raise Impossible("no-such-sound", name=wanted.file)
        return (
            {"asset": meta.hash, "title": meta.name}
            if (meta := next(iter(meant), None))
            else _from_folder(own, 0)
        )
    if uploaded:
        return {"asset": uploaded[0].hash, "title": uploaded[0].name}
    named = [one for one in facts.music if mood in one.casefold()]
    others = [one for one in facts.music if not any(name in one.casefold() for name in MOODS)]
    return _from_folder(named or others, seed)


def _from_folder(names: list[str], seed: int) -> JsonObject:
    return {"own": names[seed % len(names)], "title": names[seed % len(names)]} if names else {}


def _seed(draft: JsonObject) -> int:
    """The same for the same clip, another for the next one of a batch."""
    meta = main(draft)[0]["m"]
    asset = str(meta.get("asset", ""))[:_HASH_DIGITS_IN_SEED]
    return int(asset, 16) if asset else int(meta.get("seed", 0))


def narrate(draft: JsonObject, facts: Facts) -> None:
    """Has every text of the draft spoken while it is shown. Raises Impossible where there is no voice."""
    if not facts.voice:
        raise Impossible("no-voice")
    said: list[JsonObject] = []
    for one in texts(draft):
        meta = {
            "title": one["m"]["text"],
            "kind": "narration",
            "text": one["m"]["text"],
            "start": one["m"]["start"],
        }
        said.append({"d": one["d"], "m": meta})
    set_beside(draft, "narration", said)


def normalise(draft: JsonObject, loudness: float) -> tuple[JsonObject, Said]:
    sounding = _sounding(draft)
    if all(one["m"].get("loudness") == loudness for one in sounding):
        return draft, Said("same-loudness", {"loudness": loudness})
    for segment in sounding:
        segment["m"]["loudness"] = loudness
    return draft, Said("loudness", {"loudness": loudness})


def volume(draft: JsonObject, gain: float) -> tuple[JsonObject, Said]:
    """The clips' own sound, in dB; what was asked before counts on."""
    for segment in _sounding(draft):
        total = round(segment["m"].get("gain", 0.0) + gain, 2)
        if abs(total) > _LOUDEST_DB:
            raise Impossible("too-loud", gain=total, most=_LOUDEST_DB)
        segment["m"]["gain"] = total
    return draft, Said("volume", {"gain": gain})


def mute(draft: JsonObject) -> tuple[JsonObject, Said]:
    sounding = [one for one in main(draft) if not one["m"].get("silent") and not one["m"].get("mute")]
    if not sounding:
        return draft, Said("no-own-sound")
    if all(track["tt"] != VIDEO_TRACK for track in draft["t"]):
        raise Impossible("only-sound")
    for segment in sounding:
        segment["m"]["mute"] = True
    return draft, Said("muted")


def _sounding(draft: JsonObject) -> list[JsonObject]:
    found = [one for one in main(draft) if not one["m"].get("silent") and not one["m"].get("mute")]
    if not found:
        raise Impossible("no-sound")
    return found
