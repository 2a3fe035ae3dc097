"""Whether the editor asked something instead of editing. English and Chinese. Pure.

An answer to a question is a message that is paid for, so a text counts as a question only if it says nothing but
that: a question that waits for a decision, with courtesies, choices and what the editor needs to know around it.
One word of work that was done, or one sentence that is none of these, and it is an answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from daemon.nemo.events import Answer
from daemon.nemo.screen import sentences, translate

LONGEST: Final = 300
"""Letters of a question in a job's log or reason."""

_LONGEST_TEXT: Final = 3_000
"""Letters that a text which only asks can have; one with more tells something."""


@dataclass(frozen=True, slots=True)
class Question:
    """`text`: one line of at most `LONGEST` letters. `by_tool`: asked by `ask_question`, and not in the text alone,
    where only an unchanged draft shows that nothing was edited.
    """

    text: str
    by_tool: bool


def asks(answer: Answer) -> Question | None:
    """The question that this answer waits for; None if it waits for nothing."""
    content = translate(answer.text).content
    said = [one for line in content.split("\n") for sentence in sentences(line) if (one := sentence.strip())]
    asked = [one for one in said if _is_question(one)]
    if answer.question is not None:
        words = answer.question or " ".join(asked) or "(the editor asked something, without words)"
        return Question(_one_line(words), by_tool=True)
    if not asked or len(content) > _LONGEST_TEXT or not _only_asks(said):
        return None
    whole = " ".join(said)
    return Question(_one_line(whole if len(whole) <= LONGEST else " ".join(asked)), by_tool=False)


def _is_question(sentence: str) -> bool:
    """Whether a sentence waits for a decision; "anything else?" waits for none."""
    bare = _MARKS.sub("", sentence)
    return bool(_ASKS.search(bare)) and not _CLOSING.search(bare)


def _only_asks(said: list[str]) -> bool:
    before = ""
    for sentence in said:
        bare = _MARKS.sub("", sentence)
        # Choices stand in a list below the question or its heading.
        is_choice = bare != sentence and _LISTED.match(sentence) and before.endswith(("?", "？", ":", "："))
        if _DONE.search(bare):
            return False
        if re.search(r"\w", bare) and not (
            _ASKS.search(bare) or _CLOSING.search(bare) or _AROUND.match(bare) or is_choice
        ):
            return False
        before = before if is_choice else bare.rstrip("*_ ")
    return True


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


_LISTED: Final = re.compile(r"\s*(?:[-*•]|\(?(?:\d{1,2}|[A-Da-d])[.)、])\s*")
_MARKS: Final = re.compile(r"^\s*(?:(?:[-*•#>]+|\(?(?:\d{1,2}|[A-Da-d])[.)、])\s+)?|[*_]{2}")
_ASKS: Final = re.compile(
    r"[?？][\s)）*_]*$"
    r"|^(?:(?:so|and|also|then|sure|ok|okay|first)\b,?\s+)?(?:(?:please|kindly|just|could you|can you)\s+)*"
    r"(?:(?:tell|let) (?:me|us)(?: know)? (?:which|what|how|where|when|whether|if|who|the|your|more)\b"
    r"|(?<=please )(?:provide|specify|describe|choose|pick|select|confirm|clarify)\b)"
    r"|^请(?:您|你|先)?(?:告诉|告知|提供|说明|描述|选择|确认|指定|明确)",
    re.IGNORECASE,
)
_CLOSING: Final = re.compile(
    r"\b(?:anything|something|what|anywhere) else\b"
    r"|\bany (?:other|more|further|additional|changes|adjustments|tweaks)\b"
    r"|\b(?:let me know|tell me|feel free|just ask|reach out)\b.{0,40}\b"
    r"(?:if you(?:['’]d| would)? (?:want|need|like|have)|any)\b"
    r"|\bhow (?:does|do|is) (?:that|it|this|everything)\b|\bwhat do you think\b|\bhappy with\b"
    r"|\bdo(?:es)? (?:that|this|it|everything) (?:work|help|look|sound)\b|\blooks? (?:good|ok|okay|right)\b"
    r"|\b(?:export|render|download)\b"
    r"|还需要?(?:其他|其它|别的|什么)|还有(?:什么|其他|其它|别的)|其[他它](?:需求|需要|修改|调整|要求|帮助)"
    r"|满意吗|觉得怎么?样|导出|下载",
    re.IGNORECASE,
)
_DONE: Final = re.compile(
    r"(?<!should )(?<!shall )(?<!could )(?<!can )(?<!would )(?<!do )(?<!if )(?<!once )(?<!before )"
    r"\b(?:i|we)(?:['’]ve| have)?(?: (?:just|now|also|already|successfully))* "
    r"(?!(?:need|want|notice|understand|wonder|propose|suggest|recommend)(?:e?d)?\b)"
    r"(?:\w{2,}ed|cut|put|made|set|took|gave|did|split)\b"
    r"|\b(?:has|have) (?:now |already )?been\b|\b(?:is|are) (?:now|ready|done|complete|finished)\b|\bdone\b"
    r"|^(?:added|removed|trimmed|cut to|replaced|applied|changed|updated|created|generated|finished|completed)\b"
    r"|已|完成|好了|成功",
    re.IGNORECASE,
)
"""A word of work that was done."""

_AROUND: Final = re.compile(
    r"(?:(?:sure|certainly|of course|absolutely|great|ok|okay|alright|got it|perfect|no problem|hi|hello|hey"
    r"|thanks|thank you|sounds good|good (?:question|idea|choice)|sorry|understood|happy to|glad to"
    r"|i(?:['’]d| would) (?:be|love)|i['’]m (?:happy|glad|not sure|sorry|able)|i['’]ll|i will"
    r"|i (?:understand|see|notice|noticed|can|could|need|want|have|don['’]t|couldn['’]t|found|suggest|recommend)"
    r"|we (?:can|could|need)|you (?:can|could)|if you|to \w+|before|once|then|as soon as|just to"
    r"|for (?:example|instance)|e\.g|such as|options?|here are|some|either|or|it (?:looks|seems|depends)"
    r"|there (?:are|is)|(?:your|this|the) (?:video|clip|file|footage|recording) (?:has|is|contains|shows|seems)"
    r"|currently|right now|please)\b"
    r"|好的|好[，,。！!]|当然|没问题|您好|你好|谢谢|收到|明白|了解|很高兴|抱歉|不好意思"
    r"|我(?:可以|需要|会|将|看到|注意到|想|不确定|建议)|[您你](?:可以|的视频)|可以|例如|比如|选项|以下|为了|在开始"
    r"|开始之?前|需要|如果|一旦|这样我|这个视频|该视频|视频(?:有|里|中)|目前)",
    re.IGNORECASE,
)
"""How a sentence begins that may stand around a question: courtesies, choices, and what is needed or seen."""
