"""Real programs writing into a watched folder: what they finish is taken once, what they leave undone never."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import wave
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from daemon.media.ffmpeg import find_ffmpeg
from daemon.watch.owner import NAME as OWNER
from tests.durability.clips import distinct
from tests.heavy.servers import Http, Ssh, http, program, smbd, sshd, vsftpd
from tests.heavy.watched import Watched, running, until

pytestmark = pytest.mark.heavy

KINDS = ("mp4", "faststart", "mov", "m4a", "wav", "png", "jpg")
"""What is told from its half by its bytes."""
OTHERS = ("mkv", "webm", "avi", "mp3", "aac", "gif", "webp", "txt")
"""What is protected by the lease, whatever its bytes say."""
SLOW = 2_000_000
"""Bytes a second, where a program can be slowed down: a transfer outlasts the settle time."""
COMMENT = b"the number of a clip"
FAR = Path("/dev/shm")
NUMBERS = count()


@dataclass(frozen=True)
class Writers:
    """Everything a writer may need. `made`: files to send, of which servers serve the same folder."""

    watched: Watched
    made: Path
    base: Mapping[str, bytes]
    folder: Path

    def source(self, kind: str) -> Path:
        """A new file of about 1 to 3 MB, whose content no other one has."""
        number = next(NUMBERS)
        path = self.made / f"clip-{number}.{'mp4' if kind == 'faststart' else kind}"
        path.write_bytes(content(kind, number, self.base))
        return path


def content(kind: str, number: int, base: Mapping[str, bytes]) -> bytes:
    chance = random.Random(number)
    if kind == "wav":
        return sound(chance.randbytes(2_000_000))
    if kind in ("png", "jpg", "gif", "webp"):
        into = io.BytesIO()
        picture = Image.frombytes("RGB", (800, 800), chance.randbytes(800 * 800 * 3))
        picture.save(into, {"jpg": "jpeg"}.get(kind, kind), quality=95)
        return into.getvalue()
    if kind == "txt":
        return f"Script {number}. ".encode() * 50_000
    if kind == "faststart":
        # Not behind the media: its last bytes have to be the last that are written.
        return base[kind].replace(COMMENT, f"{number:0{len(COMMENT)}}".encode())
    if kind in ("mp4", "mov", "m4a"):
        return distinct(base[kind], number)
    # Players pass over what stands behind the last frame.
    return base[kind] + struct.pack(">Q", number)


def sound(samples: bytes) -> bytes:
    into = io.BytesIO()
    with wave.open(into, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(samples)
    return into.getvalue()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """A file of noise, which does not compress, for each kind that ffmpeg has to make."""
    folder = tmp_path_factory.mktemp("base")
    picture = ["-f", "lavfi", "-i", "nullsrc=size=320x240:rate=25:duration=2,noise=alls=100:allf=t"]
    noise = ["-f", "lavfi", "-i", "anoisesrc=duration=20"]
    mpeg = ["-c:v", "mpeg4", "-q:v", "4"]
    ways = {
        "mp4": [*picture, *mpeg],
        "faststart": [*picture, *mpeg, "-movflags", "+faststart", "-metadata", f"comment={COMMENT.decode()}"],
        "mov": [*picture, *mpeg],
        "mkv": [*picture, *mpeg],
        "avi": [*picture, *mpeg],
        "webm": [*picture, "-c:v", "libvpx", "-b:v", "8M", "-deadline", "realtime", "-cpu-used", "8"],
        "m4a": [*noise, "-c:a", "alac"],
        "mp3": [*noise, "-b:a", "320k"],
        "aac": [*noise, "-b:a", "320k"],
    }
    made = {}
    for kind, way in ways.items():
        path = folder / f"{kind}.{'mp4' if kind == 'faststart' else kind}"
        subprocess.run([find_ffmpeg(), "-v", "error", *way, str(path)], check=True)
        made[kind] = path.read_bytes()
    return made


@pytest.fixture(scope="module")
def writers(tmp_path_factory: pytest.TempPathFactory, base: Mapping[str, bytes]) -> Iterator[Writers]:
    """One daemon for all of them."""
    folder = tmp_path_factory.mktemp("writers")
    made = folder / "made"
    made.mkdir()
    with running(Watched(folder / "daemon")) as watched:
        yield Writers(watched, made, base, folder)


@pytest.fixture(scope="module")
def ssh(writers: Writers) -> Iterator[Ssh]:
    need("sshd", "scp", "sftp", "ssh-keygen")
    with sshd(made_folder(writers, "sshd")) as listening:
        yield listening


@pytest.fixture(scope="module")
def smb(writers: Writers) -> Iterator[int]:
    need("smbd", "smbclient")
    with smbd(made_folder(writers, "smbd"), writers.watched.inbox) as port:
        yield port


@pytest.fixture(scope="module")
def ftp(writers: Writers) -> Iterator[int]:
    need("vsftpd", "curl")
    with vsftpd(made_folder(writers, "vsftpd"), writers.watched.inbox) as port:
        yield port


@pytest.fixture
def web(writers: Writers) -> Iterator[Http]:
    with http(writers.made) as listening:
        yield listening


@pytest.fixture
def here(writers: Writers, request: pytest.FixtureRequest) -> Path:
    """A new folder below the watched one."""
    folder = writers.watched.inbox / f"{request.node.originalname}-{next(NUMBERS)}"
    folder.mkdir()
    return folder


def made_folder(writers: Writers, name: str) -> Path:
    folder = writers.folder / name
    folder.mkdir()
    return folder


def need(*programs: str) -> None:
    missing = [name for name in programs if program(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def hears(writers: Writers) -> None:
    """Returns once a file that was dropped after all the others is queued."""
    number = next(NUMBERS)
    sentinel = writers.watched.inbox / f"sentinel-{number}.wav"
    sentinel.write_bytes(sound(struct.pack("<Q", number) * 100))
    until(lambda: sentinel in writers.watched.taken(), "the sentinel is queued")


def is_taken_once(writers: Writers, here: Path, *finished: Path) -> None:
    """The files are queued once each, in full, and nothing else is."""
    until(lambda: set(finished) <= set(writers.watched.taken(here)), f"{finished} are queued")
    hears(writers)
    until(lambda: not writers.watched.pending(here), "nothing is pending")
    assert writers.watched.taken(here) == Counter(finished)
    for one in writers.watched.queued(here):
        assert one.size == one.path.stat().st_size


def is_not_taken(writers: Writers, here: Path, unfinished: Path) -> None:
    """It was looked at, nobody writes it, and it is refused for what it holds."""
    watched = writers.watched

    def is_told() -> bool:
        return watched.why(unfinished) not in ("", BUSY) or unfinished in watched.taken(here)

    until(is_told, f"something is said of {unfinished}")
    hears(writers)
    # What was said first may have been about the file before the last change of it.
    until(is_told, f"something is said again of {unfinished}")
    assert not watched.taken(here), f"{unfinished.stat().st_size} bytes of it"


BUSY = "a program has it open for writing"


def is_busy(writers: Writers, here: Path, held_open: Path) -> None:
    """It was looked at while its writer held it open, and is no job."""
    until(
        lambda: writers.watched.why(held_open) == BUSY or writers.watched.taken(here), f"{held_open} is busy"
    )
    assert not writers.watched.taken(here)


Copy = Callable[[Path, Path], None]
"""Brings a source to a target, with a real program."""


def cp(source: Path, target: Path) -> None:
    run("cp", source, target)


def cp_with_its_times(source: Path, target: Path) -> None:
    run("cp", "-p", source, target)


def mv(source: Path, target: Path) -> None:
    run("mv", source, target)


def mv_from_another_file_system(source: Path, target: Path) -> None:
    if not FAR.is_dir() or FAR.stat().st_dev == target.parent.stat().st_dev:
        pytest.skip(f"{FAR} is no file system of its own")
    far = FAR / f"reeldrop-{source.name}"
    shutil.move(source, far)
    run("mv", far, target)


def rsync(source: Path, target: Path) -> None:
    need("rsync")
    run("rsync", "-a", f"--bwlimit={SLOW // 1024}", source, target)


def rsync_in_place(source: Path, target: Path) -> None:
    need("rsync")
    run("rsync", "-a", "--inplace", f"--bwlimit={SLOW // 1024}", source, target)


def tar(source: Path, target: Path) -> None:
    run("tar", "-cf", f"{source}.tar", "-C", source.parent, f"--transform=s/.*/{target.name}/", source.name)
    run("tar", "-xf", f"{source}.tar", "-C", target.parent)


def unzip(source: Path, target: Path) -> None:
    need("zip", "unzip")
    named = source.with_name(target.name)
    source.rename(named)
    run("zip", "-qj", f"{source}.zip", named)
    run("unzip", "-q", f"{source}.zip", "-d", target.parent)


@pytest.mark.parametrize(
    "copy",
    [cp, cp_with_its_times, mv, mv_from_another_file_system, rsync, rsync_in_place, tar, unzip],
    ids=lambda copy: copy.__name__,
)
def test_what_a_local_program_finishes_is_taken_once(writers: Writers, here: Path, copy: Copy) -> None:
    target = here / "clip.mp4"
    copy(writers.source("mp4"), target)
    is_taken_once(writers, here, target)


@pytest.mark.parametrize("protocol", [(), ("-O",)], ids=["sftp", "old"])
def test_what_scp_finishes_is_taken_once(
    writers: Writers, here: Path, ssh: Ssh, protocol: tuple[str, ...]
) -> None:
    target = here / "clip.mp4"
    slow = f"-l{SLOW * 8 // 1024}"
    run("scp", "-q", *protocol, slow, *ssh.options, writers.source("mp4"), f"127.0.0.1:{target}")
    is_taken_once(writers, here, target)


def test_what_sftp_finishes_is_taken_once(writers: Writers, here: Path, ssh: Ssh) -> None:
    target = here / "clip.mp4"
    batch = writers.made / "batch"
    batch.write_text(f"put {writers.source('mp4')} {target}\n")
    run("sftp", "-q", "-b", batch, f"-l{SLOW * 8 // 1024}", *ssh.options, "127.0.0.1")
    is_taken_once(writers, here, target)


def test_what_curl_finishes_is_taken_once(writers: Writers, here: Path, web: Http) -> None:
    need("curl")
    target = here / "clip.mp4"
    url = f"{web.url}/{writers.source('mp4').name}"
    run("curl", "-s", "--noproxy", "*", "--limit-rate", str(SLOW), "-o", target, url)
    is_taken_once(writers, here, target)


def test_what_wget_finishes_is_taken_once(writers: Writers, here: Path, web: Http) -> None:
    need("wget")
    target = here / "clip.mp4"
    url = f"{web.url}/{writers.source('mp4').name}"
    run("wget", "-q", "--no-proxy", f"--limit-rate={SLOW}", "-O", target, url)
    is_taken_once(writers, here, target)


def test_what_is_uploaded_to_vsftpd_is_taken_once(writers: Writers, here: Path, ftp: int) -> None:
    target = here / "clip.mp4"
    here.chmod(0o777)
    url = f"ftp://127.0.0.1:{ftp}/{target.relative_to(writers.watched.inbox)}"
    run("curl", "-s", "--noproxy", "*", "--limit-rate", str(SLOW), "-T", writers.source("mp4"), url)
    is_taken_once(writers, here, target)


def test_what_smbclient_puts_is_taken_once(writers: Writers, here: Path, smb: int) -> None:
    target = here / "clip.mp4"
    put = f"put {writers.source('mp4')} {here.name}/{target.name}"
    run("smbclient", "-N", "-p", str(smb), "//127.0.0.1/inbox", "-c", put)
    is_taken_once(writers, here, target)


def test_of_cp_r_of_a_thousand_files_each_is_taken_once(writers: Writers, here: Path) -> None:
    tree = writers.made / "tree"
    for number in range(1000):
        file = tree / f"{number % 20}" / f"{number % 7}" / f"{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sound(struct.pack("<Q", next(NUMBERS)) * 125))
    run("cp", "-r", tree, here)
    is_taken_once(writers, here, *(here / file.relative_to(tree.parent) for file in tree.rglob("*.wav")))


@contextmanager
def fed(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that waits for its input."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def feed(process: subprocess.Popen[bytes], part: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(part)
    process.stdin.flush()


def finish(process: subprocess.Popen[bytes], rest: bytes) -> None:
    feed(process, rest)
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0


@pytest.mark.parametrize("flags", [(), ("-movflags", "+faststart")], ids=["plain", "faststart"])
def test_what_ffmpeg_writes_is_taken_once_it_is_finished(
    writers: Writers, here: Path, flags: tuple[str, ...]
) -> None:
    target = here / "clip.mp4"
    frames = random.Random(next(NUMBERS)).randbytes(320 * 240 * 3) * 25
    raw = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", "320x240", "-i", "-"]
    with fed(find_ffmpeg(), "-v", "error", *raw, "-c:v", "mpeg4", *flags, target) as ffmpeg:
        feed(ffmpeg, frames)
        is_busy(writers, here, target)
        finish(ffmpeg, frames)
    is_taken_once(writers, here, target)


@pytest.mark.parametrize("kind", [*KINDS, *OTHERS])
def test_what_dd_holds_open_through_a_long_pause_is_taken_once_it_is_closed(
    writers: Writers, here: Path, kind: str
) -> None:
    source = writers.source(kind)
    target, data = here / source.name, source.read_bytes()
    with fed("dd", f"of={target}", "status=none") as dd:
        feed(dd, data[: len(data) // 2])
        is_busy(writers, here, target)
        finish(dd, data[len(data) // 2 :])
    is_taken_once(writers, here, target)


@pytest.mark.parametrize("kind", KINDS)
def test_what_dd_writes_in_pieces_is_taken_once_the_last_is_there(
    writers: Writers, here: Path, kind: str
) -> None:
    source = writers.source(kind)
    target, piece = here / source.name, source.stat().st_size // 3
    parts = ["bs=1M", "iflag=skip_bytes,count_bytes", "oflag=seek_bytes", "conv=notrunc", "status=none"]
    for at in range(3):
        run(
            "dd",
            f"if={source}",
            f"of={target}",
            f"skip={at * piece}",
            f"seek={at * piece}",
            f"count={piece + 2 * (at == 2)}",
            *parts,
        )
        if at < 2:
            until(
                lambda: writers.watched.why(target) not in ("", BUSY) or writers.watched.taken(here),
                "something is said of it",
            )
            assert not writers.watched.taken(here)
    is_taken_once(writers, here, target)


@pytest.mark.parametrize("kind", [*KINDS, *OTHERS])
def test_what_is_preallocated_is_taken_once_it_is_filled(writers: Writers, here: Path, kind: str) -> None:
    source = writers.source(kind)
    target, data = here / source.name, source.read_bytes()
    run("fallocate", "-l", str(len(data)), target)
    is_not_taken(writers, here, target)
    with fed("dd", f"of={target}", "status=none", "conv=notrunc") as dd:
        feed(dd, data[: len(data) // 2])
        is_busy(writers, here, target)
        finish(dd, data[len(data) // 2 :])
    is_taken_once(writers, here, target)


# A wav that ends in silence ends in zeros too; none can be told from the other by its bytes.
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wav"])
def test_what_was_preallocated_and_filled_by_half_is_not_taken(
    writers: Writers, here: Path, kind: str
) -> None:
    source = writers.source(kind)
    target, size = here / source.name, source.stat().st_size
    run("fallocate", "-l", str(size), target)
    is_not_taken(writers, here, target)
    half = [f"count={size // 2}", "iflag=count_bytes", "conv=notrunc", "status=none"]
    run("dd", f"if={source}", f"of={target}", "bs=1M", *half)
    is_not_taken(writers, here, target)


@contextmanager
def broken_off(here: Path, target: Path, whole: int, *command: str | Path) -> Iterator[None]:
    """A program that is killed once some of its target, under whatever name, is there."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: any(one.stat().st_size > 100_000 for one in here.iterdir()), "some of it is there")
        process.terminate()
        process.wait(60)
        until(target.exists, "the program leaves what it has")
        yield
        assert 0 < target.stat().st_size < whole
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_interrupted_scp_leaves_is_not_taken_till_scp_brings_the_rest(
    writers: Writers, here: Path, ssh: Ssh, kind: str
) -> None:
    source = writers.source(kind)
    target, whole = here / source.name, source.stat().st_size
    scp = ("scp", "-q", *ssh.options)
    slow = f"-l{500_000 * 8 // 1024}"
    with broken_off(here, target, whole, *scp, slow, source, f"127.0.0.1:{target}"):
        is_not_taken(writers, here, target)
    run(*scp, source, f"127.0.0.1:{target}")
    until(lambda: target in writers.watched.taken(here), "the whole of it is queued")
    assert writers.watched.taken(here)[target] == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_interrupted_rsync_leaves_is_not_taken(writers: Writers, here: Path, kind: str) -> None:
    need("rsync")
    source = writers.source(kind)
    target, whole = here / source.name, source.stat().st_size
    rsync = ("rsync", "--partial", "--bwlimit=500", "--block-size=8192", "--no-whole-file")
    with broken_off(here, target, whole, *rsync, source, target):
        is_not_taken(writers, here, target)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_reset_curl_leaves_is_not_taken(writers: Writers, here: Path, web: Http, kind: str) -> None:
    need("curl")
    source = writers.source(kind)
    target, whole = here / source.name, source.stat().st_size
    command = ["curl", "-s", "--noproxy", "*", "-o", str(target), f"{web.url}/reset/{source.name}"]
    with ExitStack() as ends:
        curl = ends.enter_context(subprocess.Popen(command))
        ends.callback(web.arrived.set)
        until(lambda: target.exists() and target.stat().st_size > 100_000, "some of it is there")
        is_busy(writers, here, target)
        web.arrived.set()
        assert curl.wait(60) != 0
    assert 0 < target.stat().st_size < whole
    is_not_taken(writers, here, target)


def test_wget_of_a_server_that_is_down_leaves_an_empty_file_that_is_not_taken(
    writers: Writers, here: Path
) -> None:
    need("wget")
    target = here / "clip.mp4"
    command = ["wget", "-q", "--no-proxy", "--tries=1", "-O", str(target), "http://127.0.0.1:9/"]
    assert subprocess.run(command, check=False).returncode != 0
    is_not_taken(writers, here, target)


def test_after_a_restart_nothing_is_taken_a_second_time_and_nothing_unfinished(writers: Writers) -> None:
    watched = writers.watched
    taken = watched.taken()
    dropped = {path for path in watched.inbox.rglob("*.*") if path.is_file() and path.name != OWNER}
    left = dropped - set(taken)
    watched.kill()
    watched.start()
    hears(writers)
    until(lambda: set(watched.pending()) == left, f"only {left} are pending")
    until(lambda: all(map(watched.why, left)), "all that is unfinished was looked at")
    again = watched.taken()
    assert {path: again[path] for path in taken} == dict.fromkeys(taken, 1)
    assert not left & set(again)
