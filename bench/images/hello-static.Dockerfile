FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
RUN printf 'server { listen 8080; root /site; error_page 404 /404.html; }' >/etc/nginx/sites-enabled/default
COPY . /site
EXPOSE 8080
CMD ["nginx", "-g", "daemon off;"]
