export { LocalStateBackend, type LocalStateProps } from "./local-state-backend";
export { S3StateBackend, type MinioStateProps, type S3StateCommonProps, type S3StateProps } from "./s3-state-backend";
export { StateEncryption, type PassphraseEncryptionProps } from "./state-encryption";
