"""The origin's HTTP API as the `stoa` command uses it. Every refusal becomes one sentence."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from standalone.errors import OriginUnreachableError, StandaloneError
from standalone.ready_file import StoreAccess

REQUEST_SECONDS = 30
UPLOAD_SECONDS = 600
POLL_SECONDS = 5
ADMIN = "/admin/api/2024-10"


class OriginClient:
    """Use as an async context manager."""

    def __init__(self, origin_url: str, platform_token: str) -> None:
        self._platform = {"Authorization": f"Bearer {platform_token}"}
        timeout = httpx.Timeout(REQUEST_SECONDS, write=UPLOAD_SECONDS, read=UPLOAD_SECONDS)
        nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it is plain http: to read all certificates takes longer
        self._http = httpx.AsyncClient(base_url=origin_url, timeout=timeout, trust_env=False, verify=nobody)

    async def __aenter__(self) -> "OriginClient":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()

    async def create_store(self, wanted: Mapping[str, Any]) -> tuple[dict[str, Any], StoreAccess]:
        """The store as the platform describes it, and its access."""
        answer = await self._ask("POST", "/platform/stores", headers=self._platform, json=dict(wanted))
        store = answer["store"]
        return store, StoreAccess(int(store["id"]), store["name"], store["host"], answer["admin_token"])

    async def list_stores(self, limit: int, after: int | None = None) -> list[dict[str, Any]]:
        parameters = {"limit": limit} | ({"after": after} if after is not None else {})
        answer = await self._ask("GET", "/platform/stores", headers=self._platform, params=parameters)
        stores: list[dict[str, Any]] = answer["stores"]
        return stores

    async def close_store(self, store_id: int) -> dict[str, Any]:
        return await self._ask("POST", f"/platform/stores/{store_id}/close", headers=self._platform)

    async def start_import(self, file: Path, token: str, *, overwrite: bool) -> dict[str, Any]:
        with file.open("rb") as content:
            answer = await self._ask(
                "POST",
                f"{ADMIN}/imports.json",
                params={"overwrite": str(overwrite).lower()},
                headers=_admin(token),
                files={"file": (file.name, content, "text/csv")},
            )
        started: dict[str, Any] = answer["import"]
        return started

    async def read_import(self, import_id: int | str, token: str) -> dict[str, Any]:
        path = f"{ADMIN}/imports/{import_id}.json"
        answer = await self._ask("GET", path, headers=_admin(token), timeout=POLL_SECONDS)
        found: dict[str, Any] = answer["import"]
        return found

    async def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        try:
            answer = await self._http.request(method, path, **request)
        except httpx.HTTPError as error:
            raise OriginUnreachableError(
                f"The origin at {self._http.base_url} does not answer ({error or type(error).__name__}). "
                "`stoa doctor` says which part is down."
            ) from error
        if answer.is_error:
            kind = OriginUnreachableError if answer.is_server_error else StandaloneError
            raise kind(f"The origin refused ({answer.status_code}): {_reason(answer)}")
        content: dict[str, Any] = answer.json() if answer.content else {}
        return content


def _admin(token: str) -> dict[str, str]:
    return {"X-Stoa-Access-Token": token}


def _reason(answer: httpx.Response) -> str:
    """The shapes of refusals the origin has: errors by field, one text, problem details."""
    try:
        content = answer.json()
    except ValueError:
        return answer.reason_phrase
    if not isinstance(content, dict):
        return str(content)
    errors = content.get("errors") or content.get("detail") or content.get("title") or answer.reason_phrase
    if isinstance(errors, dict):
        return "; ".join(f"{name} {_joined(texts)}" for name, texts in errors.items())
    return _joined(errors)


def _joined(texts: Any) -> str:
    return ", ".join(str(text) for text in texts) if isinstance(texts, list) else str(texts)
