"""The WSGI application."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "huntaze.settings")

from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application

from huntaze.bodies import measure_bodies, read_to_end
from huntaze.celery import give_up_soon
from huntaze.processes import serve_web
from huntaze.start import start_embedded_servers

start_embedded_servers()
serve_web()
application = measure_bodies(get_wsgi_application())
if settings.CLIENT_ADDRESS_HEADER:
    # There is a proxy in front.
    application = read_to_end(application)
give_up_soon()
try:
    # A server that starts without its secrets or addresses should say so now, not at the first request.
    call_command("check")
except CommandError as error:
    sys.exit(str(error))
