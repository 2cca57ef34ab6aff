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

export default {
  // They wait for processes more than they compute.
  maxWorkers: '100%',
  // A condition that is awaited may take its time on a machine with other work.
  testTimeout: 30_000,
  projects: [project('unit'), project('integration'), project('replay'), project('faults'), project('hostile'), project('load')],
};
