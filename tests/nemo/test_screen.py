"""What the editor says to a person at a screen: the work it tells of stays, the buttons become actions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.nemo.events import Answer
from daemon.nemo.questions import LONGEST, asks
from daemon.nemo.screen import Action, translate

EXPORT, STATE, EDIT, SUMMARY, CREDITS, CLICK = Action

TALK = [
    ("Click the Export button to download your video.", "", {EXPORT}),
    ("Click Export to download.", "", {EXPORT}),
    ("You can click **Export** in the top right corner.", "", {EXPORT}),
    ('Click the "Export" button when you\'re ready.', "", {EXPORT}),
    ("Click 'Export' to save it.", "", {EXPORT}),
    ("To export, click the Export button.", "", {EXPORT}),
    ("When you're ready, click Export.", "", {EXPORT}),
    ("In the top right corner, click Export.", "", {EXPORT}),
    ("Trimmed to 0-10 s; click Export to download.", "Trimmed to 0-10 s.", {EXPORT}),
    ("Trimmed to 0-10 s, click Export to download.", "Trimmed to 0-10 s.", {EXPORT}),
    (
        "I've trimmed the clip to 10 s, and you can click Export to download it.",
        "I've trimmed the clip to 10 s.",
        {EXPORT},
    ),
    ("Your video is ready — just click Export!", "Your video is ready.", {EXPORT}),
    ("Your video is ready and you can export it now.", "Your video is ready.", {EXPORT}),
    ("Use the Export button to save your video.", "", {EXPORT}),
    ("The Export button is in the top right corner.", "", {EXPORT}),
    ("You can now export your video.", "", {EXPORT}),
    ("Export it when you are happy.", "", {EXPORT}),
    ("Please open the Media panel to see your files.", "", {STATE}),
    ("Open the timeline to check the result.", "", {STATE}),
    ("Go to Settings > Billing page.", "", {STATE}),
    ("Open the Effects tab, then click Apply.", "", {CLICK, STATE}),
    ("Open the Export panel and click Export.", "", {EXPORT, STATE}),
    ("Drag and drop your video into the timeline.", "", {EDIT}),
    ("You can drag the clip to reposition it.", "", {EDIT}),
    ("Drag the edges of the clip to trim it.", "", {EDIT}),
    ("Drop the file here.", "", {EDIT}),
    ("Preview it in the timeline.", "", {SUMMARY}),
    ("You can preview the result in the timeline.", "", {SUMMARY}),
    ("Feel free to preview your video.", "", {SUMMARY}),
    ("See the changes in the preview window.", "", {SUMMARY}),
    ("Press the play button to preview.", "", {SUMMARY}),
    ("Click Play to preview before you export.", "", {SUMMARY}),
    ("Check your account for billing details.", "", {CREDITS}),
    ("You're out of credits; check your account.", "You're out of credits.", {CREDITS}),
    ("Go to your billing page.", "", {CREDITS}),
    ("Check your credit balance.", "", {CREDITS}),
    ("Select the clip in the timeline and press Delete.", "", {CLICK}),
    ("Right-click the clip.", "", {CLICK}),
    ("Click the Undo button.", "", {CLICK}),
    ("1. Click the Export button.\n2. Open the Media panel.", "", {EXPORT, STATE}),
    ("Trimmed. Click Export.", "Trimmed.", {EXPORT}),
    (
        "I trimmed it.\n\nClick Export to download.\n\nThe title is red.",
        "I trimmed it.\n\nThe title is red.",
        {EXPORT},
    ),
    (
        "Done! I added music at 35%. You can preview it in the timeline. Click Export to download.",
        "Done! I added music at 35%.",
        {EXPORT, SUMMARY},
    ),
    ("点击导出按钮即可下载视频。", "", {EXPORT}),
    ("请点击右上角的“导出”按钮。", "", {EXPORT}),
    ("已剪辑到10秒，点击导出即可下载。", "已剪辑到10秒。", {EXPORT}),
    ("已为您添加背景音乐。请在时间线中预览效果。", "已为您添加背景音乐。", {SUMMARY}),
    ("打开素材面板查看文件。", "", {STATE}),
    ("请打开时间线查看。", "", {STATE}),
    ("将视频拖拽到时间线上。", "", {EDIT}),
    ("您可以拖动片段调整位置。", "", {EDIT}),
    ("请查看账户余额。", "", {CREDITS}),
    ("您可以预览效果，然后点击导出。", "", {EXPORT, SUMMARY}),
    ("在右上角点击导出。", "", {EXPORT}),
    ("如果满意，请点击导出。", "", {EXPORT}),
    ("您可以导出视频了。", "", {EXPORT}),
    ("点击“撤销”按钮。", "", {CLICK}),
    (
        "Download your video here: https://example.com/v.mp4",
        "Download your video here: https://example.com/v.mp4",
        {EXPORT},
    ),
    ("To download it, just click the Export button at the top right of the editor.", "", {EXPORT}),
    (
        "Let me know if you'd like any changes, or click Export to finish.",
        "Let me know if you'd like any changes.",
        {EXPORT},
    ),
    ("I've removed the background, so you can now export it.", "I've removed the background.", {EXPORT}),
    ("You can adjust the color in the Text panel on the right.", "", {EDIT}),
    ("You can fine-tune the timing by dragging the edges in the timeline.", "", {EDIT}),
    (
        "The title is red; drag it to move it; the music is calm.",
        "The title is red; the music is calm.",
        {EDIT},
    ),
    ("You have 3 credits left. Visit your account page to top up.", "You have 3 credits left.", {CREDITS}),
    ("  - Trimmed to 10 s, click Export.", "- Trimmed to 10 s.", {EXPORT}),
    ("Click Export, I trimmed the end too.", "Click Export, I trimmed the end too.", {EXPORT}),
    ("您可以在右侧面板中调整颜色。", "", {EDIT}),
    ("满意后点击“导出”。", "", {EXPORT}),
    ("已添加字幕，您可以在时间轴上拖动字幕来调整时间。", "已添加字幕。", {EDIT}),
    ("积分不足，请前往账户页面充值。", "积分不足。", {CREDITS}),
    ("您可以在时间线上看到3个轨道。", "您可以在时间线上看到3个轨道。", {SUMMARY}),
    ("接下来，点击「应用」。", "", {CLICK}),
    (
        "I trimmed it.\n\nPreview it in the timeline.\n\n1. Open the Export panel.\n2. Click Export.\n\nThe end.",
        "I trimmed it.\n\nThe end.",
        {EXPORT, STATE, SUMMARY},
    ),
]

CONTENT = [
    "I made the title drop in from the top",
    "The preview shows a click track",
    "It opens with a wide shot",
    "Opens with a wide shot.",
    "Your logo now drags across the screen.",
    "The export is 1080p.",
    'I added the text "Click here" at 0:03.',
    'I added the title "Open the panel. Click Export." in red.',
    "Added click sounds at each cut.",
    "Click sounds were added at each cut.",
    "Click track added at 120 bpm.",
    "Click-free audio: I removed the pops.",
    "Open on a wide shot, then the logo.",
    "Drop shadow added to the title.",
    "The subscribe button is in the bottom left corner of the video.",
    "I dropped the music to 35%.",
    "Drag effect applied to the intro.",
    "The cursor moves in and clicks the button.",
    "I made the cursor move and click the subscribe button.",
    "I added a caption saying tap the bell, click the link.",
    "Export complete.",
    "Export settings are unchanged.",
    "The credits roll at the end.",
    "See the credits at 0:55.",
    "Press coverage is shown at 0:12.",
    "The door opens and the panel slides away.",
    "I switched to a wide shot for the intro.",
    "Hit points are counted in the corner.",
    "Previews of each scene follow.",
    "Save-the-date card added.",
    "Balanced the audio.",
    "Your video is 10 s long and 1080p.",
    "Would you like me to export it?",
    "Select scenes were kept.",
    "The account manager speaks from 0:10 to 0:20.",
    "The door drops into the frame.",
    "The timeline now has 3 tracks.",
    "I opened with the drone shot and closed on the logo.",
    "The click of the camera is at 0:04.",
    "Your download speed test is at 0:10.",
    'Timeline (3 tracks): 1. Video: city timelapse (0-10s) 2. BGM: Lo-fi (0-10s, 35%) 3. Title: "Urban Dreams" (0-3s)',
    "点击率更高的封面已添加。",
    "点击音效已加在每个剪辑点。",
    "画面从打开的窗户开始。",
    "标题从顶部落下。",
    "导出分辨率为1080p。",
    "导出已完成。",
    "我让标志在屏幕上拖过。",
    "已添加文字“点击导出”。",
    "拖拽效果已应用。",
    "预览效果图已加入片头。",
    "账户经理从0:10开始讲话。",
    "视频时长10秒。",
    "**Done**\n- trimmed to 10 s\n- added *music*",
    "In the timeline you can see the title at 0:03.",
    "Please top up your credits to continue.",
    "Upgrade your plan to export in 4K.",
    "Use the slider transition between the clips.",
    "Scroll text moves up at 2x.",
    "Open the video with a 2 s fade.",
    "Close on the logo.",
    "Save the date card is at 0:10.",
    "Check the audio balance.",
    "Check your white balance.",
    "Your logo drops in, click sound included.",
    "字幕写着点击关注，打开菜单。",
    "进入画面的是一只猫。",
    "打开门的镜头保留在开头。",
    "下载进度条动画已添加。",
    "预览中可以看到背景音乐淡入。",
]


@pytest.mark.parametrize(("said", "content", "wanted"), TALK)
def test_talk_of_a_screen_becomes_actions_and_what_it_tells_stays(
    said: str, content: str, wanted: set[Action]
) -> None:
    told = translate(said)
    assert told.content == content
    assert told.wanted == wanted


@pytest.mark.parametrize("said", CONTENT)
def test_what_speaks_of_the_picture_stays(said: str) -> None:
    told = translate(said)
    assert (told.content, told.wanted) == (said, frozenset())


@pytest.mark.parametrize("said", CONTENT)
def test_what_stands_beside_the_talk_stays_too(said: str) -> None:
    stop = "" if said.endswith((".", "?", "。")) else "."
    assert translate(f"{said}{stop} Click Export.").content == f"{said}{stop}"
    assert translate(f"点击导出。\n{said}").content == said


def test_the_form_of_what_stays_is_kept() -> None:
    said = "**Done**\n\n\n42.\n- trimmed  to `10 s`\n  * added *music*\n\n| a | b |"
    assert translate(said).content == said
    assert translate(f"{said}\nClick Export.").content == said


_HEAPS = st.lists(
    st.sampled_from([*" ".join([*(said for said, _, _ in TALK), *CONTENT]).split(), *',，；“"?', "\n"])
)


@given(st.text() | _HEAPS.map(" ".join))
def test_any_text_is_translated_and_asked_about(text: str) -> None:
    told = translate(text)
    if not told.wanted:
        assert told.content == text.strip()
    asked = asks(Answer(text, (), None))
    assert asked is None or (not asked.by_tool and 0 < len(asked.text) <= LONGEST)


ASKING = """\
Which colour would you like?
Which colour would you like? I can do red or blue.
Sure! Which background do you want? For example, an office or a beach.
I'd be happy to help. What text should the title say?
To add a title I need its text. What should it say?
I noticed your clip is 3 minutes long. Which part should I keep?
Should I go ahead?
Would you like me to remove the silence?
Please tell me which colour you prefer.
Let me know which part to keep.
Before I start, I have two questions: / 1. Which music do you want? / 2. How loud should it be?
Which style fits? / - Calm / - Upbeat / - Dramatic
Which style fits? /  / **Options:** / 1. Calm / 2. Red / Tell me which one and I'll start.
What would you like me to do with this video?
I found 3 pauses. Should I remove them?
Your video has two speakers. Whose voice should be louder?
Please specify the text of the title.
Which background? Click one of the swatches in the panel.
您想要什么颜色？
您想要什么颜色？我可以做红色或蓝色。
好的！请问标题写什么？例如：新品上市。
请告诉我您想保留哪一段。
需要我去掉静音部分吗？
我注意到视频有3分钟。您想保留哪一部分？
换成红色怎么样？
Which clips have a voice? 🙂
Should I cut the pauses?
Shall I proceed?
Should I speed it up?"""

ANSWERING = """\
Done! I trimmed it. Would you like anything else?
I trimmed it to 10 s. Is that okay?
Trimmed to 10 s.
Would you like anything else?
Is there anything else I can help with?
How does that look?
I've added the music; should I make it louder?
The title now says "Who are you?"
The music is calm. What do you think?
Let me know if you'd like any changes.
Your video is ready. Would you like me to export it?
Would you like me to export it?
Ready to export?
The background has been replaced. Should I blur it too?
I changed the title to "Ready?".
The clip opens with the question "Why?" and ends on the logo. Shall I add music?
Which style fits? / - Added calm music / - Trimmed
已剪辑到10秒。还需要其他修改吗？
还需要其他修改吗？
完成了！您觉得怎么样？
已添加标题。需要调整颜色吗？
Click Export to download.
Sure!
Sorry, something went wrong.
I can do red or blue.
The video shows a dog.
Added the title. Which colour should it have?
The first 10 seconds stay. Which music?"""


def _answer(text: str) -> Answer:
    return Answer(text.replace(" / ", "\n"), ("look",), None)


@pytest.mark.parametrize("text", ASKING.splitlines())
def test_a_text_that_only_asks_is_a_question(text: str) -> None:
    asked = asks(_answer(text))
    assert asked is not None
    assert not asked.by_tool


@pytest.mark.parametrize("text", ANSWERING.splitlines())
def test_a_text_that_tells_something_is_an_answer(text: str) -> None:
    assert asks(_answer(text)) is None


@pytest.mark.parametrize("text", ASKING.splitlines())
def test_one_word_of_work_done_makes_it_an_answer(text: str) -> None:
    assert asks(_answer(f"I trimmed the clip. {text}")) is None
    assert asks(_answer(f"{text} / 已剪辑到10秒。")) is None


def test_a_question_by_tool_is_one_whatever_is_said_beside_it() -> None:
    asked = asks(Answer("I trimmed it.", ("ask_question",), None, "Which\ncolour? (red, blue)"))
    assert asked is not None
    assert (asked.text, asked.by_tool) == ("Which colour? (red, blue)", True)


def test_a_question_by_tool_without_words_takes_those_of_the_text() -> None:
    asked = asks(Answer("I trimmed it. Which colour?", ("ask_question",), None, ""))
    assert asked is not None
    assert asked.text == "Which colour?"
    wordless = asks(Answer("", ("ask_question",), None, ""))
    assert wordless is not None
    assert wordless.text == "(the editor asked something, without words)"


def test_a_long_question_keeps_what_it_asks() -> None:
    asked = asks(Answer(f"I can do {'red or ' * 60}blue.\n\nWhich colour do you want?", (), None))
    assert asked is not None
    assert asked.text == "Which colour do you want?"
    by_tool = asks(Answer("", ("ask_question",), None, "Which colour? " * 100))
    assert by_tool is not None
    assert len(by_tool.text) == LONGEST
    assert asks(Answer(f"I can do {'red or ' * 600}blue. Which colour?", (), None)) is None
