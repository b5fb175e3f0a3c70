import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# set it for good: berth config:set SECRET_KEY="$(openssl rand -hex 32)"
SECRET_KEY = os.environ.get("SECRET_KEY", "not-a-secret")
DEBUG = False
# Berth's router answers for the app's own hostnames alone
ALLOWED_HOSTS = ["*"]

INSTALLED_APPS = ["django.contrib.staticfiles"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
]

ROOT_URLCONF = "hello.urls"
WSGI_APPLICATION = "hello.wsgi.application"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
