"""Durable mode in the small: start at most once, attach from an offset, and end with what the target recorded."""

import asyncio

from db.values import Stream
from runner.connection import Connection, Exit
from runner.execution import Drive
from runner.outcome import Outcome, Stopped, ended
from runner.stopping import until_ended
from tests.runner.sim.target import PROGRAM, Program, Target


class Cut(Exception):
    """The connection broke while attached."""


class Spool:
    """The way of driving, for one target."""

    def __init__(self, target: Target) -> None:
        self.target = target

    async def __call__(self, drive: Drive, connection: Connection) -> Outcome:
        named = PROGRAM.search(drive.row.command)
        assert named is not None
        program = self.target.programs[int(named[1])]
        if drive.row.remote is None:
            await drive.note({"remote": {"spool": named[1]}})
        while True:
            try:
                return await self.attach(drive, program)
            except Cut:
                await asyncio.sleep(0.5)
            async with drive.channel():
                pass

    async def attach(self, drive: Drive, program: Program) -> Outcome:
        """What one connection is good for."""
        cuts = self.target.cuts
        await self.reach(cuts)
        if program.starts == 0:
            program.start()
        await self.reach(cuts)
        following = asyncio.create_task(self.follow(drive, program, cuts), name="attached")
        try:
            reason = await until_ended(
                following, cancelled=drive.cancelled, sink=drive.sink, seconds=drive.row.timeout_seconds
            )
            if reason is None:
                exit = following.result()
                return ended(exit.status, exit.signal)
            await self.reach(cuts)
            program.kill("KILL")
            return Stopped(reason, True).outcome(drive.row.timeout_seconds)
        finally:
            following.cancel()
            await asyncio.wait([following])

    async def reach(self, cuts: int) -> None:
        """Use the connection that was made after so many cuts."""
        if self.target.use() is not None:
            self.target.cut()
        await asyncio.sleep(self.target.latency)
        if self.target.cuts != cuts or self.target.mode != "up":
            raise Cut

    async def follow(self, drive: Drive, program: Program, cuts: int) -> Exit:
        """Tell the sink what it has not got yet, until the program has ended."""
        while True:
            changed = program.changed
            for stream in Stream:
                drive.sink.write(stream, bytes(program.produced[stream][drive.sink.offsets[stream] :]))
            if program.exit is not None:
                return program.exit
            await changed.wait()
            await self.reach(cuts)
