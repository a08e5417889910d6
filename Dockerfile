# syntax=docker/dockerfile:1
# Multi-stage: a Rust builder, then a slim image with the binary and nothing else to run as root.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin signalbox \
    && cp target/release/signalbox /usr/local/bin/signalbox

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/signalbox --create-home signalbox
COPY --from=build /usr/local/bin/signalbox /usr/local/bin/signalbox
USER 10001
WORKDIR /var/lib/signalbox
ENV SIGNALBOX_DATA_DIR=/var/lib/signalbox
EXPOSE 8080 8083
ENTRYPOINT ["signalbox"]
CMD ["serve"]
