"""Create the queues at SQS."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from huntaze.broker import SQS, dead_letters_of

_SECONDS = 20.0


class Command(BaseCommand):
    """Creates each queue with its dead letter queue at SQS, or brings those that are there to what they should be."""

    help = "Create every queue and its dead letter queue at SQS (JOBS_BROKER=sqs); may be repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        """Create them one after the other."""
        if settings.JOBS_BROKER != "sqs":
            raise CommandError("JOBS_BROKER is not sqs: Redis and Valkey make their queues by themselves.")
        try:
            self._create()
        except NoRegionError:
            raise CommandError("No region: set SQS_REGION, or AWS_DEFAULT_REGION.") from None
        except NoCredentialsError:
            raise CommandError("No credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role.") from None
        except (BotoCoreError, ClientError, ValueError) as error:
            raise CommandError(f"SQS did not do it: {error}") from None

    def _create(self) -> None:
        broker = SQS(settings.SQS_REGION, settings.SQS_ENDPOINT, _SECONDS)
        for name, at_broker in settings.BROKER_QUEUE_NAMES.items():
            broker.create(at_broker, settings.SQS_VISIBILITY_SECONDS)
            self.stdout.write(f"{name}: {at_broker}, {dead_letters_of(at_broker)}")
