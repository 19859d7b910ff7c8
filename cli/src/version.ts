import { version } from "../package.json";

/** The packages are released together under one version. */
export const VERSION: string = version;
