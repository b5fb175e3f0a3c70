<?php

/** MariaDB at DATABASE_URL (mysql://user:password@host/name), else a file of SQLite that goes with its container. */
function database(): PDO
{
    $url = parse_url(getenv('DATABASE_URL') ?: '');
    $isMariaDb = ($url['scheme'] ?? '') === 'mysql';
    $database = $isMariaDb
        ? new PDO(
            "mysql:host={$url['host']};port=" . ($url['port'] ?? 3306) . ';dbname=' . ltrim($url['path'], '/'),
            urldecode($url['user'] ?? ''),
            urldecode($url['pass'] ?? ''),
        )
        : new PDO('sqlite:/tmp/guests.sqlite');
    $id = $isMariaDb ? 'INTEGER AUTO_INCREMENT PRIMARY KEY' : 'INTEGER PRIMARY KEY';
    $database->exec("CREATE TABLE IF NOT EXISTS guests (id $id, name VARCHAR(200) NOT NULL)");

    return $database;
}
