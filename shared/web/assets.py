"""The static files, with how long a browser may keep them."""

from os import PathLike, stat_result

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from shared.web import STATIC

FOR_EVER = "public, max-age=31536000, immutable"
A_WEEK = "public, max-age=604800"


class Assets(StaticFiles):
    """Serves `STATIC`: for ever where the address names the content (`?v=`), a week else. Mount it at `/static`."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, or 304."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers["cache-control"] = FOR_EVER if scope["query_string"].startswith(b"v=") else A_WEEK
        return response
