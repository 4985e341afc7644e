"""Makes sure that there is a Chromium for the browser tests, where that is possible without asking anybody."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """The path of a browser on this machine."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def main() -> None:
    if find():
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("No Chromium here: the browser tests will be skipped. Install Debian's package `chromium` to run them.")
        return
    print("Installing Debian's Chromium for the browser tests ...", flush=True)
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
    ):
        ran = subprocess.run(
            command, capture_output=True, text=True, check=False, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        )
        if ran.returncode:
            print(
                f"{' '.join(command)} failed; the browser tests will be skipped:\n{ran.stderr[-400:]}", file=sys.stderr
            )
            return


if __name__ == "__main__":
    main()
