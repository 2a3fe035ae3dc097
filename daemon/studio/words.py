"""What the studio says, in the language it was spoken to in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from daemon.studio import operations as op

Language = Literal["en", "zh"]

NAMES: Final[dict[str, tuple[str, str]]] = {
    # moods
    "calm": ("calm", "舒缓"),
    "upbeat": ("upbeat", "欢快"),
    "cinematic": ("cinematic", "电影感"),
    "corporate": ("corporate", "商务"),
    # scenes
    "home-office": ("home office", "家庭办公室"),
    "office": ("office", "办公室"),
    "studio": ("studio", "摄影棚"),
    "beach": ("beach", "海滩"),
    "living-room": ("living room", "客厅"),
    "library": ("library", "图书馆"),
    "city": ("city", "城市"),
    "forest": ("forest", "森林"),
    "mountains": ("mountains", "群山"),
    "sunset": ("sunset", "日落"),
    "space": ("space", "太空"),
    "abstract": ("abstract", "抽象"),
    # what can be left out
    "music": ("music", "音乐"),
    "text": ("text", "文字"),
    "captions": ("subtitles", "字幕"),
    "sound": ("sound", "声音"),
    "narration": ("narration", "旁白"),
    "watermark": ("watermark", "水印"),
    "crossfades": ("crossfades", "叠化"),
    "background": ("other background", "新背景"),
    # backgrounds
    "blur": ("blurred", "虚化"),
    "transparent": ("transparent", "透明"),
    # ways to mirror
    "horizontal": ("horizontally", "水平"),
    "vertical": ("vertically", "垂直"),
    "picture": ("your picture", "您的图片"),
}
SCENES: Final = get_args(op.BackdropName)


def _list(language: Language, names: Sequence[str]) -> str:
    told = [NAMES[name][language == "zh"] for name in names]
    return "、".join(told) if language == "zh" else ", ".join(told)


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
    "understood": ("I understood: {wishes}.", "我听懂的有：{wishes}。"),
    "too-long": (
        "That has more than {limit} characters; I follow short instructions. A script goes below the instruction, "
        "after an empty line.",
        "这段话超过 {limit} 个字；我只会执行简短的剪辑要求。文稿请写在要求下面，中间空一行。",
    ),
    "too-many": (
        "Those are more than {limit} wishes at once; please send them a few at a time.",
        "一次提出的要求超过 {limit} 个；请分几次说。",
    ),
    "only-moods": (
        f'"{{clause}}": I make four kinds of music only: {_list("en", op.MOODS)}.',
        f"“{{clause}}”：我只会做四种音乐：{_list('zh', op.MOODS)}。",
    ),
    "two-moods": (
        f'"{{clause}}" names several kinds of music; please choose one of {_list("en", op.MOODS)}.',
        f"“{{clause}}”要的不止一种音乐；请从{_list('zh', op.MOODS)}中选一种。",
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
    "odd-crop": (
        '"{clause}": less than a tenth of the picture would be left, or nothing would go.',
        "“{clause}”：画面会剩不到十分之一，或者什么也没裁掉。",
    ),
    "odd-angle": (
        '"{clause}": I turn by 90, 180 or 270 degrees only.',
        "“{clause}”：我只能旋转 90、180 或 270 度。",
    ),
    "which-way": (
        '"{clause}": which way? Say "clockwise" or "counterclockwise".',
        "“{clause}”：往哪边转？请说“顺时针”或“逆时针”。",
    ),
    "which-axis": (
        '"{clause}": which way? Say "horizontally" or "vertically".',
        "“{clause}”：怎么翻转？请说“水平”或“垂直”。",
    ),
    "which-it": (
        '"{clause}": is that the clip? Say "the video" instead of "it".',
        "“{clause}”：指的是视频吗？请直接说“视频”。",
    ),
    "odd-size": (
        '"{clause}": no size that I can make (100 to 4320 lines; with both sides 16:9, 9:16, 1:1, 4:5, 4:3 or 3:4).',
        "“{clause}”：我做不出这个尺寸（100 到 4320 线；写明宽高时须为 16:9、9:16、1:1、4:5、4:3 或 3:4）。",
    ),
    "which-fade": (
        '"{clause}": is it to fade in, out, or both?',
        "“{clause}”：是淡入、淡出，还是都要？",
    ),
    "odd-fade": (
        '"{clause}": up to {longest} s is what I can do.',
        "“{clause}”：最长 {longest} 秒。",
    ),
    "odd-slide": (
        '"{clause}": a picture can stand for 0.1 s to 10 min.',
        "“{clause}”：一张图片可以停留 0.1 秒到 10 分钟。",
    ),
    "odd-pause": (
        '"{clause}": pauses of 0.2 s to 30 s are what I can look for.',
        "“{clause}”：我能找的停顿是 0.2 秒到 30 秒。",
    ),
    "odd-loudness": (
        "{loudness:g} LUFS is out of range: {quietest:g} to {loudest:g} is what I can do.",
        "{loudness:g} LUFS 超出范围：我能做 {quietest:g} 到 {loudest:g}。",
    ),
    "odd-volume": (
        "Music at {volume:.0%} is out of range: 1 % to 100 %.",
        "音乐音量 {volume:.0%} 超出范围：1% 到 100%。",
    ),
    "odd-gain": (
        '"{clause}": I cannot tell by how much, or it is out of range (-60 dB to 30 dB).',
        "“{clause}”：不清楚要改多少，或者超出范围（-60 到 30 分贝）。",
    ),
    "odd-mark": (
        '"{clause}": an opacity of 5 % to 100 % and a width of 2 % to 100 % are what I can do.',
        "“{clause}”：不透明度 5% 到 100%，宽度 2% 到 100%。",
    ),
    "which-scene": (
        f'"{{clause}}": with what? I can draw these scenes: {_list("en", SCENES)}; or name a colour or a picture '
        "of yours.",
        f"“{{clause}}”：换成什么？我会画这些场景：{_list('zh', SCENES)}；也可以说颜色或您的图片。",
    ),
    "no-scene": (
        f'I cannot draw "{{what}}". The scenes I can draw: {_list("en", SCENES)}; or name a colour or a picture '
        "of yours.",
        f"我不会画“{{what}}”。我会画的场景：{_list('zh', SCENES)}；也可以说颜色或您的图片。",
    ),
    "no-file": (
        'There is no "{file}" among the files. There is: {files}.',
        "文件里没有“{file}”。现有：{files}。",
    ),
    "no-files": (
        'There is no "{file}": nothing of the kind was sent along.',
        "没有“{file}”：没有收到这类文件。",
    ),
    "which-file": ('"{file}": which one? There is: {files}.', "“{file}”：哪一个？现有：{files}。"),
    "other-kind": (
        "{file} is a file of another kind and cannot be used for that.",
        "{file} 是另一类文件，不能这样用。",
    ),
    "no-speech": (
        '"{clause}": I do not understand speech. Send the subtitles (.srt) beside the clip, and I burn them in.',
        "“{clause}”：我听不懂语音。请把字幕文件（.srt）和视频一起发来，我会把它嵌入画面。",
    ),
    "needs-subtitles": (
        "Which words? Send an .srt beside the clip, or write it below the instruction, after an empty line.",
        "字幕写什么？请把 .srt 文件和视频一起发来，或者写在要求下面，中间空一行。",
    ),
    "no-cues": (
        "What stands below the instruction is no subtitle file (.srt).",
        "要求下面的内容不是字幕文件（.srt）。",
    ),
    "needs-script": (
        "From which script? Write it below the instruction, after an empty line, or drop it as a .txt.",
        "用哪个脚本？请写在要求下面，中间空一行，或者放一个 .txt 文件。",
    ),
    "long-script": (
        "That script has more than {limit} characters.",
        "这个脚本超过 {limit} 个字。",
    ),
    "odd-promo": (
        '"{clause}": a video from a script can be 1 s to 10 min long.',
        "“{clause}”：根据脚本做的视频可以长 1 秒到 10 分钟。",
    ),
    "nothing-asked": (
        "That asks for no edit; the export follows by itself.",
        "这里没有要做的剪辑；导出会自动进行。",
    ),
    "nothing-done": ("Nothing was changed.", "没有做任何改动。"),
    "can-do": (
        "I can: trim or cut by time (keep, remove, first, last, from-to), cut out pauses, change the speed, "
        "put another "
        "background behind a person (a scene, a colour, your picture, blur, none), change the aspect ratio, "
        "crop, turn, "
        "mirror, scale, put titles, text, subtitles (.srt) and your logo on the picture, fade, crossfade, "
        "make a slideshow "
        "or a thumbnail, lay music under the clip (calm, upbeat, cinematic, corporate, or your own), level "
        "the loudness, "
        "change the volume, mute, and make a video from a script.",
        "我会：按时间剪辑（保留、删除、开头、结尾、从几秒到几秒）、剪掉停顿、改变速度、更换人物背景（场景、"
        "颜色、您的图片、虚化、"
        "透明）、改变画面比例、裁切、旋转、镜像、缩放、加标题、文字、字幕（.srt）和水印、淡入淡出、叠化、"
        "做幻灯片或封面、"
        "配音乐（舒缓、欢快、电影感、商务或您自己的）、统一音量、调节音量、静音，以及根据脚本做视频。",
    ),
    # parts of sentences
    "whole": ("the whole clip", "整段视频"),
    "top": ("top", "上方"),
    "center": ("centre", "中间"),
    "bottom": ("bottom", "下方"),
}
