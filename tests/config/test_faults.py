"""What is wrong with a rules file is told at once: where, at which key, what was expected, and the nearest name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config import parse
from daemon.errors import Fault, RulesError, UsageError

FILE = Path("/etc/reeldrop/rules.yaml")
HOME = {"HOME": "/home/ann"}
GOOD = "rules:\n  - watch: ~/in\n    instruction: trim\n    output: out\n"


def faults(text: str, **environ: str) -> tuple[Fault, ...]:
    with pytest.raises(RulesError) as raised:
        parse(text, FILE, {**HOME, **environ})
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__, "a traceback would show the values that were refused"
    return raised.value.faults


def only_fault(text: str, **environ: str) -> Fault:
    (fault,) = faults(text, **environ)
    return fault


def test_all_faults_come_at_once_in_the_files_order() -> None:
    text = """\
version: 2
limits: {jobs: 0}
timing: {recheck: [1s, soon]}
rules:
  - watch: ~/in
    output: ${NOWHERE}/out
    instruction: a
    match: [vidio, "*.mp4"]
    retry:
      first: 10 minutes
  - watch: /other/in
    skill: background-musik
    output: x
    quality: hi
    quality: high
  - foo
"""
    found = [(fault.line, fault.column, fault.key) for fault in faults(text)]
    assert found == [
        (1, 10, "version"),
        (2, 16, "limits.jobs"),
        (3, 24, "timing.recheck[1]"),
        (6, 13, "rules[0].output"),
        (8, 13, "rules[0].match[0]"),
        (10, 14, "rules[0].retry.first"),
        (11, 5, "rules[1].name"),
        (12, 12, "rules[1].skill"),
        (14, 14, "rules[1].quality"),
        (15, 5, "rules[1].quality"),
        (16, 5, "rules[2]"),
    ]


def test_a_fault_is_printed_as_compilers_do() -> None:
    fault = only_fault(GOOD + "    again: copi\n")
    assert str(fault) == (
        "/etc/reeldrop/rules.yaml:5:12: rules[0].again: "
        'expected one of copy, skip, redo, found "copi"; did you mean "copy"?'
    )


@pytest.mark.parametrize(
    ("api", "key", "words"),
    [
        ("max_download: 0", "api.max_download", "a size above 0, such as 500MB"),
        ("max_download: 4 XB", "api.max_download", "a size above 0"),
        ("max_download: none", "api.max_download", "a size above 0"),
        ("private_urls: maybe", "api.private_urls", "true or false"),
        ("token_file: ~", "api.token_file", "a path to a file"),
        ("token_file: [a]", "api.token_file", "a path to a file"),
        ("token_file: nmv_usr_0123", "api.token_file", "stands under `token`"),
        ("token_file: ~nobody-of-this-name/t", "api.token_file", "a user of this machine"),
        ("token: x, token_file: y", "api.token_file", "stands beside `token`; write one of the two"),
    ],
)
def test_a_key_of_the_api_that_does_not_fit_says_what_was_expected(api: str, key: str, words: str) -> None:
    fault = only_fault(GOOD + f"api: {{{api}}}")
    assert fault.key == key
    assert words in fault.message
    assert "nmv_" not in str(fault)


@pytest.mark.parametrize(
    ("extra", "key", "words"),
    [
        ("    skil: none", "rules[0].skil", 'not known to this version of Reeldrop; did you mean "skill"?'),
        ("    Format: mp4", "rules[0].Format", 'did you mean "format"?'),
        ("    schedule: always", "rules[0].schedule", "not known to this version"),
        ("web: {listen: x}", "web", "not known to this version"),
        ("token: x", "token", "it stands under `api`"),
        ("match: video", "match", "it stands under `defaults` or in a rule"),
        ("watch: x", "watch", "it stands in each rule"),
        ("defaults: {name: x}", "defaults.name", "it stands in each rule"),
        ("api: {tokn: x}", "api.tokn", "not known to this version"),
        ("    retry: {times: 3}", "rules[0].retry.times", "known here: attempts, first, longest"),
        (
            "    skill: {name: background-music, versoin: 2}",
            "rules[0].skill.versoin",
            'did you mean "version"?',
        ),
        ("    <<: {a: b}", "rules[0]", "merge keys"),
    ],
)
def test_an_unknown_key_is_a_fault_that_shows_the_way(extra: str, key: str, words: str) -> None:
    fault = only_fault(GOOD + extra)
    assert fault.key == key
    assert words in fault.message


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("settle: never", "auto or a time"),
        ("settle: 0", "above 0"),
        ("settle: -5s", "above 0"),
        ("settle: 4000d", "a time"),
        ("recursive: maybe", "true or false"),
        ("priority: high", "a whole number"),
        ("priority: 5000", "at most 1000"),
        ("file_mode: 0999", "octal"),
        ("file_mode: 0040", "octal"),
        ("file_mode: rw", "octal"),
        ("format: avi", "one of auto, mp4"),
        ("skill: magic-wand", "one of the skills"),
        ("skill: {version: 1.0.0}", "a `name`"),
        ("skill: [background-music]", "one of the skills"),
        ('skill: {name: background-music, version: "1\\n2"}', "a version"),
        ("by: cloud", "embedded, service"),
        ("match: videos", 'did you mean "video"?'),
        ("match: .mp4", '"*.mp4"'),
        ("match: /abs/*.mp4", "without the leading"),
        ("match: ../*.mp4", "stays below"),
        ('match: "!*.mp4"', "`ignore`"),
        ('match: "*.mp4, *.mov"', "a list such as"),
        ('match: "{1..99999}.mp4"', "unfold"),
        ("match: []", "or a list"),
        ("output_name: '{steam}'", 'did you mean "stem"?'),
        ("output_name: '{variant}'", "{stem} {name} {rule} {parent} {date} {time} {job}"),
        ("output_name: {stem}", "need quotes"),
        ("output_name: '{stem'", "in pairs"),
        ("output_name: 'a/{stem}'", 'without "/"'),
        ("output_name: '{stem}.mp4'", "without its ending"),
        ("name: a/b", 'without "/"'),
        ("name: do", "another name"),
        ('name: "a\\nb"', "one line"),
        ("name:", "text, found nothing"),
        ("retry: {attempts: 0}", "at least 1"),
        ("retry: {first: 1h}", "must not be longer than"),
        ("retry: 5", "keys below it"),
        ("instructions: [a, b]", "beside `instruction`"),
        ("answer:", "text, found nothing"),
        ("answer: {a: b}", "need quotes"),
        ("existing: yes", "one of hold, run, ignore"),
        ("existing:", "one of hold, run, ignore"),
        ("credits_per_day: 0", "none or a number of credits above 0"),
        ("credits_per_day: many", "none or a number of credits"),
        ("credits_per_day: -5", "none or a number of credits"),
        ("credits_per_day: nan", "none or a number of credits"),
        ("after: remove", "one of keep, archive, delete"),
        ("after: archive", "`archive` is missing beside it: the folder where sources are moved"),
        ("archive: ~/done", "does nothing without `after: archive`"),
        ("archive: ~", '"~/"'),
        ("quarantine: [a]", "text"),
        ("where: {duration: 3s}", 'a range of times, such as "3s.."'),
        ("where: {duration: 2m..3s}", "a range of times"),
        ("where: {size: big..}", 'a range of sizes, such as "1MB.."'),
        ("where: {length: 3s..}", "not known to this version"),
        ("where: 3s..", "keys below it"),
        ("bundle: batch", "`batch` is not known to this version of Reeldrop"),
        ("bundle: folders", 'did you mean "folder"?'),
        ("pairs: osb", 'did you mean "obs"?'),
        ("with: '{steam}.png'", 'did you mean "stem"?'),
        ("with: /x/a.png", "in the clip's folder or below it"),
        ("with: ../a.png", "in the clip's folder or below it"),
        ("with: '*.png'", "nothing but {stem} {name} {parent} left open"),
        ("with: '{stem}.pdf'", "ends as a video, a sound, a picture or a text does"),
        ("companions: a.png", "not known to this version"),
        ("quarantine: ~/in", "is a watch folder, and what was moved away is never input"),
        ("quarantine: ~nosuchuser/x", "a user of this machine"),
    ],
)
def test_a_value_that_does_not_fit_says_what_was_expected(extra: str, words: str) -> None:
    fault = only_fault(f"{GOOD}    {extra}\n")
    assert fault.key.startswith("rules[0]")
    assert fault.line == 5
    assert words in fault.message


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("rules:\n\t- watch: x", 2, "a tab"),
        ("rules:\n  - watch: *.mp4", 2, "in quotes"),
        ("rules:\n  - match: [*.mp4]", 2, "in quotes"),
        ("rules:\n  - instruction: title: Hello", 2, "put the whole value in quotes"),
        ("rules:\n  - output_name: {stem}-x", 2, "quotes"),
        ("rules:\n  - instruction: 'never closed\n    output: x", 2, "never closed"),
        ("rules: [{watch: x}", 1, "never closed"),
        ("api: {token: ${NEMO_TOKEN}}", 1, "not in quotes"),
        ("rules:\n  - instruction: @home", 2, "cannot begin with @"),
        ("rules:\n  - instruction: \"a \\d\"", 2, "single ones"),
        ("rules:\n  - watch: x\n   output: y", 3, "indentation"),
        ('rules: "\\UFFFFFFFF"', 1, "no character"),
        ("rules: \x07", 1, "YAML forbids"),
        ("rules: &a [*a]", 1, "refers to no `&a`"),
        ("rules: " + "[" * 5000, 1, "levels deep"),
        (GOOD + "---\nrules: []", 5, "one document"),
        (GOOD + "? [a]\n: b", 5, "a key must be a word"),
        (GOOD + "state: !!python/name:os.system x", 5, "tags such as `!!python/name:os.system`"),
        (GOOD + 'state: "\\ud800"', 5, "surrogate"),
        (GOOD + 'state: "a\\0b"', 5, "expected text"),
        (GOOD + "state: ~nosuchuser/x", 5, "a user of this machine"),
        (GOOD + "state: ~", 5, "is nothing in YAML"),
        (GOOD + "state: ${HOM", 5, "a plain one is"),
        (GOOD + "state: ${XDG_STATE}", 5, "not set in the environment"),
        (GOOD + "rules: []", 5, "written twice; first on line 1"),
    ],
)  # fmt: skip
def test_odd_yaml_gives_a_readable_fault(text: str, line: int, words: str) -> None:
    found = faults(text)
    assert [fault.line for fault in found if words in fault.message] == [line]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("rules[0].instruction", "rules: [{watch: w, output: o, instruction: 'cut ${BYTES}'}]"),
        ("rules[0].instructions[1]", "rules: [{watch: w, output: o, instructions: [a, '${BYTES}']}]"),
        ("rules[0].answer", GOOD + "    answer: ${BYTES}"),
        ("rules[0].name", GOOD + "    name: ${BYTES}"),
        ("rules[0].name", GOOD.replace("~/in", "/in/${BYTES}")),
    ],
)
def test_a_variable_that_is_no_utf_8_is_no_text_that_can_be_sent_or_stored(key: str, text: str) -> None:
    fault = only_fault(text, BYTES=os.fsdecode(b"caf\xe9"))
    assert fault.key == key and "UTF-8" in fault.message
    fault.message.encode()


def test_a_folder_may_have_any_name_that_the_system_gives_it() -> None:
    text = "rules: [{name: r, watch: '/in/${BYTES}', instruction: trim, output: '/out/${BYTES}'}]"
    (rule,) = parse(text, FILE, {**HOME, "BYTES": os.fsdecode(b"caf\xe9")}).rules
    assert (os.fsencode(rule.watch[0]), os.fsencode(rule.output)) == (b"/in/caf\xe9", b"/out/caf\xe9")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "rules:", "rules: []", "version: 1"])
def test_a_file_without_rules_is_shown_the_smallest_useful_one(text: str) -> None:
    fault = only_fault(text)
    smallest = fault.message.partition("the smallest useful file is\n")[2]
    assert parse(smallest, FILE, HOME).rules


@pytest.mark.parametrize("text", ["- watch: x", "hello", "&a [1]"])
def test_a_file_that_is_no_mapping_is_a_fault(text: str) -> None:
    assert "expected keys" in only_fault(text).message


def test_what_a_rule_lacks_is_named_unless_the_defaults_have_it() -> None:
    found = {fault.key: fault.message for fault in faults("rules:\n  - name: a\n")}
    assert set(found) == {"rules[0].watch", "rules[0].output", "rules[0].instruction"}
    assert all("missing" in said or "nothing is to be done" in said for said in found.values())
    assert parse("defaults: {output: o, instruction: i}\nrules: [{watch: w}]", FILE, HOME).rules


def test_a_key_that_is_there_and_wrong_is_not_called_missing_as_well() -> None:
    assert only_fault("rules: [{name: a, watch: '*', output: o, instruction: i}]").key == "rules[0].watch"
    assert only_fault("defaults: {output: [x]}\nrules: [{watch: w, instruction: i}]").key == "defaults.output"
    assert only_fault("rules: [{watch: w, output: o, skill: x}]").key == "rules[0].skill"


def test_a_second_rule_for_a_folder_must_be_named_and_names_are_unique() -> None:
    rule = "  - {watch: %s, output: o, instruction: i%s}\n"
    unnamed = only_fault("rules:\n" + rule % ("/a/in", "") + rule % ("/b/in", ""))
    assert (unnamed.line, unnamed.key) == (3, "rules[1].name")
    assert "rules[0] (line 2)" in unnamed.message
    twice = only_fault("rules:\n" + rule % ("/a", ", name: x") + rule % ("/b", ", name: x"))
    assert (twice.line, twice.column) == (3, 50)
    assert "already the name of rules[0] (line 2)" in twice.message
    assert "has no name of its own" in only_fault("rules:\n" + rule % ("/", "")).message
    assert "taken by a command" in only_fault("rules:\n" + rule % ("/in/do", "")).message


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("limits: {credits_per_day: 0}", "limits.credits_per_day", "none or a number of credits above 0"),
        ("limits: {credits_per_month: lots}", "limits.credits_per_month", "none or a number of credits"),
        ("limits: {ask_above: none}", "limits.ask_above", "a number of credits, such as 500"),
        ("limits: {ask_above: -1}", "limits.ask_above", "a number of credits"),
        ("retention: for ever", "retention", "a time above 0"),
        ("ask_above: 5", "ask_above", "it stands under `limits`"),
        ("defaults: {retention: 5d}", "defaults.retention", "not known to this version"),
        ("defaults: {after: archiv}", "defaults.after", 'did you mean "archive"?'),
    ],
)
def test_a_key_about_credits_and_records_says_what_was_expected(line: str, key: str, words: str) -> None:
    fault = only_fault(f"{line}\n{GOOD}")
    assert (fault.line, fault.key) == (1, key)
    assert words in fault.message


def test_an_archive_that_any_rule_watches_is_a_fault_where_it_is_written() -> None:
    rules = (
        "rules:\n  - {watch: in, output: o, instruction: i}\n  - {watch: /other, output: o, instruction: i"
    )
    shared = only_fault("defaults: {after: archive, archive: in}\n" + rules + ", after: keep}")
    assert (shared.line, shared.key) == (1, "defaults.archive")
    own = only_fault(rules + ", after: archive, archive: ./in}\n")
    assert (own.line, own.key) == (3, "rules[1].archive")
    assert "/etc/reeldrop/in is a watch folder" in own.message


def test_an_output_folder_may_lie_in_a_watch_folder() -> None:
    assert parse("rules: [{watch: in, output: in/done, instruction: i}]", FILE, HOME).rules
    assert parse("rules: [{watch: in, output: in, instruction: i}]", FILE, HOME).rules


SECRET = "nmv_usr_abc123"
OTHER = "hunter2hunter2"


@pytest.mark.parametrize(
    "extra",
    [
        f"api: {{token: [{SECRET}]}}",
        f"api: {{token: '{OTHER} {OTHER}'}}",
        f"api: {SECRET}",
        f"api: {{url: {OTHER}}}",
        f"api: {{language: {OTHER}}}",
        f"api: {{{SECRET}: x}}",
        f"api:\n  token: {OTHER}\n  tokn: {OTHER}",
        f"state: *{SECRET}",
        f"limits: {{jobs: {SECRET}}}",
        f"watching: {{rescan: {OTHER}}}\napi: {{token: {OTHER}}}",
        f"{SECRET}: x",
        f"api: {{token: {OTHER}, token: {OTHER}}}",
        "limits: {jobs: '${NEMO_TOKEN}'}",
        "watching: {rescan: hunter2env}",
    ],
)
def test_no_fault_prints_a_token_wherever_it_was_misplaced(extra: str) -> None:
    said = "\n".join(map(str, faults(GOOD + extra, NEMO_TOKEN="hunter2env")))
    assert SECRET not in said
    assert OTHER not in said
    assert "hunter2env" not in said


def test_nested_anchors_are_refused_before_they_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "values, with what its anchors repeat" in faults("\n".join(lines))[-1].message


def test_a_long_value_is_shortened_and_made_printable() -> None:
    message = only_fault(GOOD + f'    again: "{"x" * 500}\\e[31m"').message
    assert len(message) < 200
    assert "\x1b" not in only_fault(GOOD + '    again: "\\e[31mred"').message
    assert "\x1b" not in str(only_fault(GOOD + '"\\e[31mred": x'))


SAMPLE = """\
version: 1
state: ~/state
api: {url: "https://a.example", token: "${NEMO_TOKEN}", language: auto}
limits: {jobs: 4}
timing: {poll: 30s, recheck: [30s, 60s]}
defaults: {output: ~/out, retry: {first: 10s}}
rules:
  - name: office
    watch: [~/in/a, /in/b]
    match: ["*.{mp4,mov}", audio]
    skill: {name: background-music, version: 1.0.0}
    output_name: "{stem}-{rule}"
    file_mode: 0640
  - watch: &w ~/in/c
    instructions:
      - trim
      - |
        add a title
    output: *w
"""
PIECES = [
    "{", "}", "[", "]", ":", ": ", "- ", "*w", "&w ", "!!str ", "!x ", "'", '"', "#", "|", "> ", "\n", "\t", "  ", "~",
    "null", "\\", "\\u", "${", "$${X}", "${NOPE}", "%", "@", "<<: ", "? ", "---\n", "...\n", "%YAML 1.1\n", "0x1F",
    "1e999", "9" * 5000, "\x00", "\x85", "\u2028", "\ufeff", "é", "\U0001f3ac", "rules", "watch", "retry", "skill:",
    "{stem}", ".inf", "nan", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", '"\\ud800"', "~root", "~nobody9", "do", "/", "..", "*",
]  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = SAMPLE
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=4), st.just("")))
        text = text[:start] + piece + text[end:]
    return text


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_nothing_but_usage_errors_comes_out_of_a_damaged_file(text: str) -> None:
    try:
        parse(text, FILE, {**HOME, "NEMO_TOKEN": "nmv_usr_hidden"})
    except RulesError as error:
        assert error.faults
        assert all(fault.line >= 1 and fault.column >= 1 and fault.message for fault in error.faults)
        assert "nmv_usr_hidden" not in str(error)
        str(error).encode()
    except UsageError as error:
        assert str(error)


TREES: st.SearchStrategy[object] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(PIECES[:20]),
    ),
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["rules", "watch", "match", "skill", "retry", "api", "name", "output", "defaults", "timing"]
            ),
            below,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["rules", "api", "limits", "defaults", "timing", "version", "studio"]), TREES
    )
)
def test_nothing_but_usage_errors_comes_out_of_a_well_formed_file_of_any_shape(
    tree: dict[str, object],
) -> None:
    text = json.dumps(tree)
    try:
        parse(text, FILE, HOME)
    except UsageError as error:
        assert str(error)
