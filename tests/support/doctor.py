"""A home for the doctor, without problems until a test adds one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.load import load_settings, prepare_home
from config.settings import Settings
from daemon.doctor.checkup import Facts, findings_of
from daemon.doctor.finding import Finding, Severity
from daemon.doctor.home_folder import look_at_home, settings_or_reason
from daemon.doctor.inbox import look_at_inboxes
from daemon.doctor.program import look_at_program
from daemon.doctor.running import look_at_running
from daemon.doctor.runtime import RuntimeFacts, look_at_model
from daemon.inference.smolvlm.checkpoint import damaged_weights
from daemon.inference.weights.sources import ModelFolder, identity_of
from daemon.media.decoder.sandbox.lockdown import Sandbox
from storage.db.database import open_database

SOUND_SQLITE = (3, 51, 3)
CODECS = {"av": "18.1.0", "pillow": "13.0.0", "missing": []}
DEVICE = {
    "torch": "2.13",
    "cuda": False,
    "mps": False,
    "mps_built": False,
    "device": "cpu",
    "name": "cpu",
    "dtype": "float32",
}


@dataclass
class Patient:
    """The real findings in a home, with fake results of the probe processes: `runtime` overrides them."""

    home: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/nowhere", "HOME": str(Path.home())})
    runtime: Mapping[str, Any] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        prepare_home(self.settings)
        open_database(self.settings.database_file).close()
        (self.inbox / "beach.jpg").write_bytes(b"waves")
        self.choose("[model]\nid = 'demo'\n")

    @property
    def settings(self) -> Settings:
        return load_settings(home=self.home, environ={})

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    def choose(self, toml: str) -> None:
        (self.home / "config" / "smolwatch.toml").write_text(toml)

    def facts(self) -> Facts:
        settings, misconfigured = settings_or_reason(self.home)
        model = look_at_model(settings)
        parts = RuntimeFacts(
            codecs=CODECS,
            device=DEVICE,
            sandbox=Sandbox(kind="landlock+seccomp"),
            model=model,
            damaged=damaged_weights(model.path) if isinstance(model, ModelFolder) else (),
            named="@".join(identity_of(settings.model.id, settings.model.revision)),
        )
        return Facts(
            program=replace(look_at_program(), sqlite=SOUND_SQLITE),
            home=look_at_home(settings, misconfigured, self.environ, self.now),
            inboxes=look_at_inboxes(settings, self.now),
            runtime=replace(parts, **self.runtime),
            running=look_at_running(settings, self.environ),
        )

    def lines(self) -> list[Finding]:
        return findings_of(self.facts())


def amiss(lines: list[Finding]) -> list[Finding]:
    return [line for line in lines if line.severity not in (Severity.OK, Severity.NOT_APPLICABLE)]
