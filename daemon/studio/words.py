"""What the studio says, in the language it was spoken to in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence by its name in the table, with what goes into it."""

    name: str
    values: Mapping[str, str | int | float | Said] = field(default_factory=dict)

    def words(self, language: Language) -> str:
        told = {
            name: value.words(language) if isinstance(value, Said) else value
            for name, value in self.values.items()
        }
        return _SENTENCES[self.name][language == "zh"].format(**told)


def seconds(ms: int) -> str:
    """A length for people: `3 s`, `1.25 s`."""
    return f"{ms / 1000:g} s"


_SENTENCES: Final[dict[str, tuple[str, str]]] = {
    # done
    "kept": ("Kept {spans}; the clip is {length} long now.", "保留了 {spans}；视频现在长 {length}。"),
    "removed": ("Removed {spans}; the clip is {length} long now.", "删去了 {spans}；视频现在长 {length}。"),
    "texted": (
        'Put "{text}" on the picture ({position}), {span}.',
        "在画面（{position}）加上了文字“{text}”，{span}。",
    ),
    "music": (
        "Put {mood} music under the whole clip ({length}) at {volume:.0%}, lower while somebody speaks.",
        "在整段视频（{length}）下加上了轻柔的背景音乐，音量 {volume:.0%}，有人说话时更低。",
    ),
    "loudness": (
        "Set the clip's sound to {loudness:g} LUFS.",
        "把视频的声音统一到 {loudness:g} LUFS。",
    ),
    "speed": (
        "Plays at {factor:g}x now; the clip is {length} long now.",
        "现在以 {factor:g} 倍速播放；视频现在长 {length}。",
    ),
    "shape": (
        "The picture is {width}x{height} ({ratio}) now, the free area filled with the blurred picture.",
        "画面现在是 {width}x{height}（{ratio}），空白处用模糊的画面填充。",
    ),
    "taken-out-music": ("Took the music off the timeline.", "从时间线上拿掉了音乐。"),
    "taken-out-text": ("Took the text off the timeline.", "从时间线上拿掉了文字。"),
    # nothing to do
    "same-length": (
        "Nothing was cut: the clip is {length} long, and all of it is kept.",
        "没有剪掉任何内容：视频长 {length}，全部保留。",
    ),
    "same-music": ("The same music lies under the clip already.", "视频下已经有同样的音乐。"),
    "same-text": ("The same text stands there already.", "那里已经有同样的文字。"),
    "same-loudness": (
        "The clip's sound is set to {loudness:g} LUFS already.",
        "视频的声音已经是 {loudness:g} LUFS。",
    ),
    "same-speed": ("1x is the speed it has: nothing to change.", "1 倍速就是现在的速度，无需改变。"),
    "same-shape": ("The picture is {ratio} already.", "画面已经是 {ratio}。"),
    "no-music": (
        "No music was added, and there is none on the timeline to take off.",
        "没有加音乐，时间线上也没有可以去掉的音乐。",
    ),
    "no-text": (
        "No text was added, and there is none on the timeline to take off.",
        "没有加文字，时间线上也没有可以去掉的文字。",
    ),
    # impossible
    "nothing-uploaded": (
        "There is no clip on the timeline: upload one first.",
        "时间线上没有素材，请先上传。",
    ),
    "beyond-end": (
        "The clip is {length} long, so there is nothing at {span}.",
        "视频只有 {length} 长，{span} 处没有内容。",
    ),
    "nothing-left": (
        "The clip is {length} long: nothing would be left of it.",
        "视频长 {length}，这样剪就什么也不剩了。",
    ),
    "needs-picture": (
        "There is no picture on the timeline, only sound.",
        "时间线上只有声音，没有画面。",
    ),
    "no-sound": ("The clip has no sound to level.", "视频没有声音，无法统一音量。"),
    "too-fast": (
        "It would play at {factor:g}x; {slowest:g}x to {fastest:g}x is what I can do.",
        "播放速度会是 {factor:g} 倍；我只能做 {slowest:g} 到 {fastest:g} 倍。",
    ),
    # not understood
    "unknown": ('I do not know how to do this: "{clause}".', "我不会做这件事：“{clause}”。"),
    "too-long": (
        "That has more than {limit} characters; I follow short instructions, and make no video from a script.",
        "这段话超过 {limit} 个字；我只会执行简短的剪辑要求，不会根据文稿生成视频。",
    ),
    "too-many": (
        "Those are more than {limit} wishes at once; please send them a few at a time.",
        "一次提出的要求超过 {limit} 个；请分几次说。",
    ),
    "only-calm": (
        'Calm is the only music I can make; "{clause}" asks for another.',
        "我只会做轻柔的音乐；“{clause}”要的是别的风格。",
    ),
    "which-text": (
        'Which words? Put them in quotes ("{clause}").',
        "要写哪些字？请用引号标出（“{clause}”）。",
    ),
    "long-text": (
        "That text has {length} characters; {limit} is the most I can put on a picture.",
        "这段文字有 {length} 个字；画面上最多能放 {limit} 个。",
    ),
    "backwards": (
        '"{clause}": the second time comes before the first.',
        "“{clause}”：后面的时间比前面的早。",
    ),
    "keep-or-remove": (
        '"{clause}": is that to be kept or removed? Say "keep" or "remove".',
        "“{clause}”：这一段是要保留还是删除？请说“保留”或“删除”。",
    ),
    "odd-speed": ('I cannot make a speed out of "{clause}".', "我不明白“{clause}”是多快。"),
    "no-crop": (
        'I do not crop; I can fit the whole picture into another aspect ratio over a blurred copy ("{clause}").',
        "我不会裁切画面；我可以把整个画面放进另一种比例，用模糊的画面填充（“{clause}”）。",
    ),
    "odd-loudness": (
        "{loudness:g} LUFS is out of range: {quietest:g} to {loudest:g} is what I can do.",
        "{loudness:g} LUFS 超出范围：我能做 {quietest:g} 到 {loudest:g}。",
    ),
    "odd-volume": (
        "Music at {volume:.0%} is out of range: 1 % to 100 %.",
        "音乐音量 {volume:.0%} 超出范围：1% 到 100%。",
    ),
    "nothing-asked": (
        "That asks for no edit; the export follows by itself.",
        "这里没有要做的剪辑；导出会自动进行。",
    ),
    "nothing-done": ("Nothing was changed.", "没有做任何改动。"),
    "can-do": (
        "I can: trim or cut by time (keep, remove, first, last, from-to), put titles and text on the picture, "
        "lay calm background music under the clip, level the loudness, change the speed, and change the "
        "aspect ratio with blurred fill.",
        "我会：按时间剪辑（保留、删除、开头、结尾、从几秒到几秒）、在画面上加标题和文字、"
        "加轻柔的背景音乐、统一音量、改变速度、改变画面比例（模糊填充）。",
    ),
    # parts of sentences
    "whole": ("the whole clip", "整段视频"),
    "top": ("top", "上方"),
    "center": ("centre", "中间"),
    "bottom": ("bottom", "下方"),
}
