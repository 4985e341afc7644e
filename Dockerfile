# One image for every program; docker-compose.yml says which one a container runs.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-uv.lock requirements.lock pyproject.toml ./
RUN python -m venv /venv \
 && /venv/bin/python -m pip install --quiet --no-cache-dir --require-hashes -r requirements-uv.lock \
 && /venv/bin/uv pip install --quiet --no-cache --python /venv/bin/python \
      --constraint requirements.lock --requirements pyproject.toml

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /srv/stoa stoa
COPY --from=build /venv /venv
WORKDIR /srv/stoa
COPY contracts contracts
COPY invalidation invalidation
COPY edge_renderer edge_renderer
COPY origin origin
COPY standalone standalone
COPY themes themes
ENV PATH=/venv/bin:$PATH PYTHONPATH=/srv/stoa PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER stoa
