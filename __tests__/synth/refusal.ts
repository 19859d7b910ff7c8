// Whether a tree is refused the way the library promises: with codes of its catalogue and nothing else.
import { App, TerraformStack } from "cdktf";
import {
  CATALOGUE,
  Git,
  LocalStateBackend,
  NexusPullError,
  NexusVariables,
  NexusVmPull,
  type NexusVmPullProps,
} from "../../lib";

// cdktf puts the path of what was validated, the stack, in front of the problem's own.
const LINE = /^ {2}\[[^\]]*\] \[[^\]]*\] ([a-z_]+): /;

/** Codes of an error of this library; throws what is none, since nothing else may come out. */
export function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) throw error;
  if (error instanceof NexusPullError) return error.problems.map(({ code }) => code);
  const [first, ...rest] = error.message.split("\n");
  // Without the engine's own last paragraph, on how to ignore all this.
  const lines = rest.filter((line) => line.trim() !== "" && !line.startsWith("If you wish to ignore"));
  const codes = lines.map((line) => LINE.exec(line)?.[1] ?? "");
  const known = codes.length > 0 && codes.every((code) => Object.hasOwn(CATALOGUE, code));
  if (!known || !/validation failed/i.test(first ?? "")) throw error;
  return codes;
}

/** The least that a VM needs. */
export function defaults(name: string): NexusVmPullProps {
  const source = Git.https("https://git.example/ops/ansible.git");
  return { name, nodeName: "pve", templateVmId: 9000, source, agent: "image" };
}

/** A VM with some props and, for the rest, the least that it needs. */
export function addVm(stack: TerraformStack, id: string, props: Partial<NexusVmPullProps>): NexusVmPull {
  return new NexusVmPull(stack, id, { ...defaults(id), ...props });
}

export function newStack(app: App, id = "dev"): TerraformStack {
  const stack = new TerraformStack(app, id);
  LocalStateBackend.relative(stack);
  new NexusVariables(stack).provider();
  return stack;
}

/** Codes with which a prop set is refused; none when it is accepted. Throws what is no error of the library's. */
export function refusalOf(props: Partial<NexusVmPullProps>): string[] {
  const stack = newStack(new App({ stackTraces: false }));
  try {
    addVm(stack, "vm-1", props);
    stack.runAllValidations();
    return [];
  } catch (error) {
    return codesOf(error);
  }
}
