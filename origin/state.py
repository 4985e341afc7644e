"""The state server as the origin asks it: the library's commands, each over the one line that all requests share
(decision 24). Only what has to go together, a pipeline, takes a connection of the library's own."""

from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import TimeoutError as TookTooLong

from invalidation.line import Line

ANSWER_SECONDS = 1.0


class StateClient(Redis):
    _line: Line

    @classmethod
    def of(cls, url: str) -> Self:
        client: Self = cls.from_url(  # type: ignore[assignment]
            url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        )
        client._line = Line(url, ANSWER_SECONDS)
        return client

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:
        """Once more if the line broke, as the library would. Raises RedisError only."""
        try:
            try:
                answer = await self._line.ask(*arguments)
            except ConnectionError:
                answer = await self._line.ask(*arguments)
        except TimeoutError as error:
            raise TookTooLong(str(error)) from error
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        meaning = self.response_callbacks.get(arguments[0])
        return meaning(answer, **options) if meaning else answer

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await self._line.close()
        await super().aclose(close_connection_pool)
