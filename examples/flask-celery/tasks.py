import os

import psycopg
from celery import Celery

redis = os.environ.get("REDIS_URL", "redis://redis")
database = os.environ.get("DATABASE_URL", "postgresql://app@postgres/postgres")

app = Celery("tasks", broker=redis, backend=redis)
app.conf.broker_connection_retry_on_startup = True


# the database may start after the worker
@app.task(autoretry_for=(psycopg.OperationalError,), default_retry_delay=1, max_retries=60)
def count(text):
    words = len(text.split())
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS counts (text text, words int)")
        connection.execute("INSERT INTO counts VALUES (%s, %s)", (text, words))
    return words
