"""The table of mounts: what tells of changes, and what shows one folder twice."""

from __future__ import annotations

import pytest

from daemon.watch.mounts import Place, parse_mounts

TABLE = rb"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 27 0:45 / /mnt/my\040share rw,relatime shared:5 master:2 - nfs4 nas:/clips rw,vers=4.2
31 27 0:46 / /mnt/m\303\274ller rw - fuse.sshfs nas: rw
32 27 254:0 /srv/clips/part /home/in/again rw - ext4 /dev/vda rw
33 27 0:47 / /home/in rw - tmpfs none rw
34 27 0:48 / /home/in rw - cifs //nas/in rw
garbage
"""
MOUNTS = parse_mounts(TABLE)


@pytest.mark.parametrize(
    ("path", "kind", "silent"),
    [
        ("/", "ext4", False),
        ("/home/other/deep", "ext4", False),
        ("/mnt/my share/a/b", "nfs4", True),
        ("/mnt/müller", "fuse.sshfs", True),
        ("/home/in/deep", "cifs", True),
        ("/home/in/again/deep", "ext4", False),
        ("/home/innocent", "ext4", False),
    ],
)
def test_the_file_system_of_a_path_is_the_nearest_mount_above_it(path: str, kind: str, silent: bool) -> None:
    mount = MOUNTS.over(path)
    assert mount is not None
    assert (mount.kind, mount.silent) == (kind, silent)


@pytest.mark.parametrize(
    ("kind", "silent"),
    [
        ("nfs", True),
        ("smb3", True),
        ("9p", True),
        ("vboxsf", True),
        ("fuse", True),
        ("fuse.rclone", True),
        ("fuse.glusterfs", True),
        ("fuseblk", False),
        ("xfs", False),
        ("btrfs", False),
        ("overlay", False),
        ("tmpfs", False),
        ("vfat", False),
        ("zfs", False),
    ],
)
def test_network_shared_and_program_made_file_systems_tell_nothing(kind: str, silent: bool) -> None:
    mount = parse_mounts(f"1 1 0:1 / / rw - {kind} none rw\n".encode()).over("/any")
    assert mount is not None and mount.silent is silent


def test_a_bind_mount_is_known_by_the_place_it_shows() -> None:
    assert MOUNTS.place("/home/in/again/deep") == Place("254:0", "/srv/clips/part/deep")
    assert MOUNTS.place("/srv/clips") == Place("254:0", "/srv/clips")
    again = MOUNTS.at("/home/in/again")
    assert again is not None
    assert MOUNTS.shows(again, "/srv/clips") and MOUNTS.shows(again, "/srv/clips/part/deep")
    assert not MOUNTS.shows(again, "/srv/clips/partner") and not MOUNTS.shows(again, "/mnt/my share")


def test_what_lies_below_a_folder_is_told_with_what_it_lies_on() -> None:
    assert {mount.point for mount in MOUNTS.below("/mnt")} == {"/", "/mnt/my share", "/mnt/müller"}
    assert {mount.point for mount in MOUNTS.below("/home/in")} == {"/home/in", "/home/in/again"}


def test_without_a_table_every_folder_counts_as_telling() -> None:
    assert parse_mounts(b"").over("/any") is None
