"""Cells on the workers of a Dask scheduler: one at a time on each, each worker known by its address.

Dask's own executor leaves it to the scheduler where a call goes. Then a worker that dies takes the calls that wait
beside the guilty one under suspicion, a call that hangs cannot be ended, and nobody knows which device a call may
take. Here each worker has a seat that takes one call after the other, so that a dead worker costs the call on its seat
and no other, and a hung one is ended by starting its worker again. Workers may come and go: whoever joins the scheduler
gets a seat, once it is seen to be fit (`cogattn.running.fitness`).

All of it lives in the client's event loop, which alone touches the state.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from cogattn.errors import StoreError, UnfitWorker
from cogattn.running.executors import Equipment, Fleet, WorkerLost
from cogattn.running.worker import Seat, sit, take_seat

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

WATCH_S = 0.25
"""How often the scheduler is asked who is there."""
SILENCE_S = 20.0
"""A scheduler that gives no answer for so long is lost."""
WAIT_S = 10.0
"""So long without a worker, and it is told that one is waited for."""
RESTART_S = 60.0


@dataclass(eq=False)
class _Call:
    """A call on its way to a worker."""

    future: Future
    function: Callable[..., object]
    arguments: tuple[object, ...]
    options: Mapping[str, object]


@dataclass(eq=False)
class _Taken:
    """A worker's seat, as the driver sees it."""

    address: str
    number: int
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    ready: bool = False
    unfit: str = ""
    call: _Call | None = None
    service: asyncio.Task | None = None


class DaskExecutor(Fleet):
    """Calls on the workers of a Dask client, which stays open when the executor is shut down.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    most : int, optional
        Most workers that are used. Default: all.
    """

    def __init__(self, client: Client, most: int | None = None) -> None:
        self._client, self._most = client, most
        self._loop: asyncio.AbstractEventLoop = getattr(client.loop, "asyncio_loop")  # noqa: B009 - untyped
        self._address = _address_of(client)
        self._equipment = Equipment()
        self._calls: asyncio.Queue[_Call] = asyncio.Queue()
        self._seats: dict[str, _Taken] = {}
        self._ended: set[str] = set()
        self._why_lost = ""
        self._watch: Future | None = None
        self._restarts: list[Future] = []
        self._idle_since = time.monotonic()

    # -- what the crew asks, from its own thread --------------------------------------------------------------

    def equip(self, equipment: Equipment) -> None:
        """Say what each worker needs; workers are looked for from now on."""
        self._equipment = equipment
        if self._watch is None:
            self._watch = self._in_loop(self._keep_watch())

    def seats(self) -> int:
        """Workers that are there and fit, up to the most that are used.

        Raises
        ------
        StoreError
            If the scheduler is lost, or all workers that are there are unfit.
        """
        self._refuse_if_lost()
        seats = list(self._seats.values())
        unfit = [seat.unfit for seat in seats if seat.unfit]
        if unfit and len(unfit) == len(seats):
            raise UnfitWorker(unfit[0])
        n = sum(seat.ready for seat in seats)
        self._tell_of_waiting(n)
        return n if self._most is None else min(n, self._most)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand a call to the first seat that is free.

        Raises
        ------
        StoreError
            If the scheduler is lost.
        """
        self._refuse_if_lost()
        call = _Call(Future(), fn, args, kwargs)
        if self._watch is None:
            self.equip(self._equipment)
        self._loop.call_soon_threadsafe(self._calls.put_nowait, call)
        return call.future

    def end(self, future: Future[str | None]) -> None:
        """Start the worker of a call again, whatever it is doing."""
        self._restarts.append(self._in_loop(self._end(future)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave all seats; a call that is under way goes on in its worker, which then has no seat.

        With `wait`, workers that are being started again have been, so that nobody else finds them hanging.
        """
        for restart in self._restarts if wait else ():
            with suppress(Exception):  # told in the log
                restart.result(RESTART_S)
        if self._watch is not None and not self._loop.is_closed():
            with suppress(RuntimeError):  # the client was closed, and its loop with it
                self._loop.call_soon_threadsafe(self._leave_all)
            self._watch = None

    def _refuse_if_lost(self) -> None:
        if self._client.status not in ("running", "connecting", "newly-created"):
            self._why_lost = self._why_lost or self._lost("the client was closed")
        if self._why_lost:
            raise StoreError(self._why_lost)

    def _tell_of_waiting(self, n_ready: int) -> None:
        now = time.monotonic()
        if n_ready:
            self._idle_since = now
        elif now - self._idle_since > WAIT_S:
            log.warning("no worker of the Dask scheduler %s is ready yet; waiting for one", self._address)
            self._idle_since = float("inf")

    def _in_loop(self, coroutine: Coroutine[object, object, None]) -> Future:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    # -- in the loop: who is there ----------------------------------------------------------------------------

    async def _keep_watch(self) -> None:
        """Give newcomers a seat and clear those of workers that have gone, until the scheduler is lost."""
        heard = time.monotonic()
        try:
            while True:
                if self._client.status != "running":
                    return self._give_up("it closed the connection")
                try:
                    there = await asyncio.wait_for(self._client.nthreads(asynchronous=True), SILENCE_S)
                    heard = time.monotonic()
                    self._compare(set(there))
                except (OSError, TimeoutError) as error:
                    if time.monotonic() - heard > SILENCE_S:
                        return self._give_up(f"no answer for {SILENCE_S:g} s ({type(error).__name__})")
                await asyncio.sleep(WATCH_S)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody looks after the seats any more
            self._give_up(f"{type(error).__name__}: {error}")

    def _compare(self, there: set[str]) -> None:
        self._ended &= there
        for address in self._seats.keys() - there:
            self._clear(address, "it left the scheduler")
        for address in sorted(there - self._seats.keys() - self._ended):
            seat = _Taken(address, self._free_number(address))
            self._seats[address] = seat
            seat.service = asyncio.ensure_future(self._serve(seat))

    def _free_number(self, address: str) -> int:
        """The first number that no other worker of the host has."""
        taken = {seat.number for seat in self._seats.values() if _host(seat.address) == _host(address)}
        return next(number for number in range(len(taken) + 1) if number not in taken)

    def _clear(self, address: str, why: str) -> None:
        seat = self._seats.pop(address)
        if seat.service is not None:
            seat.service.cancel()
        if seat.call is not None:
            _fail(seat.call, WorkerLost(f"worker {address}: {why}"))

    def _give_up(self, why: str) -> None:
        """Fail all calls: the scheduler is lost."""
        self._why_lost = self._lost(why)
        calls = [seat.call for seat in self._seats.values() if seat.call is not None]
        while not self._calls.empty():
            calls.append(self._calls.get_nowait())
        self._leave_all()
        for call in calls:
            _fail(call, StoreError(self._why_lost))

    def _lost(self, why: str) -> str:
        return (
            f"the Dask scheduler must stay within reach; got {self._address} lost: {why}; what was finished is stored, "
            "and the same command resumes"
        )

    def _leave_all(self) -> None:
        for address in list(self._seats):
            seat = self._seats.pop(address)
            if seat.service is not None:
                seat.service.cancel()
        if self._watch is not None:
            self._watch.cancel()

    # -- in the loop: one worker ------------------------------------------------------------------------------

    async def _serve(self, seat: _Taken) -> None:
        """Bring a worker call after call."""
        if not await self._seated(seat):
            return
        while True:
            call = await self._calls.get()
            if not call.future.set_running_or_notify_cancel():
                continue
            seat.call = call
            try:
                answer = await self._at(seat, sit, seat.token, call.function, *call.arguments, **call.options)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # noqa: BLE001 - a future carries whatever its call raises
                seat.call = None
                _fail(call, self._translated(error, seat))
            else:
                seat.call = None
                call.future.set_result(answer)

    async def _seated(self, seat: _Taken) -> bool:
        """Have a worker take its seat; one that is not fit is named and left alone."""
        claim = Seat(seat.token, seat.number, self._equipment)
        try:
            await self._at(seat, take_seat, claim)
        except UnfitWorker as error:
            seat.unfit = str(error)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a worker without our code may raise anything
            lost = self._translated(error, seat)
            if isinstance(lost, WorkerLost | StoreError):
                self._seats.pop(seat.address, None)
                return False
            seat.unfit = (
                f"a worker must be able to load cogattn and the study; got {type(error).__name__}: {error} "
                f"(worker {seat.address})"
            )
        if seat.unfit:
            log.warning("left out: %s", seat.unfit)
            return False
        seat.ready = True
        return True

    async def _at(
        self, seat: _Taken, call: Callable[..., object], /, *arguments: object, **options: object
    ) -> object:
        """Return what a call returns on a worker, and on no other."""
        future = self._client.submit(
            call,
            *arguments,
            key=f"cogattn-{seat.token}-{secrets.token_hex(4)}",
            workers=[seat.address],
            allow_other_workers=False,
            pure=False,
            **options,
        )
        done = asyncio.Event()
        future.add_done_callback(lambda _: self._loop.call_soon_threadsafe(done.set))
        try:
            await done.wait()  # a `gather` that is cancelled leaves tasks that complain
            return await self._client.gather(future, asynchronous=True)
        finally:
            future.release()

    def _translated(self, error: BaseException, seat: _Taken) -> BaseException:
        """Dask's ways to say that a worker died, or the scheduler is lost, as ours."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        if self._client.status != "running":
            return StoreError(self._why_lost or self._lost("it closed the connection"))
        if isinstance(error, KilledWorker | CancelledError):
            return WorkerLost(f"worker {seat.address}: {type(error).__name__}")
        return error

    async def _end(self, future: Future) -> None:
        """Start the worker of a call again; one without a nanny ends for good."""
        for seat in list(self._seats.values()):
            if seat.call is not None and seat.call.future is future:
                self._ended.add(seat.address)
                self._clear(seat.address, "its call took too long")
                try:
                    await asyncio.to_thread(self._client.restart_workers, [seat.address], RESTART_S, False)
                except ValueError:  # no nanny
                    log.warning("worker %s hangs and has no nanny to start it again", seat.address)
                except Exception as error:  # noqa: BLE001 - Dask's errors differ with what is broken
                    log.warning("worker %s hangs and could not be started again: %r", seat.address, error)
                else:
                    self._ended.discard(seat.address)


def _fail(call: _Call, error: BaseException) -> None:
    if not call.future.done():
        call.future.set_exception(error)


def _host(address: str) -> str:
    """``tcp://10.0.0.1:4711`` is of host ``tcp://10.0.0.1``."""
    return address.rpartition(":")[0]


def _address_of(client: Client) -> str:
    return client.scheduler.address if client.scheduler is not None else "?"
