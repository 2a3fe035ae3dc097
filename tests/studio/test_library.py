"""The user's own folders: what is called by its name there, and nothing else of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.errors import RenderError
from daemon.studio.library import Library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name in (
        "pictures/Home_Office.JPG",
        "pictures/brand/logo.png",
        "pictures/.hidden.png",
        "pictures/notes.txt",
        "pictures/a/b/c/too deep.png",
        "music/calm/river.mp3",
        "music/cover.png",
        "secret.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return Library(tmp_path / "pictures", tmp_path / "music")


def test_pictures_and_music_are_called_by_their_place_in_the_folder(library: Library) -> None:
    assert library.pictures() == ("Home_Office.JPG", "brand/logo.png")
    assert library.music() == ("calm/river.mp3",)
    assert library.sound("calm/river.mp3").name == "river.mp3"


def test_a_picture_called_as_a_scene_stands_in_for_it(library: Library) -> None:
    found = library.scene("home-office")
    assert found is not None and found.name == "Home_Office.JPG"
    assert library.scene("beach") is None


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "notes.txt", ".hidden.png", "gone.png"])
def test_what_is_not_listed_is_not_opened(library: Library, name: str) -> None:
    with pytest.raises(RenderError, match="is not in the studio's folder"):
        library.picture(name)


def test_without_folders_there_is_nothing() -> None:
    assert Library().pictures() == Library().music() == ()
    assert Library().scene("beach") is None
    with pytest.raises(RenderError):
        Library().picture("a.png")
