import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def greet(name: str = "you") -> dict[str, str]:
    return {"greeting": f"{os.environ.get('GREETING', 'Hello')}, {name}"}
