"""What a report says instead of what is private."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli.redaction import Private, redacted, redacted_value, stand_ins

PRIVATE = Private(
    secrets=("s3cret/with+signs", "abc"),
    home="/home/zoe",
    user="zoe",
    host="zoes-laptop.example.org",
    stand_ins=stand_ins(
        {"text": "copied from intro.mov"},
        [Path("/home/zoe/in/ACME/Zoe's plan (1).mp4"), Path("/home/zoe/out/ACME/Zoe's plan (1)-r.mp4")],
        {Path("/home/zoe/in/ACME"): Path("/home/zoe/in"), Path("/home/zoe/out/ACME"): Path("/home/zoe/out")},
    ),
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the token s3cret/with+signs is wrong", "the token <secret> is wrong"),
        ("nmv_usr_4f-5.6 and clm_7a", "nmv_<secret> and clm_<secret>"),
        ('{"Authorization": "Bearer eyJ0.x"}', '{"Authorization": "Bearer <secret>"}'),
        ("https://ed:pw@cdn.example/a/b.bin?sig=1#x now", "https://cdn.example/a/b.bin?<secret> now"),
        ("https://nemovideo.com/?bind=anon_1", "https://nemovideo.com/?<secret>"),
        ("tgram://bot/chat", "tgram://<secret>"),
        ("ask zoe.m+x@mail.example.org", "ask <e-mail>"),
        ("/home/zoe/in", "~/in"),
        ("/home/zoe", "~"),
        ("/home/zoe-old/x", "/home/<user>/x"),
        ("/home/kim/Videos", "/home/<user>/Videos"),
        ("/run/media/zoe/STICK/in", "/run/media/<user>/STICK/in"),
        ("Zoe on zoes-laptop and zoes-laptop.example.org", "<user> on <host> and <host>"),
        ("/home/zoe/in/ACME/Zoe's plan (1).mp4", "~/in/folder-1/file-1.mp4"),
        ("/home/zoe/out/ACME/Zoe's plan (1)-r.mp4", "~/out/folder-1/file-2.mp4"),
        ("see Zoe's plan (1)-r.FAILED.txt", "see file-2.FAILED.txt"),
        ("https://cdn.example/Zoe%27s%20plan%20%281%29.mp4", "https://cdn.example/file-1.mp4"),
        ("上传了Zoe's plan (1).mp4。", "上传了file-1.mp4。"),
        ("intro.mov, intro.json", "file-3.mov, file-3.json"),
        # What a report needs stays.
        ("a basic, zoetic title: the bearer", "a basic, zoetic title: the bearer"),
        ("match: '*.mp4', '{a,b}.mov'", "match: '*.mp4', '{a,b}.mov'"),
        ("http://127.0.0.1:8788/api/state", "http://127.0.0.1:8788/api/state"),
        ("2026-11-21T08:46:22Z  trim to 1 s", "2026-11-21T08:46:22Z  trim to 1 s"),
    ],
)
def test_private_things_go_and_the_rest_stays(text: str, said: str) -> None:
    assert redacted(text, PRIVATE) == said


@pytest.mark.parametrize("letter", ["a", "a.", "+", "a-", "/", "@a", "a://"])
def test_a_megabyte_without_a_break_is_looked_through(letter: str) -> None:
    text = letter * (1_000_000 // len(letter))
    assert stand_ins([text], [], {}) == {}
    assert "secret" not in redacted(text, PRIVATE).replace("<secret>", "")


def test_each_text_of_a_value_is_redacted_its_keys_too() -> None:
    value = {"nmv_usr_1": ["/home/zoe", {"n": 1, "none": None}], "at": ("Bearer x", True)}
    assert redacted_value(value, PRIVATE) == {
        "nmv_<secret>": ["~", {"n": 1, "none": None}],
        "at": ["Bearer <secret>", True],
    }


def test_a_name_that_is_no_utf_8_goes_in_both_of_its_spellings() -> None:
    name = b"/in/\xfc\xe4 plan.mp4".decode(errors="surrogateescape")
    private = Private(stand_ins=stand_ins([], [Path(name)], {}))
    assert redacted(name, private) == "/in/file-1.mp4"
    assert redacted("uploaded ?? plan.mp4", private) == "uploaded file-1.mp4"


def test_names_that_say_nothing_of_a_person_stay() -> None:
    private = Private(home="/", user="reeldrop", host="localhost")
    assert redacted("reeldrop 1.0 on localhost in /var/lib/reeldrop", private) == (
        "reeldrop 1.0 on localhost in /var/lib/reeldrop"
    )


@given(
    st.text(),
    st.text(),
    st.sampled_from(["s3cret/with+signs", "nmv_usr_CANARY", "Bearer CANARY", "/home/zoe/"]),
)
def test_no_surrounding_lets_a_secret_through(before: str, after: str, secret: str) -> None:
    said = redacted(f"{before} {secret} {after}", PRIVATE)
    known = before + after
    assert secret in known or secret not in said
    assert "CANARY" in known or "CANARY" not in said
