import { S3Backend, type S3BackendConfig, type TerraformBackend, type TerraformStack } from "cdktf";
import { guard, report, warn } from "../validation/report";
import { check } from "../validation/rule";
import { existingBackend } from "./existing-backend";
import { S3_RULES, untrustedTransport, type S3Settings } from "../validation/rules/s3-backend";

/** What every S3 backend has. */
export interface S3StateCommonProps {
  /** Bucket that holds the state; it must exist. */
  readonly bucket: string;
  /**
   * Object key of the state. The lock is the object `<key>.tflock` beside it.
   * @default "<id of the stack>/terraform.tfstate"
   */
  readonly key?: string;
  /**
   * Path of a PEM file with the certificate authority of the endpoint, on the machine that runs OpenTofu.
   * @default - the machine's own authorities
   */
  readonly caBundle?: string;
}

/** State in MinIO, or in another S3-compatible server that honours `If-None-Match`. */
export interface MinioStateProps extends S3StateCommonProps {
  /** Address of the server: scheme, host and port, for example `https://minio.example:9000`. */
  readonly endpoint: string;
  /**
   * Region that the server was given.
   * @default "us-east-1"
   */
  readonly region?: string;
  /**
   * Whether any certificate is accepted. Shown as a warning: prefer `caBundle`.
   * @default false
   */
  readonly insecure?: boolean;
}

/** State in Amazon S3. */
export interface S3StateProps extends S3StateCommonProps {
  /** Region of the bucket. */
  readonly region: string;
  /**
   * Address of another S3 endpoint, for example one in a private network.
   * @default - Amazon's for the region
   */
  readonly endpoint?: string;
  /**
   * KMS key that encrypts the object.
   * @default - the bucket's own encryption (SSE-S3 is asked for)
   */
  readonly kmsKeyId?: string;
  /**
   * Role to assume with the credentials of the environment.
   * @default - none
   */
  readonly roleArn?: string;
}

/**
 * Keeps a stack's state in an S3 bucket, locked by S3 itself (`use_lockfile`; OpenTofu >= 1.10): no lock table.
 *
 * Credentials come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE ...), never from props:
 * what is in props ends up in the JSON and in plan files. They need Get, Put and Delete on `<key>` and `<key>.tflock`,
 * and ListBucket on the bucket. A server that ignores `If-None-Match` gives no lock and says nothing.
 *
 * Synthesis fails with `backend_invalid`, `backend_credentials`, `backend_duplicate` or `certificate_invalid`.
 */
export class S3StateBackend {
  private constructor(
    /** The backend that cdktf synthesizes; `addOverride` reaches every setting that has no prop here. */
    public readonly backend: TerraformBackend,
  ) {}

  /**
   * State in MinIO or in a server like it: path-style addresses, and no call of AWS services that it does not have.
   * A plain-HTTP endpoint that is not loopback is shown as a warning.
   */
  public static minio(stack: TerraformStack, props: MinioStateProps): S3StateBackend {
    const settings = { ...props, key: props.key ?? defaultKey(stack), region: props.region ?? "us-east-1" };
    return S3StateBackend.attach(stack, settings, {
      ...likeMinio(settings.endpoint),
      ...(settings.insecure === true ? { insecure: true } : {}),
    });
  }

  /** State in Amazon S3. */
  public static s3(stack: TerraformStack, props: S3StateProps): S3StateBackend {
    const settings = { ...props, key: props.key ?? defaultKey(stack) };
    return S3StateBackend.attach(stack, settings, {
      encrypt: true,
      ...(settings.endpoint === undefined ? {} : { endpoints: { s3: settings.endpoint } }),
      ...(settings.kmsKeyId === undefined ? {} : { kmsKeyId: settings.kmsKeyId }),
      ...(settings.roleArn === undefined ? {} : { assumeRole: { roleArn: settings.roleArn } }),
    });
  }

  private static attach(
    stack: TerraformStack,
    settings: S3Settings,
    extra: Omit<S3BackendConfig, "bucket" | "key">,
  ): S3StateBackend {
    guard(stack);
    report(stack, check(settings, S3_RULES));
    for (const finding of untrustedTransport(settings)) warn(stack, finding);
    const existing = existingBackend(stack);
    if (existing !== undefined) return new S3StateBackend(existing);
    const { bucket, key, region, caBundle } = settings;
    // Named one by one: a prop that does not belong here must not slip through into the JSON.
    const backend = new S3Backend(stack, {
      bucket,
      key,
      region,
      ...(caBundle === undefined ? {} : { customCaBundle: caBundle }),
      ...extra,
    });
    // cdktf 0.21 has no prop for it, and cdktn's own one fails its version check.
    backend.addOverride("use_lockfile", true);
    return new S3StateBackend(backend);
  }
}

function defaultKey(stack: TerraformStack): string {
  return `${stack.node.id}/terraform.tfstate`;
}

function likeMinio(endpoint: string): Partial<S3BackendConfig> {
  return {
    endpoints: { s3: endpoint },
    usePathStyle: true,
    // Each of these would ask an AWS service that is not there: STS, the region list, IAM, the instance's metadata.
    skipCredentialsValidation: true,
    skipRegionValidation: true,
    skipRequestingAccountId: true,
    skipMetadataApiCheck: true,
  };
}
