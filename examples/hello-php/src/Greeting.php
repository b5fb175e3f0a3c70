<?php

namespace Hello;

use NumberFormatter;

final class Greeting
{
    public static function for(string $path): string
    {
        $visitors = new NumberFormatter('en', NumberFormatter::SPELLOUT);

        return $path === '/' ? "Hello from PHP\n" : 'Hello to ' . $visitors->format((int) trim($path, '/')) . "\n";
    }
}
