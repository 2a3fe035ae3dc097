"""A sound rules file becomes the values it says; finding and reading it fails in one clear line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from daemon.config import Config, Rule, builtin_config, find_rules, load, parse, require_choice
from daemon.config.skills import SKILLS
from daemon.errors import RulesError, UsageError

HOME = {"HOME": "/home/ann"}
FILE = Path("/etc/reeldrop/rules.yaml")
RULE = "rules:\n  - watch: ~/in/office\n    instruction: trim\n    output: out\n"


def parsed(text: str, **environ: str) -> Config:
    return parse(text, FILE, {**HOME, **environ})


def only_rule(text: str, **environ: str) -> Rule:
    (rule,) = parsed(text, **environ).rules
    return rule


def rule_with(lines: str, **environ: str) -> Rule:
    extra = "".join(f"    {line}\n" for line in lines.splitlines())
    return only_rule(RULE + extra, **environ)


def test_the_smallest_file_gets_every_default() -> None:
    config = parsed(RULE)
    rule = config.rules[0]
    assert rule.name == "office"
    assert rule.watch == (Path("/home/ann/in/office"),)
    assert rule.output == Path("/etc/reeldrop/out")
    assert rule.match == ("video",)
    assert rule.by == "embedded"
    assert rule.instructions == ("trim",)
    assert (rule.recursive, rule.settle, rule.file_mode, rule.again) == (True, None, "inherit", "copy")
    assert (rule.retry.attempts, rule.retry.first, rule.retry.longest) == (5, 10.0, 900.0)
    assert config.state == Path("/home/ann/.local/state/reeldrop")
    assert (config.limits.jobs, config.watching.rescan, config.studio.ffmpeg) == (4, 300.0, "auto")
    assert (rule.existing, rule.credits_per_day) == (None, None)
    assert (rule.after, rule.archive, rule.quarantine) == ("keep", None, None)
    limits = config.limits
    assert (limits.credits_per_day, limits.credits_per_month, limits.ask_above) == (None, None, 500.0)
    assert config.retention == 90 * 86_400.0
    assert config.path == FILE


def test_a_rule_is_merged_over_the_defaults_and_retry_key_by_key() -> None:
    config = parsed(
        "defaults: {output: /all, quality: low, retry: {attempts: 2, first: 3s}, skill: background-music}\n"
        "rules:\n"
        "  - {watch: /a}\n"
        "  - {watch: /b, quality: high, retry: {first: 1m}, skill: none, instruction: trim}\n"
    )
    first, second = config.rules
    assert (first.quality, first.retry.attempts, first.retry.first) == ("low", 2, 3.0)
    assert (second.quality, second.retry.attempts, second.retry.first) == ("high", 2, 60.0)
    assert first.skill is not None
    assert second.skill is None
    assert first.output == second.output == Path("/all")


@pytest.mark.parametrize("name", SKILLS)
def test_a_skill_brings_attribution_instruction_and_match(name: str) -> None:
    rule = only_rule(f"rules:\n  - {{watch: /in, output: /out, skill: {name}}}\n")
    assert rule.skill is not None
    assert (rule.skill.name, rule.skill.version) == (name, "1.0.0")
    assert rule.instructions == (SKILLS[name].instruction,)
    assert rule.match == SKILLS[name].match == (("text",) if name == "generator-video" else ("video",))


def test_what_a_rule_or_the_defaults_say_wins_over_the_skill() -> None:
    rule = rule_with("skill: {name: generator-video, version: 1.10}\nmatch: [audio, '*.srt']")
    assert rule.skill is not None
    assert rule.skill.version == "1.10"
    assert rule.match == ("audio", "*.srt")
    assert rule.instructions == ("trim",)
    shared = only_rule(
        "defaults: {match: media, instruction: shared}\nrules: [{watch: /a, output: /b, skill: background-music}]"
    )
    assert (shared.match, shared.instructions) == (("media",), ("shared",))


def test_yaml_surprises_mean_what_was_written() -> None:
    rule = rule_with(
        "name: 2024\nfile_mode: 0640\nrecursive: no\non_conflict: skip\nsettle: 08\npriority: '-3'"
    )
    assert (rule.name, rule.file_mode, rule.recursive, rule.on_conflict) == ("2024", 0o640, False, "skip")
    assert (rule.settle, rule.priority) == (8.0, -3)
    assert only_rule("rules: [{watch: /in, output: /out, instruction: 1:30}]").instructions == ("1:30",)
    assert parsed(RULE + "api: {language: no}").api.language == "no"


@pytest.mark.parametrize("mode", ["640", "0640", "0o640", '"0640"'])
def test_a_file_mode_is_octal_however_it_is_written(mode: str) -> None:
    assert rule_with(f"file_mode: {mode}").file_mode == 0o640


def test_a_text_block_loses_its_last_line_break() -> None:
    assert only_rule(
        "rules:\n- watch: /a\n  output: /b\n  instruction: |\n    one\n    two\n"
    ).instructions == ("one\ntwo",)


def test_environment_variables_are_filled_in_and_can_be_escaped() -> None:
    text = 'rules:\n- watch: ${ROOT}/in\n  output: ${ROOT}\n  instruction: say "$${ROOT} costs $5" in ${TONE}'
    rule = only_rule(text, ROOT="/data", TONE="calm: words")
    assert rule.watch == (Path("/data/in"),)
    assert rule.output == Path("/data")
    assert rule.instructions == ('say "${ROOT} costs $5" in calm: words',)


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("~", "/home/ann"),
        ("~/", "/home/ann"),
        ("~/a/../b", "/home/ann/b"),
        ("in", "/etc/reeldrop/in"),
        ("./in/", "/etc/reeldrop/in"),
        ("//nas/in", "/nas/in"),
        ("~root/in", str(Path("~root/in").expanduser())),
    ],
)
def test_a_path_is_absolute_and_normal(written: str, path: str) -> None:
    assert only_rule(f'rules: [{{name: x, watch: "{written}", output: /o, instruction: t}}]').watch == (
        Path(path),
    )


def test_an_anchor_repeats_a_value() -> None:
    config = parsed(
        "defaults: {output: &out /out, instruction: t}\nrules: [{watch: /a}, {watch: /b, output: *out}]"
    )
    assert config.rules[1].output == Path("/out")


def test_a_section_whose_lines_are_commented_out_is_empty() -> None:
    assert parsed(RULE + "api:\n  # url: x\nlimits:\n").limits.jobs == 4


def test_the_service_edits_where_its_address_is_known() -> None:
    assert only_rule(RULE, NEMO_API_URL="https://a.example/").by == "service"
    config = parsed(RULE + "api: {url: https://b.example/x/}", NEMO_API_URL="https://a.example")
    assert (config.rules[0].by, config.api.url, config.service_url) == ("service",) + (
        "https://b.example/x",
    ) * 2
    assert rule_with("by: embedded", NEMO_API_URL="https://a.example").by == "embedded"


def test_work_for_the_service_without_an_address_goes_to_the_public_one() -> None:
    config = parsed(RULE + "    by: service\n")
    assert config.api.url is None
    assert config.service_url == "https://mega-api-prod.nemovideo.ai"


def test_the_token_comes_from_the_file_else_from_the_environment() -> None:
    written = parsed(
        RULE + "api: {token: '${MINE}'}", MINE="nmv_usr_file", NEMO_TOKEN="nmv_usr_env"
    ).api.token
    assert written == SecretStr("nmv_usr_file")
    assert parsed(RULE, NEMO_TOKEN=" nmv_usr_env\n").api.token == SecretStr("nmv_usr_env")
    assert parsed(RULE, NEMO_TOKEN="").api.token is None


def test_the_tokens_file_is_a_path_and_wins_over_the_environment() -> None:
    for written, path in (("~/t", "/home/ann/t"), ("keys/t", "/etc/reeldrop/keys/t"), ("/run/t", "/run/t")):
        api = parsed(RULE + f"api: {{token_file: {written}}}", NEMO_TOKEN="nmv_usr_env").api
        assert (api.token_file, api.token) == (Path(path), None)
    assert parsed(RULE, NEMO_TOKEN="nmv_usr_env").api.token_file is None


def test_downloads_are_limited_and_private_addresses_closed_unless_the_file_says_otherwise() -> None:
    assert (parsed(RULE).api.private_urls, parsed(RULE).api.max_download) == (False, 4 * 10**9)
    api = parsed(RULE + "api: {private_urls: yes, max_download: 1.5 GiB}").api
    assert (api.private_urls, api.max_download) == (True, 3 << 29)
    assert parsed(RULE + "api: {max_download: 700}").api.max_download == 700


def test_the_answer_to_a_question_is_the_rules_own() -> None:
    assert only_rule(RULE).answer == "use your best judgement"
    assert rule_with("answer: 'take the first one'").answer == "take the first one"
    shared = only_rule(
        "defaults: {answer: ask me}\nrules: [{watch: /a, output: /b, skill: background-music}]"
    )
    assert shared.answer == "ask me"


def test_what_may_be_spent_is_written_in_credits() -> None:
    config = parsed(
        RULE + "limits: {credits_per_day: 100, credits_per_month: 2500.5, ask_above: 0}\nretention: 30d"
    )
    limits = config.limits
    assert (limits.credits_per_day, limits.credits_per_month, limits.ask_above) == (100.0, 2500.5, 0.0)
    assert config.retention == 30 * 86_400.0
    assert rule_with("credits_per_day: '40'").credits_per_day == 40.0
    shared = parsed(
        "defaults: {output: o, instruction: i, credits_per_day: 9}\n"
        "rules: [{watch: a}, {watch: b, credits_per_day: none}]"
    )
    assert [rule.credits_per_day for rule in shared.rules] == [9.0, None]
    assert parsed(RULE + "limits: {credits_per_day: none}").limits.credits_per_day is None


@pytest.mark.parametrize("word", ["hold", "run", "ignore"])
def test_what_was_there_before_the_rule_is_held_run_or_ignored(word: str) -> None:
    assert rule_with(f"existing: {word}").existing == word


def test_sources_stay_unless_a_rule_says_where_they_go() -> None:
    rule = rule_with("after: archive\narchive: ~/done\nquarantine: bad")
    assert (rule.after, rule.archive, rule.quarantine) == (
        "archive",
        Path("/home/ann/done"),
        Path("/etc/reeldrop/bad"),
    )
    assert rule_with("after: delete").after == "delete"
    shared = parsed(
        "defaults: {output: o, instruction: i, after: archive, archive: /done, quarantine: /bad}\n"
        "rules: [{watch: a}, {watch: b, after: keep, quarantine: none}]"
    )
    assert [(one.after, one.quarantine) for one in shared.rules] == [
        ("archive", Path("/bad")),
        ("keep", None),
    ]


def test_the_token_never_shows() -> None:
    config = parsed(RULE + "api: {token: supersecret}")
    for shown in (
        repr(config),
        str(config),
        str(config.model_dump()),
        config.model_dump_json(),
        repr(config.api),
    ):
        assert "supersecret" not in shown


@pytest.mark.parametrize(
    ("environ", "state"),
    [
        ({"STATE_DIRECTORY": "/var/lib/reeldrop:/var/lib/other"}, "/var/lib/reeldrop"),
        ({"XDG_STATE_HOME": "/xdg"}, "/xdg/reeldrop"),
        ({"XDG_STATE_HOME": "relative"}, "/home/ann/.local/state/reeldrop"),
        ({}, "/home/ann/.local/state/reeldrop"),
    ],
)
def test_the_state_folder_follows_the_environment(environ: dict[str, str], state: str) -> None:
    assert parsed(RULE, **environ).state == Path(state)
    assert builtin_config({**HOME, **environ}).state == Path(state)
    assert parsed(RULE + "state: ~/mine", **environ).state == Path("/home/ann/mine")


def test_ffmpeg_is_a_word_or_a_path() -> None:
    assert parsed(RULE + "studio: {ffmpeg: ffmpeg7}").studio.ffmpeg == "ffmpeg7"
    assert parsed(RULE + "studio: {ffmpeg: ~/bin/ffmpeg}").studio.ffmpeg == "/home/ann/bin/ffmpeg"
    assert parsed(RULE + "studio: {ffmpeg: ./ffmpeg}").studio.ffmpeg == "/etc/reeldrop/ffmpeg"


def test_the_embedded_studio_is_asked_quickly_and_the_service_slowly() -> None:
    config = parsed(RULE)
    service, embedded = config.timing("service"), config.timing("embedded")
    assert (service.poll, service.confirm, service.recheck) == (30.0, 2.0, (30.0, *(60.0,) * 5))
    assert (service.still_working, service.quiet_limit, service.stream_limit) == (120.0, 600.0, 900.0)
    assert (embedded.poll, embedded.confirm, embedded.recheck) == (0.5, 0.1, (1.0, 2.0, 5.0, 10.0, 20.0))
    assert (embedded.still_working, embedded.quiet_limit, embedded.stream_limit) == (120.0, 600.0, 900.0)


def test_written_timing_wins_for_both_editors() -> None:
    config = parsed(RULE + "timing: {poll: 250ms, recheck: [1s, 2m]}")
    for by in ("service", "embedded"):
        timing = config.timing(by)
        assert (timing.poll, timing.recheck) == (0.25, (1.0, 120.0))
    assert config.timing("service").confirm == 2.0


def test_values_are_frozen_and_closed() -> None:
    config = parsed(RULE)
    with pytest.raises(ValidationError):
        config.rules[0].name = "other"
    with pytest.raises(ValidationError):
        Rule(name="x", watch=(Path("/a"),), by="embedded", instructions=(), output=Path("/b"))


def test_a_config_without_a_file_takes_rules_made_by_the_program() -> None:
    rule = Rule(
        name="do", watch=(Path("/a"),), by="embedded", instructions=("trim",), output=Path("/b"), settle=0.5
    )
    config = builtin_config({**HOME, "NEMO_API_URL": "https://a.example"}, (rule,))
    assert config.rules == (rule,)
    assert config.default_by == "service"
    assert config.path is None


def test_a_token_alone_asks_which_editor_is_meant() -> None:
    token = {**HOME, "NEMO_TOKEN": "nmv_usr_x"}
    with pytest.raises(UsageError) as raised:
        require_choice(parse(RULE, FILE, token), token)
    said = str(raised.value)
    assert "api: {url: https://mega-api-prod.nemovideo.ai}" in said
    assert "defaults: {by: embedded}" in said
    assert "nmv_usr_x" not in said
    for chosen in ("api: {url: https://a.example}\n", "defaults: {by: embedded}\n"):
        require_choice(parse(chosen + RULE, FILE, token), token)
    require_choice(parse(RULE + "    by: service\n", FILE, token), token)
    require_choice(parse(RULE, FILE, HOME), HOME)
    with pytest.raises(UsageError, match="token_file"):
        require_choice(parse("api: {token_file: /etc/token}\n" + RULE, FILE, HOME), HOME)
    require_choice(parse(RULE, FILE, token | {"NEMO_API_URL": "http://127.0.0.1:1"}), token)


def test_the_rules_file_is_looked_up_in_order(tmp_path: Path) -> None:
    cwd, home = tmp_path / "cwd", tmp_path / "home"
    user = home / ".config" / "reeldrop" / "rules.yaml"
    user.parent.mkdir(parents=True)
    cwd.mkdir()
    environ = {"HOME": str(home)}
    with pytest.raises(UsageError) as raised:
        find_rules(None, environ, cwd)
    for place in (cwd / "rules.yaml", user, "/etc/reeldrop/rules.yaml"):
        assert str(place) in str(raised.value)
    user.touch()
    assert find_rules(None, environ, cwd) == user
    (cwd / "rules.yaml").touch()
    assert find_rules(None, environ, cwd) == cwd / "rules.yaml"
    environ["REELDROP_CONFIG"] = "~/mine.yaml"
    assert find_rules(None, environ, cwd) == home / "mine.yaml"
    assert find_rules(Path("other.yaml"), environ, cwd) == cwd / "other.yaml"


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("rules:\n  - watch: caf\xe9".encode("latin-1"))
    (tmp_path / "film.yaml").write_bytes(b"x" * (2 << 20))
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for name, words in {
        "missing.yaml": "there is no rules file at",
        ".": "is a folder",
        "latin.yaml": "latin.yaml:2: not UTF-8",
        "film.yaml": "larger than 1 MiB",
        "loop.yaml": "cannot be read",
        "x\0y": "cannot be read",
    }.items():
        with pytest.raises(UsageError) as raised:
            load(tmp_path / name, HOME)
        assert words in str(raised.value)
        assert "\n" not in str(raised.value)
        assert not isinstance(raised.value, RulesError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULE)
    file.chmod(0)
    with pytest.raises(UsageError, match="may not be read"):
        load(file, HOME)


def test_a_file_is_loaded_with_a_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + RULE.replace("\n", "\r\n").encode())
    config = load(file, HOME)
    assert config.path == file
    assert config.rules[0].output == tmp_path / "out"


@pytest.mark.parametrize("variable", ["NEMO_API_URL", "NEMO_TOKEN"])
def test_an_unusable_variable_is_named_without_its_value(variable: str) -> None:
    with pytest.raises(UsageError) as raised:
        parsed(RULE, **{variable: "not usable"})
    assert f"${variable}" in str(raised.value)
    assert "not usable" not in str(raised.value)
