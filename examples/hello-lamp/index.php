<?php

require __DIR__ . '/lib/database.php';

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$database = database();

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $database->prepare('INSERT INTO guests (name) VALUES (?)')->execute([$_POST['name'] ?? 'nobody']);
    header('Location: /guests', true, 303);
    exit;
}

if ($path === '/guests') {
    header('Content-Type: text/plain');
    foreach ($database->query('SELECT name FROM guests ORDER BY id') as ['name' => $name]) {
        echo $name, "\n";
    }
    exit;
}

if ($path !== '/') {
    http_response_code(404);
    exit("There is no $path here\n");
}
?>
<!doctype html>
<title>Guest book</title>
<link rel="stylesheet" href="/style.css">
<h1>Hello from LAMP</h1>
<form method="post"><input name="name"> <button>Sign</button></form>
