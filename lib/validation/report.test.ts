import { App, TerraformStack } from "cdktf";
import { describeProblem, Git, LocalStateBackend, NexusVmPull, problemsOf } from "..";

function appOf(name: string): App {
  const app = new App();
  const stack = new TerraformStack(app, "dev");
  LocalStateBackend.relative(stack);
  const source = Git.https("https://git.example/ops/ansible.git");
  new NexusVmPull(stack, "nexus", { name, nodeName: "pve", templateVmId: 9000, source, cores: 0, agent: "image" });
  return app;
}

test("what a tree is refused for can be had as data, and each as the line that the engine's error shows", () => {
  const app = appOf("Nexus_01");
  const problems = problemsOf(app);
  expect(problems.map(({ path, code, prop }) => [path, code, prop])).toEqual([
    ["dev/nexus", "vm_name_invalid", "name"],
    ["dev/nexus", "number_out_of_range", "cores"],
  ]);
  let shown = "";
  try {
    app.synth();
  } catch (error) {
    shown = String(error);
  }
  for (const problem of problems) expect(shown).toContain(`  [dev] ${describeProblem(problem)}\n`);
});

test("a tree without a problem has none", () => {
  expect(problemsOf(new App())).toEqual([]);
});
