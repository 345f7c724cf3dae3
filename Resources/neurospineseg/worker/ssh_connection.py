"""One run of ``ssh`` to another computer, from the first word to the exit code."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from threading import Thread

from neurospineseg import __version__
from neurospineseg.errors import InputError
from neurospineseg.worker.frame_stream import Frame, FrameStream, StreamError
from neurospineseg.worker.ssh_failures import other_version, why_not_connected
from neurospineseg.worker.ssh_host import SshHost, environment_of_ssh

GREETING_SECONDS, ENDING_SECONDS = 90.0, 5.0
LOG_TAIL_BYTES = 8000


class NoConnection(InputError):
    """There is none; the message says why.

    Attributes:
        detail: what ssh and the other computer said.
    """

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail


class SshConnection:
    """One run of ``ssh``.

    Args:
        host: the other computer.
        idle_seconds: after which the other computer's worker ends.

    Raises:
        NoConnection: there is none; the message says why.
    """

    def __init__(self, host: SshHost, idle_seconds: float) -> None:
        self.host, self._said = host, b""
        try:
            command = host.command(idle_seconds)
        except InputError as error:
            raise NoConnection(str(error)) from error
        pipe, hidden = subprocess.PIPE, getattr(subprocess, "CREATE_NO_WINDOW", 0)
        self._ssh = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment_of_ssh(), creationflags=hidden)
        assert self._ssh.stdin is not None
        assert self._ssh.stdout is not None
        self.stream = FrameStream(self._ssh.stdout, self._ssh.stdin)
        self._listening = Thread(target=self._listen, daemon=True)
        self._listening.start()
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def _greet(self) -> None:
        """Waits for the other computer's first words.

        Raises:
            NoConnection: they did not come, or they are another version's.
        """
        there: list[Frame] = []

        def wait() -> None:
            with suppress(OSError, StreamError):
                hello = self.stream.receive() if self.stream.skip_to_greeting() else None
                there.extend([] if hello is None else [hello])

        waiting = Thread(target=wait, daemon=True)
        waiting.start()
        waiting.join(GREETING_SECONDS)
        if not there:
            code = None if waiting.is_alive() else self.close(ENDING_SECONDS)
            raise NoConnection(why_not_connected(self.host, code, self.said), self.said)
        version = str(there[0].fields.get("version"))[:40]
        if version != __version__:
            raise NoConnection(other_version(self.host, version, __version__), self.said)

    def _listen(self) -> None:
        assert self._ssh.stderr is not None
        while piece := os.read(self._ssh.stderr.fileno(), 4096):
            self._said = (self._said + piece)[-LOG_TAIL_BYTES:]

    @property
    def said(self) -> str:
        """The end of what ssh and the other computer wrote to their standard error."""
        return self._said.decode("utf-8", "replace")

    def close(self, wait_seconds: float = 0.0) -> int | None:
        """Ends ssh, and with it what runs over there; returns its exit code, None if it had to be killed."""
        try:
            code = self._ssh.wait(wait_seconds)
        except subprocess.TimeoutExpired:
            self._ssh.kill()
            self._ssh.wait()
            return None
        self._listening.join(ENDING_SECONDS)  # for its last words
        return code
