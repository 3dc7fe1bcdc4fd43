# The images: `npm run images`, or `docker build --target gateway .`, `--target operator`. Nothing in
# them but Node, what it loads, the packages and the sources without their types: no shell, no package
# manager, no root. A stack trace names lines and columns of the sources here.
ARG NODE=node:26-slim

FROM ${NODE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY client/package.json client/
COPY operator/package.json operator/
COPY scripts/images/ scripts/images/

# Scripts of packages are not run; what is compiled comes compiled. The packages of the root are those
# of the gateway; the operator has a list of its own, and its image has no other.
FROM packages AS gateway-packages
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --workspace=client --include-workspace-root \
  && node scripts/images/sbom.ts . gateway > sbom.spdx.json \
  && node scripts/images/prune.ts node_modules

FROM packages AS operator-packages
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund --workspace=operator \
  && node scripts/images/sbom.ts . operator > sbom.spdx.json \
  && node scripts/images/prune.ts node_modules

# The system of the image: the node binary, the libraries that it has loaded, and a user for it.
FROM ${NODE} AS system
COPY scripts/images/system.ts /
RUN node /system.ts /image

FROM ${NODE} AS sources
COPY scripts/images/strip.ts /
COPY process/ /typed/process/
COPY protocol/ /typed/protocol/
COPY gateway/ /typed/gateway/
COPY operator/ /typed/operator/
COPY client/ /typed/client/
RUN node /strip.ts /typed /app

FROM scratch AS runtime
COPY --from=system /image /
WORKDIR /app
ENV PATH=/usr/local/bin NODE_ENV=production
USER 65532:65532
LABEL org.opencontainers.image.title="WsCluster" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY package.json LICENSE ./
COPY --from=sources /app/process/ process/
COPY --from=sources /app/protocol/ protocol/

FROM runtime AS gateway
COPY --from=gateway-packages /app/sbom.spdx.json ./
COPY --from=gateway-packages /app/node_modules/ node_modules/
COPY --from=sources /app/gateway/ gateway/
# In a container loopback is nobody.
ENV WSCLUSTER_HOST=:: WSCLUSTER_ADMIN_HOST=::
EXPOSE 8001 9001
# Many connections make much short-lived garbage: small semi-spaces keep the memory low.
ENTRYPOINT ["node", "--max-semi-space-size=4", "--import", "./process/early-signal.js", "gateway/main.js"]

FROM runtime AS operator
COPY --from=operator-packages /app/sbom.spdx.json ./
COPY --from=operator-packages /app/node_modules/ node_modules/
COPY --from=sources /app/gateway/settings/ gateway/settings/
COPY --from=sources /app/operator/ operator/
# For `helm test`.
COPY --from=sources /app/client/ client/
ENV WSCLUSTER_OPERATOR_HOST=::
EXPOSE 9002
# It waits, mostly for others, and is to be small meanwhile: garbage is collected before there is much,
# and no optimizing compiler is loaded, and kept busy, for code that runs now and then.
ENTRYPOINT ["node", "--optimize-for-size", "--no-turbofan", "--no-maglev", "--import", "./process/early-signal.js", "operator/main.js"]
