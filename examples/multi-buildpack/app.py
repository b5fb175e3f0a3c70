from flask import Flask

app = Flask(__name__)

PAGE = '<!doctype html><title>Greetings</title><script type="module" src="/static/page.js"></script>'


@app.get("/")
def page():
    return PAGE


@app.get("/api/greetings")
def greetings():
    return ["Hello from Python", "built by Node.js"]
