"""One claimed batch, taken through its job's steps."""

import datetime as dt
import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from itertools import groupby

from django.db import close_old_connections, transaction

from common.clock import now
from common.errors import Misconfigured
from common.tracing import span
from common.trail import bound, submit
from jobs.engine.claims import Claimed, LeaseLost, flush, hold
from jobs.engine.context import Context
from jobs.engine.outcomes import as_work_error
from jobs.models import JobItem
from jobs.registry import Job, Step

# How many ended items are gathered before their outcomes are written down together.
_FLUSH_EVERY = 20


class Batch:
    """Takes claimed items through the steps; every exception but Misconfigured and LeaseLost stays with its item."""

    def __init__(self, job: Job, context: Context) -> None:
        self.job = job
        self.context = context

    def run(self) -> None:
        """Run all steps, writing outcomes down as items end."""
        steps = [step for step in self.job.steps() if step.dry_run or not self.context.dry_run]
        keys = list(self.context.items)
        groups = [(each, list(group)) for each, group in groupby(steps, key=lambda step: step.each)]
        for position, (each, group) in enumerate(groups):
            keys = self.context.alive(keys)
            if each:
                self._run_each(group, keys, is_last=position == len(groups) - 1)
            else:
                for step in group:
                    self._run_set(step, self.context.alive(keys))
        self._end(self._unwritten())

    def _run_set(self, step: Step, keys: Sequence[str]) -> None:
        """Run a set-based step; where it raises, halve the batch until the one bad item is alone."""
        self.context.check()
        todo = [key for key in self.context.mine(keys) if not self._is_done(key, step)]
        if not todo:
            return
        for key in todo:
            self.context.items[key].step = step.name
        before = {key: self.context.items[key].save() for key in todo}
        try:
            with bound(step=step.name), span(f"step {step.name}", step=step.name, items=len(todo)):
                self._call_set(step, todo)
        except (Misconfigured, LeaseLost):
            raise
        except Exception as error:
            todo = self.context.mine(todo)
            # What the step said of its items was rolled back, or will be said again.
            for key in todo:
                self.context.items[key].restore(before[key])
            self._halve(step, todo, error)

    def _halve(self, step: Step, keys: Sequence[str], error: Exception) -> None:
        if len(keys) < 2:
            for key in keys:
                with bound(item=key, step=step.name):
                    self.context.fail(key, as_work_error(error))
            return
        middle = len(keys) // 2
        for half in (keys[:middle], keys[middle:]):
            self._run_set(step, half)

    def _call_set(self, step: Step, keys: Sequence[str]) -> None:
        started_at, clock = now(), time.monotonic()
        # One that the server has cut would fail whatever comes next in this thread, too.
        close_old_connections()
        if step.atomic:
            with transaction.atomic():
                held = hold(self.context.items[key] for key in keys)
                keys = [key for key in keys if self._keep(key, held)]
                if keys:
                    step.run(keys, self.context)
                if self.context.dry_run:
                    transaction.set_rollback(True)
        else:
            step.run(keys, self.context)
        self._record(step, self.context.alive(keys), started_at, time.monotonic() - clock)

    def _keep(self, key: str, held: set[int]) -> bool:
        """Drop an item that somebody else took."""
        if self.context.items[key].id in held:
            return True
        del self.context.items[key]
        return False

    def _run_each(self, steps: Sequence[Step], keys: Sequence[str], *, is_last: bool) -> None:
        """Take each key through several steps by itself, many keys at once."""
        pool = self.context.pool
        futures = {submit(pool, self._run_one, steps, key): key for key in keys}
        problem: Exception | None = None
        ended: list[Claimed] = []
        for future in as_completed(futures):
            problem = (None if future.cancelled() else self._problem(future.exception())) or problem
            if problem:
                for other in futures:
                    other.cancel()
            elif is_last:
                ended.append(self.context.items[futures[future]])
                if len(ended) >= _FLUSH_EVERY:
                    self._end(ended)
                    ended = []
        self._end(ended)
        if problem:
            raise problem

    @staticmethod
    def _problem(error: BaseException | None) -> Exception | None:
        if error is None or isinstance(error, Misconfigured | LeaseLost):
            return error
        raise error

    def _run_one(self, steps: Sequence[Step], key: str) -> None:
        item = self.context.items[key]
        close_old_connections()
        for step in steps:
            if self._is_done(key, step):
                continue
            self.context.check()
            item.step = step.name
            started_at, clock = now(), time.monotonic()
            self._call_one(step, key)
            if item.status != JobItem.Status.RUNNING:
                return
            self._record(step, [key], started_at, time.monotonic() - clock)

    def _call_one(self, step: Step, key: str) -> None:
        """Take one key through one step; what goes wrong stays with it, except what concerns all."""
        with bound(item=key, step=step.name):
            try:
                with span(f"step {step.name}", step=step.name, item=key, item_id=self.context.items[key].id):
                    step.run([key], self.context)
            except (Misconfigured, LeaseLost):
                raise
            except Exception as error:
                self.context.fail(key, as_work_error(error))

    def _is_done(self, key: str, step: Step) -> bool:
        done: bool = self.context.items[key].steps.get(step.name, {}).get("status") == "done"
        # A dry run leaves nothing behind that a later step of the same item could build on.
        return done and not self.context.dry_run

    def _record(self, step: Step, keys: Sequence[str], started_at: dt.datetime, seconds: float) -> None:
        for key in keys:
            self.context.record(self.context.items[key], step.name, started_at, seconds)

    def _unwritten(self) -> list[Claimed]:
        return [item for item in self.context.items.values() if item.id not in self.context.written]

    def _end(self, items: Sequence[Claimed]) -> None:
        for item in items:
            if item.status == JobItem.Status.RUNNING:
                item.status, item.error_kind, item.error = JobItem.Status.DONE, "", ""
        flush(self.context.run, items)
        self.context.written.update(item.id for item in items)
