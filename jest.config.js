// Two projects: `unit` needs only Node; `conformance` (files *.conformance.ts) also runs the real tools of tools/build.sh.
const common = {
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2022" }, module: { type: "commonjs" } },
    ],
  },
  testEnvironment: "node",
  setupFiles: ["<rootDir>/__tests__/support/creation-stacks.js"],
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/cdktf.out/"],
};

module.exports = {
  projects: [
    { ...common, displayName: "unit", testMatch: ["<rootDir>/**/*.test.ts"] },
    { ...common, displayName: "conformance", testMatch: ["<rootDir>/**/*.conformance.ts"] },
  ],
};
