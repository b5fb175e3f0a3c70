FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run build

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
RUN printf 'server { listen 8080; root /site; location / { try_files $uri /index.html; } }' >/etc/nginx/sites-enabled/default
COPY --from=build /app/dist /site
EXPOSE 8080
CMD ["nginx", "-g", "daemon off;"]
