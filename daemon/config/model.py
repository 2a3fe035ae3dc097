"""What the rules file becomes: frozen values that the daemon works with.

All times are seconds, all paths absolute. `daemon.config.loading` makes these from a file,
`builtin_config` there without one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from daemon.config.fields import (
    After,
    Again,
    BundleKey,
    By,
    Companions,
    CreditLimit,
    Credits,
    Existing,
    FileMode,
    Flag,
    FolderOrNone,
    Format,
    Ignore,
    Language,
    Line,
    OnConflict,
    OutputName,
    Pairs,
    Quality,
    Seconds,
    Secret,
    Settle,
    Size,
    SizeRange,
    SkillVersion,
    Text,
    TimeRange,
    Times,
    TokenFile,
    Url,
    WatchMode,
    Whole,
    choice,
    expected,
    section,
)
from daemon.config.skills import DEFAULT_VERSION, SKILLS


class Value(BaseModel):
    """Frozen, strict, and closed: an unknown key is an error. Errors never repeat a value."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


def _skill_name(value: object) -> str:
    # A skill that is not one of the five would be attributed to somebody who did not do the work.
    if not isinstance(value, str) or value not in SKILLS:
        raise expected(f"one of the skills {', '.join(SKILLS)}", SKILLS)
    return value


def _skill(value: object) -> object:
    if value == "none":
        return None
    if isinstance(value, str):
        return {"name": _skill_name(value)}
    if value is None or isinstance(value, dict | Skill):
        return value
    raise expected(f"none or one of the skills {', '.join(SKILLS)}")


class Skill(Value):
    """The skill that a rule's work is attributed to."""

    name: Annotated[str, BeforeValidator(_skill_name)]
    version: SkillVersion = DEFAULT_VERSION


_SKILL_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        {"enum": ["none", *SKILLS]},
        {
            "type": "object",
            "properties": {"name": {"enum": list(SKILLS)}, "version": {"type": ["string", "number"]}},
            "required": ["name"],
            "additionalProperties": False,
        },
    ]
}


class Retry(Value):
    """How often a whole job is tried again, and how long it waits before that."""

    attempts: Whole = Field(
        default=5, ge=1, le=1000, description="Whole-job attempts, the first one counted."
    )
    first: Seconds = Field(
        default=10.0,
        description="The wait before the second attempt; later waits grow.",
        json_schema_extra={"default": "10s"},
    )
    longest: Seconds = Field(
        default=900.0, description="No wait is longer than this.", json_schema_extra={"default": "15m"}
    )


class Where(Value):
    """Bounds that a file must lie within, both ends included; one that does not is left to later rules."""

    duration: TimeRange = Field(
        default=None,
        description='How long a video or a sound lasts: "3s..", "..2m" or "3s..2m"; what has no length is left out.',
        json_schema_extra={"default": "none"},
    )
    size: SizeRange = Field(
        default=None,
        description='How large the file is: "1MB..", "..500MB".',
        json_schema_extra={"default": "none"},
    )

    @property
    def is_open(self) -> bool:
        """Whether every file lies within."""
        return self.duration is None and self.size is None


class RuleSettings(Value):
    """What a rule says in the same way in the file and afterwards."""

    recursive: Flag = Field(default=True, description="Whether folders below the watch folder count too.")
    mode: Annotated[WatchMode, choice(WatchMode)] | None = Field(
        default=None,
        description="How changes in the rule's watch folders are noticed; default: `watching.mode`. Of two rules with "
        "one folder, `poll` wins, then `auto`.",
    )
    ignore: Ignore = Field(
        default=(), description="Globs or classes of files that are left out though `match` fits them."
    )
    where: Annotated[Where, BeforeValidator(section)] = Field(
        default=Where(),
        description="Bounds that a file must lie within. One that does not is left to later rules, and `why` tells.",
    )
    skill: Annotated[Skill | None, BeforeValidator(_skill), WithJsonSchema(_SKILL_SCHEMA)] = Field(
        default=None,
        description="The skill whose work it is (`none`, its name, or `{name:, version:}`): brings attribution, "
        "a default instruction and a default `match`.",
        json_schema_extra={"default": "none"},
    )
    output_name: OutputName = Field(
        default="{stem}-{rule}",
        description="The result's name without its ending, from {stem} {name} {rule} {parent} {date} {time} {job}.",
    )
    on_conflict: Annotated[OnConflict, choice(OnConflict)] = Field(
        default="rename",
        description="What happens if the output name is taken: `rename` (-2, -3), `overwrite` or `skip`; decided "
        "before anything is paid.",
    )
    file_mode: FileMode = Field(
        default="inherit",
        description='`inherit` (mode and group of the output folder) or an octal mode such as "0640".',
    )
    format: Annotated[Format, choice(Format)] = Field(
        default="auto",
        description="`auto`: mp4; webm where the result has transparency; m4a for sound alone. Or a format by name.",
    )
    quality: Annotated[Quality, choice(Quality)] = Field(default="high", description="Asked of the render.")
    settle: Settle = Field(
        default=None,
        description="How long a file must be quiet before it is taken. `auto`: 5s where it can be seen that nobody "
        "writes to it, else 30s.",
        json_schema_extra={"default": "auto"},
    )
    priority: Whole = Field(
        default=0, ge=-1000, le=1000, description="Jobs of a rule with a higher number start first."
    )
    retry: Annotated[Retry, BeforeValidator(section)] = Field(
        default=Retry(), description="How often a failed job is tried again by itself, and when."
    )
    credits_per_day: CreditLimit = Field(
        default=None,
        description="Credits that this rule's jobs may cost in a local day; what is beyond waits for the next.",
        json_schema_extra={"default": "none"},
    )
    existing: Annotated[Existing, choice(Existing)] | None = Field(
        default=None,
        description="Files that were in the watch folder before the rule: `hold` them until a person approves, `run` "
        "them or `ignore` them. Default: hold for the service; run for the embedded studio and with `--once`.",
    )
    again: Annotated[Again, choice(Again)] = Field(
        default="copy",
        description="A drop of content that was already delivered under the same instructions: `copy` serves the "
        "earlier result, `skip` does nothing, `redo` edits (and pays) again.",
    )
    answer: Text = Field(
        default="use your best judgement",
        description="What is answered, once, when the editor asks a question; the job is held at a second one.",
    )
    after: Annotated[After, choice(After)] = Field(
        default="keep",
        description="What happens to a source once its last job has delivered: `keep`, `archive` (moved to the "
        "folder `archive`) or `delete`. A source that has changed since stays.",
    )
    bundle: BundleKey = Field(
        default="none",
        description="`folder`: a folder that is dropped into the watch folder is one job, once nothing in it has "
        "changed for another settle time. Its files go up in the order of their names.",
    )
    companions: Companions = Field(
        default=(),
        alias="with",
        description="Files that go up together with a clip, by their names from its folder on, with {stem} {name} "
        '{parent} of the clip: `"{stem}.srt"`. Each is awaited one more settle time.',
    )
    pairs: Annotated[Pairs, choice(Pairs)] = Field(
        default="none",
        description="`obs`: NAME.mkv and NAME.mp4 in one folder are one clip. The mp4 is taken; an mkv alone waits one "
        "more settle time for it.",
    )


class Rule(RuleSettings):
    """One rule, whole: every default is filled in, every path absolute."""

    name: str
    watch: tuple[Path, ...] = Field(min_length=1)
    match: tuple[str, ...] = Field(default=("video",), min_length=1)
    by: By
    instructions: tuple[str, ...] = Field(min_length=1)
    output: Path
    archive: Path | None = None
    quarantine: Path | None = None


def _one_token(schema: dict[str, Any]) -> None:
    schema["not"] = {"required": ["token", "token_file"]}


class Api(Value):
    """The paid editor."""

    model_config = ConfigDict(json_schema_extra=_one_token)

    url: Url | None = Field(
        default=None,
        description="Where the paid editor answers; default: $NEMO_API_URL. Without either, the embedded studio does "
        "all work that no rule sends elsewhere.",
    )
    token: Secret | None = Field(
        default=None,
        description="Best written as ${NEMO_TOKEN}, which is also the default. Without one an anonymous token is "
        "fetched.",
    )
    token_file: TokenFile | None = Field(
        default=None,
        description="Instead of `token`: a file that holds the token and nothing else.",
    )
    language: Language = Field(
        default="auto",
        description="The language of the session, such as en or zh; `auto`: the instruction's.",
    )
    private_urls: Flag = Field(
        default=False,
        description="Whether dropped links and results' addresses may point into private networks. The API's own "
        "address always may.",
    )
    max_download: Size = Field(
        default=4_000_000_000,
        description="No result larger than this is fetched.",
        json_schema_extra={"default": "4GB"},
    )


class Limits(Value):
    """How much happens at once, and how much may be spent."""

    jobs: Whole = Field(default=4, ge=1, le=100, description="Jobs that run at once.")
    credits_per_day: CreditLimit = Field(
        default=None,
        description="Credits that all jobs together may cost in a local day; what is beyond waits for the next.",
        json_schema_extra={"default": "none"},
    )
    credits_per_month: CreditLimit = Field(
        default=None,
        description="The same for a month, from its first day.",
        json_schema_extra={"default": "none"},
    )
    ask_above: Credits = Field(
        default=500.0,
        description="Estimated credits of the jobs that may begin within an hour without a person; what is beyond is "
        "held until `reeldrop approve`.",
        json_schema_extra={"default": 500},
    )


class Watching(Value):
    """How folders are looked at."""

    rescan: Seconds = Field(
        default=300.0,
        description="How often the watch folders are read anew, for what events did not tell.",
        json_schema_extra={"default": "5m"},
    )
    poll: Seconds = Field(
        default=15.0,
        description="How often folders are read that events do not tell of: network shares, and what inotify has no "
        "watch left for.",
        json_schema_extra={"default": "15s"},
    )
    mode: Annotated[WatchMode, choice(WatchMode)] = Field(
        default="auto",
        description="`auto`: each file system is listened to or polled by its type; `events` and `poll` force one "
        "of them.",
    )
    follow_links: Flag = Field(
        default=False,
        description="Whether links to folders, and links that lead out of the watch folder, are followed.",
    )


class StudioSettings(Value):
    """The embedded studio's folders of your files, and its tools."""

    music: FolderOrNone = Field(
        default=None,
        description="A folder of your music. It comes before music that is made here: a file that is named, else "
        "one with the mood in its path (`calm/river.mp3`), else any.",
    )
    pictures: FolderOrNone = Field(
        default=None,
        description="A folder of your pictures, for backgrounds and watermarks by their name; one called as a scene "
        "(`home-office.jpg`) stands in for it.",
    )
    ffmpeg: Line = Field(
        default="auto",
        description="`auto` (the one that is installed with Reeldrop), a command's name, or a path.",
    )
    matte_model: Line = Field(
        default="auto",
        description="The model that finds people before any background: `auto` (the one of `reeldrop[matte]`), or the "
        "path of a selfie segmentation model (`.tflite`).",
    )


class TimingKeys(Value):
    """How long is waited for the editor. What is not written differs between the embedded studio and the service."""

    poll: Seconds | None = Field(
        default=None, description="Between two looks at a render (30s; embedded 500ms)."
    )
    confirm: Seconds | None = Field(
        default=None, description="Between the two reads of a draft that must agree (2s; embedded 100ms)."
    )
    recheck: Times | None = Field(
        default=None,
        description="The waits before each look at the draft after a lost connection "
        "(30s, then 60s five times; embedded 1s, 2s, 5s, 10s, 20s).",
    )
    still_working: Seconds | None = Field(
        default=None, description="How often a job's log says that the editor is still working (2m)."
    )
    quiet_limit: Seconds | None = Field(
        default=None, description="A stream with nothing but heartbeats for so long counts as lost (10m)."
    )
    stream_limit: Seconds | None = Field(
        default=None, description="A stream that lasts longer counts as lost (15m)."
    )


class Timing(Value):
    """How long is waited for one of the two editors, in seconds; the keys are those of `timing`."""

    poll: float
    confirm: float
    recheck: tuple[float, ...]
    still_working: float
    quiet_limit: float
    stream_limit: float


SERVICE_TIMING: Final = Timing(
    poll=30.0,
    confirm=2.0,
    recheck=(30.0, 60.0, 60.0, 60.0, 60.0, 60.0),
    still_working=120.0,
    quiet_limit=600.0,
    stream_limit=900.0,
)
"""What the service's public documents ask of clients."""

EMBEDDED_TIMING: Final = Timing(
    poll=0.5,
    confirm=0.1,
    recheck=(1.0, 2.0, 5.0, 10.0, 20.0),
    still_working=120.0,
    quiet_limit=600.0,
    # On a machine at the end of its powers an edit took minutes; cut off, it was sent again beside itself.
    stream_limit=900.0,
)
"""Quicker: the studio is this machine's own, no other customer's server is spared by waiting for it."""

SERVICE_URL: Final = "https://mega-api-prod.nemovideo.ai"
"""Where the paid editor answers when a rule asks for it and nobody says where (its public documents)."""


class Config(Value):
    """The whole rules file. `state`: the folder of the daemon's own records; `retention`: seconds."""

    version: Literal[1] = 1
    state: Path
    api: Api = Api()
    limits: Limits = Limits()
    retention: float = 90 * 86_400.0
    watching: Watching = Watching()
    timing_keys: TimingKeys = TimingKeys()
    studio: StudioSettings = StudioSettings()
    rules: tuple[Rule, ...] = ()
    path: Path | None = None
    """Where it was read; None for a configuration without a file."""
    by_chosen: bool = False
    """Whether the file says anywhere who edits (`by`)."""

    @property
    def default_by(self) -> By:
        """Who edits where no `by` is written: the service once its address is known."""
        return "service" if self.api.url else "embedded"

    @property
    def service_url(self) -> str:
        """Where work `by: service` goes; without "/" at its end."""
        return self.api.url or SERVICE_URL

    def timing(self, by: By) -> Timing:
        """How long is waited for this editor, in seconds.

        What the file says wins. Otherwise the service gets the slow pace that its documents ask for, and the
        embedded studio a quick one, since nobody else's server is spared by waiting.
        """
        base = SERVICE_TIMING if by == "service" else EMBEDDED_TIMING
        written = {key: value for key, value in self.timing_keys if value is not None}
        return base.model_copy(update=written)
