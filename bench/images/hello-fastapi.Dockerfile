FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir uv
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml ./
RUN uv sync --no-dev --no-install-project --no-cache

FROM python:3.11-slim-bookworm
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --create-home app
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY . .
USER app
EXPOSE 5000
CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "5000"]
