"""Sentences and exactly what they ask for; a third of them must be refused."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.studio.measures import mark, plain
from daemon.studio.names import named
from daemon.studio.operations import (
    AddMusic,
    AddText,
    BackdropName,
    Background,
    Captions,
    CropSides,
    CropTo,
    Crossfade,
    Cue,
    EachPicture,
    Fade,
    Flip,
    Keep,
    Named,
    Normalise,
    Operation,
    Promo,
    Remove,
    RemoveSilence,
    Reshape,
    Resize,
    Rotate,
    Span,
    Speed,
    Thumbnail,
    Volume,
    Watermark,
    Without,
)  # fmt: skip
from daemon.studio.understanding import understand


def keep(start: int, end: int | None) -> Keep:
    return Keep((Span(start, end),))


def drop(start: int, end: int | None) -> Remove:
    return Remove((Span(start, end),))


def title(text: str, start: int = 0, end: int | None = 3000) -> AddText:
    return AddText(text, "top", Span(start, end))


def words(text: str, start: int = 0, end: int | None = None) -> AddText:
    return AddText(text, "bottom", Span(start, end))


def scene(name: BackdropName) -> Background:
    return Background("scene", name)


def colour(value: str) -> Background:
    return Background("colour", value)


CLEAR, BLUR = Background("transparent"), Background("blur")
CALM = AddMusic()
QUIET = AddMusic(volume=0.2)
LEVEL = Normalise()
TALL = Reshape(9, 16)
NO_MUSIC, NO_TEXT, MUTE = Without("music"), Without("text"), Without("sound")

UNDERSTOOD: dict[str, tuple[Operation, ...]] = {
    # keeping
    "trim to 3 s": (keep(0, 3000),),
    "Trim to 3s.": (keep(0, 3000),),
    "trim the clip down to five seconds": (keep(0, 5000),),
    "cut it at 3 sec": (keep(0, 3000),),
    "shorten it to a minute": (keep(0, 60_000),),
    "make it 10 seconds long": (keep(0, 10_000),),
    "make it at most 15 seconds": (keep(0, 15_000),),
    "make it under 15 seconds": (keep(0, 15_000),),
    "the video should be 10 seconds long": (keep(0, 10_000),),
    "limit the length to 30 seconds": (keep(0, 30_000),),
    "crop the video to 10 seconds": (keep(0, 10_000),),
    "trim to 1 min 20 s": (keep(0, 80_000),),
    "trim to 1m20s": (keep(0, 80_000),),
    "trim to 1:02.5": (keep(0, 62_500),),
    "trim to half a second": (keep(0, 500),),
    "trim to 500ms": (keep(0, 500),),
    "trim to three and a half seconds": (keep(0, 3500),),
    "trim to 3,5 s": (keep(0, 3500),),
    "trim to twenty-five seconds": (keep(0, 25_000),),
    "keep the first 3 seconds": (keep(0, 3000),),
    "just the first 5 seconds": (keep(0, 5000),),
    "the first 3 seconds only": (keep(0, 3000),),
    "only keep the last 3 seconds": (keep(-3000, None),),
    "keep only the part from 0:02 to 0:05": (keep(2000, 5000),),
    "keep 2-5s": (keep(2000, 5000),),
    "keep seconds 2 to 5": (keep(2000, 5000),),
    "keep from 10 to 20 s": (keep(10_000, 20_000),),
    "keep from 9:16 to 9:40": (keep(556_000, 580_000),),
    "trim it from 0:02 to 0:05": (keep(2000, 5000),),
    "cut the video from 2s to 5s": (keep(2000, 5000),),
    "extract 0:05 – 0:10": (keep(5000, 10_000),),
    "remove everything except the first 5 s": (keep(0, 5000),),
    "keep the first 2 and the last 3 seconds": (Keep((Span(0, 2000), Span(-3000, None))),),
    "保留前3秒": (keep(0, 3000),),
    "只要前十秒": (keep(0, 10_000),),
    "保留最后3秒": (keep(-3000, None),),
    "把视频剪到三秒": (keep(0, 3000),),
    "剪成1分20秒": (keep(0, 80_000),),
    "时长控制在10秒以内": (keep(0, 10_000),),
    "截取第2秒到第5秒": (keep(2000, 5000),),
    "裁剪从2秒到5秒": (keep(2000, 5000),),
    # removing
    "remove the first 2 seconds": (drop(0, 2000),),
    "trim the first 2 seconds": (drop(0, 2000),),
    "skip the first half second": (drop(0, 500),),
    "cut 3 seconds off the end": (drop(-3000, None),),
    "trim the beginning by 2 seconds": (drop(0, 2000),),
    "chop the last second off": (drop(-1000, None),),
    "delete the last 1.5 seconds": (drop(-1500, None),),
    "remove the part between 2 and 5 seconds": (drop(2000, 5000),),
    "cut out 0:02-0:05": (drop(2000, 5000),),
    "remove everything after 10 seconds": (drop(10_000, None),),
    "remove everything before 2 s": (drop(0, 2000),),
    "start at 2 s and end at 5 s": (Remove((Span(0, 2000), Span(5000, None))),),
    "remove the first 2 s and the last 3 s": (Remove((Span(0, 2000), Span(-3000, None))),),
    "remove 2 s to 5 s and 7 s to 8 s": (Remove((Span(2000, 5000), Span(7000, 8000))),),
    "remove the first 2 s, then remove the first 3 s": (drop(0, 2000), drop(0, 3000)),
    "删除最后2秒": (drop(-2000, None),),
    "把前3秒剪掉": (drop(0, 3000),),
    "从第2秒到第5秒删除": (drop(2000, 5000),),
    "剪掉10秒以后的内容": (drop(10_000, None),),
    # text
    'add a title "Urban Dreams"': (title("Urban Dreams"),),
    "add a title “Urban Dreams”": (title("Urban Dreams"),),
    "add a title ‘It’s here’": (title("It’s here"),),
    "add the title 'Don't panic' at the centre": (AddText("Don't panic", "center", Span(0, 3000)),),
    "add a title Urban Dreams": (title("Urban Dreams"),),
    "Title: Urban Dreams": (title("Urban Dreams"),),
    "add a title Salt and Pepper": (title("Salt and Pepper"),),
    "add a title hello world": (title("hello world"),),
    "Title: Code Red": (title("Code Red"),),
    "add a title saying Welcome Home": (title("Welcome Home"),),
    'add a 5-second title "Hey"': (title("Hey", 0, 5000),),
    'add the title "Intro" from 1 s to 4 s': (title("Intro", 1000, 4000),),
    'title "Hello" for 2 seconds at the bottom': (AddText("Hello", "bottom", Span(0, 2000)),),
    "add the text 'Hello' at the bottom for 3 seconds": (words("Hello", 0, 3000),),
    "put a caption saying hello there at the top": (AddText("hello there", "top", Span(0, None)),),
    "add text Hello World at the bottom for 3 seconds": (words("Hello World", 0, 3000),),
    'write "Hello" in the middle': (AddText("Hello", "center", Span(0, None)),),
    'put "Hello" on the screen': (words("Hello"),),
    'add the text "Hello" at 2 s': (words("Hello", 2000),),
    'at 3 s, show the text "Boom" for 1 second': (words("Boom", 3000, 4000),),
    'add the text "Hello" until 4 s': (words("Hello", 0, 4000),),
    'add "Subscribe!" at the end for 2 seconds': (words("Subscribe!", -2000),),
    'a caption that says "Hi" for the last 2 seconds': (words("Hi", -2000),),
    'show "Hi" throughout the video': (words("Hi"),),
    'add text: "Hello\nWorld"': (words("Hello\nWorld"),),
    'add a caption "A" at the top and "B" at the bottom': (AddText("A", "top", Span(0, None)), words("B")),
    'add the text "trim to 3 s, add music"': (words("trim to 3 s, add music"),),
    "添加标题“城市之梦”": (title("城市之梦"),),
    "添加标题 城市之梦": (title("城市之梦"),),
    "加上标题《和平》": (title("和平"),),
    "在底部加字幕“你好”，持续3秒": (words("你好", 0, 3000),),
    "在底部加字幕欢迎来到北京": (words("欢迎来到北京"),),
    "在视频开头3秒显示标题“开始”": (title("开始"),),
    "从第3秒开始显示“你好”": (words("你好", 3000),),
    'add the title "Intro" for the first 3 seconds and "Outro" for the last 2 seconds': (
        title("Intro"),
        title("Outro", -2000, None),
    ),
    "title should say Summer": (title("Summer"),),
    "make the title say Summer": (title("Summer"),),
    "标题写我的旅行": (title("我的旅行"),),
    "添加标题太阳照常升起": (title("太阳照常升起"),),
    # music
    "add calm background music that matches the mood of my video": (CALM,),
    "add background music": (CALM,),
    "calm background music": (CALM,),
    "I'd like some gentle ambient music please": (CALM,),
    "add a calm and peaceful soundtrack": (CALM,),
    "add relaxing music to the video at 30 %": (AddMusic(volume=0.3),),
    "quiet music under the voice": (QUIET,),
    "add music but not too loud": (QUIET,),
    "给视频配上舒缓的音乐": (CALM,),
    "添加与视频氛围相配的轻柔背景音乐": (CALM,),
    "配乐，音量20%": (QUIET,),
    # loudness
    "normalize the audio": (LEVEL,),
    "normalise the volume levels please": (LEVEL,),
    "fix the volume levels": (LEVEL,),
    "make the volume consistent": (LEVEL,),
    "loudness normalization": (LEVEL,),
    "normalize the audio to -16 LUFS": (Normalise(-16.0),),
    "统一音量": (LEVEL,),
    "把音量统一到-16 LUFS": (Normalise(-16.0),),
    # speed
    "2x": (Speed(2.0),),
    "speed it up 1.5x": (Speed(1.5),),
    "make it twice as fast": (Speed(2.0),),
    "play at half speed": (Speed(0.5),),
    "speed up by 50 %": (Speed(1.5),),
    "slow down to 0.5x": (Speed(0.5),),
    "slow down by 25 percent": (Speed(0.75),),
    "make it 2 times slower": (Speed(0.5),),
    "play it at 200% speed": (Speed(2.0),),
    "slow motion": (Speed(0.5),),
    "加速2倍": (Speed(2.0),),
    "以1.5倍速播放": (Speed(1.5),),
    "放慢一半": (Speed(0.5),),
    "慢放": (Speed(0.5),),
    # shape
    "9:16": (TALL,),
    "make it 9x16": (TALL,),
    "make it vertical for TikTok": (TALL,),
    "portrait mode": (TALL,),
    "for Reels": (TALL,),
    "make it 9:16 with blurred background": (TALL,),
    "make it vertical without cropping": (TALL,),
    "turn it into a square video": (Reshape(1, 1),),
    "change the aspect ratio to 4:5": (Reshape(4, 5),),
    "landscape": (Reshape(16, 9),),
    "改成竖屏": (TALL,),
    "视频变成方形": (Reshape(1, 1),),
    "转换成16：9": (Reshape(16, 9),),
    # not to be done
    "no music": (NO_MUSIC,),
    "don't add any music": (NO_MUSIC,),
    "without a title": (NO_TEXT,),
    "不要音乐": (NO_MUSIC,),
    "把背景音乐去掉": (NO_MUSIC,),
    "字幕去掉": (Without("captions"),),
    "字幕不要": (Without("captions"),),
    "标题不要": (NO_TEXT,),
    "title should be removed": (NO_TEXT,),
    "keep my background": (Without("background"),),
    "不要添加标题": (NO_TEXT,),
    "no music or captions": (NO_MUSIC, Without("captions")),
    "no music or titles": (NO_MUSIC, NO_TEXT),
    # the background
    "remove my background and replace it with a home office scene": (scene("home-office"),),
    "remove the original background and replace it with a virtual office scene": (scene("office"),),
    "remove the background and replace it with a solid color": (colour("#e8e8e8"),),
    "remove the background": (CLEAR,),
    "Remove the background.": (CLEAR,),
    "remove background from my talking head video": (CLEAR,),
    "cut out the background and make it transparent": (CLEAR,),
    "make the background transparent": (CLEAR,),
    "transparent background": (CLEAR,),
    "keep only the person": (CLEAR,),
    "isolate the subject": (CLEAR,),
    "cut me out": (CLEAR,),
    "remove everything except the speaker": (CLEAR,),
    "remove the green screen": (CLEAR,),
    "put me on a green screen": (colour("#00ff00"),),
    "replace the green screen with a city": (scene("city"),),
    "blur the background": (BLUR,),
    "blur my background please": (BLUR,),
    "make the background blurry": (BLUR,),
    "blurred background": (BLUR,),
    "replace the background with a calm beach": (scene("beach"),),
    "replace backdrop with office setting": (scene("office"),),
    "change my background to a library": (scene("library"),),
    "change the background to a cozy modern living room": (scene("living-room"),),
    "swap the background for a forest": (scene("forest"),),
    "put me on a beach": (scene("beach"),),
    "put me in an office": (scene("office"),),
    "place me in front of the mountains": (scene("mountains"),),
    "make it look like I'm in outer space": (scene("space"),),
    "use a sunset as background": (scene("sunset"),),
    "add a home office background": (scene("home-office"),),
    "remove the background and put me in a photo studio": (scene("studio"),),
    "remove my background, replace it with a beach": (scene("beach"),),
    "Remove the background. Replace it with an office.": (scene("office"),),
    "blur the background, 2x, and make it louder": (BLUR, Speed(2.0), Volume(6.0)),
    "set the background to an abstract pattern": (scene("abstract"),),
    "Background: beach": (scene("beach"),),
    "make the background white": (colour("#ffffff"),),
    "make the background #00ff88": (colour("#00ff88"),),
    "make the background dark blue": (colour("#00008b"),),
    "change the background colour to light grey": (colour("#d3d3d3"),),
    "replace the background with solid black": (colour("#000000"),),
    "replace the background with rgb(255, 0, 10)": (colour("#ff000a"),),
    "replace the background with a plain white wall": (colour("#ffffff"),),
    "white background": (colour("#ffffff"),),
    "white bg": (colour("#ffffff"),),
    "show me in an office": (scene("office"),),
    "with a beach in the background": (scene("beach"),),
    "remove the background and make it green": (colour("#008000"),),
    "use my picture as background": (Background("picture"),),
    "replace the background with the uploaded photo": (Background("picture"),),
    "restore the original background": (Without("background"),),
    "don't change the background": (Without("background"),),
    "去掉背景": (CLEAR,),
    "抠像": (CLEAR,),
    "抠图": (CLEAR,),
    "只保留人物": (CLEAR,),
    "透明背景": (CLEAR,),
    "把背景换成海滩": (scene("beach"),),
    "把背景换成现代的办公室": (scene("office"),),
    "去掉背景，换成家庭办公室": (scene("home-office"),),
    "把我放在海滩上": (scene("beach"),),
    "用森林作为背景": (scene("forest"),),
    "背景虚化": (BLUR,),
    "虚化背景": (BLUR,),
    "纯色背景": (colour("#e8e8e8"),),
    "换成蓝色背景": (colour("#0000ff"),),
    "把背景换成#00ff88": (colour("#00ff88"),),
    "用上传的图片作为背景": (Background("picture"),),
    "恢复原来的背景": (Without("background"),),
    "I'd like to be on a beach": (scene("beach"),),
    "remove the background and replace with a beach": (scene("beach"),),
    "请帮我把背景去掉，换成办公室，再加点轻柔的音乐": (scene("office"), CALM),
    "更换背景为图书馆": (scene("library"),),
    # pauses, fades, crossfades, pictures
    "fade in 1s": (Fade(1000, 0),),
    "cut out the silence": (RemoveSilence(700),),
    "remove all the pauses": (RemoveSilence(700),),
    "get rid of dead air": (RemoveSilence(700),),
    "remove pauses longer than 0.8 s": (RemoveSilence(800),),
    "cut the silent parts of more than one second": (RemoveSilence(1000),),
    "去掉停顿": (RemoveSilence(700),),
    "剪掉超过1秒的静音部分": (RemoveSilence(1000),),
    "fade in": (Fade(1000, 0),),
    "fade out": (Fade(0, 1000),),
    "fade in and out": (Fade(1000, 1000),),
    "fade to black at the end": (Fade(0, 1000),),
    "fade out the last 2 seconds": (Fade(0, 2000),),
    "add a 2-second fade in": (Fade(2000, 0),),
    "fade in at the start and fade out at the end": (Fade(1000, 1000),),
    "fade in over 500 ms and fade out over 2 s": (Fade(500, 2000),),
    "fade from black": (Fade(1000, 0),),
    "add a fade at the end": (Fade(0, 1000),),
    "no fades": (Fade(),),
    "淡入淡出": (Fade(1000, 1000),),
    "结尾淡出": (Fade(0, 1000),),
    "开头2秒淡入": (Fade(2000, 0),),
    "crossfade the clips": (Crossfade(600),),
    "crossfade between the clips with 1 s transitions": (Crossfade(1000),),
    "with 1 s transitions": (Crossfade(1000),),
    "add smooth transitions between the clips": (Crossfade(600),),
    "dissolve from clip to clip": (Crossfade(600),),
    "join the clips with crossfades": (Crossfade(600),),
    "merge the videos and add calm music": (CALM,),
    "hard cuts only": (Without("crossfades"),),
    "no transitions": (Without("crossfades"),),
    "片段之间加1秒的叠化": (Crossfade(1000),),
    "加转场": (Crossfade(600),),
    "make a slideshow": (EachPicture(4000), Crossfade(600)),
    "make a slideshow, 3 seconds per photo": (EachPicture(3000), Crossfade(600)),
    "turn the photos into a slideshow with upbeat music": (
        EachPicture(4000),
        Crossfade(600),
        AddMusic("upbeat"),
    ),
    "3 seconds per photo": (EachPicture(3000),),
    "show the pictures for 3 seconds each": (EachPicture(3000),),
    "show each picture for 2.5 s": (EachPicture(2500),),
    "做成幻灯片，每张3秒": (EachPicture(3000), Crossfade(600)),
    "make a thumbnail": (Thumbnail(),),
    "make a thumbnail at 3 s": (Thumbnail(3000),),
    "extract a frame at 0:03": (Thumbnail(3000),),
    "take a screenshot at 1.5 seconds": (Thumbnail(1500),),
    "extract the first frame": (Thumbnail(0),),
    "生成封面": (Thumbnail(),),
    "截取第3秒的截图": (Thumbnail(3000),),
    'add the title "Hi", make a thumbnail at 2 s, and trim to 5 s': (
        title("Hi", 0, None),
        keep(0, 5000),
        Thumbnail(2000),
    ),
    'make a thumbnail and add the title "Hi"': (title("Hi", 0, None), Thumbnail()),
    # sides, turning, size
    "crop to 9:16": (CropTo(9, 16),),
    "crop to square": (CropTo(1, 1),),
    "crop it to 1:1": (CropTo(1, 1),),
    "crop it vertical for TikTok": (CropTo(9, 16),),
    "裁成9:16": (CropTo(9, 16),),
    "with blurred bars make it 9:16": (TALL,),
    "crop 10% off the top": (CropSides(top=0.1),),
    "crop 20% from both sides": (CropSides(left=0.2, right=0.2),),
    "crop the top by 10 percent": (CropSides(top=0.1),),
    "cut 10% off the bottom": (CropSides(bottom=0.1),),
    "crop 5% from the left and 10% from the right": (CropSides(left=0.05, right=0.1),),
    "crop 5% from all sides": (CropSides(0.05, 0.05, 0.05, 0.05),),
    "裁掉上面10%": (CropSides(top=0.1),),
    "裁掉左边10%和右边5%": (CropSides(left=0.1, right=0.05),),
    "左右各裁掉10%": (CropSides(left=0.1, right=0.1),),
    "rotate 90 degrees clockwise": (Rotate(90),),
    "rotate it 90° to the left": (Rotate(270),),
    "rotate the video counter-clockwise by 90 degrees": (Rotate(270),),
    "rotate left": (Rotate(270),),
    "rotate by 180 degrees": (Rotate(180),),
    "turn it upside down": (Rotate(180),),
    "顺时针旋转90度": (Rotate(90),),
    "把视频向左旋转90度": (Rotate(270),),
    "旋转180度": (Rotate(180),),
    "mirror it": (Flip("horizontal"),),
    "flip horizontally": (Flip("horizontal"),),
    "flip the video vertically": (Flip("vertical"),),
    "左右翻转": (Flip("horizontal"),),
    "镜像": (Flip("horizontal"),),
    "上下翻转": (Flip("vertical"),),
    "scale to 720p": (Resize(720),),
    "resize the video to 1080p": (Resize(1080),),
    "make it 4k": (Resize(2160),),
    "720p": (Resize(720),),
    "make it 16:9 720p": (Reshape(16, 9), Resize(720)),
    "1080p vertical, no sound": (TALL, Resize(1080), MUTE),
    "crop to square 720p": (CropTo(1, 1), Resize(720)),
    "export in full hd": (Resize(1080),),
    "resize to 1280x720": (Reshape(16, 9), Resize(720)),
    "resize to 1080x1920": (TALL, Resize(1080)),
    "缩放到720p": (Resize(720),),
    "分辨率改为1080p": (Resize(1080),),
    # loud and quiet
    "louder": (Volume(6.0),),
    "make it louder": (Volume(6.0),),
    "increase the volume": (Volume(6.0),),
    "make the video quieter": (Volume(-6.0),),
    "make it a bit louder": (Volume(3.0),),
    "increase the volume by 3 dB": (Volume(3.0),),
    "turn the sound down by 10 decibels": (Volume(-10.0),),
    "turn the volume up 50%": (Volume(3.52),),
    "reduce the volume by 50%": (Volume(-6.02),),
    "set the volume to 50%": (Volume(-6.02),),
    "half as loud": (Volume(-6.02),),
    "double the volume": (Volume(6.02),),
    "音量提高3分贝": (Volume(3.0),),
    "声音调大一点": (Volume(6.0),),
    "音量减半": (Volume(-6.02),),
    "mute it": (MUTE,),
    "mute the video": (MUTE,),
    "remove the audio": (MUTE,),
    "no sound": (MUTE,),
    "静音": (MUTE,),
    "去掉声音": (MUTE,),
    "no voiceover": (Without("narration"),),
    "remove the watermark": (Without("watermark"),),
    "no captions": (Without("captions"),),
    # music of a mood
    "add upbeat music": (AddMusic("upbeat"),),
    "add happy, energetic music": (AddMusic("upbeat"),),
    "add upbeat & energetic background music": (AddMusic("upbeat"),),
    "add epic and dramatic music": (AddMusic("cinematic"),),
    "cinematic soundtrack at 25 %": (AddMusic("cinematic", 0.25),),
    "add inspiring corporate music": (AddMusic("corporate"),),
    "add lo-fi beats music": (AddMusic("calm"),),
    "add background music that matches the mood of my video": (AddMusic(None),),
    "add fitting music": (AddMusic(None),),
    "add upbeat music that fits the video": (AddMusic("upbeat"),),
    "change the music to something upbeat": (AddMusic("upbeat"),),
    "make the music cinematic": (AddMusic("cinematic"),),
    "replace the audio with calm music": (MUTE, CALM),
    "replace the calm music with upbeat music": (AddMusic("upbeat"),),
    "remove the background music and replace it with corporate music": (NO_MUSIC, AddMusic("corporate")),
    "加一首欢快的音乐": (AddMusic("upbeat"),),
    "配上史诗感的背景音乐": (AddMusic("cinematic"),),
    "配上合适的音乐": (AddMusic(None),),
    # a mark over the picture
    "add a watermark": (Watermark(),),
    "add my logo in the top right corner": (Watermark(corner="top-right"),),
    "put our logo at the bottom left at 50% opacity": (Watermark(corner="bottom-left", opacity=0.5),),
    "add a semi-transparent watermark in the center": (Watermark(corner="center", opacity=0.5),),
    "add my logo at 10% width": (Watermark(width=0.1),),
    "put my logo small at the bottom left": (Watermark(corner="bottom-left", width=0.1),),
    "加一个小水印": (Watermark(width=0.1),),
    "在右上角加水印": (Watermark(corner="top-right"),),
    # the skills' sentences with more
    "remove my background and replace it with a home office scene, add calm music, no titles": (
        scene("home-office"),
        CALM,
        NO_TEXT,
    ),
    "remove the background and replace it with a solid color and add calm music, no captions": (
        colour("#e8e8e8"),
        CALM,
        Without("captions"),
    ),
    "remove the original background and replace it with a virtual office scene, make it vertical and fade out": (
        scene("office"),
        TALL,
        Fade(0, 1000),
    ),
    "add calm background music that matches the mood of my video and blur the background": (CALM, BLUR),
    "make it vertical and blur the background": (TALL, BLUR),
    "remove background and add music": (CLEAR, CALM),
    'put me on a beach, trim to 10 s, and add the title "Hello"': (
        scene("beach"),
        keep(0, 10_000),
        title("Hello"),
    ),
    "crop to square, mirror it, and scale to 720p": (CropTo(1, 1), Flip("horizontal"), Resize(720)),
    "remove the silence, level the audio and make it 1.25x": (RemoveSilence(700), LEVEL, Speed(1.25)),
    "把背景换成办公室，并加上轻柔的音乐，不要字幕": (scene("office"), CALM, Without("captions")),
    # several at once
    'trim to 3s and add a title "Urban Dreams"': (keep(0, 3000), title("Urban Dreams")),
    "add a title Urban Dreams and add calm music": (title("Urban Dreams"), CALM),
    "trim to 3 s without music": (keep(0, 3000), NO_MUSIC),
    "don't add music, just trim it to 3 seconds": (NO_MUSIC, keep(0, 3000)),
    "trim to 3 s; 2x; add music": (keep(0, 3000), Speed(2.0), CALM),
    "make it vertical, 10 seconds long, with calm music": (TALL, keep(0, 10_000), CALM),
    'Trim to 3 s. Make it vertical. Add the title "X".': (keep(0, 3000), TALL, title("X")),
    "First trim to 3 s, then normalise the sound, thanks!": (keep(0, 3000), LEVEL),
    "trim to 3 s and export it": (keep(0, 3000),),
    "请帮我把视频剪到3秒并添加标题“你好”": (keep(0, 3000), title("你好")),
    "把视频剪到3秒，加上标题《城市之梦》，然后加速2倍": (keep(0, 3000), title("城市之梦"), Speed(2.0)),
    "添加标题：再见夏天，并加上轻柔的背景音乐": (title("再见夏天"), CALM),
    "用竖屏格式，加上标题“你好”，持续2秒，再加点音乐，小声一点": (TALL, title("你好", 0, 2000), QUIET),
    "remove the first and last 2 seconds": (Remove((Span(0, 2000), Span(-2000, None))),),
    "cut 2 seconds off both ends and add music": (Remove((Span(0, 2000), Span(-2000, None))), CALM),
    "首尾各剪掉2秒": (Remove((Span(0, 2000), Span(-2000, None))),),
    "keep the first 10 seconds, no pauses": (keep(0, 10_000), RemoveSilence(700)),
    'set the title to "Hello" and add music': (title("Hello"), CALM),
    "turn the volume down by half": (Volume(-6.02),),
    "音量降低一半": (Volume(-6.02),),
    "淡入淡出各2秒": (Fade(2000, 2000),),
    "做成720p": (Resize(720),),
    "添加轻快的背景音乐": (AddMusic("upbeat"),),
    "添加轻柔的背景音乐": (CALM,),
}

REFUSED: dict[str, str] = {
    # the background
    "replace the background": "with what?",
    "change my background": "home office, office, studio, beach",
    "replace it with the moon base of my dreams": 'I cannot draw "moon base of my dreams"',
    "remove the background and replace it with the moon base of my dreams": "moon base of my dreams",
    "replace the background with a calm beach in Thailand at night": "calm beach in Thailand at night",
    "replace the background with a beach at sunset": 'I cannot draw "beach at sunset"',
    "replace the background with a blurred office": 'I cannot draw "blurred office"',
    "replace the background with New York": 'I cannot draw "New York"',
    "put me on the moon": 'I cannot draw "moon"',
    "put me in a conference room": "conference room",
    "make the background pop": "pop",
    "make the background reddish": "reddish",
    "make the background #12345": "#12345",
    "replace the backgroung with a beach": "backgroung",
    "blurr the background": "blurr the background",
    "blur the background a bit": "blur the background a bit",
    "blur my face": "blur my face",
    "blur the video": "blur the video",
    "replace the sky": "replace the sky",
    "remove my shirt": "remove my shirt",
    "put me there": "put me there",
    "make the background": "home office, office, studio",
    "use a nice background": 'I cannot draw "nice"',
    "replace the background with nothing special": "nothing special",
    "put a beach": "put a beach",
    "beach": "beach",
    "keep the background and blur the person": "blur the person",
    "remove the background noise": "remove the background noise",
    "remove background people": "remove background people",
    "no background": "no background",
    "make it vertical with a white background": "with a white background",
    "replace my shirt with a suit": "suit",
    "add a background": "add a background",
    "把背景换成月球基地": "我不会画“月球基地”",
    "换背景": "换成什么",
    "把我放在火星上": "我不会画“火星”",
    # a video of its own
    "generate a 30-second promotional video from this script with background music": "below the instruction",
    "turn this script into a 30 second video": "From which script?",
    "create a vertical 15 s promo": "From which script?",
    "make a 10 second video about dogs": "make a 10 second video about dogs",
    "make a promo about dogs": "make a promo about dogs",
    "make me famous": "make me famous",
    # captions
    "add subtitles automatically": "I do not understand speech",
    "transcribe the video": "I do not understand speech",
    "auto captions": "I do not understand speech",
    "generate subtitles": "I do not understand speech",
    "add the subtitles": "Send an .srt along with the clip",
    "burn in the captions from the srt": "Send an .srt along with the clip",
    "translate the subtitles": "translate the subtitles",
    # not to be done, of what nothing undoes
    "don't fade out": "don't fade out",
    "do not mute it": "do not mute it",
    "don't rotate it": "don't rotate it",
    "don't put me on a beach": "don't put me on a beach",
    "no beach background": "no beach background",
    "don't make the background white": "don't make the background white",
    "don't remove the silence": "don't remove the silence",
    "don't make it louder": "don't make it louder",
    "don't crop": "don't crop",
    "no slideshow": "no slideshow",
    "不要静音": "不要静音",
    "不要把背景换成海滩": "不要把背景换成海滩",
    "不要淡出": "不要淡出",
    "别裁成9:16": "别裁成9:16",
    # what nobody does
    "make it black and white": "make it black and white",
    "stabilize the video": "stabilize the video",
    "reverse it": "reverse it",
    "add a transition": "add a transition",
    "add wipe transitions": "add wipe transitions",
    "make it pop": "make it pop",
    "make it viral": "make it viral",
    "add a calm voiceover": "add a calm voiceover",
    "zoom in on my face": "zoom in on my face",
    "add a cat": "add a cat",
    # fades and joins
    "fade to white": "fade to white",
    "fade": "fade in, out, or both",
    "fade out the music": "fade out the music",
    "fade in the last 2 seconds": "fade in, out, or both",
    "replace the music": "replace the music",
    "replace the audio": "replace the audio",
    "add upbeat music and calm music": "several kinds of music",
    "rotate the first clip 90 degrees clockwise": "rotate the first clip",
    "speed up the next clip": "speed up the next clip",
    "mute the second clip": "mute the second clip",
    "change the music": "change the music",
    "fade in over 30 s": "up to 10 s",
    "crossfade for 20 seconds": "up to 5 s",
    'add the title "X" and fade it in': 'Say "the video" instead of "it"',
    "add calm music and make it louder": 'Say "the video" instead of "it"',
    "remove pauses longer than 10 ms": "pauses of 0.2 s",
    "remove the awkward moments": "remove the awkward moments",
    "make a slideshow with wipes": "wipes",
    "extract the last frame": "extract the last frame",
    "extract the frames": "extract the frames",
    "show each picture": "show each picture",
    "3 seconds": "3 seconds",
    "crossfade the music": "crossfade the music",
    "add a fade to the title": "add a fade to the title",
    "make a thumbnail for every clip": "make a thumbnail for every clip",
    "join the clips backwards": "join the clips backwards",
    "put the clips away": "put the clips away",
    # sides, turning, size
    "rotate it 90 degrees": 'Say "clockwise"',
    "rotate the video": 'Say "clockwise"',
    "rotate 45 degrees clockwise": "90, 180 or 270 degrees only",
    "rotate to portrait": "rotate to portrait",
    "rotate the title": "rotate the title",
    "turn it 90 degrees": 'Say "clockwise"',
    "flip it": 'Say "horizontally"',
    "flip it upside down": "flip it upside down",
    "crop it": "crop it",
    "crop 100 pixels off the top": "crop 100 pixels off the top",
    "crop 60% from both sides": "less than a tenth",
    "crop to 7:3": "crop to 7:3",
    "crop to 9:16 with blurred bars": "with blurred bars",
    "crop the sides": "crop the sides",
    "resize to 50%": "resize to 50%",
    "resize to 1000x300": "no size that I can make",
    "scale to 20x20": "scale to 20x20",
    "make it smaller": "make it smaller",
    "upscale to 4k": "upscale to 4k",
    "make it HD": "make it HD",
    "roate 90 degrees clockwise": "roate",
    "rotate clockwise and counterclockwise": "counterclockwise",
    "mirror the music": "mirror the music",
    "resize the title to 720p": "resize the title",
    "100p quality please now or never": "100p quality",
    "make it 9:16 with black bars": "with black bars",
    "make it 7:3": "make it 7:3",
    # sound
    "add jazz music": "calm, upbeat, cinematic, corporate",
    "add rock music": "four kinds of music only",
    "add k-pop": "add k-pop",
    "add k-pop music": "four kinds of music only",
    "add rap music with vocals": "with vocals",
    "add calm piano music": "four kinds of music only",
    "add calm and epic music": "several kinds of music",
    "add music that sparkles": "add music that sparkles",
    "add the song Yellow Submarine": "add the song Yellow Submarine",
    "add uppbeat music": "add uppbeat music",
    "make the music pop": "make the music pop",
    "add music for 10 seconds": "add music for 10 seconds",
    "add music by Drake": "add music by Drake",
    "add music and sound effects": "sound effects",
    "make the music louder": "make the music louder",
    "remove background noise": "remove background noise",
    "improve the audio": "improve the audio",
    "increase the volume by 3": "increase the volume by 3",
    "make it 3 louder": "make it 3 louder",
    "turn the bass up": "turn the bass up",
    "make the music in the video louder": "make the music in the video louder",
    "remove the vocals": "remove the vocals",
    "mute the first 3 seconds": "mute the first 3 seconds",
    "make it sound better": "make it sound better",
    "add a sound effect": "add a sound effect",
    "use my own song": "nothing of the kind was sent",
    "add song.mp3": 'There is no "song.mp3"',
    "put logo.png in the top right corner": 'There is no "logo.png"',
    "replace the background with beach.jpg": 'There is no "beach.jpg"',
    "increase the volume by 90 dB": "out of range",
    "turn up the volume to 50%": "I cannot tell by how much",
    "add music, quieter": '"quieter"',
    "mute the voice of the man": "mute the voice of the man",
    "add a watermark saying Acme": "saying Acme",
    "add my small logo at 50% width": "add my small logo",
    "add my logo at 1% opacity": "opacity of 5 %",
    "add my logo top left and bottom right": "bottom right",
    "normalize to -60 LUFS": "-60 LUFS is out of range",
    "add music at 300%": "300% is out of range",
    # cutting
    "trim it": "trim it",
    "trim to 3": "trim to 3",
    "make it shorter": "make it shorter",
    "cut the boring parts": "cut the boring parts",
    "remove the middle 3 seconds": "remove the middle 3 seconds",
    "keep the best 10 seconds": "keep the best 10 seconds",
    "split it in two": "split it in two",
    "cut from 2s to 5s": "is that to be kept or removed?",
    "cut 2-5 s": "is that to be kept or removed?",
    "keep 5 s to 2 s": "comes before the first",
    "do not trim to 3 s": "do not trim to 3 s",
    "trim to 3 s and make it rain": "make it rain",
    # speed
    "slow it down a bit": "slow it down a bit",
    "speed up the first 3 seconds": "speed up the first 3 seconds",
    "speed up to 50%": "I cannot make a speed",
    # text
    "add a title": "Which words?",
    'add a title ""': "Which words?",
    "add a title slide": "Which words?",
    "add a title in bold": "Which words?",
    'add a big red title "Hey"': "add a big red title",
    'add text "Hello" at the bottom left': "at the bottom left",
    'add a title "Hello" and fade it in': "fade it in",
    "add a title Urban Dreams and make it pop": "make it pop",
    'don\'t add a title "X"': "don't add a title",
    '"trim to 3 s"': '"trim to 3 s"',
    f'add the title "{"x" * 301}"': "301 characters",
    # a remark about a text is no text
    "make the text red": 'in quotes ("make the text red")',
    "make the title white": 'in quotes ("make the title white")',
    "title smaller": 'in quotes ("title smaller")',
    "the title should be at the bottom": 'in quotes ("the title should be at the bottom")',
    "the title is too big": 'in quotes ("the title is too big")',
    "make the title Summer": 'in quotes ("make the title Summer")',
    "set the title to Summer": 'in quotes ("set the title to Summer")',
    "title Summer": 'in quotes ("title Summer")',
    "add the text Hello in the top right corner": 'in quotes ("add the text Hello in the top right corner")',
    "add the title Hi slowly": 'in quotes ("add the title Hi slowly")',
    "add the title Hi on every clip": 'in quotes ("add the title Hi on every clip")',
    "add the subtitle Hello under the title": 'in quotes ("add the subtitle Hello under the title")',
    "add a text watermark ABC": 'in quotes ("add a text watermark ABC")',
    "add text below": 'in quotes ("add text below")',
    "add captions in English": 'in quotes ("add captions in English")',
    "add a caption saying hello in the top right corner": 'in quotes ("add a caption saying hello',
    "add a caption saying hello in red": 'in quotes ("add a caption saying hello in red")',
    "make the subtitles bigger": 'in quotes ("make the subtitles bigger")',
    "标题改成红色": "请用引号标出（“标题改成红色”）",
    "标题白色": "请用引号标出（“标题白色”）",
    "标题是红色": "请用引号标出（“标题是红色”）",
    "标题写大一点": "请用引号标出（“标题写大一点”）",
    "字幕用白色": "请用引号标出（“字幕用白色”）",
    "标题左对齐": "请用引号标出（“标题左对齐”）",
    "标题放在底部": "请用引号标出（“标题放在底部”）",
    "字幕太小": "请用引号标出（“字幕太小”）",
    "字幕翻译成英文": "请用引号标出（“字幕翻译成英文”）",
    "字幕同步": "请用引号标出（“字幕同步”）",
    "标题淡入": "请用引号标出（“标题淡入”）",
    "加上文字说明": "请用引号标出（“加上文字说明”）",
    "加文字你好在右上角": "请用引号标出（“加文字你好在右上角”）",
    "加标题红色": "请用引号标出（“加标题红色”）",
    'add the title "Summer" and make the title bigger': 'in quotes ("make the title bigger")',
    "burn in the subtitles and make the subtitles bigger": 'in quotes ("make the subtitles bigger")',
    "加标题“夏天”，标题大一点": "请用引号标出（“标题大一点”）",
    "加上字幕,字幕放大": "请用引号标出（“字幕放大”）",
    "make background blurry and put me on a beach": "make background blurry / put me on a beach",
    "put me on a beach. Make the background white.": "put me on a beach / Make the background white",
    # nothing asked
    "hello": "asks for no edit",
    "export the video": "asks for no edit",
    "what can you do?": "what can you do",
    "": "asks for no edit",
    "x" * 2001: "more than 2000 characters",
    # Chinese
    "自动添加字幕": "我听不懂语音",
    "加字幕": "字幕写什么",
    "加一首摇滚音乐": "我只会做四种音乐",
    "旋转90度": "顺时针",
    "翻转视频": "怎么翻转",
    "音量提高90分贝": "超出范围",
    "把背景变漂亮": "把背景变漂亮",
    "美颜": "美颜",
    "不要剪": "不要剪",
    "剪到3秒，然后倒放": "倒放",
    "生成一个30秒的宣传视频": "用哪个脚本",
    "加快一点点": "加快一点点",
}


FILES = (
    Named("beach.jpg", "image"),
    Named("Our_Kitchen.JPG", "image"),
    Named("logo.png", "image"),
    Named("my clip (1).png", "image"),
    Named("海滩.jpg", "image"),
    Named("library.png", "image"),
    Named("song.mp3", "audio"),
    Named("Sunrise over Rome.m4a", "audio"),
    Named("clip.mp4", "video"),
    Named("wall.jpg", "image"),
    Named("wall.png", "image"),
)


def picture(name: str) -> Background:
    return Background("picture", name)


NAMING: dict[str, tuple[Operation, ...]] = {
    "replace the background with beach.jpg": (picture("beach.jpg"),),
    "replace the background with BEACH.JPG and add calm music": (picture("beach.jpg"), CALM),
    "put me in front of beach.jpg": (picture("beach.jpg"),),
    "replace the background with my picture our kitchen": (picture("Our_Kitchen.JPG"),),
    'replace the background with "Our Kitchen"': (picture("Our_Kitchen.JPG"),),
    "replace the background with our-kitchen": (picture("Our_Kitchen.JPG"),),
    "use my our-kitchen picture as the background": (picture("Our_Kitchen.JPG"),),
    "use my clip (1).png as background": (picture("my clip (1).png"),),
    "remove the background and replace it with the picture my clip (1).png": (picture("my clip (1).png"),),
    "change my background to a library": (picture("library.png"),),
    "replace the background with a cozy library": (scene("library"),),
    "use beach.jpg instead of my background": (picture("beach.jpg"),),
    "replace the audio with song.mp3": (MUTE, AddMusic(None, file="song.mp3")),
    "replace the music with song.mp3": (AddMusic(None, file="song.mp3"),),
    "replace the background with wall.png": (picture("wall.png"),),
    "把背景换成海滩.jpg": (picture("海滩.jpg"),),
    "把背景换成海滩": (picture("海滩.jpg"),),
    "用“海滩”作为背景": (picture("海滩.jpg"),),
    "use the uploaded image as background": (Background("picture"),),
    "put logo.png in the top right corner": (Watermark("logo.png", "top-right"),),
    "add logo.png": (Watermark("logo.png"),),
    "watermark it with logo.png at 50% opacity": (Watermark("logo.png", opacity=0.5),),
    "use beach.jpg as a watermark": (Watermark("beach.jpg"),),
    "把logo.png放在左上角": (Watermark("logo.png", "top-left"),),
    "use song.mp3 as background music": (AddMusic(None, file="song.mp3"),),
    "use song.mp3 as background": (AddMusic(None, file="song.mp3"),),
    "add song.mp3 at 20%": (AddMusic(None, 0.2, "song.mp3"),),
    'add the song "sunrise over rome"': (AddMusic(None, file="Sunrise over Rome.m4a"),),
    "play my song sunrise over rome": (AddMusic(None, file="Sunrise over Rome.m4a"),),
    "用song.mp3作为背景音乐": (AddMusic(None, file="song.mp3"),),
    'add a title "beach.jpg"': (title("beach.jpg"),),
    'add a title "logo"': (title("logo"),),
}

MISNAMED: dict[str, str] = {
    "replace the background with bech.jpg": 'There is no "bech.jpg" among the files. There is: beach.jpg',
    'replace the background with "Her Kitchen"': 'There is no "Her Kitchen"',
    "replace the background with my picture garden": 'There is no "garden"',
    "replace the background with clip.mp4": "clip.mp4 is a file of another kind",
    "replace the background with my wall picture": '"wall": which one? There is: wall.jpg, wall.png.',
    "put my-logo.png in the corner": 'There is no "my-logo.png"',
    "use beach.jpg as background music": "beach.jpg is a file of another kind",
    "add tune.mp3 as background music": "There is: song.mp3, Sunrise over Rome.m4a",
    "use my own song": "which one? There is: song.mp3",
    'add the song "Imagine"': 'There is no "Imagine"',
    "add beach.jpg": "add beach.jpg",
    "trim clip.mp4 to 3 s": "trim clip.mp4 to 3 s",
    "replace song.mp3 with calm music": "replace song.mp3 with calm music",
    "replace song.mp3": "replace song.mp3",
    "don't add song.mp3": "don't add song.mp3",
    "把背景换成沙滩.jpg": "文件里没有“沙滩.jpg”",
    "add beach.jpg and logo.png in the corner": "beach.jpg",
}

SCRIPT = "Meet Reeldrop.\n\nDrop a clip, get a video; add music, no titles."
SCRIPTED: dict[str, tuple[Operation, ...]] = {
    "generate a 30-second promotional video from this script with background music": (
        Promo(SCRIPT, 30_000, mood="corporate"),
    ),
    "generate a 30-second promotional video from this script with calm background music": (
        Promo(SCRIPT, 30_000, mood="calm"),
    ),
    "create a vertical 15 s promo": (Promo(SCRIPT, 15_000, 9, 16),),
    "30 second promo": (Promo(SCRIPT, 30_000),),
    "make a 1:1 15-second ad with upbeat music": (Promo(SCRIPT, 15_000, 1, 1, "upbeat"),),
    "make a video from this text": (Promo(SCRIPT),),
    "make me a video from this text please, 20 s, square, with narration and calm music": (
        Promo(SCRIPT, 20_000, 1, 1, "calm", True),
    ),
    "turn this article into a vertical video for TikTok with upbeat music": (
        Promo(SCRIPT, None, 9, 16, "upbeat"),
    ),
    "turn this script into a 30 second video": (Promo(SCRIPT, 30_000),),
    "make a promo, 9:16, 20 seconds long, with upbeat music": (Promo(SCRIPT, 20_000, 9, 16, "upbeat"),),
    "make a square promo video with narration": (Promo(SCRIPT, None, 1, 1, None, True),),
    "generate a promo from this script with background music and voiceover": (
        Promo(SCRIPT, None, mood="corporate", narrated=True),
    ),
    "create a 9:16 promo video, no music": (Promo(SCRIPT, None, 9, 16),),
    "make a promotional video from this script and add my logo": (Promo(SCRIPT), Watermark()),
    "根据这个脚本生成30秒的宣传视频，配背景音乐": (Promo(SCRIPT, 30_000, mood="corporate"),),
    "根据这个脚本生成一个竖屏的宣传视频，带旁白": (Promo(SCRIPT, None, 9, 16, None, True),),
    "用这段文字做一个宣传片": (Promo(SCRIPT),),
}


def test_a_video_from_a_script_is_asked_for_above_it() -> None:
    for sentence, wanted in SCRIPTED.items():
        heard = understand(f"{sentence}\n\n{SCRIPT}")
        assert (sentence, heard.operations, heard.refused) == (sentence, wanted, ())


def test_a_script_may_be_long_and_an_instruction_may_not() -> None:
    wish = "generate a 30-second promotional video from this script with background music"
    (promo,) = understand(f"{wish}\r\n\r\n{'word ' * 15_000}").operations
    assert isinstance(promo, Promo)
    assert len(promo.script) == 74_999
    for message, said in (
        (f"{wish}\n\n{'x' * 100_001}", "more than 100000"),
        (f"{wish} {'x' * 2000}", "2000"),
    ):
        heard = understand(message)
        assert heard.operations == ()
        assert said in heard.refused[0].words("en")


@pytest.mark.parametrize(
    "sentence",
    [
        "burn in the captions from the srt",
        "add the subtitles",
        "burn in the subtitles from clip.srt",
        "嵌入字幕",
    ],
)
def test_subtitles_below_the_instruction_are_burned_in(sentence: str) -> None:
    cues = "1\n00:00:01,000 --> 00:00:02,500\nHello,\nworld\n\n2\n00:00:03,000 --> 00:00:04,000\nBye\n"
    heard = understand(f"{sentence}\n\n{cues}")
    assert heard.operations == (Captions((Cue(1000, 2500, "Hello,\nworld"), Cue(3000, 4000, "Bye"))),)
    refused = understand(f"{sentence}\n\nThese are no cues.").refused
    assert [one.name for one in refused] == ["no-cues"]


@pytest.mark.parametrize(
    ("sentence", "after"),
    [
        ("remove the first 2 s and burn in the subtitles", (drop(0, 2000),)),
        ("slow it down to 50%, then burn in the subtitles", (Speed(0.5),)),
        ("remove pauses and burn in the subtitles", (RemoveSilence(700),)),
        ("make a slideshow and burn in the subtitles", (EachPicture(4000), Crossfade(600))),
        ("make a thumbnail, 2x, then burn in the subtitles", (Speed(2.0), Thumbnail())),
    ],
)
def test_subtitles_are_those_of_the_clip_as_it_came(sentence: str, after: tuple[Operation, ...]) -> None:
    heard = understand(f"{sentence}\n\n1\n00:00:01,000 --> 00:00:02,500\nHello\n")
    assert heard.operations == (Captions((Cue(1000, 2500, "Hello"),)), *after)


def test_a_background_may_be_followed_by_another_that_comes_then() -> None:
    heard = understand("put me on a beach, then make the background white")
    assert heard.operations == (scene("beach"), colour("#ffffff"))


def test_a_second_paragraph_is_instruction_where_the_first_asks_for_no_script() -> None:
    assert understand("trim to 3 s\n\nadd calm music").operations == (keep(0, 3000), CALM)


@pytest.mark.parametrize("sentence", NAMING)
def test_a_file_is_meant_by_its_name(sentence: str) -> None:
    heard = understand(sentence, FILES)
    assert heard.refused == ()
    assert heard.operations == NAMING[sentence]


@pytest.mark.parametrize("sentence", MISNAMED)
def test_a_file_that_is_not_there_is_named_in_the_answer(sentence: str) -> None:
    heard = understand(sentence, FILES)
    assert heard.operations == ()
    assert MISNAMED[sentence] in " ".join(one.words(heard.language) for one in heard.refused)


def test_fading_in_and_then_out_are_the_two_ends_of_one_fade() -> None:
    heard = understand("fade in over 2 s, trim to 10 s, then fade out. Add calm music.")
    assert heard.operations == (Fade(2000, 1000), keep(0, 10_000), CALM)


@pytest.mark.parametrize("sentence", ["join the clips", "merge all the videos into one video", "合并视频"])
def test_joining_the_clips_is_understood_and_asks_for_nothing_more(sentence: str) -> None:
    heard = understand(sentence)
    assert (heard.operations, heard.refused) == ((), ())


def test_a_refusal_lists_what_was_understood() -> None:
    heard = understand(
        "replace the background with a home office, add calm music and make it pop, then mute it"
    )
    assert heard.operations == ()
    assert heard.understood == (scene("home-office"), CALM, MUTE)
    told = [one.words("en") for one in heard.doubts()]
    assert told == [
        "I understood: background (home office), music (calm), without (sound).",
        'I do not know how to do this: "make it pop".',
    ]
    heard = understand("把背景换成海滩，然后倒放")
    assert heard.doubts()[0].words("zh") == "我听懂的有：背景（海滩）。"


@pytest.mark.parametrize(
    ("sentence", "lacks"),
    [
        ("generate a 30-second promotional video from this script with background music", True),
        ("add the subtitles", True),
        ("put logo.png in the corner", True),
        ("put logo.png in the corner and make it pop", False),
        ("make it pop", False),
        ("trim to 3 s", False),
    ],
)
def test_what_only_lacks_what_a_message_brings_is_told_from_what_is_not_understood(
    sentence: str, lacks: bool
) -> None:
    assert understand(sentence).lacks is lacks


def test_every_sentence_of_the_documentation_is_understood() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "studio.md").read_text("utf-8")
    table = docs.split("\n## What it understands\n")[1].split("\n## ")[0]
    sentences = re.findall(
        r"“([^”]+)”", "\n".join(line for line in table.splitlines() if line.startswith("| "))
    )
    assert len(sentences) > 40
    not_understood = [
        one for one in sentences if understand(one, FILES).refused and not understand(one, FILES).lacks
    ]
    assert not_understood == []


def test_every_operation_has_a_short_name() -> None:
    asked = [one for wished in (*UNDERSTOOD.values(), *NAMING.values(), *SCRIPTED.values()) for one in wished]
    assert {type(one) for one in asked} | {Captions} == set(get_args(Operation))
    for operation in (*asked, Captions((Cue(0, 1, "x"),))):
        assert re.match("[a-z]", named(operation, "en"))
        assert re.match(r"[\u3400-\u9fff]", named(operation, "zh"))


@pytest.mark.parametrize("sentence", UNDERSTOOD)
def test_a_sentence_asks_for_exactly_this(sentence: str) -> None:
    heard = understand(sentence)
    assert heard.refused == ()
    assert heard.operations == UNDERSTOOD[sentence]


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_sentence_is_refused_and_the_answer_names_what_for(sentence: str) -> None:
    heard = understand(sentence)
    assert heard.operations == ()
    assert REFUSED[sentence] in " ".join(one.words(heard.language) for one in heard.refused)


def test_a_third_of_the_sentences_are_refused() -> None:
    assert len(UNDERSTOOD) + len(REFUSED) >= 200
    assert len(REFUSED) * 3 >= len(UNDERSTOOD) + len(REFUSED)


def test_several_doubts_are_all_named() -> None:
    refused = understand("rotate it, add calm music, and add jazz music").refused
    told = [one.words("en") for one in refused]
    assert len(told) == 2
    assert '"rotate it"' in told[0]
    assert '"add jazz music"' in told[1]


_ASKS_FOR_NOTHING = {one for one, told in REFUSED.items() if "asks for no edit" in told}


_IN_PLACE = [
    one
    for one, wished in UNDERSTOOD.items()
    if not any(isinstance(each, Fade | Thumbnail) for each in wished)
]


@given(st.lists(st.sampled_from(_IN_PLACE), min_size=1, max_size=4))
def test_sentences_one_after_another_ask_for_what_each_asks_for(sentences: list[str]) -> None:
    heard = understand("; then ".join(sentences))
    assert heard.operations == tuple(one for sentence in sentences for one in UNDERSTOOD[sentence])


@given(
    st.lists(st.sampled_from(list(UNDERSTOOD)), max_size=2),
    st.sampled_from([one for one in REFUSED if one not in _ASKS_FOR_NOTHING]),
    st.lists(st.sampled_from(list(UNDERSTOOD)), max_size=2),
)
def test_one_clause_that_is_not_understood_stops_all_of_them(
    before: list[str], refused: str, after: list[str]
) -> None:
    assert understand("; ".join([*before, refused, *after])).operations == ()


_SCRAPS = st.sampled_from(
    [
        *" ".join([*UNDERSTOOD, *NAMING, *SCRIPTED]).split(),
        "\n\n",
        "<q0>",
        "<f1>",
        "and",
        ",",
        "，",
        "“",
        '"',
        "9:16",
        "{",
    ]
)
_JUMBLE = st.lists(_SCRAPS, max_size=12).map(" ".join)


@given(st.text(max_size=400) | _JUMBLE)
@example("<q0>")
@example('add the title "<q1>" <q3>')
def test_any_text_at_all_is_answered(text: str) -> None:
    heard = understand(text, FILES)
    assert not (heard.operations and heard.refused)
    assert not (heard.operations and heard.understood)
    said = heard.doubts()
    assert all(one.words("en") and one.words("zh") for one in said)
    assert all(named(one, language) for one in heard.operations for language in ("en", "zh"))


@given(st.text(max_size=200) | _JUMBLE)
@example("<q0> and “<q0>”")
def test_a_sentence_can_be_restored_from_its_marks(text: str) -> None:
    marked = mark(text, FILES)
    assert plain(marked.restored(marked.text)).replace(" ", "") == plain(text).replace(" ", "")


@pytest.mark.parametrize(
    "text",
    [
        "and " * 500,
        "3 s " * 500,
        "with upbeat music " * 110,
        "replace the background with " * 72,
        "my-" * 660,
        "a.jpg " * 330,
        "make a promo with " * 110,
        "把背景换成" * 400,
        "a\n\n" * 600,
        "_" * 1999,
        "9" * 2000,
        '"' * 2000,
        "一" * 2000,
        "add a title " * 160,
        "with " * 400,
    ],
)
def test_a_hostile_text_does_not_keep_the_studio_busy(text: str) -> None:
    files = [Named(f"a file-{n} (copy).png", "image") for n in range(500)]
    began = time.process_time()
    assert understand(text, files).refused
    assert time.process_time() - began < 2
