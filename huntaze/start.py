"""What happens before Django does: the embedded servers come up where the settings point at them."""

import sys

from django.core.exceptions import ImproperlyConfigured

# What commands end with where an argument is wrong; 1 says that there was work and some of it failed.
_WRONG_USAGE = 2


def start_embedded_servers() -> None:
    """Start PostgreSQL and Valkey unless `DATABASE_URL` and `REDIS_URL` name others or `DEBUG` is off."""
    try:
        from huntaze import settings
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        sys.exit(_WRONG_USAGE)
    if settings.DEBUG and not (settings.ENV.database_url and settings.ENV.redis_url):
        from huntaze import embedded

        embedded.ensure(settings.DATA_DIR)
