// `npm run s3:lock-check`: whether an S3 store really locks.
import { run } from "./s3/run";

void run(process.argv.slice(2), process.env, { out: console.log, error: console.error }).then(
  (status) => (process.exitCode = status),
);
