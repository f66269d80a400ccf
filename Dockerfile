# Two images: the separator for Lambda, with --target=function, and all of stemdrop on one machine, the last stage.
# Everything comes from Debian's packages and from locked ones of pip's, so it can be built anywhere, for any processor
# that these packages exist for. No stage needs more than the oldest of builders knows: SAM uses that one.
ARG BASE=debian:bookworm-slim
ARG MODELS=2stems
ARG BACKEND=onnx
ARG LYRICS=none

# checkov:skip=CKV_DOCKER_7:ARG BASE names the release, and checkov looks at nothing but FROM.
FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*

# pip has an environment of its own, so that it isn't in those it fills.
FROM python AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/* \
    && python3 -m venv /opt/pip \
    && python3 -m venv --without-pip /opt/venv
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_REQUIRE_HASHES=1
WORKDIR /build
COPY functions/separate/requirements.txt ./
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --requirement requirements.txt

# The weights are fetched (with pip, too), verified and built here. A network is refused unless it is, byte for byte, the
# one that was compared with Spleeter's own graph: so TensorFlow is only installed for the backend that runs that graph.
# What TensorFlow pins more narrowly than it needs is pinned otherwise, hence --no-deps.
FROM build AS model
ARG MODELS
ARG BACKEND
COPY functions/separate/stemdrop_model/requirements.txt functions/separate/stemdrop_model/tensorflow.txt stemdrop_model/
RUN case "$BACKEND" in \
        onnx) more= ;; \
        tensorflow) more="--requirement stemdrop_model/tensorflow.txt" ;; \
        *) echo "BACKEND is onnx or tensorflow, not $BACKEND." >&2; exit 1 ;; \
    esac \
    && /opt/venv/bin/python -m ensurepip \
    && /opt/venv/bin/python -m pip install --no-deps --requirement stemdrop_model/requirements.txt $more
COPY functions/separate/stemdrop_model stemdrop_model
RUN /opt/venv/bin/python -m stemdrop_model build $MODELS --backend $BACKEND --into /opt/models

# Each backend reads one of the two forms that a network has. Blocks of 16 channels are for arm64, and for AVX-512, which
# AWS doesn't document for Lambda: there, only the local image has them. LYRICS is none, transcribe (a service of AWS), or
# a Whisper model: a pinned one, or a folder in functions/separate/lyrics_models.
FROM model AS networks
ARG BACKEND
ARG LYRICS
COPY functions/separate/lyrics_models lyrics_models
RUN case "$LYRICS" in \
        none | transcribe) ;; \
        *) /opt/venv/bin/python -m stemdrop_model lyrics "$LYRICS" --own lyrics_models --into /opt/models ;; \
    esac
RUN if [ "$BACKEND" = tensorflow ]; then rm /opt/models/*.onnx /opt/models/*.kernels /opt/models/*.npz; fi \
    && mkdir /opt/blocked16 \
    && if [ "$(uname -m)" != aarch64 ]; then find /opt/models -name '*.blocked16.*' -exec mv -t /opt/blocked16 {} +; fi \
    && find /opt/models -name '.*.lock' -delete \
    && chmod -R a+rX /opt/models /opt/blocked16

# Only the other backend needs TensorFlow to run, and only Whisper's models need faster-whisper.
FROM build AS packages
ARG BACKEND
ARG LYRICS
COPY functions/separate/lyrics.txt ./
RUN case "$LYRICS" in \
        none | transcribe) ;; \
        *) /opt/pip/bin/pip --python /opt/venv/bin/python install --no-deps --requirement lyrics.txt ;; \
    esac
COPY functions/separate/stemdrop_model/tensorflow.txt stemdrop_model/
RUN if [ "$BACKEND" = tensorflow ]; then \
        /opt/pip/bin/pip --python /opt/venv/bin/python install --no-deps --requirement stemdrop_model/tensorflow.txt; \
    fi
COPY infra/containers/prune.sh ./
RUN sh prune.sh /opt/venv/lib/python3*/site-packages

# The local stack has an environment of its own, which the function doesn't see. It sees the function's: what that
# has isn't installed again.
FROM packages AS stack
COPY infra/local/image.txt ./
RUN python3 -m venv --without-pip /opt/local \
    && cd /opt/local/lib/python3*/site-packages \
    && printf '%s\n' /opt/venv/lib/python3*/site-packages /var/task /opt/stemdrop/functions /opt/stemdrop/infra/local \
        > stemdrop.pth \
    && /opt/pip/bin/pip --python /opt/local/bin/python install --no-deps --requirement /build/image.txt \
    && sh /build/prune.sh .

# Lambda's runtime interface emulator comes with the command line of AWS SAM, of which nothing else is wanted.
FROM build AS emulator
COPY infra/sam/requirements.txt sam/
RUN sed -n '/^aws-sam-cli==/,/[^\\]$/p' sam/requirements.txt > sam/cli.txt \
    && /opt/pip/bin/pip download --no-deps --dest sam --requirement sam/cli.txt \
    && python3 -m zipfile --extract sam/*.whl sam \
    && mv sam/samcli/local/rapid/aws-lambda-rie-$(uname -m | sed s/aarch64/arm64/) /opt/aws-lambda-rie \
    && chmod 755 /opt/aws-lambda-rie

# Whoever runs it owns none of the code and can't write: everything has to be readable, and compiled already.
FROM python AS code
COPY layers/core/stemdrop /var/task/stemdrop
COPY functions/separate/stemdrop_separate /var/task/stemdrop_separate
COPY infra/containers/entrypoint.sh /opt/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /var/task \
    && chmod -R a+rX /var/task \
    && chmod 755 /opt/entrypoint.sh

FROM python AS stack-code
COPY functions/api/stemdrop_api /opt/stemdrop/functions/stemdrop_api
COPY functions/webhook/stemdrop_webhook /opt/stemdrop/functions/stemdrop_webhook
COPY infra/local/stemdrop_local /opt/stemdrop/infra/local/stemdrop_local
COPY infra/containers/local.sh template.yaml /opt/stemdrop/
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /opt/stemdrop \
    && chmod -R a+rX /opt/stemdrop \
    && chmod 755 /opt/stemdrop/local.sh

FROM python AS function
ARG MODELS
ARG BACKEND
ARG LYRICS
LABEL org.opencontainers.image.title="stemdrop" \
    org.opencontainers.image.description="Drop a song into S3, get its stems back: Spleeter as a serverless application." \
    org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later" \
    stemdrop.models="$MODELS" \
    stemdrop.backend="$BACKEND" \
    stemdrop.lyrics="$LYRICS"
# Powertools takes LAMBDA_TASK_ROOT as the sign that there is somebody to send traces to; only AWS's own images set it.
ENV PATH=/opt/venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    LAMBDA_TASK_ROOT=/var/task \
    MODEL_DIR=/opt/models
# From what changes least to what changes most.
COPY --from=packages /opt/venv /opt/venv
COPY --from=networks /opt/models /opt/models
COPY --from=emulator /opt/aws-lambda-rie /opt/aws-lambda-rie
COPY --from=code /opt/entrypoint.sh /opt/entrypoint.sh
COPY --from=code /var/task /var/task
WORKDIR /var/task
# An image that can't load its handler, separate and encode as Lambda's user would is none.
RUN UPLOADS_BUCKET=none STEMS_BUCKET=none BACKEND=$BACKEND LYRICS=$LYRICS MAX_UPLOAD_BYTES=1 MAX_DURATION_S=1 AWS_REGION=none \
    ARCHITECTURE=$(uname -m | sed s/aarch64/arm64/) \
    setpriv --reuid 993 --regid 990 --clear-groups python -m stemdrop_separate.smoke
# checkov:skip=CKV_DOCKER_3:Lambda runs every image as a user of its own, who owns nothing here.
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["stemdrop_separate.handler.handler"]

FROM function AS local
COPY --from=stack /opt/local /opt/local
COPY --from=networks /opt/blocked16 /opt/models
RUN mkdir --mode=1777 /data
COPY --from=stack-code /opt/stemdrop /opt/stemdrop
RUN setpriv --reuid 993 --regid 990 --clear-groups /opt/local/bin/python -c \
    "import stemdrop_api.app, stemdrop_webhook.delivery, stemdrop_local.health, stemdrop_local.local, ministack.app, samtranslator.translator.transform"
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s CMD ["/opt/local/bin/python", "-m", "stemdrop_local.health"]
ENTRYPOINT ["/opt/stemdrop/local.sh"]
CMD []
