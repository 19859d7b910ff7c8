// Arrows between rooms go one way; CONTRIBUTING.md explains them, this file enforces them.
import tseslint from "typescript-eslint";
import importX from "eslint-plugin-import-x";
import { createTypeScriptImportResolver } from "eslint-import-resolver-typescript";

const ROOMS = [
  ...["lib", "receiver", "cli", "client", "contract", "agent", "environments", ".gen"],
  ...["lab", "bench", "scripts", "__tests__"],
];

/** The rooms a room may import from; everything else is an error. */
const MAY_IMPORT = {
  lib: [".gen", "contract"],
  receiver: ["contract", "client"],
  cli: ["contract", "client"],
  client: ["contract"],
  contract: [],
  agent: ["contract"],
  environments: ["lib"],
  ".gen": [],
  lab: ["lib", "receiver", "client", "contract", "agent"],
  bench: ["receiver", "client", "contract", "lab"],
  // Its tests start programs as the lab does.
  scripts: ["lib", "contract", "lab"],
};

const roomZones = Object.entries(MAY_IMPORT).map(([room, allowed]) => ({
  target: `./${room}`,
  from: ROOMS.filter((other) => other !== room && !allowed.includes(other)).map((other) => `./${other}`),
  message: `${room}/ may import only ${["itself", ...allowed].join(", ")}`,
}));

/** Where lines are read, they end at \n alone. */
const LINES = {
  regex: "^(?:node:)?readline",
  message: "it splits lines at U+2028, U+2029 and \\r as well: use linesOf (receiver/src/maintain/lines.ts)",
};

/** contract/ and client/ are packages: what uses them says so by their names, so that no room knows where they lie. */
const PACKAGES_BY_NAME = {
  regex: "^(?:\\.{1,2}/)*(?:\\.\\./)(?:contract|client)(?:/|$)",
  message: 'contract/ and client/ are imported by their names, "@nexus-pull/contract" and "@nexus-pull/client"',
};

// From the ground up: a folder imports those before it.
const PVE = ["world", "api", "vm", "routes"];
const LAB = ["host", "services", "machine"];

const upwards = (room, folders) =>
  folders.slice(0, -1).map((folder, at) => ({
    target: `${room}/${folder}`,
    from: folders.slice(at + 1).map((above) => `${room}/${above}`),
    message: `inside ${room}, arrows go down: ${folders.join(" <- ")}`,
  }));

const insideLab = [
  ...upwards("./lab/pve", PVE),
  ...upwards("./lab", LAB),
  {
    target: "./lab/pve/ssh",
    from: ["api", "vm", "routes"].map((folder) => `./lab/pve/${folder}`),
    message: "SSH works on the world, past the API",
  },
];

const insideLib = [
  {
    target: ["./lib/!(proxmox|seed)/**", "./lib/*.ts"],
    from: "./.gen",
    message: "only lib/proxmox/ and lib/seed/ import the provider bindings",
  },
  {
    target: "./lib/opentofu",
    from: ["./lib/ansible-pull", "./lib/seed", "./lib/proxmox", "./lib/receiver", "./lib/validation", "./lib/backend"],
    message: "expressions know nothing of what they are used for",
  },
  {
    target: "./lib/validation",
    from: ["./lib/proxmox", "./lib/seed", "./lib/nexus-vm-pull.ts"],
    message: "rules are pure: props in, problems out",
  },
  {
    target: "./lib/validation",
    from: "./lib/receiver",
    except: ["./props.ts"],
    message: "rules know a receiver's props, nothing else of it",
  },
  {
    target: ["./lib/*/**"],
    from: ["./lib/nexus-vm-pull.ts", "./lib/index.ts"],
    message: "the construct composes the rooms; a room never imports it",
  },
];

export default tseslint.config(
  { ignores: ["node_modules/", "**/dist/", "cdktf.out/", ".gen/", "**/fixtures/**"] },
  ...tseslint.configs.recommended,
  {
    plugins: { "import-x": importX },
    settings: {
      "import-x/resolver-next": [createTypeScriptImportResolver({ project: "./tsconfig.json" })],
      "import-x/parsers": { "@typescript-eslint/parser": [".ts"] },
    },
    rules: {
      "import-x/no-cycle": ["error", { ignoreExternal: true }],
      "import-x/no-restricted-paths": ["error", { zones: [...roomZones, ...insideLib, ...insideLab] }],
      "import-x/no-self-import": "error",
      "no-restricted-imports": ["error", { patterns: [PACKAGES_BY_NAME, LINES] }],
      "max-lines": ["error", { max: 350, skipBlankLines: true, skipComments: true }],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
      complexity: ["error", 15],
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
    },
  },
  {
    files: ["receiver/src/**/*.ts"],
    ignores: ["**/*.test.ts", "**/*.conformance.ts", "**/test-*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: ":matches(CallExpression, NewExpression) > SpreadElement",
          message: "data may be longer than a call's arguments can be (about 125,000): loop, reduce or pass the array",
        },
      ],
    },
  },
  {
    files: ["**/*.test.ts", "**/*.conformance.ts", "__tests__/**"],
    rules: {
      "max-lines-per-function": "off",
      "no-console": "off",
      // A room's test may use the room's neighbours inside lib, never another room.
      "import-x/no-restricted-paths": ["error", { zones: roomZones }],
    },
  },
  { files: ["main.ts", "scripts/**"], rules: { "no-console": "off" } },
  { files: ["**/*.js", "**/*.cjs", "**/*.mjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
);
