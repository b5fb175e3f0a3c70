FROM node:24-bookworm-slim AS bun
RUN npm install --global bun@1 && cp "$(readlink -f "$(which bun)")" /bun

FROM debian:bookworm-slim AS base
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
COPY --from=bun /bun /usr/local/bin/bun
WORKDIR /app

FROM base AS build
COPY package.json bun.lock ./
RUN bun install --frozen-lockfile
COPY . .
RUN bun run build && rm -rf node_modules && bun install --frozen-lockfile --production

FROM base
ENV NODE_ENV=production
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/public public
COPY --from=build /app/package.json ./
COPY --from=build /app/src src
CMD ["bun", "src/index.ts"]
