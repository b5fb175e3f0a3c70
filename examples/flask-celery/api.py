import psycopg
from celery.exceptions import TimeoutError
from flask import Flask, request, url_for
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError

import tasks

app = Flask(__name__)


@app.get("/")
def usage():
    return "POST a text to /texts\n"


@app.post("/texts")
def submit():
    try:
        job = tasks.count.apply_async((request.get_data(as_text=True),), retry=False)
    except (OperationalError, ConnectionError):
        return "The queue is not there yet\n", 503, {"Retry-After": "1"}
    return {"job": url_for("job", name=job.id)}, 202


@app.get("/jobs/<name>")
def job(name):
    """Waits for the worker, half a minute at most."""
    try:
        return {"words": tasks.app.AsyncResult(name).get(timeout=30)}
    except TimeoutError:
        return {"words": None}, 202


@app.get("/texts")
def texts():
    with psycopg.connect(tasks.database) as connection:
        rows = connection.execute("SELECT text, words FROM counts ORDER BY words DESC").fetchall()
    return [{"text": text, "words": words} for text, words in rows]
