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
    **NAMES,
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
    "but-for": (
        "{told} In {names} I see nobody, so it stays as it is.",
        "{told}在 {names} 里没有看到人，所以保持原样。",
    ),
    "shape-before": (
        "The picture is {width}x{height} ({ratio}) now.",
        "画面现在是 {width}x{height}（{ratio}）。",
    ),
    "cut-out": (
        "Cut the person out {how}; the rest of the picture is transparent.",
        "抠出了人物（{how}）；画面其余部分是透明的。",
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
    "joined-anyway": (
        "The clips follow one another on the timeline in the order they came: nothing else is to be done.",
        "片段已经按上传的顺序接在时间线上，不需要别的操作。",
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
    "nobody-seen": (
        "I see nobody in the clip, so all of it would be background.",
        "视频里没有看到人，整个画面都会被当成背景。",
    ),
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
    "no-cues-within": (
        "The clip is {length} long, and no caption begins within it.",
        "视频长 {length}，没有一条字幕在它之内。",
    ),
    "no-voice": (
        "I cannot speak on this machine: the draft voice is not installed. Whoever runs Reeldrop installs it with: "
        "pip install 'reeldrop[voice]'",
        "这台机器上还不能配音：草稿语音没有安装。请安装：pip install 'reeldrop[voice]'",
    ),
    "nothing-to-show": (
        "The script has no words that could be shown.",
        "文稿里没有可以显示的文字。",
    ),
    "too-much-to-read": (
        "Nobody could read the script in {asked}: {needs}. Shorten it, or ask for a longer video.",
        "这段文稿在 {asked} 内读不完：{needs}。请缩短文稿，或要求更长的视频。",
    ),
    "needs": (
        "it takes {comfortable} to read, {needed} at the very least",
        "读完需要 {comfortable}，至少 {needed}",
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
        "Which words? Send an .srt along with the clip (in a rule: with: ['{{stem}}.srt']), or write it below the "
        "instruction, after an empty line.",
        "字幕写什么？请把 .srt 文件和视频一起发来（规则里写 with: ['{{stem}}.srt']），或者写在要求下面，中间空一行。",
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
        "I can: trim and cut (also pauses), change speed, background, aspect ratio and size, crop, turn, mirror, put "
        "titles, text, subtitles and a logo on the picture, fade, make slideshows and thumbnails, add music, level, "
        "change or mute the sound, make a video from a script.",
        "我会：剪辑（也剪停顿）、变速、换背景、改画面比例和大小、裁切、旋转、镜像、加标题、文字、字幕和水印、"
        "淡入淡出、做幻灯片和封面、配音乐、统一、调节或静音声音，以及根据脚本做视频。",
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
    "behind-scene": ("the scene {what}", "{what}场景"),
    "behind-colour": ("the colour {what}", "颜色 {what}"),
    "behind-picture": ("the picture {what}", "图片 {what}"),
    "behind-blur": ("a blurred copy of what was there", "虚化的原背景"),
    "behind-transparent": ("Nothing", "透明背景"),
    "by-screen": ("by the screen's colour ({colour})", "按幕布颜色 {colour} "),
    "by-model": ("by a model that finds people", "用人物识别模型"),
    "top-left": ("top left", "左上角"),
    "top-right": ("top right", "右上角"),
    "bottom-left": ("bottom left", "左下角"),
    "bottom-right": ("bottom right", "右下角"),
}
