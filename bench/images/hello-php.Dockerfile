FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates composer nginx-light php8.2-cli php8.2-fpm php8.2-curl php8.2-intl php8.2-mbstring php8.2-mysql php8.2-opcache php8.2-pgsql php8.2-sqlite3 php8.2-xml && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY composer.json ./
RUN composer install --no-dev --no-autoloader
COPY . .
RUN composer dump-autoload --optimize --no-dev
CMD ["sh", "-c", "php-fpm8.2 && nginx -g 'daemon off;'"]
