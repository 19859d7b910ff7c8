export { baseOf, listeningBase, vmPath } from "./addresses";
export { NoReceiverError, type Problem, RefusedError, UnreachableError } from "./problems";
export { type Access, operate, operatorHeaders, read, readerHeaders, send, type Sent } from "./requests";
export { type DeliveryOptions, signatureOf, type Signed, signedHeaders, type SignedHeaders } from "./signing";
export { eventsOf, type Follow, follow, type StreamEvent } from "./stream";
export { type Awaited, waitFor, type WaitEnd } from "./wait";
