CREATE DATABASE IF NOT EXISTS wordpress;
CREATE USER IF NOT EXISTS app@localhost;
GRANT ALL ON wordpress.* TO app@localhost;
