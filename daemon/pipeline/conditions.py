"""What accounts' jobs are held for, looked at again: credits that are back, a token that is accepted."""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog
from sqlalchemy import Connection

from daemon.errors import ApiError
from daemon.jobs import accounts, record
from daemon.jobs.model import Job
from daemon.nemo.account import Account
from daemon.nemo.client import Attribution, Client
from daemon.nemo.transport import Transport
from daemon.pipeline.barring import lifted
from daemon.pipeline.bench import Bench

_log = structlog.get_logger()


async def look_again(
    bench: Bench, attribution: Attribution, wake: Callable[[], None], *, begin: bool
) -> None:
    """Reads the balance where paid steps wait for credits or a token, and lets them go on where it says so.

    `begin`: the daemon has just started, maybe with another token than the one that was refused.
    """
    account, now = bench.account("service"), bench.now()
    bars = bench.account_record(account).bars.keys()
    if "subscription" in bars:
        await bench.store.write(
            lambda connection: record.have_one_try(connection, "service", "subscription", now)
        )
    held = begin and bench.store.read(lambda connection: record.any_held(connection, "service", "token"))
    if held or bars & {"credits", "token"}:
        transport = Transport()
        try:
            balance = await Client(transport, account, attribution).balance()
        except ApiError as error:
            _log.info("account.looked_at", account=account.id, error=str(error))
            return
        finally:
            await transport.close()
        over = lifted(bench.account_record(account), balance) | ({"token"} if held else set())
        if over:
            await lift(bench, account, over)
    wake()


async def lift(bench: Bench, account: Account, codes: Collection[str]) -> None:
    """Paid steps may be begun again: what was held for these reasons is queued."""
    now = bench.now()

    def change(connection: Connection) -> list[Job]:
        for code in codes:
            accounts.set_bar(connection, account.id, code, None)
        return record.release_held(connection, "service", codes, now)

    for job in await bench.store.write(change):
        bench.changed(job)
    _log.info("account.goes_on", account=account.id, after=sorted(codes))
