/** Jest runs the TypeScript sources as ES modules; types are checked by `npm run typecheck`. */
const project = (name, extra = {}) => ({
  displayName: name,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
  },
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  ...extra,
});

/** What is told of stores is told of both kinds: the same tests, on a real S3 server. */
const s3 = project('s3', {
  testMatch: [
    ...['blob-store', 'attempts', 'manifests', 'processes', 'full-disk', 'recent-requests', 'garbage-collection*', 's3/*'].map(
      (name) => `<rootDir>/test/unit/blobs/${name}.test.ts`,
    ),
    '<rootDir>/test/integration/s3-*.test.ts',
  ],
  globalSetup: '<rootDir>/test/support/versitygw.ts',
  setupFiles: ['<rootDir>/test/support/s3-settings.ts'],
  setupFilesAfterEnv: ['<rootDir>/test/support/s3-project.ts'],
});
const integration = project('integration', { testPathIgnorePatterns: ['/node_modules/', '/test/integration/s3-'] });
const unit = project('unit', { testPathIgnorePatterns: ['/node_modules/', '/test/unit/blobs/s3/'] });

export default {
  // They wait for processes more than they compute.
  maxWorkers: '100%',
  // A condition that is awaited may take its time on a machine with other work.
  testTimeout: 30_000,
  projects: [unit, s3, integration, project('replay'), project('faults'), project('hostile'), project('load'), project('compose')],
};
