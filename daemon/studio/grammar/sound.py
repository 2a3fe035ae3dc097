"""Background music, volume and levelling."""

from __future__ import annotations

import math
import re
from typing import Final

from daemon.media.types import kind_of
from daemon.studio.grammar.common import Unclear, row, take, used_up, whole
from daemon.studio.grammar.files import find, must_find, only
from daemon.studio.measures import Marked
from daemon.studio.operations import (
    BED_VOLUME,
    CALM,
    LOUDNESS,
    AddMusic,
    Mood,
    Normalise,
    Operation,
    Volume,
    Without,
)

# --- music

MUSIC: Final = (
    r"(?:(?:background|backing) )?(?:music(?:al)?(?: track| bed| score)?|soundtrack|bgm|songs?"
    r"|tunes?|melody)"
    r"|background (?:track|audio)"
)
H_MUSIC: Final = r"背景音乐|背景乐|音乐|配乐|bgm|乐曲|曲子|歌曲"
_MUSIC: Final = row(rf"{MUSIC}|{H_MUSIC}")
_MUSIC_WORDS: Final = row(
    r"add(?: in)?|put(?: in)?|include|play|lay(?: down)?|insert|use|give|with|have|having|layer"
    r"|apply|place|mix in"
    r"|throw in|create|in the background|as background|beats?|nice|pleasant|good|great|something|style|mood"
    r"|vibe|change|switch"
    r"|replace|swap|set|to|make|be|more|instead|feel(?:ing)?|sound(?:ing)?|it"
    r"|instrumental|royalty[ -]free|copyright[ -]free|but|of|softly"
    r"|添加|加上|加入|加一?点|加|配上|来点|配|放上|放|插入|铺上|铺|叠加|使用|用|需要|要|带|合适|好听"
    r"|作为|背景"
)
_MOOD_SOURCES: Final[tuple[tuple[Mood, str], ...]] = (
    (
        "calm",
        r"calm(?:ing)?|soft|gentle|relax(?:ing|ed)|ambient|peaceful|soothing|mellow|serene|tranquil"
        r"|chill(?:ed)?(?:[ -]?out)?|lo-?fi|dreamy|quiet and calm"
        r"|meditat(?:ive|ion)|light|轻柔|舒缓|平静|柔和|安静|放松|轻松|宁静|温柔|舒适|悠扬|平和|治愈|轻(?!快)",
    ),
    (
        "upbeat",
        r"up-?beat|happy|joyful|cheerful|energetic|exciting|fun|lively|bouncy|playful|bright|dance|danceable"
        r"|feel[ -]good"
        r"|up-?tempo|positive|欢快|轻快|明快|欢乐|快乐|动感|活泼|愉快|快节奏|有活力|充满活力",
    ),
    (
        "cinematic",
        r"cinematic|epic|dramatic|emotional|orchestral|heroic|majestic|film(?:ic)?|movie[ -]like|trailer"
        r"|电影感|电影般|史诗感?|大气|恢弘|震撼|管弦乐?|情感",
    ),
    (
        "corporate",
        r"corporate|business(?:[ -]like)?|professional|motivational|motivating|inspir(?:ing|ational)|uplifting"
        r"|tech(?:y|nology)?"
        r"|presentation|商务|企业|专业|励志|振奋|激励|科技感?",
    ),
)
_MOOD_WORDS: Final = tuple((mood, row(source)) for mood, source in _MOOD_SOURCES)
_MATCHING: Final = row(
    r"(?:that |which |to )?(?:would )?(?:match(?:es|ing)?|fit(?:s|ting)?|suit(?:s|ing|ed|able)?"
    r"|go(?:es)?(?: well)?"
    r"|complement(?:s|ing)?|appropriate)(?: well)?(?: with| to| for)?"
    r"(?: (?:the |its |my )?(?:overall |general )?(?:NP's )?(?:mood|vibe|tone|feel|feeling"
    r"|atmosphere|style|content|theme"
    r"|pace|energy)(?: (?:and|of) (?:the )?(?:mood|vibe|tone|feel|atmosphere|style|content"
    r"|theme))?(?: of NP)?| NP)?"
    r"|(?:与|和|跟)?(?:适合|符合|匹配|契合|搭配|贴合|配合)?(?:这个|我的?)?(?:视频|影片|短片|画面)?的?"
    r"(?:氛围|气氛|情绪|风格|内容|节奏|基调|心情)的?(?:相配|相匹配|匹配|相符|一致|搭配)?|适合视频|合适"
)
_PURPOSE: Final = row(
    r"under (?:the |my )?(?:voice|speech|talking|dialogue|narration|speaker)|throughout|from start to (?:finish|end)"
)
_VOLUME: Final = row(
    r"(?:(?:at |with )?(?:a |the )?(?:volume|level)(?: of| at| to| set to|:)? |at |音量(?:为|设为"
    r"|设置为|调到|调为|在|是)?)?"
    r"{p}(?: of)?(?: volume| loudness|的?音量)?"
)
_QUIET: Final = row(
    r"(?:at |with )?(?:a |an )?(?:very )?(?:low|quiet|soft) (?:volume|level)|(?:very )?quiet(?:ly)?"
    r"|not too loud|faint|subtle"
    r"|轻声|低音量|(?:小声|音量要?(?:小|低))(?:一?点|一些)?"
)
_LOUD: Final = row(r"(?:at |with )?(?:a )?high volume|loud(?:ly)?|(?:大声|音量要?(?:大|高))(?:一?点|一些)?")
_QUIET_VOLUME: Final = 0.2
_LOUD_VOLUME: Final = 0.6
_OTHER_MUSIC: Final = row(
    r"funny|funky?|rock|(?:heavy )?metal|(?:[jk][ -]?)?pop|jazzy?|blues|hip[ -]?hop|rap|r&b|edm|soul|punk"
    r"|reggae|latin|salsa|disco"
    r"|electronic|techno|house|trance|dubstep|drum and bass|classical|opera|gospel|indie|world|swing|samba"
    r"|bossa nova|8-bit"
    r"|sad|melanchol(?:ic|y)|romantic|dark|scary|spooky|creepy|horror|suspense(?:ful)?|tense|intense|mysterious"
    r"|fast|slow|aggressive|angry|piano|guitar|acoustic|violin|drums?|ukulele|flute|saxophone|trap|country"
    r"|folk|retro|vintage|[89]0s"
    r"|christmas|holiday|wedding|birthday|festive|party|tropical|summer|trendy|viral|popular|famous|vocals?"
    r"|lyrics|singing|with (?:vocals|lyrics|singing)"
    r"|by [^,.;]{1,40}|from (?!<)[^,.;]{1,40}"
    r"|激昂|激烈|摇滚|悲伤|伤感|浪漫|爵士|流行|嘻哈|说唱|钢琴|吉他|电子|古典|民谣|中国风|古风|圣诞"
    r"|热血|紧张|恐怖|悬疑|搞笑|[\u3400-\u9fff]{2,4}的(?=歌|音乐)"
)
_OWN: Final = r"(?:(?:the|my|our|this|that|uploaded|attached|own|provided|included|dropped) )+"
_SONG: Final = r"(?:audio|sound|music|song|track|tune|soundtrack)(?: (?:file|track))?"
_OWN_SONG: Final = row(
    rf"{_OWN}{_SONG}(?: (?:i|that i|which i) (?:have )?(?:uploaded|attached|sent))?|我?上传的(?:音乐|歌曲?"
    rf"|音频)|我?自己的(?:音乐|歌曲?|音频)"
)
_MINE: Final = re.compile(
    r"uploaded|attached|own|provided|included|dropped|sent|my|我|上传|自己", re.IGNORECASE
)
_FILE_WORDS: Final = row(
    r"file|audio|track|song|tune|music|sound|called|named|my|from|as|under|behind|it|the|in the background"
    r"|background|loop"
    r"|歌曲?|音频|文件|名为|叫|作为|做|当作|当|为"
)
_CALLED: Final = whole(
    rf"(?:(?:add|use|play|put|take|insert)(?: in)? )?(?:{_OWN})(?:background )?(?:song|track|tune|music"
    rf"|audio)(?: file)? (?:called |named )?{{rest}}"
    r"(?: (?:as|for|in) (?:the |a )?background(?: music| track)?)?"
)


_CHANGED: Final = row(r"make|change|replace|switch|swap|set|be|it|换成|换|改成|改")
"""Words of another music: without saying which, `replace the music` asks for nothing that could be made."""

_REPLACES: Final = re.compile(
    r"\W*(?:please )?(?:replace|swap|exchange|switch|change)\b(?! (?:it|that) )", re.IGNORECASE
)
_REPLACED: Final = row(
    rf"(?:replace|swap|exchange|switch|change) (?:[a-z-]+ ){{0,4}}?(?:{MUSIC})"
    r" (?:with|to|for|by|into)(?: (?:something|some))?"
)

_INSTEAD: Final = row(
    r"(?:replace|swap|exchange|substitute|change) (?:(?:the|its|my|original) )*(?:audio|sound)(?: track)?"
    r"|(?:把|将)?(?:原声|声音|音频)(?:换|替换)"
)
"""A song in the place of the clip's own sound, which goes."""


def read_music(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a wish for music, or None. Raises Unclear for a music that cannot be made or is not there."""
    own = _own_music(clause, marked)
    if own is not None:
        return (Without("sound"), own) if _INSTEAD.search(clause) else (own,)
    rest, instead = take(clause, _INSTEAD)
    rest, replaced = take(rest, _REPLACED)
    if not (replaced or instead) and _REPLACES.match(clause):
        return None
    rest, noun = take(rest, _MUSIC)
    if noun is None and replaced is None:
        return None
    rest, matching = take(rest, _MATCHING)
    rest, _ = take(rest, _PURPOSE)
    rest, volume = _take_volume(rest, marked)
    moods = moods_of(rest)
    known = [pattern for _, pattern in _MOOD_WORDS]
    if not used_up(rest, _MUSIC_WORDS, *known, _MUSIC):
        other = _OTHER_MUSIC.sub(" ", rest)
        if other != rest and used_up(other, _MUSIC_WORDS, *known, _MUSIC):
            raise Unclear("only-moods", clause=marked.restored(clause))
        return None
    if _CHANGED.search(clause) and not (moods or matching):
        return None
    if len(moods) > 1:
        raise Unclear("two-moods", clause=marked.restored(clause))
    _in_range(volume)
    mood = moods[0] if moods else None if matching else CALM
    music = AddMusic(mood, BED_VOLUME if volume is None else volume)
    return (Without("sound"), music) if instead else (music,)


def moods_of(text: str) -> list[Mood]:
    """The moods that words of the text stand for, each once."""
    return [mood for mood, pattern in _MOOD_WORDS if pattern.search(text)]


def _take_volume(text: str, marked: Marked) -> tuple[str, float | None]:
    rest, share = take(text, _VOLUME)
    rest, quiet = take(rest, _QUIET)
    rest, loud = take(rest, _LOUD)
    if share is not None:
        return rest, marked.number(share["p"])
    return rest, _QUIET_VOLUME if quiet else _LOUD_VOLUME if loud else None


def _in_range(volume: float | None) -> None:
    if volume is not None and not 0.01 <= volume <= 1:
        raise Unclear("odd-volume", volume=volume)


def _own_music(clause: str, marked: Marked) -> AddMusic | None:
    """A sound of the user's own as the bed. Raises Unclear for one that is not there."""
    rest, volume = _take_volume(clause, marked)
    rest, file = take(rest, _MUSIC_FILE)
    if file is not None:
        if _REPLACES.match(clause) and not re.search(r"\b(?:with|by|to|for) .*<[fq]", clause, re.IGNORECASE):
            return None
        name = str(marked.value(file["f"] or file["q"]))
        a_song = _MUSIC.search(rest) is not None or kind_of(name) == "audio"
        rest, _ = take(rest, _PURPOSE)
        if not a_song or not used_up(rest, _MUSIC, _MUSIC_WORDS, _FILE_WORDS):
            return None
        song: str | None = must_find(name, "audio", marked)
    else:
        song = _spoken_song(rest, clause, marked)
    if song is None:
        return None
    _in_range(volume)
    return AddMusic(None, BED_VOLUME if volume is None else volume, song)


def _spoken_song(rest: str, clause: str, marked: Marked) -> str | None:
    left, own = take(rest, _OWN_SONG)
    if own is not None and _MINE.search(own[0]) and used_up(left, _MUSIC, _MUSIC_WORDS, _FILE_WORDS):
        if re.match(
            r"\W*(?:use|add|play|put|with|take|insert|using|用|加|添加|使用|把|配)", clause, re.IGNORECASE
        ):
            return only("audio", marked, clause)
        return None
    called = _CALLED.search(rest)
    return find(marked.restored(called["rest"]), "audio", marked) if called else None


_MUSIC_FILE: Final = re.compile(r"<f(?P<f>\d+)>|<q(?P<q>\d+)>")

# --- louder and quieter

_HEARD: Final = (
    r"(?:(?:the|my|its|this|clip's|video's|original|overall|sound|audio) )*(?:volume|sound|audio|loudness"
    r"|speech|voice|dialogue|level)s?"
    r"(?: (?:volume|level)s?)?(?: of (?:NP|the (?:speech|voice|speaker)))?"
)
_H_HEARD: Final = r"(?:原声|音量|声音|音频|人声)(?:的?音量)?"
_LOUDER: Final = row(
    rf"louder|turn (?:up (?:{_HEARD}|NP)|(?:{_HEARD}|NP) up)|(?:increase|raise|boost|amplify|pump up"
    rf"|turn up) (?:{_HEARD}|NP)"
    rf"|(?:{_HEARD}|NP) up|(?:提高|增大|增加|调高|调大|加大|放大|提升){_H_HEARD}|{_H_HEARD}(?:调|提|开|放|变"
    rf"|弄|增|加)?(?:高|大|响)(?:一?点|一?些)?"
)
_QUIETER: Final = row(
    rf"quieter|softer|less loud|turn (?:down (?:{_HEARD}|NP)|(?:{_HEARD}|NP) down)|(?:decrease|reduce|lower"
    rf"|cut|turn down) (?:{_HEARD})"
    rf"|{_HEARD} down|(?:降低|减小|减少|调低|调小){_H_HEARD}|{_H_HEARD}(?:调|降|关|变|弄|减)?(?:低|小"
    rf"|轻)(?:一?点|一?些)?"
)
_TIMES: Final = tuple(
    (factor, row(source))
    for factor, source in (
        (
            0.5,
            rf"half as loud|(?:halve {_HEARD})|(?:at |to )?half (?:the |of the )?(?:volume|loudness)"
            rf"|(?:turn down {_HEARD}|turn {_HEARD} down"
            rf"|(?:reduce|lower|decrease|cut) {_HEARD}) (?:by|to|in) (?:a )?half"
            rf"|{_H_HEARD}(?:减半|(?:降低|减小|减少|调低|调小|降|减|调)(?:到|为)?一半)"
            rf"|(?:降低|减小|减少|调低|调小){_H_HEARD}(?:到|为)?一半",
        ),
        (
            2.0,
            rf"twice as loud|(?:double {_HEARD})|(?:at |to )?(?:twice|double) the (?:volume|loudness)"
            rf"|{_H_HEARD}(?:加倍|翻倍)",
        ),
    )
)
_BY: Final = row(
    r"(?:(?P<way>by|to|at|about|到|至|为|成)? ?(?:{d}|{p}))(?: of (?:the )?(?:original|current)(?: volume)?)?"
)
_A_BIT: Final = row(r"(?:a )?(?:little(?: bit)?|bit|slightly|tad)|稍微|略微|一点点")
_VOLUME_NOUN: Final = row(rf"{_HEARD}|{_H_HEARD}")
_VOLUME_WORDS: Final = row(
    r"make|set|turn|change|adjust|by|to|at|play|be|it|调|调整|设|设置|改|变|到|为|成|了"
)
_STEP: Final = 6.0
_SMALL_STEP: Final = 3.0
_LOUDEST_GAIN: Final = 30.0
_QUIETEST_GAIN: Final = -60.0


def read_volume(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as the clips' own sound made louder or quieter, or None. Raises Unclear for what no ear hears.

    A share is of the amplitude: half as loud is -6 dB.
    """
    for factor, pattern in _TIMES:
        rest, found = take(clause, pattern)
        if found is not None and used_up(rest, _VOLUME_WORDS, _VOLUME_NOUN):
            return (Volume(_decibels(factor)),)
    rest, by = take(clause, _BY)
    rest, little = take(rest, _A_BIT)
    rest, up = take(rest, _LOUDER)
    rest, down = take(rest, _QUIETER)
    rest, noun = take(rest, _VOLUME_NOUN)
    if (
        (up and down)
        or not (up or down or (noun and by))
        or (little and by)
        or not used_up(rest, _VOLUME_WORDS)
    ):
        return None
    gain = _SMALL_STEP if little else _STEP
    if by is not None:
        gain = _gain(by, marked, bool(up), bool(down), clause)
    gain = -gain if down and (by is None or by["d"] or not by["p"]) else gain
    if not _QUIETEST_GAIN <= gain <= _LOUDEST_GAIN or gain == 0:
        raise Unclear("odd-gain", clause=marked.restored(clause))
    return (Volume(round(gain, 2)),)


def _gain(by: re.Match[str], marked: Marked, up: bool, down: bool, clause: str) -> float:
    """In dB. A number of dB without a direction is a change; a share without one is what it is to be."""
    if by["d"]:
        gain = marked.number(by["d"])
        absolute = not (up or down) and by["way"] not in ("by", None)
        if absolute or (gain < 0 and (up or down)):
            raise Unclear("odd-gain", clause=marked.restored(clause))
        return gain
    share = marked.number(by["p"])
    absolute = by["way"] in ("to", "at", "到", "至", "为", "成") or not (up or down)
    factor = share if absolute else 1 + share if up else 1 - share
    wrong_way = absolute and ((up and factor < 1) or (down and factor > 1))
    if factor <= 0 or wrong_way or (by["way"] == "by" and not (up or down)):
        raise Unclear("odd-gain", clause=marked.restored(clause))
    return _decibels(factor)


def _decibels(factor: float) -> float:
    return round(20 * math.log10(factor), 2)


# --- levelling

_SOUND: Final = r"(?:the |my |its |all )?(?:overall )?(?:audio|sound|volume|loudness|speech|voice|dialogue)"
_LEVELS: Final = r"(?: volumes?| loudness| levels?)*"
_LEVELLING: Final = tuple(
    map(
        row,
        (
            rf"(?:normali[sz]e|level(?: out)?|even out|equali[sz]e|standardi[sz]e|smooth out"
            rf"|unify) {_SOUND}{_LEVELS}",
            rf"(?:fix|balance|correct|adjust|set|bring) {_SOUND}(?: volumes?| loudness| levels?)+",
            r"(?:fix|balance|correct|even up) (?:the |my |its )?(?:volume|loudness)(?: levels?)?",
            r"(?:normali[sz]e|normali[sz]e NP|set (?:the )?(?:audio|volume|loudness|sound)"
            r"|master(?: the audio)?)(?= (?:to|at) <l)",
            r"(?:apply |do |use |with |add )?(?:audio |volume |loudness |sound )normali[sz]ation",
            rf"make {_SOUND}{_LEVELS} (?:more )?(?:consistent|even|uniform|level|equal"
            rf"|the same)(?: throughout)?",
            r"(?:统一|标准化|平衡|均衡|规范化?|归一化|修正|修复|调匀"
            r"|拉平)(?:一下)?(?:视频)?的?(?:音频|声音)?的?(?:音量|响度|声音大小|音频|声音)"
            r"(?:大小|水平|电平)?(?:标准化|归一化)?",
            r"(?:音量|响度|音频|声音)(?:大小)?(?:的)?(?:标准化|归一化|均衡|统一|保持一致|变得一致"
            r"|一致|均匀)",
            r"(?:调整|设置|设|调)?(?:音量|响度|声音)?(?:调整|设置|设|调|统一|标准化)?(?=(?:到|至|为|成)<l)",
        ),
    )
)
_TARGET: Final = row(r"(?:to|at|with|targeting|with a target of|to a target of|到|至|为|成)? ?{l}")
_LEVEL_WORDS: Final = row(r"levels?|loudness|volume|audio|target|the same level|水平|标准")
_QUIETEST: Final = -31.0
_LOUDEST: Final = -8.0


def read_loudness(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as levelling, or None. Raises Unclear for a loudness that no player expects."""
    for pattern in _LEVELLING:
        rest, found = take(clause, pattern)
        if found is None:
            continue
        rest, target = take(rest, _TARGET)
        if not used_up(rest, _LEVEL_WORDS):
            continue
        loudness = marked.number(target["l"]) if target else LOUDNESS
        if not _QUIETEST <= loudness <= _LOUDEST:
            raise Unclear("odd-loudness", loudness=loudness, quietest=_QUIETEST, loudest=_LOUDEST)
        return (Normalise(loudness),)
    return None
