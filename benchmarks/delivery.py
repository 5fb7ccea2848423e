"""Delivering invoices: PDF alone, and the whole way to servers that take their time."""

import json
from dataclasses import dataclass

from benchmarks.compute import MONTH, load_month
from benchmarks.database import Servers, run_file, run_sql, temporary_database
from benchmarks.processes import bill_month, database_cpu_seconds, run_command
from benchmarks.report import Table, judge, rate
from benchmarks.stand_ins import StandIns, by_endpoint, count_in_any_second, count_statuses, stand_ins

_MILLISECONDS = 100
_AIM_PER_SECOND = 40
_DOCUMENTED, _RAISED = (100, 25), (400, 100)
_DEFAULT_THREADS = 24


@dataclass(frozen=True)
class Setting:
    """One way to deliver: how many threads a worker has, and Stripe's limits, overall and an endpoint."""

    name: str
    threads: int = _DEFAULT_THREADS
    limits: tuple[int, int] = _DOCUMENTED
    flags: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What the product needs to know of it."""
        overall, endpoint = map(str, self.limits)
        return {
            "JOBS_THREADS": str(self.threads),
            "STRIPE_RATE_PER_SECOND": overall,
            "STRIPE_ENDPOINT_RATE_PER_SECOND": endpoint,
        }


_WITHIN, _BEYOND, _WITHOUT = (
    "within Stripe's documented limits",
    "with limits four times as high",
    "without Stripe",
)
_FIRST = Setting("first month: customers are created in Stripe")
_SETTINGS = [
    Setting(_WITHIN, limits=_DOCUMENTED),
    *(
        Setting(name, threads, limits, flags)
        for name, limits, flags in (
            (_BEYOND, _RAISED, ()),
            (_WITHOUT, _DOCUMENTED, ("--no-stripe",)),
        )
        for threads in (24, 32)
    ),
]


def measure(invoices: int) -> list[Table]:
    """Measure in a database of its own; `invoices` is how many are delivered each time."""
    with temporary_database() as servers, stand_ins(_MILLISECONDS) as outside:
        run_command(["manage.py", "migrate", "--verbosity", "0"], servers.environment)
        run_file(servers.database_url, "plans.sql")
        load_month(servers, 1, invoices)
        limited: list[list[str]] = []
        rows = [_deliver(servers, outside, setting, invoices, limited) for setting in (_FIRST, *_SETTINGS)]
        return [_measure_pdf(servers), _pipeline(rows, invoices), _limiter(limited)]


def _measure_pdf(servers: Servers) -> Table:
    rows = []
    for processes in (1, 2):
        done = json.loads(
            run_command(["-m", "benchmarks.pdf", str(processes)], servers.environment).output.splitlines()[-1]
        )
        kilobytes = done["bytes"] / done["invoices"] / 1024
        rows.append([str(processes), rate(done["invoices"], done["seconds"]), f"{kilobytes:.0f}"])
    notes = ["Reading an invoice with its lines, writing its sentences, laying it out as PDF/A-2a and PDF/UA-1."]
    return Table("Laying out PDFs", ("processes", "invoices/s", "KB each"), rows, notes)


def _deliver(
    servers: Servers, outside: StandIns, setting: Setting, invoices: int, limited: list[list[str]]
) -> list[str]:
    """Bill and deliver the month once; return what it took as a row, and add Stripe's view of it to `limited`."""
    run_file(servers.database_url, "empty.sql")
    overall, endpoint = setting.limits
    outside.control("DELETE", "requests")
    outside.control("PUT", "stripe/rate-limit", {"per_second": overall, "per_endpoint": endpoint})
    environment = {**servers.environment, **outside.environment, **setting.environment}
    before = outside.cpu_seconds(), database_cpu_seconds(servers.database_url)
    done = bill_month(MONTH, environment, *setting.flags)
    cpu = outside.cpu_seconds() - before[0], database_cpu_seconds(servers.database_url) - before[1]
    seconds = _seconds_of_last_run(servers, invoices)
    if not setting.flags:
        limited.append(_describe_requests(setting, outside, invoices))
    shares = [f"{100 * used / seconds:.0f} %" for used in (done.cpu_seconds, cpu[1], cpu[0])]
    megabytes = f"{done.worker_megabytes:.0f}"
    return [setting.name, str(setting.threads), f"{seconds:.1f}", rate(invoices, seconds), *shares, megabytes]


def _seconds_of_last_run(servers: Servers, invoices: int) -> float:
    last = "FROM jobs_jobrun ORDER BY id DESC LIMIT 1"
    done = int(run_sql(servers.database_url, f"SELECT done {last}"))
    if done != invoices:
        errors = run_sql(servers.database_url, "SELECT DISTINCT error FROM jobs_jobitem WHERE status = 'failed'")
        raise RuntimeError(f"{done} of {invoices} invoices were delivered: {errors}")
    return float(run_sql(servers.database_url, f"SELECT extract(epoch FROM finished_at - created_at) {last}"))


def _describe_requests(setting: Setting, outside: StandIns, invoices: int) -> list[str]:
    requests = outside.list_requests()
    busiest = max(count_in_any_second(of) for of in by_endpoint(requests).values())
    overall, endpoint = setting.limits
    return [
        f"{setting.name}, {setting.threads} threads",
        f"{len(requests) / invoices:.1f}",
        f"{count_in_any_second(requests)} of {overall}",
        f"{busiest} of {endpoint}",
        str(count_statuses(requests)[429]),
    ]


def _pipeline(rows: list[list[str]], invoices: int) -> Table:
    reached = {name: max(float(row[3]) for row in rows if row[0] == name) for name in (_WITHIN, _BEYOND, _WITHOUT)}
    columns = ("", "threads a worker", "seconds", "invoices/s", "CPU: product", "database", "stand-ins", "MB")
    return Table(
        f"Delivering to servers that take {_MILLISECONDS} ms an answer",
        columns,
        rows,
        [
            f"{invoices:,} organizations billed and delivered by `run_job monthly-billing`, two workers: computed, "
            f"numbered, PDF, S3, Stripe, e-mail. **{reached[_BEYOND]:.0f} a second** where Stripe grants more than it "
            f"documents (aim: {_AIM_PER_SECOND}; {judge(reached[_BEYOND] >= _AIM_PER_SECOND)}), {reached[_WITHIN]:.0f} "
            f"within its documented limits, {reached[_WITHOUT]:.0f} without Stripe.",
            "Each invoice needs a call of its own to create it in Stripe, and Stripe documents 25 requests a second an "
            "endpoint: 25 invoices a second are the most that its documented limits allow. The raised limits show what "
            "the product could do where Stripe grants them.",
            "CPU of 100 % is one core; the machine's are shared by product, database and the stand-ins (Stripe, S3, "
            "mail), which keep the limits and take their time, and check nothing. MB is the peak of the larger worker.",
        ],
    )


def _limiter(rows: list[list[str]]) -> Table:
    columns = ("", "requests an invoice", "most in any second", "most at one endpoint", "answered 429")
    notes = [
        "As the stand-in for Stripe logged them; it refuses (429) what is above the limits, over any second. Both "
        "workers and all their threads share one limiter in Valkey."
    ]
    return Table("Stripe's limits kept", columns, rows, notes)
