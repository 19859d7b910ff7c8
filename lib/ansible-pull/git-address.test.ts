import agentConfigSchema from "@nexus-pull/contract/agent-config.schema.json";
import { GIT_ADDRESS } from "./git-address";

const agent = new RegExp(agentConfigSchema.$defs.gitUrl.pattern, "u");
const ours = Object.values(GIT_ADDRESS).map((form) => new RegExp(form));

const ADDRESSES = [
  "https://git.example/a.git",
  "http://git.example:8080/ops/a.git",
  "ssh://git@git.example:22/ops/a.git",
  "ssh://git.example/a.git",
  "git@git.example:ops/a.git",
  "https://git.example/a b.git",
  "https://git.example/a\tb.git",
  "https://git.example/a.git\n",
  "https://user:secret@git.example/a.git",
  "https://git.example",
  "ssh://git:secret@git.example/a.git",
  "git+x@h:p q",
  "git@git.example:",
  " https://git.example/a.git",
];

it.each(ADDRESSES)("is taken or refused by the agent and here alike: %j", (address) => {
  expect(ours.some((form) => form.test(address))).toBe(agent.test(address));
});

it("has addresses of both kinds, or nothing is proved", () => {
  const taken = ADDRESSES.filter((address) => agent.test(address));
  expect([taken.length > 3, taken.length < ADDRESSES.length - 3]).toEqual([true, true]);
});
