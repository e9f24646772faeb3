# One image for every command of Headrace: `docker run headrace serve`, `... produce`, `... client`.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir "uv>=0.13,<0.14"
WORKDIR /app
# What Headrace stands on changes seldom: it is a layer of its own.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --extra postgres --no-install-project --no-cache
COPY README.md LICENSE ./
COPY src ./src
RUN uv sync --frozen --no-dev --extra postgres --no-editable --no-cache

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="Headrace" \
      org.opencontainers.image.description="Live video over SRT: producers, a broker and clients" \
      org.opencontainers.image.licenses="Apache-2.0"
# Letters of a slate that Pillow's own font lacks.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
# /recordings, /state and /keys belong to the user, so that a volume mounted there does too. The working folder is empty on purpose:
# commands read a .env from where they run.
RUN groupadd --gid 10001 headrace \
    && useradd --uid 10001 --gid headrace --no-create-home --home-dir /tmp --shell /usr/sbin/nologin headrace \
    && install --directory --owner=headrace --group=headrace /recordings /work \
    && install --directory --owner=headrace --group=headrace --mode=0700 /state /keys
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /work
USER 10001:10001
EXPOSE 8890/udp 8889/udp 8080/tcp
ENTRYPOINT ["headrace"]
CMD ["serve"]
