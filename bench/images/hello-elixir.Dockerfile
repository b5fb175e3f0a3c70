FROM elixir:1.14-slim AS build
ENV MIX_ENV=prod
WORKDIR /app
COPY . .
RUN mix release

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 openssl libncurses6 ca-certificates && rm -rf /var/lib/apt/lists/*
ENV LANG=C.UTF-8
WORKDIR /app
COPY --from=build /app/_build/prod/rel/hello ./
CMD ["bin/hello", "start"]
