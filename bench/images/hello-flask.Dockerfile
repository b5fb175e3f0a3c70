FROM python:3.11-slim-bookworm AS build
ENV PATH=/venv/bin:$PATH
RUN python -m venv /venv
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt gunicorn

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --create-home app
WORKDIR /app
COPY --from=build /venv /venv
COPY . .
USER app
EXPOSE 5000
CMD ["gunicorn", "app:app", "--bind", "0.0.0.0:5000"]
