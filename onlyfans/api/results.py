"""The door by which EventBridge tells of result files, and the schemas of what may stand in them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.authentication import CronSecret, EventBridgeKey
from common.api.errors import ApiError
from common.api.models import Answer
from common.api.parsing import Limits
from common.api.views import ApiView
from onlyfans.models import ResultFile
from onlyfans.providers.documents import get_schema
from onlyfans.providers.notifications import NotANotification, read_parsed
from onlyfans.services.results import take_told


class TakenAnswer(Answer):
    """The files are noted, and read later. `found` counts result files of ours, `new` those that are to be read.

    `unreadable` counts records among them that are none of S3's: they were kept, for staff to look at.
    """

    found: int
    new: int
    unreadable: int


class ResultsView(ApiView):
    """Takes S3's notifications of stored result files, as EventBridge delivers them or as S3 itself writes them."""

    authentication_classes = [CronSecret, EventBridgeKey]
    # EventBridge carries at most 256 KiB.
    limits = Limits(bytes=256 * 1024, depth=20)

    @extend_schema(request=OpenApiTypes.OBJECT, responses={202: TakenAnswer}, tags=["ingest"])
    def post(self, request: Request) -> Response:
        """Note the files and answer at once."""
        try:
            told = read_parsed(request.data)
        except NotANotification as error:
            raise ApiError(400, str(error), code="not_a_notification") from None
        taken = take_told(told, ResultFile.Door.HTTP)
        return self.answer(TakenAnswer(found=taken.found, new=len(taken.ids), unreadable=taken.unreadable), status=202)


class ResultSchemaView(ApiView):
    """The JSON schema of a kind of result file, for whoever asks."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="ingest_schema",
        summary="The schema of a result file",
        responses=OpenApiTypes.OBJECT,
        tags=["ingest"],
    )
    def get(self, request: Request, kind: str, version: int) -> Response:
        """Answer with the schema, which never changes."""
        try:
            schema: dict[str, Any] = get_schema(kind, version)
        except LookupError:
            raise ApiError(404, "There is no such schema.") from None
        return Response(schema, headers={"Cache-Control": "public, max-age=300"})
