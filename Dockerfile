# The worker (and the command) as an image: built once, then only what runs.
FROM node:20.20.2-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build
RUN npm prune --omit=dev --no-audit --no-fund

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production \
    IMAGE_DATA_DIR=/tmp/durable-image-mcp \
    IMAGE_WORKER_HEALTH_ADDRESS=0.0.0.0:9464
WORKDIR /app
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/package.json ./
COPY --from=build /build/dist ./dist
COPY assets ./assets
COPY schemas ./schemas
USER node
EXPOSE 9464
# Healthy means: Temporal has this worker among those that ask for work.
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:9464/readyz').then(async (r) => { console.log(await r.text()); process.exit(r.ok ? 0 : 1); }, (e) => { console.log(String(e)); process.exit(1); })"]
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["worker"]
