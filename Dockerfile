# The same steps as the README: Debian's Python, make install, b2bua run. The C compiler stays behind in a stage of its own.
#   docker build -t b2bua .
#   docker run --network host -v ./config:/opt/b2bua/config:ro -v b2bua-state:/opt/b2bua/var b2bua
# SIP and RTP name their own addresses, so the container shares the host's network instead of hiding behind a port map.
FROM debian:bookworm-slim AS media

RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY b2bua/__init__.py b2bua/__init__.py
COPY b2bua/media b2bua/media
RUN python3 -m b2bua.media.build

FROM debian:bookworm-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates make python3 python3-venv \
 && rm -rf /var/lib/apt/lists/*

RUN useradd --system --home-dir /opt/b2bua --shell /usr/sbin/nologin b2bua \
 && mkdir -p /opt/b2bua/var && chown b2bua:b2bua /opt/b2bua/var
WORKDIR /opt/b2bua

# What is installed changes seldom, the program often: two layers.
COPY Makefile pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY b2bua/__init__.py b2bua/__init__.py
RUN make install && rm -rf /root/.cache
COPY b2bua b2bua
COPY --from=media /src/b2bua/media/_native b2bua/media/_native
COPY config config
RUN .venv/bin/python -m compileall -q b2bua && .venv/bin/b2bua check --config config/b2bua.yaml

USER b2bua
VOLUME /opt/b2bua/var
EXPOSE 5060/udp 5060/tcp 8080/tcp
ENV B2BUA_HEALTH=http://127.0.0.1:8080/health
# 503 while draining counts as unhealthy: nothing new should be sent here.
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s \
  CMD ["python3", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['B2BUA_HEALTH'], timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/b2bua/.venv/bin/b2bua"]
CMD ["run", "--config", "config/b2bua.yaml"]
