"""The commands as a person runs them: words, exit codes, JSON; never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

Reeldrop = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def reeldrop(tmp_path: Path) -> Reeldrop:
    """Runs the command in an empty home."""

    def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "daemon", *words],
            cwd=tmp_path,
            env={**kept, "HOME": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    sources = [
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x64:rate=10:duration=2",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=2",
    ]
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *sources, "-shortest", str(path)], check=True
    )
    return path


def rules(tmp_path: Path, text: str = "", **keys: str) -> Path:
    path = tmp_path / "rules.yaml"
    lines = {"watch": "in", "instruction": "trim to 1 s", "output": "out", "settle": "200ms", **keys}
    rule = "\n".join(f"    {name}: {value}" for name, value in lines.items())
    path.write_text(text or f"state: state\nrules:\n  - name: r\n{rule}\n")
    (tmp_path / "in").mkdir(exist_ok=True)
    return path


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_do_edits_one_file_without_rules_and_ends_with_its_path(reeldrop: Reeldrop, clip: Path) -> None:
    done = reeldrop("do", "clip.mp4", "trim to 1 s")
    assert done.returncode == 0, done.stderr
    result = clip.with_name("clip-do.mp4")
    assert done.stdout.splitlines()[-1] == str(result)
    assert "the editor: Kept 0-1 s" in done.stdout
    assert result.exists() and result.with_suffix(".json").exists()
    (job,) = lines(reeldrop("jobs", "--json"))
    assert (job["rule"], job["state"], job["outputs"]) == ("do", "succeeded", [str(result)])


def test_do_says_what_the_editor_could_not_do_and_leaves_a_note(reeldrop: Reeldrop, clip: Path) -> None:
    done = reeldrop("do", "clip.mp4", "make me look younger")
    assert done.returncode == 1
    assert "make me look younger" in done.stderr
    assert clip.with_name("clip-do.FAILED.txt").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("do", "gone.mp4", "trim to 1 s"), "gone.mp4 does not exist"),
        (("do", "clip.mp4", " "), "the instruction is empty"),
        (("do", "clip.mp4"), "Missing argument"),
        (("studio", "--listen", "nowhere"), "no address:port"),
        (("run", "--config", "missing.yaml"), "missing.yaml"),
        (("retry",), "name the jobs"),
        (("job", "abc"), "holds no jobs yet"),
        (("frobnicate",), "No such command"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    reeldrop: Reeldrop, clip: Path, words: tuple[str, ...], told: str
) -> None:
    done = reeldrop(*words)
    assert done.returncode == 2
    assert told in done.stderr


def test_do_asks_before_it_spends_credits_and_refuses_without_a_terminal(
    reeldrop: Reeldrop, clip: Path
) -> None:
    done = reeldrop("do", "clip.mp4", "trim to 1 s", NEMO_API_URL="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "50 credits" in done.stderr and "--yes" in done.stderr


def test_a_token_without_a_choice_of_editor_stops_run_and_check(reeldrop: Reeldrop, tmp_path: Path) -> None:
    rules(tmp_path)
    for words in (("run", "--once"), ("check",)):
        done = reeldrop(*words, NEMO_TOKEN="nmv_usr_secret")
        assert done.returncode == 2
        assert "api: {url:" in done.stderr and "by: embedded" in done.stderr
        assert "nmv_usr_secret" not in done.stdout + done.stderr


def test_once_does_what_is_there_and_status_jobs_and_why_tell_of_it(
    reeldrop: Reeldrop, clip: Path, tmp_path: Path
) -> None:
    rules(tmp_path)
    clip.rename(tmp_path / "in" / "clip.mp4")
    (tmp_path / "in" / "notes.xyz").write_text("not a clip")
    done = reeldrop("run", "--once")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "clip-r.mp4").exists()
    (job,) = lines(reeldrop("jobs", "--json"))
    expected = {
        *("id", "rule", "variant", "parent", "source", "state", "step", "attempt", "reason", "not_before"),
        *("made_by", "instructions", "outputs", "credits", "session_id", "task_id", "render_id"),
        *("created_at", "updated_at"),
    }
    assert set(job) == expected
    assert "1 succeeded" in reeldrop("status").stdout
    assert "delivered" in reeldrop("job", job["id"][:4]).stdout
    why = reeldrop("why", "in/clip.mp4")
    assert (why.returncode, "rule r: taken" in why.stdout) == (0, True)
    left_out = reeldrop("why", "in/notes.xyz")
    assert (left_out.returncode, "no pattern of match" in left_out.stdout) == (1, True)
    again = reeldrop("run", "--once")
    assert again.returncode == 0
    assert len(lines(reeldrop("jobs", "--json"))) == 1


def test_why_says_at_its_old_path_where_a_source_has_gone(
    reeldrop: Reeldrop, clip: Path, tmp_path: Path
) -> None:
    kept = "instruction: trim to 1 s, output: out, settle: 200ms, after"
    rules(
        tmp_path,
        f"""state: state
rules:
  - {{watch: in, quarantine: bad, archive: archive, {kept}: archive}}
  - {{watch: drop, {kept}: delete}}
""",
    )
    (tmp_path / "drop").mkdir()
    (tmp_path / "in" / "tree").mkdir()
    (tmp_path / "drop" / "clip.mp4").write_bytes(clip.read_bytes())
    clip.rename(tmp_path / "in" / "tree" / "clip.mp4")
    (tmp_path / "in" / "noise.mp4").write_bytes(b"\x01noise" * 1000)
    assert reeldrop("run", "--once").returncode == 1
    said = {}
    for path in ("in/tree/clip.mp4", "in/noise.mp4", "drop/clip.mp4"):
        assert not (tmp_path / path).exists()
        said[path] = reeldrop("why", path)
        assert said[path].returncode == 0
    assert f"Its source was archived: {tmp_path / 'archive/tree/clip.mp4'}" in said["in/tree/clip.mp4"].stdout
    assert str(tmp_path / "bad" / "noise.mp4") in said["in/noise.mp4"].stdout
    assert "`after: delete`" in said["drop/clip.mp4"].stdout
    assert all("No daemon runs" not in one.stdout for one in said.values())


def test_once_exits_1_and_names_what_failed(reeldrop: Reeldrop, tmp_path: Path) -> None:
    rules(tmp_path)
    (tmp_path / "in" / "noise.mp4").write_bytes(b"\x01noise" * 1000)
    done = reeldrop("run", "--once")
    assert done.returncode == 1
    note = (tmp_path / "out" / "noise-r.FAILED.txt").read_text()
    assert "noise.mp4 could not be edited" in note
    (job,) = lines(reeldrop("jobs", "--json", "--state", "failed"))
    assert job["session_id"] is None
    retried = reeldrop("retry", "--failed")
    assert (retried.returncode, job["id"] in retried.stdout) == (0, True)


def test_check_tells_all_faults_at_once_with_their_lines(reeldrop: Reeldrop, tmp_path: Path) -> None:
    rules(tmp_path, "rules:\n  - watch: in\n    instrction: x\n    output: out\n    settle: soon\n")
    done = reeldrop("check")
    assert done.returncode == 2
    assert "rules.yaml:3:5" in done.stderr and "instruction" in done.stderr
    assert "rules.yaml:5:" in done.stderr


def test_check_and_run_name_a_missing_watch_folder_and_how_to_make_it(
    reeldrop: Reeldrop, tmp_path: Path
) -> None:
    rules(tmp_path, watch="nowhere")
    for words in (("check",), ("run", "--once")):
        done = reeldrop(*words)
        assert done.returncode == 2
        assert f"mkdir -p {tmp_path / 'nowhere'}" in done.stderr


def test_check_and_run_name_every_folder_that_takes_no_file(reeldrop: Reeldrop, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    rules(tmp_path, output="file/o", after="archive", archive="file/a", quarantine="file/q")
    for words in (("check",), ("run", "--once")):
        done = reeldrop(*words)
        assert done.returncode == 2
        for what, folder in (("result", "output"), ("source", "archive"), ("source", "quarantine")):
            said = f"no {what} can be written to its {folder} folder {tmp_path / 'file' / folder[0]}: "
            assert said in done.stderr
    # A folder that no source is moved to is nobody's concern.
    rules(
        tmp_path,
        "defaults: {archive: file/a}\n"
        "rules:\n  - {watch: in, instruction: trim to 1 s, output: out, after: delete}\n",
    )
    assert reeldrop("check").returncode == 0


def test_check_and_run_say_that_ffmpeg_is_missing(reeldrop: Reeldrop, tmp_path: Path) -> None:
    rules(tmp_path, "studio: {ffmpeg: /no/ffmpeg}\nrules:\n  - {watch: in, instruction: x, output: out}\n")
    for words in (("check",), ("run", "--once")):
        done = reeldrop(*words)
        assert done.returncode == 2
        assert "/no/ffmpeg" in done.stderr


def test_a_token_that_cannot_be_one_is_told_without_being_shown(reeldrop: Reeldrop, tmp_path: Path) -> None:
    rules(tmp_path)
    (tmp_path / "nemo-token").write_text("nmv_usr_canary\nsecond line\n")
    environ = {"NEMO_API_URL": "http://127.0.0.1:9", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    done = reeldrop("run", "--once", **environ)
    assert done.returncode == 2
    assert "holds no token" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_check_says_which_edits_work_here_and_how_to_get_the_others(
    reeldrop: Reeldrop, tmp_path: Path
) -> None:
    rules = "rules: [{watch: in, output: out, instruction: put me on a beach}]\nstudio: {matte_model: ./none.tflite}"
    (tmp_path / "in").mkdir()
    (tmp_path / "rules.yaml").write_text(rules)
    done = reeldrop("check")
    assert done.returncode == 0
    assert (
        "studio: another background, or none, behind anybody: no (pip install 'reeldrop[matte]'"
        in done.stdout
    )
    assert 'rule in: "put me on a beach" cannot be done on this machine, unless it is before' in done.stdout
    edits = json.loads(reeldrop("check", "--json").stdout)["edits"]
    assert (edits["edit"], edits["screen"], edits["matte"]) == (True, True, False)
    (tmp_path / "none.tflite").write_bytes(b"a model")
    assert json.loads(reeldrop("check", "--json").stdout)["edits"]["matte"] is True


def test_check_says_what_the_embedded_studio_will_not_understand(reeldrop: Reeldrop, tmp_path: Path) -> None:
    rules(tmp_path, instruction="make me look younger")
    done = reeldrop("check")
    assert done.returncode == 0
    assert 'does not understand "make me look younger"' in done.stdout
    rules(tmp_path)
    assert "all is well" in reeldrop("check").stdout


def test_a_name_that_is_no_utf_8_is_a_file_like_any_other(
    reeldrop: Reeldrop, clip: Path, tmp_path: Path
) -> None:
    rules(tmp_path)
    clip.rename(os.fsdecode(os.fsencode(tmp_path / "in") + b"/\xfcml\xe4ut.mp4"))
    done = reeldrop("run", "--once")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*ml*ut-r.mp4"))) == 1
    assert reeldrop("jobs").returncode == reeldrop("status").returncode == 0


@pytest.mark.parametrize("name", [".", "empty.mp4", "zeros.mp4", "/dev/zero"])
def test_do_refuses_what_is_no_whole_file_in_one_line(reeldrop: Reeldrop, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "zeros.mp4").write_bytes(bytes(100_000))
    done = reeldrop("do", name, "trim to 1 s")
    assert done.returncode in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1


def test_do_refuses_an_output_folder_that_cannot_be_written(reeldrop: Reeldrop, clip: Path) -> None:
    done = reeldrop("do", "clip.mp4", "trim to 1 s", "-o", "/proc/nope")
    assert done.returncode == 1
    assert "/proc/nope" in done.stderr
    assert lines(reeldrop("jobs", "--json")) == []


def test_a_reader_that_hangs_up_stops_no_job(tmp_path: Path, clip: Path) -> None:
    path = rules(tmp_path)
    clip.rename(tmp_path / "in" / "clip.mp4")
    command = f"{sys.executable} -m daemon run --once --config {path} | true"
    subprocess.run(["bash", "-c", command], check=False, capture_output=True, timeout=120)
    assert (tmp_path / "out" / "clip-r.mp4").exists()


def test_a_port_in_use_is_one_line_and_exit_2(reeldrop: Reeldrop) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = reeldrop("studio", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_second_daemon_on_the_same_state_is_refused(reeldrop: Reeldrop, tmp_path: Path) -> None:
    from daemon.jobs.lock import StateLock

    rules(tmp_path)
    with StateLock(tmp_path / "state"):
        done = reeldrop("run", "--once")
    assert done.returncode == 2
    assert "in use by process" in done.stderr


def test_schema_is_what_editors_read(reeldrop: Reeldrop) -> None:
    done = reeldrop("schema")
    assert done.returncode == 0
    assert "rules" in json.loads(done.stdout)["properties"]


def test_help_needs_none_of_the_heavy_parts(tmp_path: Path) -> None:
    program = """
import sys
from daemon.__main__ import main
sys.argv = ["reeldrop", "--help"]
try:
    main()
except SystemExit:
    print([name for name in ("sqlalchemy", "httpx", "numpy", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "demo" in done.stdout
