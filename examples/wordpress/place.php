<?php

// before every script: WordPress looks for wp-config.php here, not where Debian has put it
define('ABSPATH', '/app/public/');
