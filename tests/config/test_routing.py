"""What an instruction asks for: only what is clearly no edit, and nothing else, goes anywhere but to the editor."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config import parse
from daemon.config.routing import Route, misplaced, route
from daemon.config.skills import SKILLS
from daemon.errors import Fault, RulesError

EXPORTS = """\
export
Export
EXPORT!!!
Export the video.
ｅｘｐｏｒｔ
"export"
“Export the video”
**Export**
export please
please export it as mp4
Could you please export the final video in 1080p as mp4?
export 1080p MP4
export as .mp4
export in H.264
export as mov
Export it when you're done
I'd like to download the finished clip
let's export
go ahead and export
hi, please export it, thank you
Export. Thanks!
no edits, just export
export it unchanged
export in the best quality
download the result
download
render it
render and export the video
export, then download it
save it to the output folder
save as mkv
send me the video
Send it back to me.
give me the final cut
start the export
video export
the final export
导出
导出视频
请导出视频。
请帮我导出一下，谢谢！
把视频导出来
把成片发给我
将视频导出为mp4
导出为MP4格式
导出 mp4
导出1080p的视频
渲染并导出
下载结果。
不用剪辑，直接导出
“导出”
導出影片
匯出影片
下載影片
视频导出
导出视频吧
发给我"""

CREDITS = """\
credits
Credits?
CREDITS
my credits
show my balance
balance
credit balance
account balance
what's my balance?
how many credits do I have left?
How many credits are left
check my credits, please
do I have enough credits?
remaining credits
export and show my credits
积分
余额
積分
餘額
账户余额
还剩多少积分
我还有多少积分？
查询余额
请查看我的积分
积分还剩多少"""

STATUSES = """\
status
Status?
show tracks
list all tracks
show me the timeline
what's on the timeline?
which tracks are there?
project status
what is the status of the export?
check the status
status and credits
is it done yet?
状态
狀態
查看状态
当前状态
显示轨道
时间线上有什么
渲染进度怎么样？"""

UPLOADS = """\
upload
Upload!
upload this file
please upload the video
upload my clip to the server
re-upload the file
upload a new video
start upload
upload and export
上传
上传视频
上傳影片
把这个视频上传
请上传文件
重新上传"""

EDITS = """\
export a warmer look
Export a Warmer Look
export the first 10 seconds
export the audio only
export without audio
export in 9:16
export vertical for TikTok
export to YouTube
export as gif
export at 4K
export at half speed
export every scene as its own clip
export in black and white
export "the end"
export it faster
don't export yet, add music first
trim to 10 s and export
trim to 10 s, then export it as mp4
Export. Add music.
export + subtitles
export; add music
add the text 'Export'
add the title "Send me the video"
say "export"
title: export
make it ready to export for Instagram in 9:16
render it in slow motion
render the video as anime
render the text Hello
render thank you
render hello
render a video
make a video
give me a video
save the best moments
download the font
download music and add it
send me the video with subtitles
output in sepia
exporter la vidéo
unexport
exports
credits roll at the end
roll credits
end credits
opening credits
add credits
add end credits with the team's names
put a title "Credits" at the end
credits: Anna, Bob
remove the credits
speed up the credits
balance the colours
balance the audio levels
white balance
colour balance
auto balance
left balance
fix the balance
balance beam highlight
add a status bar overlay
status: live
status quo
show status text at 5s
show progress
progress bar
state of the art look
show the tracks of the tyres more clearly
show tracks in the snow
track the ball
show the timeline of the war
show subtitles
add an upload-date caption
upload date
upload to YouTube
add an upload button
remove the upload button
please
thanks
no edits
show
...
上传日期字幕
上传视频的日期做成字幕
在结尾添加演职员表
片尾字幕 credits
导出感觉的滤镜
导出一个更温暖的画面
导出竖屏视频
导出前10秒
导出前加字幕
不要导出
别导出
剪到10秒然后导出
剪掉开头并导出
导出。加音乐
视频封面写“导出”
生成视频
保存原声
渲染气氛
白平衡
色彩平衡
加上积分榜
显示积分
余额宝广告风格
状态栏特效
添加状态文字
显示进度
可以"""

WISHES = [
    pytest.param(phrase, meant, id=f"{meant.value}-{phrase}")
    for meant, phrases in (
        (Route.EXPORT, EXPORTS),
        (Route.CREDITS, CREDITS),
        (Route.STATUS, STATUSES),
        (Route.UPLOAD, UPLOADS),
        (Route.EDIT, EDITS),
    )
    for phrase in phrases.splitlines()
]


@pytest.mark.parametrize(("instruction", "meant"), WISHES)
def test_an_instruction_goes_where_it_means_to(instruction: str, meant: Route) -> None:
    assert route(instruction) is meant


@pytest.mark.parametrize("instruction", EXPORTS.splitlines())
def test_one_more_word_makes_an_export_an_edit(instruction: str) -> None:
    assert route(f"{instruction} sepia") is Route.EDIT
    assert route(f"复古{instruction}") is Route.EDIT


def test_nothing_and_very_much_are_edits() -> None:
    assert route("") is route("  \n ") is route("export " * 100) is route("导出" * 10**6) is Route.EDIT


@given(
    st.lists(st.sampled_from([*"".join((EXPORTS, CREDITS, UPLOADS)).split(), "，", "并"]), max_size=40),
    st.sampled_from(["", " "]),
)
def test_any_heap_of_the_routed_words_gets_an_answer(words: list[str], between: str) -> None:
    assert route(between.join(words)) in Route


@given(st.text())
def test_any_text_gets_an_answer(text: str) -> None:
    assert route(text) in Route


def test_the_skills_own_instructions_are_edits() -> None:
    assert {route(skill.instruction) for skill in SKILLS.values()} == {Route.EDIT}


def faults(text: str) -> tuple[Fault, ...]:
    with pytest.raises(RulesError) as raised:
        parse(text, Path("/etc/reeldrop/rules.yaml"), {"HOME": "/home/ann"})
    return raised.value.faults


def test_an_instruction_that_is_no_work_on_a_file_is_a_fault_where_it_stands() -> None:
    text = """\
defaults:
  instruction: Credits?
rules:
  - watch: ~/a
    output: out
    instructions:
      - trim to 10 s
      - what's the status?
      - 上传视频
  - watch: ~/b
    output: out
    instruction: how many credits are left
  - watch: ~/c
    output: out
    instructions: show tracks
"""
    assert [(one.line, one.column, one.key) for one in faults(text)] == [
        (2, 16, "defaults.instruction"),
        (8, 9, "rules[0].instructions[1]"),
        (9, 9, "rules[0].instructions[2]"),
        (12, 18, "rules[1].instruction"),
        (15, 19, "rules[2].instructions"),
    ]


@pytest.mark.parametrize(
    ("instruction", "asks", "instead"),
    [
        ("how many credits are left", "asks for the account's credits", "`reeldrop credits`"),
        ("查看状态", "asks how the work stands", "`reeldrop status`"),
        ("Upload this file", "asks for an upload", "uploaded by itself"),
    ],
)
def test_the_fault_says_what_it_is_and_what_to_do(instruction: str, asks: str, instead: str) -> None:
    (fault,) = faults(f"rules: [{{watch: ~/a, output: b, instruction: {instruction}}}]")
    assert fault.message == misplaced(instruction)
    assert fault.message.startswith(f'"{instruction}" {asks}')
    assert instead in fault.message


def test_an_export_alone_or_among_others_is_no_fault() -> None:
    text = "rules: [{{watch: ~/a, output: b, instructions: [{}]}}]"
    for instructions in ("export", "trim to 5 s, export", "导出, trim to 5 s"):
        config = parse(text.format(instructions), Path("/etc/rules.yaml"), {"HOME": "/home/ann"})
        assert config.rules[0].instructions == tuple(instructions.split(", "))
    assert misplaced("export") is misplaced("trim to 5 s") is None
