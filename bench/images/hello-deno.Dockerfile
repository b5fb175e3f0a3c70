FROM node:24-bookworm-slim AS deno
RUN npm install --global deno@2

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=deno /usr/local/lib/node_modules/deno/deno /usr/local/bin/deno
WORKDIR /app
COPY deno.json deno.lock ./
COPY main.ts ./
RUN deno install --entrypoint main.ts
EXPOSE 8000
CMD ["deno", "run", "--allow-net", "--allow-env", "main.ts"]
