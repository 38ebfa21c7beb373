FROM python:3.13-slim AS build
WORKDIR /source
# Wheels only: neither stage holds a compiler, and nothing but what the hashes name gets in.
COPY requirements/ requirements/
RUN python -m venv --without-pip /opt/moorage \
    && pip --python /opt/moorage/bin/python install --no-cache-dir --no-deps --only-binary :all: \
        --require-hashes -r requirements/runtime.txt \
    && pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md ./
COPY proxy/ proxy/
RUN pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/moorage/bin/python install --no-index --no-deps /wheels/*.whl

FROM python:3.13-slim
# 1000 is the first user of most machines, so that a credential file mounted from there can be read.
RUN useradd --uid 1000 --create-home moorage \
    && install --directory --owner moorage --group moorage --mode 0700 /var/lib/moorage
COPY --from=build /opt/moorage /opt/moorage
COPY config/container.toml /etc/moorage/registry.toml
ENV PATH=/opt/moorage/bin:$PATH PYTHONUNBUFFERED=1
USER moorage
WORKDIR /home/moorage
VOLUME /var/lib/moorage
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", \
    "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8080, timeout=4); c.request('GET', '/-/health'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["moorage"]
CMD ["serve", "-c", "/etc/moorage/registry.toml"]
