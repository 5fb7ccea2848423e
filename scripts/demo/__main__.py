"""Bill last month with demo data, then serve web, worker and beat until Ctrl-C.

The product runs as it does in production; only the environment differs.
"""

import argparse
import os
import signal
import socket
import sys
import textwrap
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from huntaze import embedded
from huntaze.demo_log_ins import LOG_INS
from huntaze.embedded import ports
from scripts.demo import payments, results
from scripts.demo.holding import end_running, only_demo, say
from scripts.demo.processes import MARK, DemoError, Processes
from scripts.demo.progress import Progress, fingerprint, is_billed

ROOT = Path(__file__).resolve().parents[2]
DATA_DIR = ROOT / ".data"
BUCKET = "huntaze-invoices"
QUEUES = "default,billing,messages,ai,enrichment,analytics,notifications,email,webhooks"
WEBHOOK_SECRET = "whsec_demo_0123456789"  # noqa: S105 - the stand-in signs with it, and nobody else
HOOK, HOOK_SECRET = "runs", "whsec_aHVudGF6ZS1kZW1vLWh1bnRhemUtZGVtby1odW50YXpl"
PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]
_SOME_ITEMS_FAILED = 1
_LAST_PORT = 65_535
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Demo:
    """One run of the demo on one port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sandbox_port = ports.claim(DATA_DIR, "sandbox")
        self.smtp_port = ports.claim(DATA_DIR, "smtp")
        self.storage_port = ports.claim(DATA_DIR, "storage")
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.storage_url = f"http://127.0.0.1:{self.storage_port}"
        self.processes = Processes(self._environment(embedded.ensure(DATA_DIR)))

    def prepare(self) -> None:
        """Bring the outside world up, and the data to where last month is billed."""
        self._start_outside_world()
        month = (datetime.now(UTC).replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
        is_loaded = is_billed(self.processes.environment["DATABASE_URL"], month)
        progress, migrated, wanted = Progress(4), DATA_DIR / "migrated", fingerprint(ROOT)
        if is_loaded:
            self.processes.start("web", self._granian())  # gets ready meanwhile
        if not is_loaded or not migrated.exists() or migrated.read_text() != wanted:
            progress.say("migrating the database")
            self._manage("migrate", "--verbosity", "0")
            migrated.write_text(wanted)
        # Libraries are loaded while the others get ready.
        from common.pace import begin

        # The stand-ins have just been started: nobody has called them.
        begin(self.processes.environment["REDIS_URL"])
        self._await_outside_world()
        self._create_bucket()
        results.set_up(self.storage_url)
        # A receiver that knows the secret judges each signature, as a customer's would.
        payments.trust_webhooks(self.sandbox_url, HOOK, HOOK_SECRET)
        payments.deliver_events(self.sandbox_url, f"http://127.0.0.1:{self.port}/api/webhooks/stripe", WEBHOOK_SECRET)
        if is_loaded:
            say(f"{month} is billed already: nothing is loaded or billed again")
        else:
            self._load(month, progress)

    def _load(self, month: str, progress: Progress) -> None:
        """Load the data, bill the month, and let the world outside answer."""
        self.processes.start("web", self._granian())  # gets ready while the month is billed
        progress.say("loading demo data: a business with a year of invoices; this takes a minute or two")
        receiver = ["--webhooks", f"{self.sandbox_url}/hooks/{HOOK}", "--webhook-secret", HOOK_SECRET]
        self._manage("load_demo", *receiver)
        progress.say(f"billing {month}")
        if self._manage("run_billing", "--month", month, allowed=_SOME_ITEMS_FAILED):
            say("some invoices need a person: the admin shows which, and why.")
        progress.say("taking snapshots, and letting customers pay and result files come")
        for job in ("analytics-snapshots", "record-issued-invoices"):
            self._manage("run_job", job)
        if count := payments.let_customers_pay(self.sandbox_url):
            say(f"{count} customers have paid meanwhile; one card was declined, one payment is disputed")
        say(f"{results.let_workers_deliver(self.storage_url)} result files have come; one of them can't be read")

    def serve(self) -> None:
        """Start worker and beat once a browser gets an answer: until then each would only slow the others down."""
        self.processes.wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/"), "The web server")
        celery = [PYTHON, "-m", "celery", "--app", "huntaze", "--quiet"]
        scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
        self.processes.start("worker", [*celery, "worker", "--concurrency", "2", "--queues", QUEUES])
        self.processes.start("consumer", [*MANAGE, "consume_results", "--verbosity", "0"])
        self.processes.start("beat", [*celery, "beat", "--scheduler", scheduler, "--pidfile", ""])

    def introduce(self) -> None:
        """Say where everything is."""
        log_ins = textwrap.fill(LOG_INS, 100, initial_indent="    ", subsequent_indent="      ")
        print(
            f"""
  Huntaze is ready.

    Admin             http://localhost:{self.port}/admin/
{log_ins}
    E-mails sent      {self.sandbox_url}/mail/
    Webhooks sent     {self.sandbox_url}/hooks/
    Stripe stand-in   {self.sandbox_url}/stripe/dashboard
    Logs of stand-ins {(DATA_DIR / "logs").relative_to(ROOT)}/

  Ctrl-C stops everything; the data stay for the next `make demo`.
""",
            flush=True,
        )

    def watch(self) -> None:
        """Pass on what the processes print, until one ends or a person stops the demo."""
        while True:
            self.processes.watch(1)

    def _environment(self, addresses: embedded.Addresses) -> dict[str, str]:
        return {
            **os.environ,
            MARK: str(DATA_DIR),
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            "DJANGO_SETTINGS_MODULE": "huntaze.settings",
            "DEBUG": "1",
            # What the demo says itself must not scroll away.
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
            "BASE_URL": f"http://localhost:{self.port}",
            "DATABASE_URL": addresses.database_url,
            "REDIS_URL": addresses.redis_url,
            "ONLYFANS_API_URL": f"{self.sandbox_url}/onlyfans",
            "STRIPE_API_KEY": "sk_test_demo",
            "STRIPE_API_BASE": f"{self.sandbox_url}/stripe",
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "AWS_ENDPOINT_URL_S3": self.storage_url,
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
            "INVOICE_ENABLE_S3": "1",
            "INVOICE_S3_BUCKET": BUCKET,
            "INVOICE_S3_REGION": "us-east-1",
            "INVOICE_S3_ENDPOINT": self.storage_url,
            "INVOICE_ENABLE_STRIPE": "1",
            "INVOICE_ENABLE_EMAIL": "1",
            "INVOICE_SMTP_HOST": "127.0.0.1",
            "INVOICE_SMTP_PORT": str(self.smtp_port),
            "INVOICE_SMTP_FROM": "Huntaze Billing <billing@huntaze.test>",
            "RESULTS_BUCKET": results.BUCKET,
            "RESULTS_REGION": results.REGION,
            "RESULTS_ENDPOINT": self.storage_url,
            "RESULTS_QUEUE_URL": results.queue_url(self.storage_url),
            "ALERTS_EMAIL": "operations@huntaze.test",
            "ALERTS_ALLOW_PRIVATE_ADDRESSES": "1",
            "ALERTS_SLACK_HOSTS": "127.0.0.1,localhost",
        }

    def _start_outside_world(self) -> None:
        logs = DATA_DIR / "logs"
        logs.mkdir(exist_ok=True)
        sandbox = ["--port", str(self.sandbox_port), "--smtp-port", str(self.smtp_port)]
        storage = ["--port", str(self.storage_port), "--file", str(DATA_DIR / "storage.sqlite3")]
        self.processes.start(
            "sandbox",
            [PYTHON, "-m", "sandbox", *sandbox, "--data-dir", str(DATA_DIR / "sandbox")],
            log=logs / "sandbox.log",
        )
        self.processes.start("storage", [PYTHON, "-m", "scripts.demo.storage", *storage], log=logs / "storage.log")

    def _await_outside_world(self) -> None:
        for name, port in (("sandbox", self.sandbox_port), ("mail", self.smtp_port), ("storage", self.storage_port)):
            self.processes.wait_until(partial(listens, port), f"The stand-in for {name}")

    def _create_bucket(self) -> None:
        import boto3
        from botocore.config import Config

        client = boto3.client(
            "s3",
            endpoint_url=self.storage_url,
            region_name="us-east-1",
            aws_access_key_id="demo",
            aws_secret_access_key="demo",  # noqa: S106 - what the stand-in takes
            config=Config(s3={"addressing_style": "path"}),
        )
        if BUCKET not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
            client.create_bucket(Bucket=BUCKET)

    def _manage(self, *arguments: str, allowed: int = 0) -> int:
        status = self.processes.run([*MANAGE, *arguments])
        _expect(status, (0, allowed), *arguments)
        return status

    def _granian(self) -> list[str]:
        address = ["--host", "127.0.0.1", "--port", str(self.port)]
        options = ["--interface", "wsgi", "--no-ws", "--blocking-threads", "4", "--workers-kill-timeout", "5"]
        return [PYTHON, "-m", "granian", *address, *options, "huntaze.wsgi:application"]


def _expect(status: int, allowed: tuple[int, ...], *arguments: str) -> None:
    if status not in allowed:
        raise DemoError(f"`manage.py {' '.join(arguments)}` ended with status {status}; its message is above.")


def listens(port: int) -> bool:
    """Whether a server accepts connections on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def answers(url: str) -> bool:
    """Whether the web server answers, with whatever status below 500."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def run(port: int) -> None:
    """Run the demo until a person stops it."""
    if not 0 < port <= _LAST_PORT:
        raise DemoError(f"There is no port {port}; choose one from 1 to {_LAST_PORT}: make demo PORT=8000")
    with only_demo(DATA_DIR, port):
        if not ports.is_free(port):
            raise DemoError(f"Port {port} is taken by another program; choose another: make demo PORT={port + 10}")
        demo = None
        try:
            say("starting PostgreSQL, Valkey and the stand-ins for the outside world")
            demo = Demo(port)
            demo.prepare()
            demo.serve()
            demo.introduce()
            demo.watch()
        except (DemoError, embedded.EmbeddedError) as error:
            say(str(error))
            raise SystemExit(1) from None
        finally:
            for number in _ENDING_SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            say("stopping")
            if demo:
                demo.processes.stop()
            embedded.stop(DATA_DIR)
            say("everything has stopped; the data stay in .data/")


def _stop_in_order(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Parse the command line and run the demo."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--stop", action="store_true", help="end a demo of this checkout that is running")
    os.chdir(ROOT)
    for number in _ENDING_SIGNALS:
        signal.signal(number, _stop_in_order)
    try:
        arguments = parser.parse_args()
        if arguments.stop:
            end_running(DATA_DIR)
        else:
            run(arguments.port)
    except (DemoError, embedded.EmbeddedError) as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
