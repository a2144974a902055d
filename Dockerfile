# syntax=docker/dockerfile:1
# An image with fakescan and its embedded model. Nothing in it uses the network.
#
#   docker build -t fakescan .
#   docker run --rm --network none -v "$PWD:/work" fakescan scan photos -o report.html
#
# On x86 Linux pip takes the CUDA build of PyTorch, which is several GB. For a small image give pip an index with CPU
# builds: docker build --build-arg PIP_ARGUMENTS="--extra-index-url ADDRESS" -t fakescan .
FROM python:3.11-slim AS build
ARG PIP_ARGUMENTS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=/source/constraints.txt
COPY . /source
RUN python -m venv /opt/fakescan && /opt/fakescan/bin/pip install ${PIP_ARGUMENTS} /source

FROM python:3.11-slim
# git is for --changed-since. No version is pinned: the base image's Debian release decides.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 fakescan
COPY --from=build /opt/fakescan /opt/fakescan
ENV PATH=/opt/fakescan/bin:$PATH HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["fakescan"]
CMD ["--help"]
