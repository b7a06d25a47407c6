# One image for every service of docker-compose.yml: the program with all its extras, for a user without rights.
FROM python:3.11-slim AS build
COPY requirements-scaled.lock /src/
RUN python -m venv /opt/woonketen \
 && /opt/woonketen/bin/pip install --no-cache-dir --no-deps --require-hashes -r /src/requirements-scaled.lock
COPY . /src
RUN /opt/woonketen/bin/pip install --no-cache-dir --no-deps --no-build-isolation /src

FROM python:3.11-slim
COPY --from=build /opt/woonketen /opt/woonketen
RUN useradd --system --uid 10001 --home-dir /var/lib/woonketen woonketen \
 && install -d -o woonketen -g woonketen -m 700 \
    /var/lib/woonketen /var/lib/woonketen/data /var/lib/woonketen/keys /var/lib/woonketen/ledger /var/lib/woonketen/dagster
ENV PATH=/opt/woonketen/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /var/lib/woonketen
USER 10001
CMD ["woonketen", "--help"]
