# One image for gateway, worker and olimctl:
#   docker build -t olim .
#   docker run --read-only … olim olim-gateway | olim-worker
# deploy/compose and deploy/coolify.md say how the two run together.
ARG SWIFT_IMAGE=docker.io/library/swift:6.3.1-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
ARG DEBIAN_MIRROR=http://deb.debian.org/debian
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /olim
COPY scripts/lib.sh scripts/
# Versions of Debian's packages are those of the release and its security updates: pinned ones vanish from the mirror.
RUN sed -i "s#http://deb.debian.org/debian\([ /]*\)\$#${DEBIAN_MIRROR}\1#" \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; \
    . scripts/lib.sh && require_packages "${BUILD_PACKAGES[@]}" binutils python3 && rm -rf /var/lib/apt/lists/*
COPY . .
RUN . scripts/lib.sh && build_release olim-gateway olim-worker olimctl
# The three programs share one Swift runtime; of that, only what they load comes along.
RUN mkdir -p /out/bin /out/lib /out/share \
    && . scripts/lib.sh && bin=$(release_directory) \
    && for program in olim-gateway olim-worker olimctl; do strip -o "/out/bin/$program" "$bin/$program" || exit; done \
    && ldd /out/bin/* | sed -nE 's#.* => (/.*/swift/linux/[^ ]+) .*#\1#p' | sort -u | xargs -I{} cp {} /out/lib/ \
    && strip --strip-unneeded /out/lib/*.so \
    && cp Package.resolved LICENSE scripts/sbom.py /out/share/

FROM ${RUNTIME_IMAGE} AS packages
ARG DEBIAN_MIRROR=http://deb.debian.org/debian
# hadolint ignore=DL3008
RUN sed -i "s#http://deb.debian.org/debian\([ /]*\)\$#${DEBIAN_MIRROR}\1#" \
        /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; \
    apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        ca-certificates fonts-dejavu-core libcairo2 libcctz2 libpq5 libsimdjson14 libsqlite3-0 libssl3 libstdc++6 libsystemd0 \
        libxxhash0 libzstd1 tzdata zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/lib/dpkg/*-old /var/log/* \
        /usr/share/doc/*/changelog* /usr/share/man/* /usr/share/locale/* /usr/share/lintian /usr/share/X11 \
    && mkdir -p /run/olim /var/lib/olim \
    && chown 1000:1000 /run/olim /var/lib/olim \
    && chmod 0700 /var/lib/olim \
    && echo 'olim:x:1000:1000::/var/lib/olim:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'olim:x:1000:' >> /etc/group

FROM build AS inventory
COPY --from=packages /var/lib/dpkg/status /runtime/dpkg-status
RUN python3 scripts/sbom.py spdx --resolved Package.resolved --dpkg /runtime/dpkg-status > /out/share/sbom.spdx.json \
    && rm /out/share/sbom.py

FROM packages
LABEL org.opencontainers.image.title="Olim" \
      org.opencontainers.image.description="A Discord bot of one gateway and any number of workers" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=inventory /out/lib/ /usr/lib/swift/linux/
COPY --from=inventory /out/bin/ /usr/bin/
COPY --from=inventory /out/share/ /usr/share/olim/
ENV LD_LIBRARY_PATH=/usr/lib/swift/linux \
    QUEUE_SOCKET=/run/olim/queue.sock \
    STATE_DIRECTORY=/var/lib/olim \
    LOG_FORMAT=json
# Numeric, so that an orchestrator can see that it is not root.
USER 1000:1000
WORKDIR /var/lib/olim
STOPSIGNAL SIGTERM
# For the gateway; a worker's service sets its own (deploy/compose).
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["olimctl", "health"]
CMD ["olim-gateway"]
