"""Settings and addresses of the server under measurement: the product's, and beside them a bare view that inserts."""

from django.urls import path
from rest_framework.parsers import JSONParser
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from huntaze import urls
from jobs.models import JobRun


class Bare(APIView):
    """Reads JSON, inserts one row, answers: what no endpoint that writes can do without."""

    permission_classes = [AllowAny]
    parser_classes = [JSONParser]

    def post(self, request: Request) -> Response:
        """Insert a run that asks for nothing."""
        run = JobRun.objects.create(job="bare", trigger="http", status="succeeded", slot=str(dict(request.data)["id"]))
        return Response({"id": run.pk}, status=202)


urlpatterns = [path("bare", Bare.as_view()), *urls.urlpatterns]
