"""One file over http or https: of so many bytes, in so many seconds at most.

A server that answers a byte a second keeps every single read within its time-out, in the headers as in the body. So
the connection itself is shut, from another thread, when the time is over.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import socket
import threading
import urllib.request
from pathlib import Path
from typing import BinaryIO

from cogattn.errors import DataError

SILENCE_S = 30.0
"""How long a server may say nothing."""
PACKET = 2**16


class Transfer:
    """A downloader for pooch.

    Parameters
    ----------
    n_bytes : int
        Size of the file; more are not taken, fewer are refused.
    limit_s : float
        Seconds for all of it.
    progress : bool
        Show a bar on stderr.
    """

    def __init__(self, n_bytes: int, *, limit_s: float, progress: bool = False) -> None:
        self.n_bytes, self.limit_s, self.progress = n_bytes, limit_s, progress

    def __call__(self, url: str, output: str | Path, pooch: object = None) -> None:
        """Write what `url` gives to `output`.

        Raises
        ------
        DataError
            If the server cannot be reached, takes too long, or gives more or fewer bytes. The sentence begins with
            its verb.
        """
        with _Watch(self.limit_s) as watch, open(output, "wb") as file:
            try:
                there = self._receive(url, file, watch)
            except (http.client.HTTPException, OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise
                if not watch.is_over:
                    raise DataError(f"must be reachable; got {type(error).__name__} at {url}") from error
                there = file.tell()
            if watch.is_over and there != self.n_bytes:
                raise DataError(
                    f"must arrive within {self.limit_s:.3g} s; got {there:,} of {self.n_bytes:,} bytes from {url}"
                )
        if there != self.n_bytes:
            got = f"{there:,}" if there < self.n_bytes else "more"
            raise DataError(f"must have {self.n_bytes:,} bytes; got {got} from {url}")

    def _receive(self, url: str, file: BinaryIO, watch: _Watch) -> int:
        """Bytes that came, at most a packet more than there should be."""
        from tqdm import tqdm

        there = 0
        bar = tqdm(total=self.n_bytes, unit="B", unit_scale=True, disable=not self.progress)
        with bar, watch.opener().open(url, timeout=min(SILENCE_S, self.limit_s)) as response:
            while there <= self.n_bytes and (packet := response.read1(PACKET)):
                there += len(packet)
                file.write(packet)
                bar.update(len(packet))
        return there


class _Watch:
    """Shuts all connections of its opener when the time is over."""

    def __init__(self, limit_s: float) -> None:
        self.is_over = False
        self.sockets: list[socket.socket] = []
        self.timer = threading.Timer(limit_s, self._end)
        self.timer.daemon = True

    def __enter__(self) -> _Watch:
        self.timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()

    def _end(self) -> None:
        self.is_over = True
        for connected in self.sockets:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def opener(self) -> urllib.request.OpenerDirector:
        """http, https and redirections between them, and nothing else: no file, no ftp."""
        opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.UnknownHandler(),
            _Http(self),
            _Https(self),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
        ):
            opener.add_handler(handler)
        opener.addheaders = [("User-Agent", "cogattn")]
        return opener

    def keep(self, connected: socket.socket) -> None:
        """Know a connection before its first byte is sent."""
        self.sockets.append(connected)
        if self.is_over:
            raise TimeoutError


class _Connection(http.client.HTTPConnection):
    watch: _Watch

    def connect(self) -> None:
        super().connect()
        self.watch.keep(self.sock)


class _SecureConnection(http.client.HTTPSConnection):
    watch: _Watch

    def connect(self) -> None:
        super().connect()
        self.watch.keep(self.sock)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.connection = type("Connection", (_Connection,), {"watch": watch})

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self.connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self.connection = type("Connection", (_SecureConnection,), {"watch": watch})

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        import ssl

        import certifi

        context = ssl.create_default_context()
        context.load_verify_locations(certifi.where())
        return self.do_open(self.connection, req, context=context)
