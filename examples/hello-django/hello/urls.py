import os

from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path


def greet(request):
    greeting = os.environ.get("GREETING", "Hello")
    return HttpResponse(f'<link rel="stylesheet" href="{static("style.css")}"><h1>{greeting} from Django</h1>\n')


urlpatterns = [path("", greet)]
