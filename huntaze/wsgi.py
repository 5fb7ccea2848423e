"""The WSGI application."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "huntaze.settings")

from django.core.wsgi import get_wsgi_application

from huntaze.start import start_embedded_servers

start_embedded_servers()
application = get_wsgi_application()
