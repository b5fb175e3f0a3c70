<?php

define('WP_USE_THEMES', true);
require ABSPATH . 'wp-blog-header.php';
