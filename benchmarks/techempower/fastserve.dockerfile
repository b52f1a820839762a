# Built from the repository's root, which has the server's sources:
#   docker build -f benchmarks/techempower/fastserve.dockerfile -t fastserve-techempower .
#   docker run --rm -p 8080:8080 fastserve-techempower
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
WORKDIR /src
COPY . .
RUN pip wheel --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
WORKDIR /app
COPY benchmarks/techempower/app.py app.py
EXPOSE 8080
CMD ["sh", "-c", "exec fastserve app:app --host 0.0.0.0 --port 8080 --workers $(nproc) --lifespan off --no-access-log"]
