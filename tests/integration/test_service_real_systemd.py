"""The service under a real systemd of a user: installed, describes a picture, is killed, comes back, is uninstalled.

It runs in a mount namespace with a cgroup of its own, so that the machine's own systemd, if any, sees nothing of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.service.user import NOT_ROOT, can_be_a_user
from tests.support.checkout import ROOT

NEEDED = ("systemctl", "dbus-daemon", "unshare", "setpriv")
SYSTEMD = Path("/lib/systemd/systemd")
#: All of it ends with the first process.
APART = ("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc")
PROGRAM = Path(sys.executable).with_name("smolwatch")
#: As root: a cgroup and a /run/systemd of our own; then, as nobody, a bus, a systemd, and what a person types.
STAGE = r"""
set -e
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/system "/sys/fs/cgroup/$GROUP/init"
echo $$ > "/sys/fs/cgroup/$GROUP/init/cgroup.procs"
chown -R 65534:65534 "/sys/fs/cgroup/$GROUP"
exec $NOT_ROOT bash -c "$PERSON"
"""
CLEAR = """
mount -t cgroup2 none /sys/fs/cgroup
find "/sys/fs/cgroup/$GROUP" -depth -type d -exec rmdir {} +
"""
PERSON = r"""
dbus-daemon --session --address="$DBUS_SESSION_BUS_ADDRESS" --nofork --nopidfile 2>/dev/null & bus=$!
for _ in $(seq 100); do [ -S "$XDG_RUNTIME_DIR/bus" ] && break; sleep 0.05; done
/lib/systemd/systemd --user >"$XDG_RUNTIME_DIR/log" 2>&1 & manager=$!
for _ in $(seq 100); do systemctl --user show-environment >/dev/null 2>&1 && break; sleep 0.05; done
systemctl --user set-environment PYTHONPATH="$PYTHONPATH"
state() { "$SMOLWATCH" service status --json | "$PYTHON" -c "import json, sys; print(json.load(sys.stdin).get('$1'))"; }
wait_for() { for _ in $(seq 300); do [ "$(eval "$1")" = "$2" ] && return; sleep 0.1; done; echo "in vain: $1"; }
mkdir -p "$HOME/SmolWatch/config" "$HOME/SmolWatch/inbox"
printf '[model]\nengine = "echo"\n[inbox]\nsettle_seconds = 0.3\n' > "$HOME/SmolWatch/config/smolwatch.toml"
drop_in="$HOME/.config/systemd/user/smolwatch.service.d"
mkdir -p "$drop_in"  # a checkout of root's is closed to nobody
printf '[Service]\nAmbientCapabilities=CAP_DAC_OVERRIDE\n' > "$drop_in/read.conf"
"$SMOLWATCH" service install; echo "installed $?"
first=$(state pid); echo "status $(state status)"
cp "$PICTURE" "$HOME/SmolWatch/inbox/beach.png"
wait_for 'ls "$HOME/SmolWatch/inbox" | grep -c smolwatch.json' 1
"$SMOLWATCH" service logs -n 20
"$SMOLWATCH" service install >/dev/null 2>&1; echo "upgraded $?"
[ "$(state pid)" != "$first" ] && echo "another process"
"$SMOLWATCH" service stop; echo "stopped $? $(state status) $(state exit_code)"
printf '[model]\nengine = "nonsense"\n' > "$HOME/SmolWatch/config/smolwatch.toml"
systemctl --user start smolwatch.service; wait_for 'systemctl --user show -p ExecMainStatus --value smolwatch' 78
echo "final $(systemctl --user show -p NRestarts,ExecMainStatus,ActiveState --value smolwatch.service | tr '\n' ' ')"
rm "$HOME/SmolWatch/config/smolwatch.toml"
"$SMOLWATCH" service uninstall; echo "uninstalled $? $(state status)"
kill $manager $bus; wait
"""


def can_run() -> bool:
    """Root that may mount, and be somebody else."""
    if os.geteuid() != 0 or not SYSTEMD.exists() or not PROGRAM.exists() or not all(map(shutil.which, NEEDED)):
        return False
    mounts = subprocess.run([*APART, "mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], capture_output=True)
    return mounts.returncode == 0 and can_be_a_user()


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="smolwatch-"))
    (folder / "Jörg Müller %h").mkdir()
    (folder / "run").mkdir(mode=0o700)
    for made in (folder, *folder.iterdir()):
        os.chown(made, 65534, 65534)
    yield folder
    shutil.rmtree(folder)
    subprocess.run([*APART, "sh", "-c", CLEAR], env={**os.environ, "GROUP": folder.name}, check=True)


def stage_environ(folder: Path, user: str) -> dict[str, str]:
    """The environment of the script that starts a user's systemd; `user`: a script of what they do."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "Jörg Müller %h"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/run/bus",
        "GROUP": folder.name,
        "NOT_ROOT": " ".join(NOT_ROOT),
        "PERSON": user,
        "PYTHONPATH": str(ROOT),
    }


@pytest.mark.skipif(not can_run(), reason="needs root that may mount, systemd, dbus and setpriv")
def test_a_real_systemd_runs_the_service_from_install_to_uninstall(folder: Path) -> None:
    environ = stage_environ(folder, PERSON) | {
        "SMOLWATCH": str(PROGRAM),
        "PYTHON": sys.executable,
        "PICTURE": str(next((ROOT / "daemon/inference/demo_model/samples").rglob("*.png"))),
    }
    done = subprocess.run(
        [*APART, "bash", "-c", STAGE],
        env=environ,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    output = done.stdout
    assert "in vain" not in output, output + done.stderr
    for line in (
        "installed 0",
        "status running",
        "upgraded 0",
        "another process",
        "stopped 0 stopped 0",
        "final 0 78 failed",
        "uninstalled 0 not installed",
    ):
        assert line in output, output + done.stderr
    record = json.loads((Path(environ["HOME"]) / "SmolWatch" / "inbox" / "beach.png.smolwatch.json").read_bytes())
    assert record["stats"]["launched_by"] == "systemd"
