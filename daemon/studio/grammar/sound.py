"""Background music, levelling, and what is not to be there."""

from __future__ import annotations

import re
from typing import Final

from daemon.studio.grammar.common import Unclear, row, take, used_up
from daemon.studio.measures import Marked
from daemon.studio.operations import BED_VOLUME, CALM, LOUDNESS, AddMusic, Normalise, Operation, Without

# --- music

_MUSIC_NOUN: Final = (
    r"(?:(?:background|backing) )?(?:music(?:al)?(?: track| bed| score)?|soundtrack|bgm|songs?"
    r"|tunes?|melody)"
    r"|background (?:track|audio)"
)
_H_MUSIC_NOUN: Final = r"背景音乐|背景乐|音乐|配乐|bgm|乐曲|曲子|歌曲"
_MUSIC: Final = row(rf"{_MUSIC_NOUN}|{_H_MUSIC_NOUN}")
_MUSIC_WORDS: Final = row(
    r"add(?: in)?|put(?: in)?|include|play|lay(?: down)?|insert|use|give|with|have|having|layer"
    r"|apply|place|mix in"
    r"|throw in|create|in the background|as background|nice|suitable|matching|appropriate|fitting|pleasant"
    r"|instrumental|royalty[ -]free|copyright[ -]free|but|of|softly"
    r"|添加|加上|加入|加一?点|加|配上|来点|配|放上|放|插入|铺上|铺|叠加|使用|用|需要|要|带|合适|好听"
    r"|作为|背景"
)
_CALM: Final = row(
    r"calm(?:ing)?|soft|gentle|relax(?:ing|ed)|ambient|peaceful|soothing|mellow|serene|tranquil"
    r"|chill(?:ed)?(?:[ -]?out)?"
    r"|meditative|light|quiet and calm|轻柔|舒缓|平静|柔和|安静|放松|轻松|宁静|温柔|舒适|悠扬|平和|轻"
)
_PURPOSE: Final = row(
    r"(?:that |which |to )?(?:would )?(?:match(?:es|ing)?|fit(?:s|ting)?|suit(?:s|ing|ed|able)?"
    r"|go(?:es)?(?: well)?"
    r"|complement(?:s|ing)?|appropriate)(?: well)?(?: with| to| for)?"
    r"(?: (?:the |its |my )?(?:overall |general )?(?:NP's )?(?:mood|vibe|tone|feel|feeling"
    r"|atmosphere|style|content|theme"
    r"|pace|energy)(?: (?:and|of) (?:the )?(?:mood|vibe|tone|feel|atmosphere|style|content"
    r"|theme))?(?: of NP)?| NP)?"
    r"|under (?:the |my )?(?:voice|speech|talking|dialogue|narration|speaker)|throughout"
    r"|from start to (?:finish|end)"
    r"|(?:与|和|跟)?(?:适合|符合|匹配|契合|搭配|贴合|配合)?(?:这个|我的?)?(?:视频|影片|短片|画面)?的?"
    r"(?:氛围|气氛|情绪|风格|内容|节奏|基调|心情)的?(?:相配|相匹配|匹配|相符|一致|搭配)?|适合视频"
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
_OTHER_MOODS: Final = row(
    r"upbeat|happy|joyful|cheerful|energetic|exciting|fun|funny|funky|rock|metal|pop|jazz|jazzy"
    r"|blues|hip[ -]?hop|rap|edm"
    r"|electronic|techno|house|dance|cinematic|epic|dramatic|orchestral|classical|corporate"
    r"|inspir(?:ing|ational)|uplifting"
    r"|motivational|sad|melancholic|emotional|romantic|dark|scary|spooky|suspenseful|tense|intense"
    r"|fast|aggressive|piano"
    r"|guitar|acoustic|violin|lo-?fi|trap|country|folk|retro|80s|christmas|festive|party|tropical"
    r"|trendy|viral|popular"
    r"|欢快|快乐|动感|激昂|激烈|摇滚|电影感|史诗|悲伤|伤感|浪漫|爵士|流行|嘻哈|说唱|钢琴|吉他|电子"
    r"|热血|活泼|快节奏|紧张|恐怖|励志|振奋"
)


def read_music(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as a wish for music, or None. Raises Unclear for a mood that cannot be made."""
    rest, noun = take(clause, _MUSIC)
    if noun is None:
        return None
    rest, _ = take(rest, _PURPOSE)
    rest, share = take(rest, _VOLUME)
    rest, quiet = take(rest, _QUIET)
    rest, loud = take(rest, _LOUD)
    if not used_up(rest, _MUSIC_WORDS, _CALM, _MUSIC):
        without_mood = _OTHER_MOODS.sub(" ", rest)
        if without_mood != rest and used_up(without_mood, _MUSIC_WORDS, _CALM, _MUSIC):
            raise Unclear("only-calm", clause=marked.restored(clause))
        return None
    volume = _QUIET_VOLUME if quiet else _LOUD_VOLUME if loud else BED_VOLUME
    if share is not None:
        volume = marked.number(share["p"])
        if not 0.01 <= volume <= 1:
            raise Unclear("odd-volume", volume=volume)
    return (AddMusic(CALM, volume),)


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


# --- what is not to be there

_TEXT_NOUN: Final = r"titles?|(?:text )?overlays?|texts?|captions?|subtitles?"
_H_TEXT_NOUN: Final = r"标题|文字|字幕|文本"
_NO: Final = (
    r"(?:(?:with|add|use|want|include) )?no|without|(?:(?:i|we) )?(?:do not|don't|dont|never"
    r"|not)(?: (?:add|use|put|include|insert|want|need))"
    r"|remove|delete|take (?:out|off|away)|get rid of|drop|skip|leave out|omit|exclude"
)
_H_NO: Final = r"不要|不加|别加|不需要|不用|无需|不想要|没有|无|去掉|去除|删除|删掉|移除|拿掉"
_NOUN: Final = rf"(?:{_MUSIC_NOUN}|{_TEXT_NOUN})"
_H_NOUN: Final = rf"(?:{_H_MUSIC_NOUN}|{_H_TEXT_NOUN})"
_DET: Final = r"(?:any|the|all|all of the|all the|my|a)"
_ABSENT: Final = row(
    rf"(?:{_NO}) (?:{_DET} )?(?P<nouns>{_NOUN}(?:(?:,? (?:or|and|nor)|,) (?:(?:{_DET}|no) )?{_NOUN})*)"
    rf"|(?:{_H_NO})(?:任何|添加|加|有)?(?P<han>{_H_NOUN}(?:(?:和|或者?|、|也不要|及)(?:{_H_NOUN}))*)"
)
_IS_MUSIC: Final = re.compile(rf"{_MUSIC_NOUN}|{_H_MUSIC_NOUN}", re.IGNORECASE)
_IS_TEXT: Final = re.compile(rf"{_TEXT_NOUN}|{_H_TEXT_NOUN}", re.IGNORECASE)


def read_absence(clause: str, marked: Marked) -> tuple[Operation, ...] | None:
    """The clause as `no music`, `without titles`, or None."""
    rest, found = take(clause, _ABSENT)
    if found is None or not used_up(rest):
        return None
    nouns = found["nouns"] or found["han"]
    music = (Without("music"),) if _IS_MUSIC.search(nouns) else ()
    text = (Without("text"),) if _IS_TEXT.search(nouns) else ()
    return (*music, *text)
