"""Finds a Chromium for the browser tests, or has the system's package manager install one.

`make test` calls `python -m tests.support.chromium`. It never fails: without a browser those tests are left out.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_ELSEWHERE = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_PACKAGES = ("chromium", "fonts-noto-core")

REASON = "no Chromium: install one, or name it with PHONGTRAO_CHROMIUM=/path/to/chromium"


def find() -> Path | None:
    """The program that PHONGTRAO_CHROMIUM names, or else the first that is installed."""
    if named := os.environ.get("PHONGTRAO_CHROMIUM"):
        return Path(named) if shutil.which(named) else None
    found = next(filter(None, map(shutil.which, (*_NAMES, *_ELSEWHERE))), None)
    return Path(found) if found else None


def install() -> None:
    """Try Debian's packages, as root or where sudo asks for no password."""
    as_root = _as_root()
    if shutil.which("apt-get") is None or as_root is None:
        return
    print("Chromium for the browser tests: installing it with apt-get", flush=True)
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *_PACKAGES]):
        command = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", *step]
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode != 0:
            return


def _as_root() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = ["sudo", "--non-interactive"]
    may = shutil.which("sudo") and subprocess.run([*sudo, "true"], check=False, capture_output=True).returncode == 0
    return sudo if may else None


if __name__ == "__main__":
    if find() is None and "PHONGTRAO_CHROMIUM" not in os.environ:
        install()
    if find() is None:
        print(f"The browser tests will be left out: {REASON}", file=sys.stderr)
