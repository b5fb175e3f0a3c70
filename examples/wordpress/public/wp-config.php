<?php

$url = parse_url(getenv('DATABASE_URL') ?: 'mysql://app@localhost/wordpress');
define('DB_HOST', $url['host'] . (isset($url['port']) ? ':' . $url['port'] : ''));
define('DB_NAME', ltrim($url['path'], '/'));
define('DB_USER', urldecode($url['user']));
define('DB_PASSWORD', urldecode($url['pass'] ?? ''));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
$table_prefix = 'wp_';

// whatever hostname the router knows this app by
$scheme = ($_SERVER['HTTPS'] ?? '') === 'on' ? 'https' : 'http';
define('WP_HOME', "$scheme://" . ($_SERVER['HTTP_HOST'] ?? 'localhost'));
define('WP_SITEURL', WP_HOME);
define('WP_DEFAULT_THEME', 'hello');
define('DISALLOW_FILE_MODS', true);
// keys that sign cookies: as long-lived as the database, unless AUTH_SECRET is set
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    if (($secret = getenv('AUTH_SECRET')) !== false) {
        define("{$name}_KEY", hash('sha256', "$name key $secret"));
        define("{$name}_SALT", hash('sha256', "$name salt $secret"));
    }
}

require ABSPATH . 'wp-settings.php';
