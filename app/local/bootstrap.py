"""Prepares `.venv` from requirements.lock with whatever Python stands at hand, then runs `python -m app.local …` in it.

Imports nothing of ours and keeps to words that old Pythons understand: it has to run to say that they are too old.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")
UV = "uv==0.13.9"
MEGABYTES_NEEDED = 1500
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VENV = os.path.join(CHECKOUT, ".venv")
LOCK = os.path.join(CHECKOUT, "requirements.lock")


class Unsuitable(Exception):
    """One line for a person, without a traceback."""


def main(arguments):
    """Prepare the environment and become the command; only prepare it when there is none."""
    python = suitable_python(sys.version_info[:3], sys.executable)
    prepare(python)
    if arguments:
        inside = venv_python()
        sys.stdout.flush()
        os.chdir(CHECKOUT)
        os.execv(inside, [inside, "-m", "app.local"] + arguments)  # noqa: RUF005, S606  understood by every Python 3


def suitable_python(version, executable):
    """Return this Python, or a newer one found on the PATH if this one is too old."""
    if tuple(version[:2]) >= OLDEST:
        return executable
    for name in NEWER_NAMES:
        found = shutil.which(name)
        if found:
            return found
    raise Unsuitable(
        "Python {}.{} or newer is needed, this is {}: install it, or name it as in make up PYTHON=python3.12".format(
            OLDEST[0], OLDEST[1], ".".join(str(part) for part in version)
        )
    )


def venv_python():
    """Return the path of the environment's Python."""
    return os.path.join(VENV, "bin", "python")


def prepare(python):
    """Make `.venv` hold exactly what the lock names; does nothing if it does already."""
    if is_prepared():
        return
    require_room(CHECKOUT)
    # Two commands started together: the second waits and finds the work done.
    with open(os.path.join(CHECKOUT, ".venv.lock"), "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if is_prepared():
            return
        if not works(venv_python()) or was_moved():
            say("Making the virtual environment in .venv")
            make_venv(python)
        say("Installing the packages of requirements.lock (a minute or two, once)")
        install()
        with open(stamp(), "w") as stream:
            stream.write(fingerprint())


def say(line):
    """Tell a person what takes time."""
    print(line)
    sys.stdout.flush()


def stamp():
    """Return the file that says which lock the environment was made from."""
    return os.path.join(VENV, ".prepared")


def fingerprint():
    """Return what the environment depends on."""
    with open(LOCK, "rb") as stream:
        return "{} {} {}".format(UV, CHECKOUT, hashlib.sha256(stream.read()).hexdigest())


def is_prepared():
    """Whether the environment was made from this very lock, at this very place."""
    try:
        with open(stamp()) as stream:
            return stream.read() == fingerprint() and works(venv_python())
    except (IOError, OSError):
        return False


def was_moved():
    """Whether the environment was made at another place, which its programs still point to."""
    try:
        with open(stamp()) as stream:
            return " {} ".format(CHECKOUT) not in stream.read()
    except (IOError, OSError):
        return False


def works(python):
    """Whether there is an interpreter that is new enough; one whose system Python went away is not."""
    question = "import sys; sys.exit(sys.version_info[:2] < {!r})".format(OLDEST)
    try:
        return subprocess.call([python, "-c", question]) == 0
    except OSError:
        return False


def require_room(directory):
    """Raise Unsuitable if the packages would not fit."""
    free = shutil.disk_usage(directory).free // 2**20
    if free < MEGABYTES_NEEDED:
        raise Unsuitable(
            "Only {} MB are free on the disk of {}: {} MB are needed".format(free, directory, MEGABYTES_NEEDED)
        )


def make_venv(python):
    """Make an empty environment with pip; raises Unsuitable where the system lacks the means."""
    shutil.rmtree(VENV, ignore_errors=True)
    code, output = run([python, "-m", "venv", VENV])
    if code and "ensurepip" in output:
        raise Unsuitable("Python's venv module is missing: install it, as in apt-get install python3-venv")
    if code:
        raise Unsuitable("The virtual environment could not be made: " + last_line(output))


def install():
    """Install exactly the lock, by uv where it can be had, else by pip."""
    python = venv_python()
    code, output = run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV])
    if code == 0:
        environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never", VIRTUAL_ENV=VENV)
        uv = os.path.join(VENV, "bin", "uv")
        code, output = run([uv, "pip", "sync", "--quiet", "--require-hashes", LOCK], environment)
    if code:
        # pip knows this machine's settings (a mirror, a proxy) where uv may not.
        code, output = run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", LOCK])
    if code:
        raise Unsuitable("The packages could not be installed: " + last_line(output))


def run(argv, environment=None):
    """Run a program quietly; returns its exit code and what it said."""
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    output = process.communicate()[0].decode("utf-8", "replace")
    return process.returncode, output


def last_line(output):
    """Return what a program said last, which is where it names its reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Unsuitable as problem:
        sys.stderr.write("{}\n".format(problem))
        sys.exit(1)
    except (IOError, OSError) as problem:
        sys.stderr.write("{} cannot be prepared: {}\n".format(CHECKOUT, problem))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
