"""Files in an output folder: whole or not there, and nobody else's touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.deliver import folder
from daemon.deliver.names import Skip, Take, choose
from daemon.errors import DeliveryError


def test_a_file_is_placed_only_where_none_stands(tmp_path: Path) -> None:
    for name in ("first", "second"):
        folder.hidden(tmp_path, "job", name).write_text(name)
    final = tmp_path / "clip.mp4"
    assert folder.place(folder.hidden(tmp_path, "job", "first"), final, replace=False)
    assert not folder.place(folder.hidden(tmp_path, "job", "second"), final, replace=False)
    assert final.read_text() == "first"
    assert folder.place(folder.hidden(tmp_path, "job", "second"), final, replace=True)
    assert final.read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("kernel", ["renameat2", "link", "neither"])
def test_no_file_system_lets_a_result_replace_another_file(
    tmp_path: Path, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "not on this file system")

    if kernel != "renameat2":
        monkeypatch.setattr(folder, "_renameat2", None)
    if kernel == "neither":
        monkeypatch.setattr(os, "link", refuse)
    final = tmp_path / "clip.mp4"
    final.write_text("mine")
    unfinished = tmp_path / ".new"
    unfinished.write_text("new")
    assert not folder.place(unfinished, final, replace=False)
    assert (final.read_text(), unfinished.read_text()) == ("mine", "new")
    final.unlink()
    assert folder.place(unfinished, final, replace=False)
    assert (final.read_text(), unfinished.exists()) == ("new", False)


def test_files_have_the_mode_of_their_folder_or_the_one_the_rule_names(tmp_path: Path) -> None:
    tmp_path.chmod(0o775)
    folder.write(tmp_path, "job", "a.json", "{}", None)
    folder.write(tmp_path, "job", "b.json", "{}", 0o640)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o664
    assert (tmp_path / "b.json").stat().st_mode & 0o777 == 0o640


def test_a_folder_that_cannot_be_made_says_which_and_that_it_goes_on_by_itself(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryError, match="file/out") as caught:
        folder.make(tmp_path / "file" / "out")
    assert caught.value.retryable and "by itself" in caught.value.hint


@pytest.mark.parametrize("ending", ["mp4", "m4a", "json", "log", "FAILED.txt"])
def test_a_base_name_is_free_only_if_no_file_of_a_result_has_it(tmp_path: Path, ending: str) -> None:
    assert folder.is_free(tmp_path, "clip")
    (tmp_path / f"clip.{ending}").write_text("")
    assert not folder.is_free(tmp_path, "clip")
    assert folder.is_free(tmp_path, "clip-2")


@pytest.mark.parametrize(
    ("on_conflict", "taken", "reserved", "chosen"),
    [
        ("rename", (), (), Take("c")),
        ("rename", ("c", "c-2"), (), Take("c-3")),
        ("rename", ("c",), ("c-2",), Take("c-3")),
        ("skip", (), (), Take("c")),
        ("skip", ("c",), (), Skip("c")),
        ("overwrite", ("c",), (), Take("c", replace=True)),
        ("overwrite", ("c",), ("c",), Take("c-2")),
    ],
)
def test_conflicts_are_decided_as_the_rule_says(
    on_conflict: str, taken: tuple[str, ...], reserved: tuple[str, ...], chosen: Take | Skip
) -> None:
    assert (
        choose(
            "c",
            on_conflict,
            is_free=lambda base: base not in taken,
            is_reserved=lambda base: base in reserved,
        )
        == chosen
    )


def test_a_large_file_is_read_no_further_once_nobody_wants_its_hash(tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # hours of reading
    asked = iter([True, True, False])
    with pytest.raises(InterruptedError):
        folder.hash_file(large, lambda: next(asked))
