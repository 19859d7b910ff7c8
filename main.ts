// The example app: one stack for each environments/*.yaml. `npm run synth` runs it, `npm run tofu -- <env> plan` goes on.
import { relative } from "node:path";
import { App, TerraformOutput, TerraformStack } from "cdktf";
import { EnvironmentError, loadEnvironments, type Environment, type VmEnvironment } from "./environments/load";
import {
  describeProblem,
  Git,
  LocalStateBackend,
  NexusVariables,
  NexusVmPull,
  problemsOf,
  Receiver,
  S3StateBackend,
  Schedule,
  Seed,
  warningsOf,
} from "./lib";

/** The stack of one environment. */
export class EnvironmentStack extends TerraformStack {
  public readonly vms: readonly NexusVmPull[];

  public constructor(app: App, environment: Environment) {
    super(app, environment.name);
    this.keepState(environment.backend);
    const vars = new NexusVariables(this);
    vars.provider();
    const receiver = new Receiver(this, "receiver", {
      webhookUrl: vars.webhookUrl,
      secret: vars.webhookSecret,
      ...environment.receiver,
    });
    const vms = environment.vms.map((vm) => [vm.name, this.addVm(vm, vars, receiver)] as const);
    this.vms = vms.map(([, vm]) => vm);
    new TerraformOutput(this, "vms", { value: Object.fromEntries(vms.map(([name, vm]) => [name, facts(vm)])) });
  }

  private keepState(backend: Environment["backend"]): void {
    switch (backend.kind) {
      case "local":
        LocalStateBackend.relative(this, backend);
        break;
      case "minio":
        S3StateBackend.minio(this, backend);
        break;
      case "s3":
        S3StateBackend.s3(this, backend);
        break;
    }
  }

  private addVm(settings: VmEnvironment, vars: NexusVariables, receiver: Receiver): NexusVmPull {
    const { ref, commit, schedule, ...props } = settings;
    return new NexusVmPull(this, settings.name, {
      nodeName: vars.proxmoxNode,
      templateVmId: vars.templateVmId,
      datastore: vars.vmDatastore,
      network: [{ bridge: vars.networkBridge }],
      ...props,
      source: Git.https(vars.ansibleRepoUrl, { ref, commit, token: vars.gitToken }),
      schedule: schedule && Schedule.every(schedule.interval, { jitter: schedule.jitter }),
      seed: Seed.snippet({ datastore: vars.snippetsDatastore }),
      receiver,
    });
  }
}

function facts(vm: NexusVmPull) {
  return { id: vm.vmId, mac_address: vm.macAddress, instance_id: vm.instanceId };
}

/** Builds the app of all environments, without writing anything. */
export function buildApp(app: App, environments: readonly Environment[]): EnvironmentStack[] {
  return environments.map((environment) => new EnvironmentStack(app, environment));
}

function main(app: App): void {
  const stacks = buildApp(app, loadEnvironments());
  app.synth();
  warningsOf(app).forEach((line) => console.log(line));
  for (const stack of stacks) {
    const file = relative(process.cwd(), `${app.outdir}/stacks/${stack.node.id}/cdk.tf.json`);
    console.log(`${file}: ${stack.vms.length} VM${stack.vms.length === 1 ? "" : "s"}`);
  }
  const name = stacks[0]?.node.id ?? "dev";
  console.log(`\nNext: write environments/${name}.tfvars (environments/example.tfvars shows the names), then`);
  for (const command of ["init", "plan", "apply"]) console.log(`  npm run tofu -- ${name} ${command}`);
}

if (require.main === module) {
  const app = new App();
  try {
    main(app);
  } catch (error) {
    const problems = problemsOf(app).map(describeProblem);
    if (error instanceof EnvironmentError) problems.push(error.message);
    // Where it is none of these, it is a fault of this program, and its stack is wanted.
    console.error(problems.length > 0 ? problems.join("\n") : error);
    process.exitCode = 1;
  }
}
