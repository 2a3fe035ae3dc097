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
        "在整段视频（{length}）下加上了{mood}的背景音乐，音量 {volume:.0%}，有人说话时更低。",
    ),
    "music-for-any-mood": (
        "I cannot feel a clip's mood, so I took {mood} music, which disturbs none: it lies under the whole clip "
        "({length}) at {volume:.0%}, lower while somebody speaks.",
        "我无法判断视频的情绪，所以选了不突兀的{mood}音乐：铺在整段视频（{length}）下，音量 {volume:.0%}，"
        "有人说话时更低。",
    ),
    "own-music": (
        "Put your {title} under the whole clip ({length}) at {volume:.0%}, lower while somebody speaks.",
        "在整段视频（{length}）下加上了您的 {title}，音量 {volume:.0%}，有人说话时更低。",
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
    "silence": (
        "Cut out {number} pauses, {gone} in all; the clip is {length} long now.",
        "剪掉了 {number} 处停顿，共 {gone}；视频现在长 {length}。",
    ),
    "crossfade": (
        "The clips melt into one another for {each}; together they are {length} long now.",
        "片段之间有 {each} 的叠化；合起来现在长 {length}。",
    ),
    "each": (
        "Each of the {number} pictures stands for {each}; the whole is {length} long now.",
        "{number} 张图片每张显示 {each}；现在共长 {length}。",
    ),
    "thumbnail": (
        "The result is a picture of the moment at {at}.",
        "结果是 {at} 处的一张图片。",
    ),
    "size": ("The picture is {width}x{height} now.", "画面现在是 {width}x{height}。"),
    "cropped": (
        "Cropped to {ratio}: the middle of the picture stays, {width}x{height}.",
        "裁成了 {ratio}：保留画面中间，{width}x{height}。",
    ),
    "cropped-sides": (
        "Cropped at the sides: the picture is {width}x{height} now.",
        "裁去了边缘：画面现在是 {width}x{height}。",
    ),
    "turned": (
        "Turned by {degrees} degrees clockwise; the picture is {width}x{height} now.",
        "顺时针旋转了 {degrees} 度；画面现在是 {width}x{height}。",
    ),
    "mirrored": ("Mirrored the picture {axis}.", "把画面{axis}翻转了。"),
    "faded": ("It {how}.", "现在{how}。"),
    "background": (
        "Put {what} behind the person, who was cut out {how}.",
        "把人物后面换成了{what}（{how}抠像）。",
    ),
    "watermark": (
        "Put {title} over the whole clip ({corner}).",
        "在整段视频上加了 {title}（{corner}）。",
    ),
    "volume": (
        "Changed the clip's own sound by {gain:+g} dB.",
        "把视频自己的声音调整了 {gain:+g} dB。",
    ),
    "muted": ("Took the clip's own sound out.", "去掉了视频自己的声音。"),
    "captioned": ("Burned in {number} captions.", "压制了 {number} 条字幕。"),
    "captioned-in-part": (
        "Burned in {number} captions; {left} more begin after the clip's end.",
        "压制了 {number} 条字幕；另有 {left} 条在视频结束之后，没有用。",
    ),
    "promo": (
        "Made a video of {number} screens from the script, {length} long, {width}x{height}.",
        "根据文稿做了 {number} 个画面的视频，长 {length}，{width}x{height}。",
    ),
    "taken-out-captions": ("Took the captions off the timeline.", "从时间线上拿掉了字幕。"),
    "taken-out-narration": ("Took the narration off the timeline.", "从时间线上拿掉了旁白。"),
    "taken-out-watermark": ("Took the watermark off the timeline.", "从时间线上拿掉了水印。"),
    "taken-out-crossfades": ("The clips are cut hard now.", "片段之间现在是硬切。"),
    "taken-out-background": (
        "The person stands before their own background again.",
        "人物后面恢复了原来的背景。",
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
    "no-captions": (
        "No captions were added, and there are none on the timeline to take off.",
        "没有加字幕，时间线上也没有可以去掉的字幕。",
    ),
    "no-narration": (
        "No narration was added, and there is none on the timeline to take off.",
        "没有加旁白，时间线上也没有可以去掉的旁白。",
    ),
    "no-watermark": (
        "No watermark was added, and there is none on the timeline to take off.",
        "没有加水印，时间线上也没有可以去掉的水印。",
    ),
    "no-crossfades": ("The clips are cut hard already.", "片段之间已经是硬切。"),
    "no-background": (
        "Nothing was put behind anybody on the timeline.",
        "时间线上没有换过背景。",
    ),
    "no-own-sound": ("The clip has no sound to take out.", "视频本来就没有声音。"),
    "no-silence": (
        "There is no pause of {longest} or more in it.",
        "没有达到 {longest} 的停顿。",
    ),
    "same-crossfade": (
        "The clips melt into one another for {each} already.",
        "片段之间已经有 {each} 的叠化。",
    ),
    "same-each": ("Each picture stands for {each} already.", "每张图片已经显示 {each}。"),
    "same-size": (
        "The picture is {width}x{height}: no larger than asked, and nothing is enlarged.",
        "画面是 {width}x{height}：没有超过要求的大小，而画面不会被放大。",
    ),
    "same-fade": ("It {how} already.", "已经{how}。"),
    "same-background": (
        "{what} stands behind the person already.",
        "人物后面已经是{what}。",
    ),
    "same-watermark": ("{title} stands there already ({corner}).", "那里已经有 {title}（{corner}）。"),
    "same-captions": ("The same captions are there already.", "已经有同样的字幕。"),
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
    "unreadable": ("A file on the timeline cannot be read: {cause}", "时间线上有文件无法读取：{cause}"),
    "only-sound": (
        "There is only sound on the timeline: without it nothing would be left.",
        "时间线上只有声音，去掉就什么也不剩了。",
    ),
    "too-loud": (
        "That would change the sound by {gain:+g} dB in all; {most:g} dB is the most I do.",
        "这样总共会调整 {gain:+g} dB；最多 {most:g} dB。",
    ),
    "too-many-pauses": (
        "There are {number} pauses in it, more than I can cut out at once; ask for longer ones only.",
        "里面有 {number} 处停顿，一次剪不了这么多；请只剪更长的停顿。",
    ),
    "one-clip": (
        "There is only one clip on the timeline, and nothing for it to melt into.",
        "时间线上只有一个片段，没有可以叠化的对象。",
    ),
    "no-stills": ("There is no still picture on the timeline.", "时间线上没有图片。"),
    "no-moving-picture": (
        "There is no video on the timeline in which somebody could be cut out.",
        "时间线上没有可以抠像的视频。",
    ),
    "no-matting": (
        "I cannot cut people out on this machine: they stand before no green or blue screen, and the part that "
        "finds them is not installed. Whoever runs Reeldrop installs it with: pip install 'reeldrop[matte]'",
        "这台机器上还不能抠像：人物身后不是绿幕或蓝幕，而识别人物的组件没有安装。"
        "请安装：pip install 'reeldrop[matte]'",
    ),
    "which-picture": (
        "Which picture? Say its name: {names}.",
        "用哪张图片？请说出名字：{names}。",
    ),
    "no-such-picture": (
        'There is no picture called "{name}" among the files here.',
        "这里没有叫“{name}”的图片。",
    ),
    "no-picture-sent": (
        "There is no picture of yours here: send one along with the clip.",
        "这里没有您的图片，请和视频一起发来。",
    ),
    "no-such-sound": (
        'There is no sound called "{name}" among the files here.',
        "这里没有叫“{name}”的声音文件。",
    ),
    "nothing-seen": ("Almost nothing of the picture would be left.", "这样裁切，画面几乎什么也不剩。"),
    "no-cues": (
        "The clip is {length} long, and no caption begins within it.",
        "视频长 {length}，没有一条字幕在它之内。",
    ),
    "promo-beside-clips": (
        "There is a clip on the timeline already; a video from a script begins with nothing.",
        "时间线上已经有素材；根据文稿生成视频要从空白开始。",
    ),
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
    "horizontal": ("left to right", "左右"),
    "vertical": ("upside down", "上下"),
    "fade-in": ("comes out of black for {in}", "从黑场淡入 {in}"),
    "fade-out": ("goes into black for {out}", "淡出到黑场 {out}"),
    "fade-in-out": (
        "comes out of black for {in} and goes into black for {out}",
        "从黑场淡入 {in}，淡出到黑场 {out}",
    ),
    "behind-scene": ("the scene {what}", "{what} 场景"),
    "behind-colour": ("the colour {what}", "颜色 {what}"),
    "behind-picture": ("the picture {what}", "图片 {what}"),
    "behind-blur": ("a blurred copy of what was there", "虚化的原背景"),
    "behind-transparent": ("nothing: the result is transparent there", "透明背景"),
    "by-screen": ("by the screen's colour ({colour})", "按幕布颜色 {colour} "),
    "by-model": ("by a model that finds people", "用人物识别模型"),
    "calm": ("calm", "轻柔"),
    "upbeat": ("upbeat", "欢快"),
    "cinematic": ("cinematic", "电影感"),
    "corporate": ("corporate", "商务"),
    "top-left": ("top left", "左上角"),
    "top-right": ("top right", "右上角"),
    "bottom-left": ("bottom left", "左下角"),
    "bottom-right": ("bottom right", "右下角"),
}
