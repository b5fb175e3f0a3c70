FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake g++ make pkg-config libmicrohttpd-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build && cmake --install build --prefix /out

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates libmicrohttpd12 tzdata && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /out/bin /usr/local/bin
COPY templates templates
CMD ["hello"]
