<?php

$ends = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$ends) {
    $ends = true;
});
echo "working\n";
while (!$ends) {
    sleep(60);
}
echo "done\n";
